"""What modules 1 and 3 say of HAProxy's checks, of fewest open requests, and of a slow start, on the real HAProxy.

Everything talks through sockets in a folder, so no port can be taken; each step waits for what it needs.
"""

from __future__ import annotations

import contextlib
import csv
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from autograder.stack.local_sandbox import balancer_folders
from tests.facts.holding import PATIENCE_S, Server, ask
from tests.facts.shop import words_of

MODULES = Path(__file__).parents[2] / "course/modules"
CONFIG = """global
    nbthread 1
    stats socket {folder}/api level admin
defaults
    mode http
    timeout connect 1h
    timeout client 1h
    timeout server 1h
    timeout queue 1h
    timeout check 1h
listen shop
    bind unix@{folder}/door
"""


@contextlib.contextmanager
def haproxy(folder: Path, *lines: str) -> Iterator[Path]:
    """The real HAProxy with these lines for its pool; yields the socket of its door."""
    file = folder / "haproxy.cfg"
    file.write_text(CONFIG.format(folder=folder) + "".join(f"    {line}\n" for line in lines))
    program = next(place / "haproxy" for place in balancer_folders() if (place / "haproxy").exists())
    running = subprocess.Popen([program, "-q", "-db", "-f", str(file)])
    try:
        _wait_for(lambda: running.poll() is not None or (folder / "door").exists())
        assert running.poll() is None
        yield folder / "door"
    finally:
        running.terminate()
        running.wait()


def _wait_for(true: Callable[[], object]) -> None:
    pause = threading.Event()
    for _ in range(PATIENCE_S * 50):
        if true():
            return
        pause.wait(0.02)
    raise AssertionError("it did not come to that")


def stat(folder: Path) -> dict[str, dict[str, str]]:
    """Server → field → value, as ``show stat`` tells them now; a star for a check under way is left out."""
    with socket.socket(socket.AF_UNIX) as api:
        api.connect(str(folder / "api"))
        api.sendall(b"show stat\n")
        said = b"".join(iter(lambda: api.recv(65536), b"")).decode().replace(",* ", ",")
    return {row["svname"]: row for row in csv.DictReader(said.lstrip("# ").splitlines()) if row["type"] == "2"}


def pool(folder: Path, words: str, *names: str) -> list[str]:
    return [f"server {name} unix@{folder}/{name} {words}" for name in names]


def test_a_check_knocks_every_two_seconds_and_says_nothing(near: Path) -> None:
    words = {"nothing": "check", "two": "check inter 2s", "one": "check inter 1s"}
    lines = [line for name, more in words.items() for line in pool(near, more, name)]
    with contextlib.ExitStack() as opened:
        servers = {name: opened.enter_context(contextlib.closing(Server(near / name))) for name in words}
        opened.enter_context(haproxy(near, *lines))
        knocks = servers["nothing"].wait_for_knocks(6)
        beside = {name: len(server.knocks) for name, server in servers.items()}
        now = stat(near)["nothing"]
    assert set(knocks) == {""}
    assert abs(beside["two"] - beside["nothing"]) <= 1, beside
    assert beside["one"] >= beside["nothing"] + 3, beside
    assert (now["check_fall"], now["check_rise"], now["check_status"]) == ("3", "2", "L4OK")


@pytest.mark.parametrize(
    ("status", "found"), [(200, "L7OK"), (204, "L7OK"), (302, "L7OK"), (399, "L7OK"), (404, "L7STS"), (500, "L7STS")]
)
def test_a_page_from_200_to_399_is_well(near: Path, status: int, found: str) -> None:
    lines = ["option httpchk GET /health", *pool(near, "check inter 50ms", "app1")]
    with contextlib.closing(Server(near / "app1", {"/health": status})), haproxy(near, *lines):
        _wait_for(lambda: stat(near)["app1"]["check_status"].startswith("L7"))
        assert stat(near)["app1"]["check_status"] == found
    assert "Any answer from 200 to 399 is well" in words_of(MODULES / "03-health/checks.md")


