"""Stand-ins on Docker: at their own addresses and sockets, while the machine stays out of reach."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from autograder.stack.docker import DockerEngine
from autograder.stack.docker_places import Places
from autograder.stack.docker_plan import Plan
from autograder.stack.docker_programs import check_runs
from autograder.stack.engine import EngineError, NodeState, Ran
from autograder.stack.model import CLIENTS, Balancer, Server, Stack, Surroundings
from autograder.stack.procfs import wait_until
from autograder.stack.running import RunningStack, open_stack
from tests.stack.conftest import config

if TYPE_CHECKING:
    from collections.abc import Iterator

AROUND = Surroundings(
    addresses=("10.20.0.5", "2001:db8::80", "127.0.0.1"),
    names=(("db.internal", "10.20.1.11"), ("late.internal", "198.18.200.7"), ("ported.internal", "10.20.1.11:8081")),
    folders=("/data/logs", "/var/cache/shop"),
    accounts=("shopper", "www-data"),
    resolvers=("10.0.0.53:53", "127.0.0.1:5353", "10.20.1.11:53"),
)
STAND_INS = (
    Server("a", address="10.20.1.11"),
    Server("beside-a", address="10.20.1.11", port=8081),
    Server("near", address="127.0.0.1", port=9000),
    Server("six", address="2001:db8::5"),
    Server("php", address="unix:/var/run/php/x.sock"),
    Server("puma", address="unix:/tmp/y.sock"),
    Server("self", address="10.20.0.5", port=9090),
    Server("late", address="198.18.200.7"),
    Server("plain"),
)
STACK = Stack("stand-ins", (Balancer("lb", "nginx", around=AROUND),), STAND_INS)
TARGETS = {
    "a": "http://10.20.1.11:8080",
    "beside-a": "http://10.20.1.11:8081",
    "near": "http://127.0.0.1:9000",
    "six": "http://[2001:db8::5]:8080",
    "php": "http://unix:/run/php/x.sock",  # /var/run is /run, as on any Debian
    "puma": "http://unix:/tmp/y.sock",
    "self": "http://10.20.0.5:9090",
    "late": "http://$late:8080",
    "plain": "http://plain:8080",
}
CONFIG = """user shopper;
events {{}}
http {{
  resolver {resolver};
  access_log /data/logs/access.log;
  server {{
    listen 10.20.0.5:80;
    listen [2001:db8::80]:80;
    set $late late.internal;
    set $none none.internal;
{locations}
    location /by-name/ {{ proxy_pass http://db.internal:8080; }}
    location /none/ {{ proxy_pass http://$none:8080; }}
    location /dead/ {{ proxy_pass http://10.99.0.1:80; }}
    location /dead-six/ {{ proxy_pass http://[2001:db8:dead::1]:80; }}
  }}
}}
"""
ASK = """
import sys, urllib.error, urllib.request
try:
    with urllib.request.urlopen(sys.argv[1], timeout=10) as answer:
        print(answer.headers["X-Served-By"])
except urllib.error.HTTPError as error:
    print(error.code)
except OSError as error:
    print(type(getattr(error, "reason", error)).__name__)
"""


def files(resolver: str = "10.0.0.53") -> dict[str, bytes]:
    locations = "\n".join(f"    location /{name}/ {{ proxy_pass {url}; }}" for name, url in TARGETS.items())
    return {"nginx.conf": CONFIG.format(locations=locations, resolver=resolver).encode()}


@pytest.fixture(scope="module")
def running() -> Iterator[RunningStack]:
    """A stack that tests share: each leaves it with everything up."""
    with open_stack(STACK, "docker") as opened:
        applied = opened.apply(files())
        assert applied.ok, applied.faults
        yield opened


def ask(running: RunningStack, path: str, door: str = "10.20.0.5") -> str:
    ran = running.machines.run(CLIENTS, ["python3", "-c", ASK, f"http://{door}/{path}/"], timeout=20)
    assert ran.exit_code == 0, ran.err
    return ran.out.strip()


@pytest.mark.docker
def test_every_stand_in_is_reached_where_the_config_says(running: RunningStack) -> None:
    assert {name: ask(running, name) for name in TARGETS} == {name: name for name in TARGETS}
    assert ask(running, "by-name") == "a"
    assert running.machines.address("php") == "unix:/var/run/php/x.sock"
    assert running.machines.address("six") == "2001:db8::5"


@pytest.mark.docker
def test_the_balancer_is_reached_at_its_own_addresses(running: RunningStack) -> None:
    assert ask(running, "a", "10.20.0.5") == ask(running, "a", "[2001:db8::80]") == "a"
    assert ask(running, "a", running.machines.address("lb")) == "ConnectionRefusedError"  # it does not listen there


@pytest.mark.docker
def test_an_address_that_nobody_has_is_refused_at_once_and_every_time(running: RunningStack) -> None:
    assert [ask(running, "dead") for _ in range(12)] == ["502"] * 12
    assert ask(running, "dead-six") == "502"


@pytest.mark.docker
@pytest.mark.parametrize(("node", "door"), [("six", "10.20.0.5"), ("lb", "[2001:db8::80]")])
def test_neighbours_that_forgot_each_other_find_each_other_again(running: RunningStack, node: str, door: str) -> None:
    """Linux forgets them when it likes. Who then answers from an address on lo must ask from another one."""
    assert ask(running, "six", door) == "six"
    network = running.machines.run(node, ["readlink", "/proc/self/ns/net"]).out.strip()
    inside = next(process for process in Path("/proc").glob("[0-9]*/ns/net") if _leads_to(process, network))
    subprocess.run(["nsenter", f"--net={inside}", "ip", "-6", "neighbour", "flush", "all"], check=True)
    assert ask(running, "six", door) == "six"


def _leads_to(link: Path, where: str) -> bool:
    try:
        return str(link.readlink()) == where
    except OSError:  # the process is gone already
        return False


@pytest.mark.docker
@pytest.mark.parametrize("resolver", AROUND.resolvers)
def test_every_resolver_knows_the_names_and_no_others(running: RunningStack, resolver: str) -> None:
    assert running.apply(files(resolver)).ok
    assert (ask(running, "late"), ask(running, "none")) == ("late", "502")


@pytest.mark.docker
def test_what_the_config_expects_to_find_is_there(running: RunningStack) -> None:
    ask(running, "a")
    assert running.machines.run("lb", ["cat", "/data/logs/access.log"]).out
    owner = running.machines.run(
        "lb", ["sh", "-c", "stat -c %a /var/cache/shop; id -un 60000; grep -c www-data /etc/passwd"]
    )
    assert owner.out.split() == ["777", "shopper", "1"]
    hosts = running.machines.run("lb", ["cat", "/etc/hosts"]).out.split("\n")
    assert "10.20.1.11\tdb.internal" in hosts
    assert "10.20.1.11\tported.internal" in hosts


@pytest.mark.docker
@pytest.mark.parametrize("name", ["a", "near", "six", "php"])
def test_a_stand_in_that_is_down_is_refused_and_comes_back_where_it_was(running: RunningStack, name: str) -> None:
    running.kill(name)
    assert ask(running, name) == "502"
    running.restart(name)
    assert ask(running, name) == name
    if name == "a":
        assert ask(running, "beside-a") == "beside-a"


@pytest.mark.docker
def test_a_balancer_that_died_has_all_its_addresses_again(running: RunningStack) -> None:
    running.machines.kill("lb")
    assert ask(running, "a") == "ConnectionRefusedError"
    running.machines.start("lb")
    assert wait_until(lambda: ask(running, "a") == "a", 10)
    assert (ask(running, "near"), ask(running, "late"), ask(running, "six", "[2001:db8::80]")) == (
        "near",
        "late",
        "six",
    )


@pytest.mark.docker
def test_a_paused_node_is_up_and_silent_and_gets_its_signals_when_it_goes_on(running: RunningStack) -> None:
    machines = running.machines
    machines.resume("a")  # it is not paused, and nothing happens
    machines.pause("a")
    machines.pause("a")
    assert machines.state("a").up
    with pytest.raises(EngineError, match="a is paused"):
        machines.run("a", ["true"])
    machines.kill("a", "TERM")
    assert machines.state("a").up
    machines.resume("a")
    assert wait_until(lambda: not machines.state("a").up, 10)
    assert machines.state("a").exit_code == 143
    machines.start("a")
    machines.pause("a")
    machines.kill("a")
    assert machines.state("a") == NodeState(up=False, pid=None, exit_code=137, starts=machines.state("a").starts)
    machines.start("a")
    assert ask(running, "a") == "a"


@pytest.mark.docker
def test_the_machine_is_out_of_reach_with_ipv6_too(running: RunningStack) -> None:
    """The machine has an address on every bridge that Docker makes: a link-local one at least."""
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as mine:
        port = mine.getsockname()[1]
        command = ["ip", "-json", "-6", "address", "show", "scope", "link"]
        bridges = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        links = {one["local"] for bridge in bridges for one in bridge["addr_info"] if "local" in one}
        start = running.machines.address(CLIENTS).rpartition(".")[0]
        hosts = [f"{start}.1", f"{start}.129", "172.17.0.1", *sorted(links)]
        code = f"""
import socket
import subprocess
for host in {hosts!r}:
    for device in ("eth0", "eth1") if ":" in host else ("",):
        try:
            where = socket.getaddrinfo(host + "%" + device if device else host, {port}, type=socket.SOCK_STREAM)[0]
            with socket.socket(where[0]) as one:
                one.settimeout(1)
                one.connect(where[4])
                print("reached", host, device)
        except OSError:
            pass
"""
        assert links
        for node in ("lb", "plain", "near", "six"):
            ran = running.machines.run(node, ["python3", "-c", code], timeout=120)
            assert (ran.exit_code, ran.out) == (0, ""), (node, ran)


@pytest.mark.docker
def test_a_small_disk_can_be_full(running: RunningStack) -> None:
    ran = running.machines.run("plain", ["sh", "-c", "head -c 2000000 /dev/zero > /run/manyhands/disk/plain/filler"])
    assert (ran.exit_code != 0, "No space left" in ran.err) == (True, True)
    running.restart("plain")
    assert running.machines.run("plain", ["sh", "-c", "ls /run/manyhands/disk/plain/filler"]).exit_code != 0


@pytest.mark.docker
def test_two_tiers_find_each_other_by_name_and_by_address() -> None:
    edge = Balancer("edge", "nginx", around=Surroundings(addresses=("203.0.113.7",)))
    inner = Balancer("inner", "haproxy", around=Surroundings(addresses=("10.4.0.1",)))
    with open_stack(Stack("tiers", (edge, inner), (Server("app1"), Server("app2"))), "docker") as tiers:
        assert tiers.apply(config("haproxy", "app1 app2"), "inner").ok
        for upstream in ("inner", "10.4.0.1"):
            text = f"events {{}} http {{ server {{ listen 80; location / {{ proxy_pass http://{upstream}:80; }} }} }}"
            assert tiers.apply({"nginx.conf": text.encode()}, "edge").ok
            assert {ask(tiers, "", "203.0.113.7") for _ in range(4)} == {"app1", "app2"}


@pytest.mark.docker
def test_a_user_s_own_program_runs_in_the_place_of_ours(tmp_path: Path) -> None:
    own = tmp_path / "nginx"
    shutil.copy(_our_nginx(), own)
    with open_stack(Stack("own", (Balancer("lb", "nginx"),), (Server("app1"),)), "docker", {"nginx": own}) as running:
        assert running.apply(config("nginx", "app1")).ok
        seen = running.machines.run("lb", ["stat", "-c", "%i", "/opt/manyhands/nginx/nginx"]).out
        assert int(seen) == own.stat().st_ino


@pytest.mark.docker
def test_a_program_that_does_not_run_there_is_refused_with_what_it_lacks(tmp_path: Path) -> None:
    own = tmp_path / "nginx"
    own.write_text(
        "#!/bin/sh\necho 'nginx: error while loading shared libraries: libquic.so.1: no such file' >&2\nexit 127\n"
    )
    own.chmod(0o755)
    with pytest.raises(EngineError, match=str(own)) as caught:
        DockerEngine({"nginx": own}).open(Stack("own", (Balancer("lb", "nginx"),), (Server("app1"),)))
    assert "libquic.so.1" in caught.value.why


def _our_nginx() -> Path:
    from autograder.stack.local_sandbox import balancer_folders

    return balancer_folders()[0] / "nginx"


def test_what_a_program_said_is_passed_on() -> None:
    with pytest.raises(EngineError) as caught:
        check_runs(Ran(1, "", "cannot execute: required file not found"), Path("/opt/my/nginx"))
    assert "required file not found" in caught.value.why
    check_runs(Ran(0, "", "nginx version: nginx/1.31.3"), Path("/opt/my/nginx"))


@pytest.mark.parametrize(
    ("servers", "around", "said"),
    [
        ((Server("x", address="10.0.0.1"), Server("y", address="10.0.0.1")), Surroundings(), "x and y"),
        ((Server("x", address="unix:/run/a"), Server("y", address="unix:/run/a", port=1)), Surroundings(), "x and y"),
        ((Server("x", address="ten.0.0.1"),), Surroundings(), "ten.0.0.1"),
        ((Server("x"),), Surroundings(folders=("/usr/lib/nginx",)), "/usr/lib/nginx"),
        ((Server("x"),), Surroundings(accounts=("root:x",)), "root:x"),
        (tuple(Server(f"s{n}", address=f"10.0.1.{n}") for n in range(251)), Surroundings(), "251 stand-ins"),
    ],
)
def test_what_has_no_place_is_refused_before_anything_is_made(
    servers: tuple[Server, ...], around: Surroundings, said: str
) -> None:
    stack = Stack("refused", (Balancer("lb", "nginx", around=around),), servers)
    with pytest.raises(EngineError, match=said):
        Plan(stack, "key", "image", 0)


def test_a_plain_stack_asks_nothing_of_a_balancer_s_machine() -> None:
    places = Places(Stack("plain", (Balancer("lb", "nginx"),), (Server("app1"),)), 0)
    assert not places.has_order("lb")
    assert not places.ipv6
    order: dict[str, Any] = places.order(CLIENTS)
    assert order["listening"] == [["198.18.0.11", 8080]]
