"""Learners' programs on a balancer's machine: what they can do there, and every limit, hit by a real program."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from autograder.stack.balancing import config_digest
from autograder.stack.engine import EngineError
from autograder.stack.model import Balancer, Server, Stack
from autograder.stack.procfs import family, wait_until
from autograder.stack.programs import Limits, Program, ProgramResult
from autograder.stack.running import open_stack
from tests.stack.conftest import ENGINES, config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autograder.stack.running import RunningStack

pytestmark = pytest.mark.xdist_group("programs")
SMALL = Limits(wall_s=20, cpu_s=5, memory_mb=64, processes=16, file_mb=2, output_kb=16, disk_mb=4, files=200)


@pytest.fixture(scope="module", params=ENGINES)
def running(request: pytest.FixtureRequest) -> Iterator[RunningStack]:
    """One stack for all that changes nothing in it."""
    with open_stack(Stack("programs", (Balancer("lb", "nginx"),), (Server("app1"),)), str(request.param)) as running:
        assert running.apply(config("nginx", "app1")).ok
        yield running


def python(code: str, **more: object) -> Program:
    program = Program(("python3", "main.py"), {"main.py": code.encode()}, limits=SMALL)
    return dataclasses.replace(program, **more)  # type: ignore[arg-type]


def shell(script: str, **more: object) -> Program:
    return dataclasses.replace(Program(("sh", "-c", script), limits=SMALL), **more)  # type: ignore[arg-type]


def run(running: RunningStack, program: Program) -> ProgramResult:
    return running.run_program(program)


def test_a_program_sees_its_files_the_configs_and_the_twin(running: RunningStack) -> None:
    script = """
cat /given/note; cat; cat notes/in.txt; echo "$WHO" >&2
test -r /etc/nginx/nginx.conf && echo config
echo x 2>/dev/null >> /etc/nginx/nginx.conf || echo refused
curl -s http://lb/ | tail -1; curl -s http://app1:8080/-/status | grep -c app1
mkdir new; echo made > new/out.txt; rm notes/in.txt; ./run.sh; exit 3
"""
    result = run(
        running,
        Program(
            ("sh", "main.sh"),
            {"main.sh": script.encode(), "notes/in.txt": b"read\n", "run.sh": b"#!/bin/sh\necho executable\n"},
            read_only={"note": b"given\n"},
            stdin=b"typed\n",
            environment={"WHO": "learner"},
            needs=("git", "curl"),
        ),
    )
    words = ["given", "typed", "read", "config", "refused", "Welcome to the shop. You were served by app1."]
    assert result.out.splitlines() == [*words, "1", "executable"], result
    assert (result.exit_code, result.err, result.ended_by, result.ok) == (3, "learner\n", "itself", False)
    assert (result.files, result.removed, result.left_out) == ({"new/out.txt": b"made\n"}, ("notes/in.txt",), ())


@pytest.mark.parametrize(
    ("limit", "program"),
    [
        ("wall", shell("sleep 1000", limits=dataclasses.replace(SMALL, wall_s=0.5))),
        ("wall", python("import signal, time\nfor n in range(1, 32):\n  n not in (9, 19) and signal.signal(n, 1)\n"
                        "time.sleep(1000)", limits=dataclasses.replace(SMALL, wall_s=0.5))),
        ("cpu", shell("while :; do :; done", limits=dataclasses.replace(SMALL, cpu_s=0.5))),
        ("cpu", shell("(while :; do :; done) & (while :; do :; done) & wait",
                      limits=dataclasses.replace(SMALL, cpu_s=0.5))),
        ("memory", python("kept = [bytearray(b'x' * (1 << 20)) for n in range(1000)]")),
        ("memory", python("import os, time\nfor n in range(8):\n  if not os.fork():\n    kept = b'x' * (20 << 20)\n"
                          "    time.sleep(60)\nos.wait()")),
        ("processes", shell("bomb() { bomb | bomb & }; bomb; sleep 60")),
        ("processes", python("import os, time\nfor n in range(40):\n  os.fork() or os._exit(0)\ntime.sleep(60)")),
        ("processes", python("import threading, time\n[threading.Thread(target=time.sleep, args=(60,)).start()"
                             " for n in range(40)]")),
        ("output", shell("yes")),
        ("output", shell("yes >&2")),
        ("disk", shell("for n in 1 2 3 4; do head -c 2000000 /dev/zero > $n; done")),
        ("disk", shell("for n in 1 2 3 4; do head -c 2000000 /dev/zero > /tmp/$n; done")),
        ("disk", python("import time\nfor n in range(500): open(str(n), 'w')\ntime.sleep(60)")),
        ("file", Program(("head", "-c", "9000000", "/dev/zero"), limits=SMALL)),
    ],
)  # fmt: skip
def test_a_limit_ends_a_program_and_is_named(running: RunningStack, limit: str, program: Program) -> None:
    if limit == "file":
        program = shell("exec head -c 9000000 /dev/zero > big")
    result = run(running, program)
    assert result.ended_by == limit, result
    assert not result.ok
    assert result.in_words().endswith(" s.")
    assert len(result.out) <= SMALL.output_kb * 1024
    assert nobody_is_left(running)


def nobody_is_left(running: RunningStack) -> bool:
    """The next program is alone: the stack runs on, and the same is true of its machine."""
    names = run(running, python("import os\nprint(*(n for n in os.listdir('/proc') if n.isdigit()))"))
    return len(names.out.split()) == 2


def test_what_a_program_leaves_running_is_ended_and_counted(running: RunningStack) -> None:
    code = """
