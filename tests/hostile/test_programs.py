"""Learners' programs that attack: no harm, no gain, and it is said how they ended.

An attack prints ``GAINED`` and what, if it got anywhere. After each, the twin is as it was: the servers' processes,
what the balancer runs, and the count of every request.
"""

from __future__ import annotations

import dataclasses
import os
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from autograder.stack.model import Balancer, Server, Stack
from autograder.stack.procfs import wait_until
from autograder.stack.programs import Limits, Program, ProgramResult
from autograder.stack.running import open_stack
from autograder.traffic.clients import population
from autograder.traffic.send import send
from tests.stack.conftest import ENGINES, config

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from autograder.stack.running import RunningStack

pytestmark = pytest.mark.xdist_group("hostile-programs")
LIMITS = Limits(wall_s=20, cpu_s=5, memory_mb=64, processes=24, file_mb=2, output_kb=64, disk_mb=4, files=300)
ATTACKED = Stack("attacked", (Balancer("lb", "nginx"),), tuple(Server(f"app{n}") for n in (1, 2, 3)))
SECRET = "the-instructors-secret"
HELP = """
import ctypes, errno, os, signal, socket, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def gained(*words): print("GAINED", *words, flush=True)
def tried(attempt, *arguments):
    try:
        return attempt(*arguments)
    except (OSError, ValueError, OverflowError) as error:
        return None
def read(path):
    def content():
        with open(path, "rb") as file: return file.read(1 << 20)
    return tried(content)
def call(what, name, *arguments):
    if getattr(libc, name)(*arguments) != -1: gained(what)
"""


@pytest.fixture(scope="module", params=ENGINES)
def twin(request: pytest.FixtureRequest) -> Iterator[RunningStack]:
    before = os.environ.get("MANYHANDS_TEST_SECRET")
    os.environ["MANYHANDS_TEST_SECRET"] = SECRET
    try:
        with open_stack(ATTACKED, str(request.param)) as running:
            assert running.apply(config("nginx")).ok
            yield running
    finally:
        del os.environ["MANYHANDS_TEST_SECRET"]
        if before is not None:
            os.environ["MANYHANDS_TEST_SECRET"] = before


def attack(twin: RunningStack, code: str, **more: object) -> ProgramResult:
    program = Program(("python3", "main.py"), {"main.py": (HELP + code).encode()}, limits=LIMITS)
    result = twin.run_program(dataclasses.replace(program, **more))  # type: ignore[arg-type]
    assert "GAINED" not in result.out + result.err, result
    return result


def unharmed(twin: RunningStack, starts: int = 1) -> None:
    assert all(state.up and state.starts == 1 for state in twin.servers().values())
    assert twin.machines.state("lb").starts == starts
    assert twin.balancer().running_differs_from_disk() is False
    crowd = population("many")
    sample = send(twin, crowd, crowd.browse(12))
    assert (sample.failures, sample.counts()) == ({}, {"app1": 4, "app2": 4, "app3": 4})


