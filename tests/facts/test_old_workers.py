"""What module 3 says of workers that outlive a reload, and of what only the commercial nginx has, on the real nginx."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from autograder.stack.local_sandbox import balancer_folders
from tests.facts.holding import PATIENCE_S, Server, ask
from tests.facts.shop import words_of

LEAVING = Path(__file__).parents[2] / "course/modules/03-health/leaving.md"


def write(folder: Path, version: str, limit: str = "", pool: str = "", location: str = "") -> Path:
    """A config whose answers carry its version."""
    file = folder / "nginx.conf"
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""
    file.write_text(
        f"{user} daemon off; pid {folder}/pid; error_log {folder}/errors; {limit}\nevents {{}}\n"
        f"http {{ {temporary} access_log off; upstream shop {{ server unix:{folder}/server; {pool} }}\n"
        f"server {{ listen unix:{folder}/door; add_header X-Config {version} always;\n"
        f"location / {{ proxy_pass http://shop; {location} }} }} }}\n"
    )
    return file


@contextlib.contextmanager
def nginx(folder: Path, config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The real nginx, a master and one worker."""
    running = subprocess.Popen([balancer_folders()[0] / "nginx", "-e", str(folder / "errors"), "-c", str(config)])
    try:
        _wait_for_config(folder, "before")
        yield running
    finally:
        running.terminate()
        running.wait()


def _wait_for_config(folder: Path, version: str) -> None:
    pause = threading.Event()
    for _ in range(PATIENCE_S * 50):
        with contextlib.suppress(OSError):
            if f"X-Config: {version}" in ask(folder / "door")[1]:
                return
        pause.wait(0.02)
    raise AssertionError(f"the config {version} never answered")


@pytest.mark.parametrize("limit", ["", "worker_shutdown_timeout 1s;"])
def test_an_old_worker_lives_as_long_as_its_request_unless_a_limit_is_set(near: Path, limit: str) -> None:
    with (
        contextlib.closing(Server(near / "server", held=("/download",))) as server,
        nginx(near, write(near, "before", limit)) as running,
        ThreadPoolExecutor(1) as client,
    ):
        download = client.submit(ask, near / "door", "/download")
        server.wait_until_asked("/download")
        write(near, "after", limit)
        running.send_signal(signal.SIGHUP)
        _wait_for_config(near, "after")
        if limit:
            assert download.result(PATIENCE_S) == (None, "")  # nobody released it: it was cut off
        else:
            assert not download.done()
            server.release("/download")
            status, head = download.result(PATIENCE_S)
            assert status == 200
            assert "X-Config: before" in head
    assert "its old worker lives, with the *old* configuration" in words_of(LEAVING)
    assert "`worker_shutdown_timeout 60s;`" in words_of(LEAVING)


def test_a_reload_by_command_reads_the_file_first_and_by_signal_says_nothing(near: Path) -> None:
    good = write(near, "before")
    with nginx(near, good) as running:
        good.write_text(good.read_text().replace("proxy_pass", "proxy_past"))
        reload = [balancer_folders()[0] / "nginx", "-s", "reload", "-e", str(near / "errors"), "-c", str(good)]
        done = subprocess.run(reload, capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert "[emerg]" in done.stderr
        (near / "errors").write_text("")
        running.send_signal(signal.SIGHUP)
        _wait_for_words(near / "errors", "[emerg]")
        assert "X-Config: before" in ask(near / "door")[1]
    assert "`nginx -s reload` reads the file first" in words_of(LEAVING)


def _wait_for_words(file: Path, words: str) -> None:
    pause = threading.Event()
    for _ in range(PATIENCE_S * 50):
        if words in file.read_text():
            return
        pause.wait(0.02)
    raise AssertionError(file.read_text())


@pytest.mark.parametrize(
    ("pool", "location", "said"),
    [
        ("zone shop 64k;", "health_check;", 'unknown directive "health_check"'),
        ("zone shop 64k; queue 10;", "", 'unknown directive "queue"'),
        ("zone shop 64k; server unix:/app2 slow_start=30s;", "", 'invalid parameter "slow_start=30s"'),
    ],
)
def test_open_source_nginx_refuses_what_is_commercial(near: Path, pool: str, location: str, said: str) -> None:
    program = balancer_folders()[0] / "nginx"
    for more, fault in (((pool, location), said), (("zone shop 64k;", ""), "test is successful")):
        config = write(near, "checked", "", *more)
        done = subprocess.run([program, "-t", "-c", str(config)], capture_output=True, text=True, check=False)
        assert fault in done.stderr
