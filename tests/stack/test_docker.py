"""What only the Docker engine promises. What every engine promises is in ``test_contract.py``."""

from __future__ import annotations

import socket
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from autograder.stack.docker import DockerEngine
from autograder.stack.docker_daemon import connect
from autograder.stack.docker_plan import Plan
from autograder.stack.engine import JOURNAL, EngineError, NodeDownError
from autograder.stack.model import CLIENTS, Balancer, Server, Stack
from autograder.stack.procfs import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from autograder.stack.docker import DockerMachines

TWO = Stack("two", (Balancer("lb", "nginx"),), (Server("app1"), Server("app2")))
NGINX = ["nginx", "-p", "/var/lib/nginx/", "-e", "stderr", "-c", "/etc/nginx/nginx.conf", "-g", "daemon off;"]
CONFIG = b"""events {}
http {
  upstream shop { zone shop 64k; server app1:8080; server app2:8080; }
  log_format from "$remote_addr";
  access_log /var/log/nginx/from.log from;
  server { listen 80; location / { proxy_pass http://shop; } }
}
"""


@pytest.fixture(scope="module")
def machines() -> Iterator[DockerMachines]:
    """A stack that tests share: each leaves it with everything up."""
    opened = DockerEngine().open(TWO)
    opened.put("lb", "/etc/nginx", {"nginx.conf": CONFIG})
    opened.start("lb", NGINX)
    assert listening(opened, "lb", 80)
    yield opened
    opened.stop()


@pytest.fixture
def api() -> Iterator[Any]:
    client = connect()
    yield client
    client.close()


def listening(machines: DockerMachines, node: str, port: int) -> bool:
    payload = {"addresses": [[machines.address(node), port]], "timeout": 10}
    return machines.call(CLIENTS, "autograder.stack.wait:listening", payload) == []


def python(machines: DockerMachines, node: str, code: str) -> str:
    ran = machines.run(node, ["python3", "-c", code], timeout=300)
    assert ran.exit_code == 0, ran.err
    return ran.out


@pytest.mark.docker
def test_every_client_address_is_seen_as_it_is_by_balancer_and_servers(machines: DockerMachines) -> None:
    # One client in each of 240 networks asks the balancer, and one server directly.
    python(
        machines,
        CLIENTS,
        f"""
import socket
for host, port in (("{machines.address("lb")}", 80), ("{machines.address("app1")}", 8080)):
    for n in range(240):
        with socket.socket() as one:
            one.settimeout(10)
            one.bind((f"198.19.{{n}}.{{n + 1}}", 0))
            one.connect((host, port))
            one.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
            assert b"200 OK" in one.recv(100)
            if port == 8080:
                assert one.getsockname()[0] == f"198.19.{{n}}.{{n + 1}}"
""",
    )
    seen = machines.run("lb", ["cat", "/var/log/nginx/from.log"]).out.split()
    assert {address for address in seen if address.startswith("198.19.")} == {f"198.19.{n}.{n + 1}" for n in range(240)}


@pytest.mark.docker
@pytest.mark.parametrize("node", ["lb", "app1"])
def test_nodes_reach_neither_this_machine_nor_the_world(machines: DockerMachines, node: str) -> None:
    number = machines.address(node).split(".")[2]
    with socket.socket() as mine, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        mine.bind(("0.0.0.0", 0))
        mine.listen()
        way.connect(("192.0.2.1", 9))  # sends nothing; tells this machine's own address
        hosts = [way.getsockname()[0], "172.17.0.1", f"198.18.{number}.1", f"198.18.{number}.129"]
        targets = [(host, mine.getsockname()[1]) for host in hosts]
        out = python(
            machines,
            node,
            f"""
import socket
for target in {targets!r}:
    with socket.socket() as one:
        one.settimeout(1)
        try:
            one.connect(target)
            print("reached", target)
        except OSError:
            pass
""",
        )
    assert out == ""


@pytest.mark.docker
def test_a_name_that_nobody_has_fails_at_once(machines: DockerMachines) -> None:
    config = b"events {} http { upstream a { server ap1:8080; } }"
    machines.put("lb", "/run/manyhands/candidate", {"nginx.conf": config})
    check = ["nginx", "-t", "-p", "/var/lib/nginx/", "-e", "stderr", "-c", "/run/manyhands/candidate/nginx.conf"]
    ran = machines.run("lb", check, timeout=4)
    assert (ran.exit_code, "host not found in upstream" in ran.err) == (1, True)