ATTACKS = {
    "reads other processes": """
for pid in os.listdir("/proc"):
    if pid.isdigit() and int(pid) != os.getpid():
        for name in ("environ", "mem", "maps", "root/etc/passwd", "cwd/x"):
            if read(f"/proc/{pid}/{name}"): gained(pid, name)
        for name in ("root", "cwd"):
            if tried(os.listdir, f"/proc/{pid}/{name}"): gained(pid, name)
        for name in ("fd/0", "fd/1", "fd/2", "fd/3", "fd/4", "ns/user", "ns/mnt", "exe"):
            if tried(os.readlink, f"/proc/{pid}/{name}"): gained(pid, name)
            if tried(os.open, f"/proc/{pid}/{name}", os.O_WRONLY): gained(pid, name)
if len([pid for pid in os.listdir("/proc") if pid.isdigit()]) != 2: gained("others", os.listdir("/proc"))
""",
    "traces": """
for request in (16, 0x4206, 0): call("ptrace", "ptrace", request, 1, 0, 0)
buffer = ctypes.create_string_buffer(8)
vector = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 8)
call("reads memory", "process_vm_readv", 1, vector, 1, vector, 1, 0)
call("takes a descriptor", "syscall", 438, tried(os.pidfd_open, 1) or -1, 1, 0)
""",
    "asks the kernel": """
for name, *arguments in (
    ("mount", b"none", b"/work", b"tmpfs", 0, 0), ("umount2", b"/proc", 2), ("unshare", 0x10000000),
    ("unshare", 0x20000), ("setns", 0, 0), ("chroot", b"/work"), ("pivot_root", b"/work", b"/work"),
    ("sethostname", b"mine", 4), ("reboot", 0x1234567), ("swapon", b"/work/x", 0), ("acct", b"/work/x"),
    ("personality", 0xffffffff + 1) if False else ("klogctl", 3, b"", 0)):
    call(name, name, *arguments) if hasattr(libc, name) else None
for number in (321, 250, 323, 298, 425, 428, 430, 319, 29): call(number, "syscall", number, 0, 0, 0, 0, 0)
if hasattr(os, "memfd_create") and tried(os.memfd_create, "x") is not None: gained("memory no limit counts")
for family in (40, 17, 38, 16 + 100):
    if tried(socket.socket, family, socket.SOCK_RAW if family == 17 else socket.SOCK_STREAM): gained("family", family)
if tried(socket.socket, socket.AF_INET, socket.SOCK_RAW, 1): gained("raw packets")
""",
    "changes the clock": """
if tried(lambda: time.clock_settime(time.CLOCK_REALTIME, 0) or True): gained("the clock")
call("the clock", "stime" if hasattr(libc, "stime") else "settimeofday", b"\\0" * 16, 0)
""",
    "changes the kernel's settings": """
for path in ("sys/kernel/core_pattern", "sys/kernel/hostname", "sys/vm/swappiness", "sysrq-trigger",
             "sys/net/ipv4/ip_forward", "sys/kernel/pid_max", "mtrr"):
    value = read(f"/proc/{path}") or b"b"
    if tried(lambda: open(f"/proc/{path}", "wb", buffering=0).write(value)): gained(path)
""",
    "changes programs": """
import glob
places = ["/opt/manyhands/nginx/nginx", "/opt/manyhands/x", "/usr/bin/git", "/usr/bin/x", "/usr/local/bin/x",
          "/bin/sh", "/etc/passwd", "/etc/hosts", "/etc/ld.so.preload", "/etc/profile", "/etc/gitconfig", "/x",
          "/etc/nginx/nginx.conf", "/etc/nginx/x", "/srv/x", *glob.glob("/opt/manyhands/lib/**/*.py", recursive=True)]
for path in places:
    if tried(os.open, path, os.O_WRONLY | os.O_CREAT): gained(path)
    if tried(lambda: os.rename(path, "/work/x") or True): gained("moved", path)
""",
    "leaves things for the next": """
home = "/run/manyhands/bin"
for name in ("nginx", "python3", "git", "sh", "env", "find"):
    tried(os.unlink, f"{home}/{name}")
    with open(f"{home}/{name}", "w") as file: file.write("#!/bin/sh\\necho GAINED the next\\n")
    os.chmod(f"{home}/{name}", 0o755)
for path in ("/work/.bashrc", "/work/.profile", "/work/.gitconfig", "/tmp/sitecustomize.py", "/dev/shm/x", "/given/x",
             "/run/manyhands/marker.conf", "/run/manyhands/marker"):
    tried(lambda: open(path, "w").write("echo GAINED"))
""",
    "writes journals and markers": """
os.makedirs("/run/manyhands/journal", exist_ok=True)
for path in ("/run/manyhands/journal/app1", "/run/manyhands/marker/marker.conf", "/run/manyhands/loaded-9-forged"):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "a") as file: file.write("0 forged\\n" * 100)
for folder, folders, names in os.walk("/"):
    folders[:] = [name for name in folders if f"{folder}/{name}" not in ("//proc", "//usr", "//opt", "//run", "//sys")]
    if any("journal" in name for name in folders + names): gained(folder)
""",
    "kills everything": """
for signal_number in (9, 19, 15):
    tried(os.kill, 1, signal_number if signal_number != 15 else 0)
if not os.fork():
    os.kill(-1, 9)
tried(os.killpg, 1, 9)
tried(os.killpg, 0, 9)
""",
    "takes turns and limits from its warden": """
import resource
if tried(lambda: resource.prlimit(1, resource.RLIMIT_CPU, (0, 0))) is not None: gained("limits")
if tried(lambda: os.setpriority(os.PRIO_PROCESS, 1, 19) or True): gained("turns")
if tried(lambda: os.setpriority(os.PRIO_USER, 0, 19) or True): gained("everybody's turns")
if tried(lambda: os.sched_setaffinity(1, {0}) or True): gained("processors")
if tried(lambda: os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0)) or True): gained("idle")
if tried(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (9999, 9999)) or True): gained("more descriptors")
os.nice(5)
""",
    "takes all descriptors": """
taken = []
try:
    while True: taken.append(os.pipe())
except OSError as error:
    if len(taken) > 200: gained(len(taken), "pipes")
""",
    "floods its warden": """
for n in range(3000): os.kill(1, signal.SIGUSR1)
kept = []
for n in range(60):
    one = socket.socket(socket.AF_UNIX)
    one.setblocking(False)
    kept.append(one)
    tried(one.connect, "/run/manyhands/service.sock")
    tried(one.send, b"x" * 100000)
""",
    "waits at the sockets": """
for path in ("master", "runtime", "service"):
    one = socket.socket(socket.AF_UNIX)
    one.connect(f"/run/manyhands/{path}.sock")
    one.sendall(b"show env\\n" if path != "service" else b"; rm -rf / \\0 ../..\\n")
    one.settimeout(10)
    if b"MANYHANDS" in (tried(one.recv, 65536) or b""): gained(path)
""",
    "is root": """
if tried(lambda: os.setuid(12345) or True): gained("another user")
if tried(lambda: os.chown("/work", 12345, 12345) or True) and os.path.isdir("/.dockerenv"): gained("gives away")
status = read("/proc/self/status").decode()
word = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff"))
if int(word, 16) & ~0b1011: gained("rights", word)
if "NoNewPrivs:\\t1" not in status or "Seccomp:\\t2" not in status: gained("no armour")
""",
    "binds its servers' addresses": """
for name in ("app1", "app2", "lb"):
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if tried(lambda: one.bind((socket.gethostbyname(name), 80 if name == "lb" else 8080)) or True):
        one.listen() if name == "lb" else None
""",
}


