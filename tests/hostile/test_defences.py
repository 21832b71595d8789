"""The defences, one by one."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.grading.misplaced import put_in_place
from autograder.labs.limits import over_limit
from autograder.stack.model import Balancer, Server, Stack
from autograder.stack.running import open_stack
from autograder.traffic.clients import population
from autograder.traffic.send import send
from tests.hostile.configs import START

FILES = ("conf/nginx.conf",)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("worker_processes 33;", "line 1 asks for 33 worker processes"),
        ("\n'worker_processes' \"99999\";", "line 2 asks for 99999 worker processes"),
        ("events {\n worker_connections 70000; }", "line 2 asks for 70000 connections"),
        ("thread_pool x threads=65 max_queue=1;", "line 1 asks for 65 threads"),
        ("a; " * 30_000, "too large"),
    ],
)
def test_a_config_that_asks_for_too_much_is_told_so(text: str, told: str) -> None:
    assert told in over_limit("nginx", {"nginx.conf": text.encode()}, "nginx.conf")


@pytest.mark.parametrize(
    "text", [START, "worker_processes auto;", "# worker_processes 10000;", "worker_processes 9x;", "", "{" * 5000]
)
def test_any_other_config_is_nginx_to_judge(text: str) -> None:
    assert over_limit("nginx", {"nginx.conf": text.encode()}, "nginx.conf") == ""


def test_a_limit_holds_in_an_included_file_too() -> None:
    files = {"nginx.conf": b"include more.conf;", "more.conf": b"worker_processes 500;"}
    assert "500" in over_limit("nginx", files, "nginx.conf")


@pytest.mark.parametrize("name", ["nginx.conf", "conf/nginx.conf ", "a/b/NGINX.CONF", "conf/nginx.conf.txt"])
def test_a_file_that_can_only_be_the_one_is_put_in_place(name: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("mine")
    put_in_place(tmp_path, FILES)
    assert (tmp_path / FILES[0]).read_text() == "mine"
    assert not (tmp_path / name).is_file()
    put_in_place(tmp_path, FILES)


def test_nothing_is_guessed(tmp_path: Path) -> None:
    for name in ("nginx.conf", "other/nginx.conf", "nginx.conf.bak"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    put_in_place(tmp_path, FILES)
    assert not (tmp_path / FILES[0]).exists()  # two could be meant


def test_nothing_is_put_outside(tmp_path: Path) -> None:
    handed_in, outside = tmp_path / "in", tmp_path / "out"
    for folder in (handed_in, outside):
        folder.mkdir()
    (handed_in / "nginx.conf").write_text("mine")
    (handed_in / "conf").symlink_to(outside)
    put_in_place(handed_in, FILES)
    assert list(outside.iterdir()) == []


def test_what_a_server_worked_on_counts_whatever_the_client_asked_for() -> None:
    config = b"""events {} http { server { listen 80;
      location /checkout { proxy_pass http://app1:8080/help; }
      location /help { proxy_pass http://app1:8080/checkout; }
      location / { proxy_pass http://app1:8080; } } }"""
    with open_stack(Stack("one", (Balancer("lb", "nginx"),), (Server("app1", page_ms=1, service_ms=1),))) as running:
        assert running.apply({"nginx.conf": config}).ok
        crowd = population("many")
        cheap = send(running, crowd, crowd.check_out(20))
        assert [(fate.server, fate.checkout) for fate in cheap.fates] == [("app1", False)] * 20
        requests = crowd.browse(40)
        for request, fate in zip(requests, send(running, crowd, requests).fates, strict=True):
            assert (fate.server, fate.checkout) == ("app1", request.path == "/help")