import os, signal, time
for leave in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            open(f"/work/alive{leave}", "w").close()
            time.sleep(1000)
        os._exit(0)
while len([n for n in os.listdir() if n.startswith("alive")]) < 3:
    time.sleep(0.01)
"""
    result = run(running, python(code))
    assert (result.ended_by, result.exit_code, result.left_behind) == ("itself", 0, 3)
    assert nobody_is_left(running)


def test_many_run_at_once_and_can_be_asked_and_stopped(running: RunningStack) -> None:
    script = "trap 'echo bye; exit 7' TERM; echo hello $NUMBER; while :; do sleep 0.02; done"
    programs = [running.start_program(shell(script, environment={"NUMBER": str(n)})) for n in range(3)]
    try:
        for number, program in enumerate(programs):
            assert wait_until(lambda one=program: one.output_so_far()[0], 10) == f"hello {number}\n"
            assert program.poll() is None
        results = [program.stop(grace=10) for program in programs]
    finally:
        for program in programs:
            program.close()
    assert [(one.ended_by, one.out) for one in results] == [("stopped", f"hello {n}\nbye\n") for n in range(3)]
    assert [program.poll() for program in programs] == results
    assert programs[0].output_so_far() == (results[0].out, "")


def test_one_that_ignores_being_stopped_is_ended(running: RunningStack) -> None:
    with running.start_program(shell("trap '' TERM; echo up; while :; do sleep 1; done")) as program:
        assert wait_until(lambda: program.output_so_far()[0], 10)
        result = program.stop(grace=0.1)
    assert (result.ended_by, result.exit_code) == ("stopped", 137)


def test_leaving_the_block_ends_it(running: RunningStack) -> None:
    with pytest.raises(KeyboardInterrupt), running.start_program(shell("sleep 1000")) as program:
        raise KeyboardInterrupt
    assert program.poll() is not None
    assert nobody_is_left(running)


def test_what_cannot_be_started_says_so(running: RunningStack) -> None:
    with pytest.raises(EngineError, match="no-such-tool cannot be run") as caught:
        run(running, shell("true", needs=("no-such-tool",)))
    assert "apt-get install no-such-tool" in str(caught.value)
    nothing = run(running, Program(("./none.sh",)))
    assert (nothing.exit_code, nothing.ended_by) == (127, "itself")
    assert "No such file" in nothing.err
    with pytest.raises(EngineError, match="no balancer called 'lb9'"):
        run(running, Program(("true",), where="lb9"))


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "/etc/x", "a/../../x", "a//b", "./a"])
def test_a_file_with_a_name_that_leads_out_is_refused(name: str) -> None:
    with pytest.raises(EngineError, match="cannot have a file"):
        Program(("true",), {name: b""})


@pytest.mark.parametrize("folder", ["/", "/usr", "/etc", "/run/manyhands", "/etc/../usr", "etc/nginx", "/var/lib"])
def test_only_configs_are_made_writable(folder: str) -> None:
    with pytest.raises(EngineError, match="cannot write"):
        Program(("true",), writable=(folder,))


ROLLBACK = """
set -eu
cd "$CONFIG"
git init -q . && git add . && git commit -qm good
printf '%s\\n' "$BAD" >> "$FILE" && git commit -qam bad
echo '# later, and good' > notes && git add notes && git commit -qm later
git revert --no-edit HEAD~1 >/dev/null
grep -q "$BAD" "$FILE" && exit 9
echo '# rolled back' >> "$FILE"
$CHECK
$RELOAD
git log --format=%s
"""
TOLD = """
import socket, sys
desk = socket.socket(socket.AF_UNIX)
desk.connect("/run/manyhands/master.sock")
desk.sendall(b"reload\\n")
answer = b"".join(iter(lambda: desk.recv(4096), b""))
sys.exit(b"Success=1" not in answer)
"""
WAYS = {
    "nginx -s reload": ("nginx", "nginx -t", "nginx -s reload"),
    "kill": ("nginx", "nginx -t", "kill -HUP 1"),
    "systemctl": ("nginx", "nginx -t", "systemctl reload nginx"),
    "master socket": ("haproxy", "haproxy -c -q -f /etc/haproxy/haproxy.cfg", "python3 /work/told.py"),
    "service": ("haproxy", "haproxy -c -q -f /etc/haproxy/haproxy.cfg", "service haproxy reload"),
}


LEAVES = """
import os, socket
print("now", flush=True)
desk = socket.socket(socket.AF_UNIX)
desk.connect("/run/manyhands/master.sock")
desk.sendall(b"reload\\n")
os._exit(0)
"""


@pytest.mark.parametrize(
    ("proxy", "argv", "asked"),
    [
        ("nginx", ("sh", "-c", "echo now; kill -HUP 1"), ("signal", "HUP")),
        ("haproxy", ("python3", "-ISc", LEAVES), ("master", "reload")),
    ],
)
def test_what_is_the_last_thing_a_program_does_is_passed_on(
    opened: Callable[..., RunningStack], proxy: str, argv: tuple[str, ...], asked: tuple[str, str]
) -> None:
    """What it writes wakes its warden, which then has not heard of the rest yet when the program is over."""
    running = opened(proxy, "local")
    assert running.apply(config(proxy)).ok
    acts = [running.run_program(Program(argv)).acts for _ in range(20)]
    assert [[(act.kind, act.word) for act in some] for some in acts] == [[asked]] * 20


@pytest.mark.parametrize("way", [*WAYS])
def test_a_rollback_in_git_is_what_the_workers_run(opened: Callable[..., RunningStack], engine: str, way: str) -> None:
    proxy, check, reload = WAYS[way]
    running = opened(proxy, engine)
    good = config(proxy)
    name, content = next(iter(good.items()))
    assert running.apply(good).ok
    assert running.balancer().running_differs_from_disk() is False
    bad = "nonsense that stops a reload"
    environment = {"CONFIG": f"/etc/{proxy}", "FILE": name, "BAD": bad, "CHECK": check, "RELOAD": reload}
    result = running.run_program(
        Program(
            ("sh", "rollback.sh"),
            {"rollback.sh": ROLLBACK.encode(), "told.py": TOLD.encode()},
            writable=(f"/etc/{proxy}",),
            environment=environment,
            needs=("git",),
        )
    )
    assert result.ok, result
    assert result.out.splitlines()[-4:] == ['Revert "bad"', "later", "bad", "good"]
    balancer = running.balancer()
    files = {name: content + b"# rolled back\n", "notes": b"# later, and good\n"}
    # nginx is only asked to reload, as by a signal everywhere.
    assert wait_until(lambda: [m.partition("-")[2] for m in running.loaded().markers] == [config_digest(files)], 20)
    assert balancer.running_differs_from_disk() is False
    on_disk = balancer.on_disk()
    assert {path: text for path, text in on_disk.items() if not path.startswith(".git/")} == files
    assert ".git/HEAD" in on_disk
    assert (balancer.running, balancer.last_known_good) == (on_disk, good)
    assert len(result.acts) == 1
    assert running.runtime().workers

    # What is on disk and what runs are told apart, and a check changes neither.
    edited = running.run_program(
        Program(("sh", "-c", f"echo '# not loaded' >> /etc/{proxy}/{name}"), writable=(f"/etc/{proxy}",))
    )
    assert edited.ok, edited
    assert balancer.running_differs_from_disk() is True
    before = balancer.on_disk()
    assert running.check({name: b"nonsense"}) != ()
    assert not running.apply({name: b"nonsense"}).ok
    assert balancer.on_disk() == before
    assert running.roll_back().ok
    assert balancer.running_differs_from_disk() is False


def test_a_config_that_is_refused_is_on_disk_and_does_not_run(opened: Callable[..., RunningStack], engine: str) -> None:
    running = opened("nginx", engine)
    assert running.apply(config("nginx")).ok
    script = "echo nonsense >> /etc/nginx/nginx.conf; nginx -t && exit 9; kill -HUP 1; systemctl is-active nginx"
    result = running.run_program(shell(script, writable=("/etc/nginx",)))
    assert result.ok, result
    assert "nonsense" in result.err or "unexpected end" in result.err
    assert running.balancer().running_differs_from_disk() is True
    assert running.loaded().markers[0].startswith("1-")


def test_a_balancer_that_a_program_restarts_is_seen_to_be_new(opened: Callable[..., RunningStack], engine: str) -> None:
    running = opened("haproxy", engine)
    assert running.apply(config("haproxy")).ok
    starts = running.machines.state("lb").starts
    result = running.run_program(shell("service haproxy stop && ! service haproxy status && service haproxy start"))
    assert result.ok, result
    assert running.machines.state("lb").starts == starts + 1
    assert running.balancer().running_differs_from_disk() is False
    assert [act.word for act in result.acts] == ["stop haproxy", "status haproxy", "start haproxy"]


def test_haproxys_runtime_socket_answers(opened: Callable[..., RunningStack], engine: str) -> None:
    running = opened("haproxy", engine)
    assert running.apply(config("haproxy")).ok
    code = TOLD.replace("master", "runtime").replace("reload", "disable server shop/app2; show servers state shop")
    result = running.run_program(python(code.replace('b"Success=1" not in answer', "answer.decode()")))
    assert "app2" in result.err, result
    assert {one.name: one.status for one in running.runtime().servers}["app2"].startswith("MAINT")


def test_programs_end_with_their_stack(opened: Callable[..., RunningStack], engine: str) -> None:
    running = opened("nginx", engine)
    program = running.start_program(shell("trap '' TERM; sleep 1000"))
    threading.Thread(target=running.close).start()
    assert wait_until(program.poll, 30).ended_by == "lost"


OWNER = """
import sys
from autograder.stack.model import Balancer, Server, Stack
from autograder.stack.programs import Program
from autograder.stack.running import open_stack
running = open_stack(Stack("orphan", (Balancer("lb", "nginx"),), (Server("app1"),)), sys.argv[1])
code = "import os, time; os.fork() or os.setsid(); print(flush=True); time.sleep(987654)"
program = running.start_program(Program(("python3", "-c", code)))
while program.output_so_far()[0].count("\\n") < 2:
    assert program.poll() is None, program.poll()
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_programs_end_with_a_killed_owner(engine: str, how: signal.Signals) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, engine],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert owner.stdin is not None
    assert owner.stdout is not None
    try:
        assert owner.stdout.readline() == "ready\n"
        programs = [process for process in family(1) if "sleep(987654)" in process.title and "-c" in process.title]
        assert len(programs) >= 2
        owner.send_signal(how)
        owner.wait(30)
        pids = {process.pid for process in programs if process.pid != owner.pid}

        def gone() -> bool:
            return not any("sleep(987654)" in now.title for pid in pids for now in family(pid)[:1])

        assert wait_until(gone, 30)
    finally:
        owner.stdin.close()
        owner.stdout.close()
        if owner.poll() is None:
            os.killpg(owner.pid, signal.SIGKILL)
            owner.wait()