@pytest.mark.parametrize("name", [*ATTACKS])
def test_an_attack_gains_nothing(twin: RunningStack, name: str) -> None:
    result = attack(twin, ATTACKS[name])
    assert result.ended_by == "itself", result
    unharmed(twin)
    after = attack(
        twin, "import subprocess\nprint(subprocess.run(['nginx', '-v'], capture_output=True).stderr.decode())"
    )
    assert "nginx version" in after.out, after


ENDED = {
    "bomb that leaves": ("processes", "while True:\n  if not os.fork(): os.setsid(); os.fork()"),
    "zombies": ("processes", "for n in range(200): os.fork() or os._exit(0)\ntime.sleep(60)"),
    "shared memory": (
        "memory",
        "import mmap\nm = mmap.mmap(-1, 200 << 20)\n[m.write(b'x' * (1 << 20)) for n in range(200)]",
    ),
    "one huge file": ("file", "signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\nopen('x', 'wb').truncate(1 << 40)"),
    "disk of many": ("disk", "for n in range(999): open(f'/tmp/{n}', 'w')\ntime.sleep(60)"),
    "words without end": ("output", "while True: print('\\x1b[2J' * 1000)"),
    "deaf for ever": ("cpu", "[signal.signal(n, 1) for n in range(1, 32) if n not in (9, 19)]\nwhile True: pass"),
}