def test_a_check_of_what_all_share_takes_all_out(near: Path) -> None:
    lines = ["option httpchk GET /health", *pool(near, "check inter 50ms fall 1 rise 1", "app1", "app2")]
    with contextlib.ExitStack() as opened:
        servers = [opened.enter_context(contextlib.closing(Server(near / name))) for name in ("app1", "app2")]
        door = opened.enter_context(haproxy(near, *lines))
        assert ask(door)[0] == 200
        for server in servers:
            server.says["/health"] = 503  # the mail server stumbles
        _wait_for(lambda: all(row["status"].startswith("DOWN") for row in stat(near).values()))
        assert ask(door)[0] == 503
        assert ask(near / "app1")[0] == 200  # who asks the server itself is served
    assert "HAProxy and nginx do not do this by themselves" in words_of(MODULES / "03-health/checks.md")


def test_fewest_open_requests_counts_those_that_wait(near: Path) -> None:
    """Who waits is counted from when the server took or ended a request after that."""
    one = f"server app1 unix@{near}/app1 maxconn 1 maxqueue 100"
    lines = ["balance leastconn", "use-server app1 if { path_beg /app1 }", one, *pool(near, "", "app2")]
    held = ("/app1/first", "/app1/next", "/")
    with contextlib.ExitStack() as opened:
        crowd = opened.enter_context(ThreadPoolExecutor(10))
        first, second = (
            opened.enter_context(contextlib.closing(Server(near / name, held=held))) for name in ("app1", "app2")
        )
        door = opened.enter_context(haproxy(near, *lines))
        answers = [crowd.submit(ask, door, "/app1/first")]
        first.wait_until_asked("/app1/first")
        answers += [crowd.submit(ask, door, "/app1/next") for _ in range(5)]
        _wait_for(lambda: stat(near)["app1"]["qcur"] == "5")
        first.release("/app1/first")
        first.wait_until_asked("/app1/next")
        answers += [crowd.submit(ask, door) for _ in range(4)]
        _wait_for(lambda: sum(int(row["scur"]) + int(row["qcur"]) for row in stat(near).values()) == 9)
        seen = {name: (row["scur"], row["qcur"]) for name, row in stat(near).items()}
        for path in ("/app1/next", "/"):
            first.release(path)
            second.release(path)
        assert [answer.result(PATIENCE_S)[0] for answer in answers] == [200] * 10
    # app1 works on one and app2 soon on two: who did not count the four that wait would have sent more to app1
    assert seen == {"app1": ("1", "4"), "app2": ("4", "0")}
    assert "also counts requests that wait for a server" in words_of(MODULES / "01-anatomy/methods.md")


def test_a_slow_start_is_for_who_comes_back_and_not_for_haproxys_own(near: Path) -> None:
    words = "check inter 50ms fall 1 rise 1 slowstart 1h"
    lines = ["balance roundrobin", "option httpchk GET /health", *pool(near, words, "app1", "app2")]
    with contextlib.ExitStack() as opened:
        first = opened.enter_context(contextlib.closing(Server(near / "app1")))
        second = opened.enter_context(contextlib.closing(Server(near / "app2")))
        door = opened.enter_context(haproxy(near, *lines))
        assert {ask(door)[0] for _ in range(20)} == {200}
        assert (first.asked.count("/"), second.asked.count("/")) == (10, 10)
        for health, status in ((503, "DOWN"), (200, "UP")):
            second.says["/health"] = health
            _wait_for(lambda status=status: stat(near)["app2"]["status"].startswith(status))
        assert {ask(door)[0] for _ in range(20)} == {200}
        assert second.asked.count("/") - 10 <= 2
    assert "It does not apply when HAProxy itself has just started" in words_of(MODULES / "03-health/leaving.md")


@pytest.mark.parametrize(
    ("lines", "check", "status"),
    [((), "", 503), (("option redispatch",), "", 200), ((), "check inter 50ms fall 1", 200)],
    ids=["nothing", "redispatch", "check"],
)
def test_who_belongs_to_a_dead_server(near: Path, lines: tuple[str, ...], check: str, status: int) -> None:
    homes = (f"server {name} unix@{near}/{name} cookie {name} {check}" for name in ("app1", "app2"))
    settings = ("balance roundrobin", "cookie SRV insert indirect nocache", "timeout connect 50ms", *lines, *homes)
    with contextlib.closing(Server(near / "app2")), haproxy(near, *settings) as door:
        if check:
            _wait_for(lambda: stat(near)["app1"]["status"].startswith("DOWN"))
        assert [ask(door, more="Cookie: SRV=app1\r\n")[0] for _ in range(2)] == [status] * 2
    assert "503, for as long as the cookie lives" in words_of(MODULES / "02-clients/sticky.md")
