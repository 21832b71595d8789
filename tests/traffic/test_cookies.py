"""Cookies: kept, sent back, renewed, expired and deleted as browsers do; a client's own, over sends and reloads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autograder.stack.model import Server
from autograder.traffic.clients import population
from autograder.traffic.cookies import Jar
from autograder.traffic.send import Cookies, send

if TYPE_CHECKING:
    from collections.abc import Callable

    from autograder.stack.running import RunningStack

NOW = 1_800_000_000.0


def jar_with(*headers: str, path: str = "/", secure: bool = False) -> Jar:
    jar = Jar("shop.example:8080", secure=secure)
    for header in headers:
        jar.take(header, path, NOW)
    return jar


@pytest.mark.parametrize(
    ("headers", "sent"),
    [
        (("route=a1",), "route=a1"),
        (("route=a1; HttpOnly", "basket=7; Path=/"), "route=a1; basket=7"),
        (("route=a1", "route=a2"), "route=a2"),
        (("route=a1", "route=gone; Max-Age=0"), ""),
        (("route=a1", "route=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"), ""),
        (("route=a1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT",), "route=a1"),
        (("route=a1; Expires=Wednesday, 20-Jan-2100 10:00:00 GMT",), "route=a1"),
        (("route=a1; Expires=when the moon is full",), "route=a1"),
        (("route=a1; Secure",), ""),
        (("route=a1; Domain=elsewhere.example",), ""),
        (("route=a1; Domain=.example",), "route=a1"),
        (("route=a1; Path=/basket",), ""),
        (("no cookie at all", "=nameless"), ""),
        (("empty=",), "empty="),
    ],
)
def test_what_is_sent_back(headers: tuple[str, ...], sent: str) -> None:
    assert jar_with(*headers).header("/", NOW + 1) == sent


def test_a_cookie_ends_at_its_time() -> None:
    jar = jar_with("route=a1; Max-Age=60", "basket=7")
    assert jar.header("/", NOW + 59) == "route=a1; basket=7"
    assert jar.header("/", NOW + 60) == "basket=7"


def test_a_cookie_without_a_path_is_for_the_folder_it_came_from() -> None:
    jar = jar_with("route=a1", path="/item/7?colour=red")
    assert jar.header("/item/8", NOW) == "route=a1"
    assert jar.header("/items", NOW) == ""


def test_the_longer_path_comes_first() -> None:
    jar = jar_with("a=everywhere; Path=/", "a=here; Path=/item")
    assert jar.header("/item/8", NOW) == "a=here; a=everywhere"


def test_secure_cookies_are_kept_where_the_door_speaks_tls() -> None:
    assert jar_with("route=a1; Secure", secure=True).header("/", NOW) == "route=a1"


def test_a_jar_is_the_same_after_a_journey_as_plain_data() -> None:
    jar = jar_with("route=a1; Max-Age=60", "basket=7; Path=/basket")
    again = Jar("shop.example", secure=False, rows=jar.rows())
    assert again.rows() == jar.rows()
    assert again.header("/basket", NOW + 61) == "basket=7"


STICKY = b"""events {}
http {
  upstream shop {
    zone shop 64k;
    server app1:8080; server app2:8080; server app3:8080;
    sticky cookie route path=/;
  }
  server { listen 80; location / { proxy_pass http://shop; } }
}
"""


def servers_met(sample_fates: list[tuple[int, str]]) -> dict[int, set[str]]:
    met: dict[int, set[str]] = {}
    for client, server in sample_fates:
        met.setdefault(client, set()).add(server)
    return met


def test_a_client_with_a_cookie_stays_where_it_was(opened: Callable[..., RunningStack]) -> None:
    running = opened("nginx", "local", tuple(Server(f"app{n}", page_ms=1) for n in (1, 2, 3)))
    assert running.apply({"nginx.conf": STICKY}).ok
    crowd = population("few")
    cookies = Cookies()
    fates = []
    # Each client's first request ends before its second begins, as with a person.
    for seed in range(3):
        sample = send(running, crowd, crowd.browse(5 if not seed else 60, seed=seed), concurrency=1, cookies=cookies)
        assert sample.failures == {}
        fates += [(fate.client, fate.server) for fate in sample.fates]
    assert all(len(servers) == 1 for servers in servers_met(fates).values())
    assert {name for rows in cookies.jars.values() for name, *_ in rows} == {"route", "shop_session"}


def test_an_office_shares_no_cookies(opened: Callable[..., RunningStack]) -> None:
    running = opened("nginx", "local", tuple(Server(f"app{n}", page_ms=1) for n in (1, 2, 3)))
    assert running.apply({"nginx.conf": STICKY}).ok
    office = population("office")
    cookies = Cookies()
    sample = send(running, office, office.browse(60), cookies=cookies)
    assert sample.counts() == {"app1": 20, "app2": 20, "app3": 20}
    assert not any(cookies.jars.values())


def test_of_two_senders_at_once_the_first_to_change_a_cookie_is_believed(opened: Callable[..., RunningStack]) -> None:
    running = opened("nginx", "local")
    assert running.apply({"nginx.conf": STICKY}).ok
    crowd = population("few")
    cookies = Cookies()
    send(running, crowd, crowd.browse(5), cookies=cookies)
    kept = {client: list(rows) for client, rows in cookies.jars.items()}
    send(running, crowd, crowd.browse(5), cookies=cookies)
    assert {client: sorted(row[:3] for row in rows) for client, rows in cookies.jars.items()} == {
        client: sorted(row[:3] for row in rows) for client, rows in kept.items()
    }