@pytest.mark.parametrize("name", [*ENDED])
def test_what_takes_too_much_is_ended(twin: RunningStack, name: str) -> None:
    limit, code = ENDED[name]
    result = attack(twin, code, limits=dataclasses.replace(LIMITS, cpu_s=1.0) if limit == "cpu" else LIMITS)
    assert result.ended_by == limit, result
    assert "\x1b" not in result.out
    unharmed(twin)


def test_where_memory_is_short_a_program_goes_before_what_watches_it(twin: RunningStack) -> None:
    scores = "for pid in ('self', 1): print(read(f'/proc/{pid}/oom_score_adj').decode().strip())"
    own, wardens = map(int, attack(twin, scores).out.split())
    assert own == 1000
    assert wardens < own


LEFT = r"""
os.symlink("/etc/passwd", "link"); os.symlink("/", "all"); os.symlink("/proc/self", "self"); os.symlink("x", "x")
os.mkfifo("pipe"); tried(os.mknod, "device", 0o20666, os.makedev(1, 5))
one = socket.socket(socket.AF_UNIX); one.bind("socket")
for there in ("/etc/nginx/nginx.conf", "/usr/bin/python3", "/proc/self/environ"):
    if tried(lambda: os.link(there, "hard") or True): gained("link to", there)
for name in (b"new\nline", b"\xff\xfe", b"\x1b[2J", "\u202etxt.exe".encode(), b"-rf", b" "):
    with open(name, "w") as file: file.write("x")
with open("sparse", "wb") as file: tried(file.truncate, 1 << 40); file.truncate(2 << 20)
here = os.getcwd()
for depth in range(100): os.mkdir("d"); os.chdir("d")
open("deep", "w").close(); os.chdir(here)
os.mkdir("closed"); open("closed/in", "w").write("x"); os.chmod("closed", 0); open("good", "w").write("good")
os.unlink("main.py"); os.symlink("good", "main.py")
os.chmod(".", 0)
"""


def test_what_is_left_is_read_without_being_led_anywhere(twin: RunningStack) -> None:
    result = attack(twin, LEFT)
    assert (result.ended_by, result.exit_code) == ("itself", 0), result
    plain = {name: content for name, content in result.files.items() if name not in ("sparse", "closed/in")}
    assert plain == {"-rf": b"x", " ": b"x", "good": b"good"}
    assert result.removed == ("main.py",)
    words = "\n".join(result.left_out)
    for name in ("link", "all", "self", "pipe", "socket", r"new\nline", r"\x1b[2J", r"\u202e", "too deep"):
        assert name in words
    assert words.isprintable() or words.replace("\n", "").isprintable()
    unharmed(twin)


