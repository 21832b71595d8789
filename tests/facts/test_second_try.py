"""What modules 1 to 3 say of one request: whether nginx asks a second server, and what it makes of a name."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from tests.facts.nearby import Server, ask, nginx
from tests.facts.shop import words_of

MODULES = Path(__file__).parents[2] / "course/modules"


@pytest.mark.parametrize(
    ("method", "status"), [("GET", 200), ("PUT", 200), ("DELETE", 200), ("POST", 502), ("LOCK", 502), ("PATCH", 502)]
)
def test_what_was_sent_is_sent_again_unless_twice_is_not_once(near: Path, method: str, status: int) -> None:
    pool = f"upstream shop {{ server unix:{near}/breaks; server unix:{near}/well backup; }}"
    with (
        contextlib.closing(Server(near / "breaks", 0)) as first,
        contextlib.closing(Server(near / "well")) as second,
        nginx(near, "location / { proxy_pass http://shop; }", pool) as door,
    ):
        assert ask(door, method) == status
        assert first.asked == [f"{method} /"]
        assert second.asked == ([f"{method} /"] if status == 200 else [])
    assert "nor a `LOCK` or a `PATCH`" in words_of(MODULES / "03-health/index.md")


@pytest.mark.parametrize("method", ["POST", "LOCK", "PATCH"])
def test_what_was_never_sent_is_sent_to_another(near: Path, method: str) -> None:
    pool = f"upstream shop {{ server unix:{near}/nobody; server unix:{near}/well backup; }}"
    with (
        contextlib.closing(Server(near / "well")) as server,
        nginx(near, "location / { proxy_pass http://shop; }", pool) as door,
    ):
        assert ask(door, method) == 200
        assert server.asked == [f"{method} /"]


def test_failures_count_within_a_time_not_in_a_row(near: Path) -> None:
    pool = f"upstream shop {{ server unix:{near}/odd max_fails=2 fail_timeout=1h; server unix:{near}/well backup; }}"
    with (
        contextlib.closing(Server(near / "odd", 0, 200, 0, 200)) as odd,
        contextlib.closing(Server(near / "well")) as well,
        nginx(near, "location / { proxy_pass http://shop; }", pool) as door,
    ):
        assert [ask(door) for _ in range(6)] == [200] * 6
        assert (len(odd.asked), len(well.asked)) == (3, 5)  # a success in between did not set the count back


@pytest.mark.parametrize(("listed", "status"), [("error timeout", 503), ("error http_503", 200)])
def test_a_503_is_an_answer_unless_it_is_listed(near: Path, listed: str, status: int) -> None:
    pool = f"upstream shop {{ server unix:{near}/busy; server unix:{near}/well backup; }}"
    with (
        contextlib.closing(Server(near / "busy", 503)),
        contextlib.closing(Server(near / "well")),
        nginx(near, f"location / {{ proxy_next_upstream {listed}; proxy_pass http://shop; }}", pool) as door,
    ):
        assert ask(door) == status


@pytest.mark.parametrize(("marks", "statuses", "asked"), [("max_fails=0", {500}, 400), ("", {500, 502}, 5)])
def test_a_bad_page_is_tried_everywhere_or_marks_them_all(
    near: Path, marks: str, statuses: set[int], asked: int
) -> None:
    listed = "location / { proxy_next_upstream error timeout http_500; proxy_pass http://shop; }"
    names = [f"app{number}" for number in range(1, 5)]
    pool = f"upstream shop {{ {' '.join(f'server unix:{near}/{name} {marks};' for name in names)} }}"
    with contextlib.ExitStack() as opened:
        servers = [opened.enter_context(contextlib.closing(Server(near / name, 500))) for name in names]
        door = opened.enter_context(nginx(near, listed, pool))
        seen = [ask(door) for _ in range(100)]
        assert set(seen) == statuses
        assert sum(len(server.asked) for server in servers) == asked
    if not marks:
        assert seen.count(502) == 99
        assert "**5.**" in words_of(MODULES / "04-overload/retries.md")
        assert "asked: 99 of 100" in words_of(MODULES / "04-overload/retries.md")


@pytest.mark.parametrize(("network", "together"), [("2001:db8::{:x}", False), ("203.0.113.{}", True)])
def test_ip_hash_takes_the_whole_of_an_address_of_ipv6(near: Path, network: str, together: bool) -> None:
    pool = "".join(f"server unix:{near}/app{number}; " for number in range(4))
    http = f"set_real_ip_from unix:; real_ip_header X-Real-IP; upstream shop {{ ip_hash; {pool} }}"
    with contextlib.ExitStack() as open_now:
        servers = [open_now.enter_context(contextlib.closing(Server(near / f"app{number}"))) for number in range(4)]
        door = open_now.enter_context(nginx(near, "location / { proxy_pass http://shop; }", http))
        for number in range(1, 33):
            assert ask(door, headers=f"X-Real-IP: {network.format(number)}\r\n") == 200
        met = [len(server.asked) for server in servers]
        assert sum(met) == 32
        assert (max(met) == 32) is together, met


def test_a_variable_is_looked_up_for_each_request_unless_it_names_a_pool(near: Path) -> None:
    location = "location / { set $to $arg_to; proxy_pass http://$to; }"
    with (
        contextlib.closing(Server(near / "well")) as server,
        nginx(near, location, f"upstream shop {{ server unix:{near}/well; }}") as door,
    ):
        assert ask(door, path="/?to=shop") == 200
        assert server.asked == ["GET /?to=shop"]
        assert ask(door, path="/?to=app1.internal") == 502
        assert "no resolver defined to resolve app1.internal" in (near / "errors").read_text()
    assert "no resolver defined to resolve app1.internal" in words_of(MODULES / "01-anatomy/reading.md")


@pytest.mark.parametrize(("target", "asked"), [("http://shop/new/", "/new/a"), ("http://$to/new/", "/new/")])
def test_with_a_variable_the_address_is_passed_as_it_is_written(near: Path, target: str, asked: str) -> None:
    location = f"location /old/ {{ set $to shop; proxy_pass {target}; }}"
    with (
        contextlib.closing(Server(near / "well")) as server,
        nginx(near, location, f"upstream shop {{ server unix:{near}/well; }}") as door,
    ):
        assert ask(door, path="/old/a") == 200
        assert server.asked == [f"GET {asked}"]
