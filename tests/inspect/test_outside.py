"""Nothing outside the twin is touched, whatever a config asks for; and nothing is left when its owner ends early."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from autograder.cli import main
from autograder.stack.procfs import family, family_pids, wait_until
from tests.inspect import configs

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
SERVERS = "server 10.20.1.11:8080; server 10.20.1.12:8080;"
HAPROXY = """global
    MORE
defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout server 10s
frontend web
    bind :80
    BIND
    default_backend shop
backend shop
    balance roundrobin
    BACKEND
    server one 10.20.1.11:8080 check
    server two 10.20.1.12:8080 check
SECTION
"""


def haproxy(more: str = "", bind: str = "", backend: str = "", section: str = "") -> str:
    words = {"MORE": more, "BIND": bind, "BACKEND": backend, "SECTION": section}
    text = HAPROXY
    for word, instead in words.items():
        text = text.replace(word, instead)
    return text


HOSTILE: dict[str, tuple[str, str, int | None]] = {
    "writes everywhere": (
        "nginx.conf",
        "daemon on;\nmaster_process on;\nworking_directory OUT;\npid OUT/pid;\nlock_file OUT/lock;\n"
        "error_log OUT/error.log debug;\n"
        + configs.nginx(
            SERVERS,
            "proxy_store on; root OUT/store; proxy_pass http://shop;",
            "access_log OUT/access.log; access_log /etc/passwd; access_log OUT/deep/er/x.log; access_log /dev/full;"
            " client_body_temp_path OUT/body; proxy_temp_path OUT/temp; proxy_cache_path OUT/cache keys_zone=z:1m;",
        ),
        0,
    ),
    "listens everywhere": (
        "nginx.conf",
        configs.nginx(SERVERS).replace(
            "listen 80;",
            " ".join(f"listen {port};" for port in (*range(1, 60), 443, *range(60_000, 60_050)))
            + " listen 80; listen [::]:80; listen unix:OUT/front.sock;",
        ),
        0,
    ),
    "includes from everywhere": (
        "nginx.conf",
        configs.nginx(SERVERS, more="include ../../*.secret; include OUT/*.conf; include /home/*/*.conf;"),
        0,
    ),
    "loads code": ("nginx.conf", "load_module OUT/evil.so;\n" + configs.nginx(SERVERS), 2),
    "daemons": (
        "haproxy.cfg",
        haproxy(
            "daemon\n    chroot OUT\n    pidfile OUT/pid\n    user nobody\n    log stdout format raw local0\n"
            "    stats socket OUT/stats mode 666 level admin\n    lua-load OUT/evil.lua\n    server-state-base OUT",
            "bind *:443-445\n    bind OUT/front.sock mode 666\n    bind *:1-20",
        ),
        0,
    ),
    "checks with a program": (
        "haproxy.cfg",
        haproxy(
            "external-check\n    insecure-fork-wanted",
            backend="option external-check\n    external-check path OUT:/bin\n    external-check command OUT/run.sh",
        ),
        None,  # the servers may be taken for down: their check is not in the twin
    ),
    "runs a program": (
        "haproxy.cfg",
        haproxy("master-worker", section="program other\n    command OUT/run.sh\n    no option start-on-reload"),
        2,
    ),
}


def state_of(folder: Path) -> dict[str, tuple[object, ...]]:
    """Every name below a folder, with all that a write would change."""
    found: dict[str, tuple[object, ...]] = {}
    for path in (folder, *sorted(folder.rglob("*"))):
        stat = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        found[str(path)] = (stat.st_mode, stat.st_uid, stat.st_ino, stat.st_size, stat.st_mtime_ns, content)
    return found


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder that anybody may write to, beside the config's, with a program that would tell that it ran."""
    folder = tmp_path / "outside"
    (folder / "store").mkdir(parents=True)
    (folder / "run.sh").write_text(f"#!/bin/sh\ntouch {folder}/ran\n", encoding="ascii")
    for name in ("evil.lua", "evil.so", "access.log", "pid", "x.conf"):
        (folder / name).write_text("# was here before\n", encoding="ascii")
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o777)
    return folder


@pytest.mark.parametrize("kind", HOSTILE)
def test_nothing_outside_the_twin_is_touched(
    kind: str, outside: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, text, code = HOSTILE[kind]
    path = tmp_path / "site" / name
    path.parent.mkdir()
    path.write_text(text.replace("OUT", str(outside)), encoding="utf-8")
    (path.parent / "link").symlink_to(outside)
    before, family = state_of(tmp_path), family_pids(os.getpid())
    assert main(["inspect", str(path)]) in ((0, 1, 2) if code is None else (code,))
    assert state_of(tmp_path) == before
    shown, error = capsys.readouterr()
    assert "Traceback" not in shown + error
    assert family_pids(os.getpid()) <= family, "a process that the config started lives on"
    if code:
        assert "broken: " in shown.splitlines()[0]


def test_the_watch_would_see_a_write(outside: Path, tmp_path: Path) -> None:
    before = state_of(tmp_path)
    subprocess.run([outside / "run.sh"], check=True)
    assert state_of(tmp_path) != before


def test_a_server_of_this_machine_is_not_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as mine:
        port = mine.getsockname()[1]
        path = tmp_path / "nginx.conf"
        path.write_text(configs.nginx(f"server 127.0.0.1:{port}; server 10.20.1.12:8080;"), encoding="utf-8")
        assert main(["inspect", str(path)]) == 0
        assert "two servers get their share" in capsys.readouterr().out
        mine.setblocking(False)
        with pytest.raises(BlockingIOError):
            mine.accept()


@contextlib.contextmanager
def under_way(folder: Path) -> Iterator[tuple[subprocess.Popen[str], set[str]]]:
    """An inspection of two configs that takes long, once both balancers run; and the pid namespaces of their twins."""
    scratch = folder / "tmp"
    scratch.mkdir()
    names = []
    for number, text in enumerate((configs.EVEN, configs.HAPROXY_EVEN)):
        path = folder / f"{number}.conf"
        path.write_text(text, encoding="utf-8")
        names.append(str(path))
    command = [sys.executable, "-P", "-m", "autograder", "inspect", *names, "--clients", "all", "--state", "all"]
    child = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )

    def both() -> bool:
        titles = " ".join(process.title for process in family(child.pid))
        return child.poll() is not None or ("nginx: worker" in titles and "haproxy -" in titles)

    try:
        assert wait_until(both, 120)
        own = namespace(os.getpid())
        twins = {namespace(pid) for pid in family_pids(child.pid)} - {own, ""}
        assert len(twins) >= 2, "a namespace of each twin, at least"
        yield child, twins
        assert wait_until(lambda: not living_in(twins), 30), living_in(twins)
        assert list(scratch.iterdir()) == []
    finally:
        child.kill()
        child.communicate()


def namespace(pid: int | str) -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    except OSError:
        return ""


def living_in(namespaces: set[str]) -> list[str]:
    processes = (path.name for path in Path("/proc").iterdir())
    return [name for name in processes if name.isdigit() and namespace(name) in namespaces]


def test_ctrl_c_ends_everything_in_order(tmp_path: Path) -> None:
    with under_way(tmp_path) as (child, _):
        os.killpg(child.pid, signal.SIGINT)
        _, error = child.communicate(timeout=120)
        assert child.returncode == 130
        assert "Traceback" not in error


def test_a_killed_inspection_leaves_nothing(tmp_path: Path) -> None:
    with under_way(tmp_path) as (child, _):
        child.kill()
        child.wait()
