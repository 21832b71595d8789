"""What module 2 says about clients, hashes and stickiness, counted on the real balancers.

Hashes are computed, so the counts on the pages are exact: the same addresses meet the same servers every time.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autograder.traffic.sample import Sample
from tests.facts.shop import Shop, haproxy, haproxy_lines, lines, moved, nginx, words_of

MODULE = Path(__file__).parents[2] / "course/modules/02-clients"
COOKIE = "    balance roundrobin\n    cookie SRV insert indirect nocache\n" + "\n".join(
    f"    server app{number} app{number}:8080 cookie a{number}" for number in range(1, 5)
)
TABLE = "    balance roundrobin\n    stick-table type ip size 100k expire 30m\n    stick on src\n" + haproxy_lines()
CDN = "set_real_ip_from 198.18.0.0/15; real_ip_header X-Forwarded-For;"


def page(name: str) -> str:
    return words_of(MODULE / name)


def parts(sample: Sample) -> list[int]:
    """Whole percents of the four servers."""
    return [round(100 * sample.shares().get(f"app{number}", 0.0)) for number in range(1, 5)]


def test_the_world_has_four_servers_and_the_school_one(by_nginx: Shop) -> None:
    hashed = nginx(f"hash $remote_addr;\n{lines()}")
    world = by_nginx.run(hashed, "many").counts()
    told = re.search(r"(\d+), (\d+), (\d+) and (\d+) of 1,000 requests", page("index.md"))
    assert told is not None
    assert [world[f"app{number}"] for number in range(1, 5)] == [int(count) for count in told.groups()]
    assert max(by_nginx.run(hashed, "office").shares().values()) == 1
    assert parts(by_nginx.run(hashed, "subnet")) == [25, 25, 25, 25]
    assert sorted(parts(by_nginx.run(hashed, "few"))) == [20, 20, 20, 40]
    assert max(by_nginx.run(hashed, "behind-cdn").shares().values()) == 1
    assert max(parts(by_nginx.run(hashed, "zipf"))) == 49
    assert "One server got 49 % of the requests" in page("index.md")


@pytest.mark.parametrize(
    ("how", "deleted", "down"),
    [("hash $remote_addr;", 77, 26), ("hash $remote_addr consistent;", 21, 21), ("ip_hash;", 75, 25)],
)
def test_who_moves_when_an_nginx_server_leaves(by_nginx: Shop, how: str, deleted: int, down: int) -> None:
    before = by_nginx.run(nginx(f"{how}\n{lines()}"))
    without = by_nginx.run(nginx(f"{how}\n{lines(3)}"))
    marked = by_nginx.run(nginx(f"{how}\n{lines().replace('app4:8080', 'app4:8080 down')}"))
    assert round(100 * moved(before, without)) == deleted
    assert round(100 * moved(before, marked)) == down
    assert f"| `{how}`, line deleted | {deleted} % |" in page("hashing.md")


@pytest.mark.parametrize(
    ("how", "deleted", "row"),
    [
        ("    balance source\n", 78, "HAProxy `balance source`, line deleted"),
        ("    balance source\n    hash-type consistent\n", 30, "HAProxy `balance source` with `hash-type consistent`"),
    ],
)
def test_who_moves_when_a_haproxy_server_leaves(by_haproxy: Shop, how: str, deleted: int, row: str) -> None:
    before = by_haproxy.run(haproxy(how + haproxy_lines()))
    without = by_haproxy.run(haproxy(how + haproxy_lines(3)))
    assert round(100 * moved(before, without)) == deleted
    assert re.search(rf"{re.escape(row)}[^|]*\| {deleted} % \|", page("hashing.md"))


def test_consistent_hashing_is_less_even(by_nginx: Shop, by_haproxy: Shop) -> None:
    assert sorted(parts(by_nginx.run(nginx(f"hash $remote_addr consistent;\n{lines()}")))) == [21, 26, 26, 27]
    ours = by_haproxy.run(haproxy(f"    balance source\n    hash-type consistent\n{haproxy_lines()}"))
    assert parts(ours) == [29, 18, 23, 30]
    assert "27, 26, 26 and 21 % with nginx, and 29, 18, 23 and 30 % with HAProxy" in page("hashing.md")


def test_ip_hash_sees_networks(by_nginx: Shop) -> None:
    assert max(by_nginx.run(nginx(f"ip_hash;\n{lines()}"), "subnet").shares().values()) == 1
    assert parts(by_nginx.run(nginx(f"hash $remote_addr;\n{lines()}"), "subnet")) == [25, 25, 25, 25]


def test_nginx_has_no_weight_of_nothing(by_nginx: Shop) -> None:
    refused = by_nginx.running.check({"nginx.conf": nginx(f"{lines(3)}\nserver app4:8080 weight=0;").encode()})
    assert "invalid parameter" in refused[0].message


def test_a_cookie_sees_browsers_and_a_table_addresses(by_haproxy: Shop) -> None:
    # A table learns an address with its first answer; until then some of the office is spread.
    assert max(by_haproxy.run(haproxy(TABLE), "office").shares().values()) > 0.9
    assert parts(by_haproxy.run(haproxy(COOKIE), "office")) == [25, 25, 25, 25]
    for config in (TABLE, COOKIE):
        assert parts(by_haproxy.run(haproxy(config), "many")) == [25, 25, 25, 25]
        assert parts(by_haproxy.run(haproxy(config), "subnet")) == [25, 25, 25, 25]
    # One after another: of two requests that a client sends at once, both may come without the cookie.
    assert sorted(parts(by_haproxy.run(haproxy(COOKIE), "few", requests=200, concurrency=1))) == [20, 20, 20, 40]


def test_behind_a_cdn_the_header_gives_the_clients_back(by_nginx: Shop, by_haproxy: Shop) -> None:
    hashed = f"hash $remote_addr;\n{lines()}"
    assert max(by_nginx.run(nginx(hashed), "behind-cdn").shares().values()) == 1
    assert parts(by_nginx.run(nginx(hashed, CDN), "behind-cdn")) == [26, 24, 22, 27]
    assert max(by_haproxy.run(haproxy(f"    balance source\n{haproxy_lines()}"), "behind-cdn").shares().values()) == 1
    header = haproxy(f"    balance hdr(X-Forwarded-For)\n{haproxy_lines()}")
    assert parts(by_haproxy.run(header, "behind-cdn")) == [26, 22, 26, 26]
    table = haproxy(TABLE.replace("stick on src", "stick on hdr_ip(X-Forwarded-For)"))
    assert parts(by_haproxy.run(table, "behind-cdn")) == [25, 25, 25, 25]
    believed = "    http-request set-src hdr_ip(X-Forwarded-For,-1) if { src 198.18.0.0/15 }"
    again = by_haproxy.run(haproxy(f"    balance source\n{haproxy_lines()}", believed), "behind-cdn")
    assert parts(again) == [25, 25, 25, 25]
    assert "`balance source` gave 25 % each" in page("real-address.md")
    assert "26, 24, 22 and 27 %" in page("real-address.md")
    assert "26, 22, 26 and 26 %" in page("real-address.md")