@pytest.mark.docker
def test_a_stopped_server_keeps_its_name(machines: DockerMachines) -> None:
    machines.kill("app2")
    found = python(machines, "lb", "import socket; print(socket.gethostbyname('app2'))")
    machines.start("app2")
    assert found.strip() == machines.address("app2")


@pytest.mark.docker
def test_processes_have_no_rights_over_each_other_and_only_servers_over_the_network(machines: DockerMachines) -> None:
    # Capability numbers from linux/capability.h.
    forbidden = {"NET_ADMIN": 12, "NET_RAW": 13, "SYS_PTRACE": 19, "SYS_ADMIN": 21, "MKNOD": 27}
    for node, needed in (("lb", set[str]()), ("app1", {"NET_ADMIN"})):
        for field in ("CapBnd", "CapEff"):
            line = machines.run(node, ["grep", field, "/proc/1/status"]).out
            found = {name for name, bit in forbidden.items() if int(line.split()[1], 16) >> bit & 1}
            assert found == needed, (node, line)
        assert machines.run(node, ["grep", "NoNewPrivs", "/proc/1/status"]).out.split() == ["NoNewPrivs:", "1"]
        # A server drops packets of its own; whoever is run beside it cannot do even that, nor be anybody.
        own = int(machines.run(node, ["grep", "CapEff", "/proc/self/status"]).out.split()[1], 16)
        assert not own >> forbidden["NET_ADMIN"] & 1
        assert machines.run(node, ["touch", "/opt/manyhands/lib/x"]).exit_code != 0
        assert machines.run(node, ["touch", "/usr/bin/x"]).exit_code != 0
    assert machines.run("app1", ["id", "-u"]).out.strip() == "65534"


@pytest.mark.docker
def test_a_browser_here_gets_the_shop_through_the_published_port(machines: DockerMachines) -> None:
    assert machines.published is not None
    host, port = machines.published
    assert host == "127.0.0.1"
    with urllib.request.urlopen(f"http://{host}:{port}/", timeout=10) as page:
        assert b"Welcome to the shop" in page.read()


@pytest.mark.docker
def test_a_server_that_dies_of_overload_shows_it_and_can_be_started_again(machines: DockerMachines) -> None:
    before = machines.state("app1").starts
    # More connections at once than workers and queue hold: 4 + 64.
    python(
        machines,
        CLIENTS,
        f"""
import socket
held = []
try:
    for n in range(400):
        one = socket.create_connection(("{machines.address("app1")}", 8080), 5)
        one.sendall(b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" * 1)
        held.append(one)
except OSError:
    pass
""",
    )
    assert wait_until(lambda: not machines.state("app1").up, 10)
    state = machines.state("app1")
    assert (state.exit_code, state.pid, state.starts) == (137, None, before)
    assert "out of memory" in machines.logs("app1")
    journal = python(machines, CLIENTS, f"print(len(open('{JOURNAL}/app1').readlines()))")
    with pytest.raises(NodeDownError, match="app1 is not running"):
        machines.run("app1", ["true"])
    machines.start("app1")
    assert machines.state("app1").starts == before + 1
    # What the server had written down before it died is still there.
    assert int(python(machines, CLIENTS, f"print(len(open('{JOURNAL}/app1').readlines()))")) >= int(journal)


@pytest.mark.docker
def test_a_balancer_keeps_its_files_when_it_dies(machines: DockerMachines) -> None:
    machines.run("lb", ["sh", "-c", "echo rolled back > /etc/nginx/note; echo kept > /var/lib/nginx/note"])
    machines.kill("lb")
    assert (machines.state("lb").up, machines.state("lb").exit_code) == (False, 137)
    assert machines.run("lb", ["cat", "/etc/nginx/note", "/var/lib/nginx/note"]).out == "rolled back\nkept\n"
    # Running something beside a balancer that is down does not make it look up, nor forget how it ended.
    assert (machines.state("lb").up, machines.state("lb").exit_code) == (False, 137)
    machines.start("lb")
    assert listening(machines, "lb", 80)


@pytest.mark.docker
def test_a_balancer_that_does_not_exist_ends_with_127(machines: DockerMachines) -> None:
    machines.kill("lb")
    machines.start("lb", ["/opt/manyhands/nginx/engine-x"])
    assert wait_until(lambda: not machines.state("lb").up, 10)
    assert machines.state("lb").exit_code == 127
    machines.start("lb", NGINX)
    assert listening(machines, "lb", 80)