def test_the_machine_and_its_owner_are_out_of_reach(twin: RunningStack, tmp_path: Path) -> None:
    (tmp_path / "gradebook.db").write_text(SECRET)
    visited: list[object] = []
    with socket.socket() as tcp, socket.socket(socket.AF_UNIX) as abstract, socket.socket(socket.AF_UNIX) as plain:
        tcp.bind(("0.0.0.0", 0))
        name = f"\0manyhands-test-{os.getpid()}"
        abstract.bind(name)
        plain.bind(str(tmp_path / "examiner.sock"))
        stop = threading.Event()

        def wait(listening: socket.socket) -> None:
            listening.listen()
            listening.settimeout(0.1)
            while not stop.is_set():
                try:
                    visited.append(listening.accept())
                except TimeoutError:
                    continue

        threads = [threading.Thread(target=wait, args=(one,)) for one in (tcp, abstract, plain)]
        for thread in threads:
            thread.start()
        code = f"""
for path in ({str(tmp_path / "gradebook.db")!r}, "/etc/shadow-", {str(Path.home() / ".bashrc")!r}, {__file__!r}):
    if b"instructors" in (read(path) or b""): gained(path)
if {SECRET!r} in str(os.environ): gained("environment")
for where in ("\\0" + {name[1:]!r}, {str(tmp_path / "examiner.sock")!r}, "/var/run/docker.sock", "/run/docker.sock"):
    if tried(lambda: socket.socket(socket.AF_UNIX).connect(where) or True): gained(where)
gate = [line.split()[2] for line in open("/proc/net/route") if line.split()[1] == "00000000"]
gate = [".".join(str(b) for b in bytes.fromhex(word)[::-1]) for word in gate]
for host in ("127.0.0.1", "198.18.0.1", "172.17.0.1", "169.254.169.254", "1.1.1.1", *gate):
    one = socket.socket(); one.settimeout(0.5)
    if tried(lambda: one.connect((host, {tcp.getsockname()[1]})) or True): gained(host)
"""
        try:
            result = attack(twin, code)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    assert (result.ended_by, visited) == ("itself", []), result
    unharmed(twin)


FALSE_BALANCER = """
import subprocess, threading
subprocess.run(["systemctl", "stop", "nginx"], check=True)
def answer(connection):
    text = connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\\r\\nx-receipt: 00000000a1\\r\\nx-served-by: app1\\r\\ncontent-length: 2\\r\\n"
                       b"connection: close\\r\\n\\r\\nok")
    connection.close()
web = socket.socket(); web.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); web.bind(("", 80)); web.listen(64)
print("ready", flush=True)
while True: answer(web.accept()[0])
"""


def test_answers_that_no_server_gave_count_for_nobody(engine: str) -> None:
    program = Program(("python3", "main.py"), {"main.py": (HELP + FALSE_BALANCER).encode()}, limits=LIMITS)
    with open_stack(ATTACKED, engine) as twin:  # of its own: the others want one that was started once
        assert twin.apply(config("nginx")).ok
        with twin.start_program(program) as forger:
            assert wait_until(lambda: "ready" in forger.output_so_far()[0], 20), forger.poll()
            crowd = population("many")
            sample = send(twin, crowd, crowd.browse(12))
            assert sum(sample.counts().values()) == 0
            assert twin.loaded().up is False
        starts = twin.machines.state("lb").starts
        assert twin.balancer().restart().ok
        unharmed(twin, starts=starts + 1)


TRAPS = r"""
import shutil
os.chdir("/etc/nginx")
os.mkfifo("pipe.conf"); os.symlink("/proc/self/environ", "env.conf")
os.symlink("../../../../etc/shadow", "shadow.conf")
os.symlink("/run/manyhands/journal", "conf.d"); os.symlink("..", "up"); open("new\nline", "w").close()
with open("sparse", "wb") as file: file.truncate(2 << 20)
for depth in range(200): os.mkdir("d"); os.chdir("d")
"""


def test_a_config_folder_full_of_traps(engine: str) -> None:
    with open_stack(Stack("trapped", (Balancer("lb", "nginx"),), (Server("app1"),)), engine) as running:
        assert running.apply(config("nginx", "app1")).ok
        attack(running, TRAPS, writable=("/etc/nginx",))
        on_disk = running.balancer().on_disk()
        assert set(on_disk) == {"nginx.conf", "sparse"}
        assert running.balancer().running_differs_from_disk() is True
        better = {**config("nginx", "app1"), "conf.d/more.conf": b"# more\n"}
        assert running.apply(better).ok
        assert running.balancer().on_disk() == better
        assert running.balancer().running_differs_from_disk() is False


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)