@pytest.mark.docker
@pytest.mark.parametrize(("signal", "code"), [("TERM", 143), ("QUIT", 131)])
def test_a_server_ends_at_a_signal_as_any_process_would(machines: DockerMachines, signal: str, code: int) -> None:
    machines.kill("app2", signal)
    assert wait_until(lambda: not machines.state("app2").up, 10)
    assert machines.state("app2").exit_code == code
    machines.start("app2")


@pytest.mark.docker
def test_what_is_read_about_a_balancer_cannot_be_forged_in_its_container(machines: DockerMachines) -> None:
    # /etc/ld.so.preload makes every program in the container load a library of the config's choice.
    machines.run("lb", ["sh", "-c", "echo /etc/evil.so > /etc/ld.so.preload"])
    assert "evil.so" in machines.run("lb", ["true"]).err
    processes = machines.call("lb", "autograder.stack.procfs:descendants", {"pid": machines.state("lb").pid})
    machines.run("lb", ["rm", "/etc/ld.so.preload"])
    assert [process["title"].split(":")[0] for process in processes][:2] == ["nginx", "nginx"]
    assert any(process["accepting"] for process in processes)


@pytest.mark.docker
def test_a_call_carries_megabytes_there_and_back(machines: DockerMachines) -> None:
    nobody = [["x" * 1000, 1]] * 2000
    assert machines.call(CLIENTS, "autograder.stack.wait:listening", {"addresses": nobody, "timeout": 0}) == nobody


@pytest.mark.docker
def test_output_is_cut_and_time_is_limited(machines: DockerMachines) -> None:
    ran = machines.run("lb", ["sh", "-c", "yes | head -c 10000000; echo end >&2"], timeout=30)
    assert (ran.exit_code, len(ran.out), ran.err) == (0, 65536, "end\n")
    # A grandchild that leaves the process group and keeps the output open does not keep us.
    assert machines.run("lb", ["sh", "-c", "setsid sleep 6 & sleep 60"], timeout=0.2).exit_code == 124


@pytest.mark.docker
def test_files_replace_links_and_stay_inside(machines: DockerMachines) -> None:
    machines.run("lb", ["sh", "-c", "rm -rf /srv/a; ln -s /etc /srv/a"])
    machines.put("lb", "/srv/a", {"deep/er": b"1", "./b": b"2"})
    assert machines.run("lb", ["find", "/srv/a"]).out.split() == ["/srv/a", "/srv/a/b", "/srv/a/deep", "/srv/a/deep/er"]
    assert machines.run("lb", ["test", "-f", "/etc/passwd"]).exit_code == 0
    with pytest.raises(EngineError, match="leads out"):
        machines.put("lb", "/srv/a", {"../b": b""})
    with pytest.raises(EngineError, match="Read-only"):
        machines.put("lb", "/usr/share/a", {"b": b""})


@pytest.mark.docker
def test_several_threads_may_ask_at_once(machines: DockerMachines) -> None:
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda n: machines.run("lb", ["echo", str(n)]).out, range(16)))
    assert said == [f"{n}\n" for n in range(16)]


def test_a_stack_that_is_too_big_is_refused() -> None:
    servers = tuple(Server(f"app{n}") for n in range(200))
    with pytest.raises(EngineError, match="200 servers is too big"):
        Plan(Stack("big", TWO.balancers, servers), "x", "image", 0)


def test_no_variable_of_a_proxy_is_read_before_a_socket(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be read anew for each request, while other threads change the environment."""

    def read(*_: object, **__: object) -> None:
        raise KeyError("another thread has just taken it away")

    monkeypatch.setattr("requests.sessions.get_environ_proxies", read)
    assert api.ping()


def test_no_daemon_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(EngineError, match="no Docker daemon answers") as caught:
        DockerEngine().open(TWO)
    assert "No such file" in caught.value.why
    assert "DOCKER_HOST" in caught.value.remedy


def test_a_missing_sdk_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docker", None)
    with pytest.raises(EngineError, match="Docker SDK") as caught:
        connect()
    assert "pip install docker" in caught.value.remedy


def test_addresses_and_names_are_fixed() -> None:
    plan = Plan(TWO, "key", "image", 7)
    assert plan.places.addresses == {
        "clients": "198.18.7.10",
        "lb": "198.18.7.2",
        "app1": "198.18.7.11",
        "app2": "198.18.7.12",
    }
    assert plan.container_name("a b") == "manyhands-key-a-b"
