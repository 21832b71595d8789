"""What module 1 says about methods, doors and paths, counted on the real balancers."""

from __future__ import annotations

import re
from math import comb, factorial
from pathlib import Path

import pytest

from autograder.stack.conduct import Conduct
from autograder.traffic.clients import population
from autograder.traffic.send import send
from tests.facts.shop import ASK, Shop, haproxy, haproxy_lines, lines, nginx, words_of

MODULE = Path(__file__).parents[2] / "course/modules/01-anatomy"


def page(name: str) -> str:
    return words_of(MODULE / name)


@pytest.mark.parametrize(
    ("method", "near"), [("roundrobin", 0.0), ("static-rr", 0.0), ("leastconn", 0.05), ("random", 0.08)]
)
def test_methods_that_are_even(by_haproxy: Shop, method: str, near: float) -> None:
    # 0.08 is 4.5 standard deviations of 600 draws with p = 1/4: wrong in one run of 100,000.
    shares = by_haproxy.run(haproxy(f"    balance {method}\n{haproxy_lines()}"), requests=600).shares()
    assert all(shares[f"app{number}"] == pytest.approx(0.25, abs=near + 1e-9) for number in range(1, 5))


def test_haproxy_takes_turns_when_nothing_is_said(by_haproxy: Shop) -> None:
    assert set(by_haproxy.run(haproxy(haproxy_lines()), requests=600).counts().values()) == {150}


def test_a_hash_over_pages_is_lumpy(by_haproxy: Shop) -> None:
    shares = by_haproxy.run(haproxy(f"    balance uri\n{haproxy_lines()}"), requests=600).shares()
    assert max(shares.values()) > 0.3


def test_first_needs_a_limit(by_haproxy: Shop) -> None:
    assert by_haproxy.run(haproxy(f"    balance first\n{haproxy_lines()}"), requests=200).shares() == {"app1": 1.0}
    limited = by_haproxy.run(haproxy(f"    balance first\n{haproxy_lines(4, 'maxconn 3')}"), requests=600).shares()
    assert limited["app1"] < 0.8
    assert limited["app2"] > limited.get("app3", 0.0) > limited.get("app4", 0.0) - 0.05


@pytest.mark.parametrize("method", ["static-rr", "source"])
def test_static_methods_take_all_or_nothing_at_run_time(by_haproxy: Shop, method: str) -> None:
    config = haproxy(f"    balance {method}\n{haproxy_lines(4, 'weight 10')}")
    assert by_haproxy.running.apply({"haproxy.cfg": config.encode()}).ok
    for weight, refused in (("50%", True), ("0%", False), ("100%", False)):
        said = by_haproxy.running.machines.run("lb", ["python3", "-c", ASK, f"set server shop/app2 weight {weight}"])
        assert ("only accepts weights '0%' and '100%'" in said.out) is refused, said
    assert "take 0 % and 100 % only" in page("methods.md")


@pytest.mark.parametrize(
    ("more", "served"), [("", {"app2": 60}), ("    option allbackups\n", {"app2": 30, "app3": 30})]
)
def test_haproxy_uses_the_first_backup_unless_told_to_use_all(
    by_haproxy: Shop, more: str, served: dict[str, int]
) -> None:
    first = haproxy_lines(3, "backup").replace("app1:8080 backup", "app1:8080 disabled")
    config = haproxy(f"    balance roundrobin\n{more}{first}")
    assert by_haproxy.run(config, requests=60).counts() == served


def test_weights_are_turns(by_nginx: Shop) -> None:
    counts = by_nginx.run(nginx(f"server app1:8080 weight=3;\n{lines().partition(';')[2]}"), requests=600).counts()
    assert counts == {"app1": 300, "app2": 100, "app3": 100, "app4": 100}


def test_workers_that_share_a_zone_count_together(by_nginx: Shop) -> None:
    config = f"worker_processes 16;\n{nginx(f'least_conn; zone shop 64k; {lines(3)}')}"
    assert by_nginx.running.apply({"nginx.conf": config.encode()}).ok
    for number in range(1, 4):
        by_nginx.running.afflict(f"app{number}", Conduct(slowness=500))
    crowd = population("many")
    sample = send(by_nginx.running, crowd, crowd.browse(12, seed=1), concurrency=12, timeout=60)
    by_nginx.running.bring_back()
    assert sample.counts() == {"app1": 4, "app2": 4, "app3": 4}


@pytest.mark.parametrize(("prefix", "server"), [("/images", "app2"), ("^~ /images", "app1")])
def test_a_regular_expression_wins_over_a_prefix(by_nginx: Shop, prefix: str, server: str) -> None:
    config = (
        "events {}\nhttp {\nserver { listen 80;\n"
        f"location {prefix} {{ proxy_pass http://app1:8080; }}\n"
        "location ~ /product { proxy_pass http://app2:8080; }\n"
        "location / { rewrite ^ /images/product last; }\n}\n}\n"
    )
    assert by_nginx.run(config, requests=20).shares() == {server: 1.0}


def test_an_unknown_name_meets_the_first_block(by_nginx: Shop) -> None:
    blocks = "".join(
        f"server {{ listen 80{mark}; server_name {name}; location / {{ proxy_pass http://{server}:8080; }} }}\n"
        for name, server, mark in (("a.example", "app1", ""), ("b.example", "app2", "{}"))
    )
    for mark, server in (("", "app1"), (" default_server", "app2")):
        config = f"events {{}}\nhttp {{\n{blocks.replace('{}', mark)}}}\n"
        assert by_nginx.run(config, requests=20).shares() == {server: 1.0}


def test_haproxy_without_a_default_backend_answers_503(by_haproxy: Shop) -> None:
    config = haproxy(haproxy_lines()).replace("    default_backend shop\n", "    use_backend shop if FALSE\n")
    assert by_haproxy.running.apply({"haproxy.cfg": config.encode()}).ok
    crowd = population("many")
    assert send(by_haproxy.running, crowd, crowd.browse(10), concurrency=2).statuses == {503: 10}


def test_nine_requests_say_nothing() -> None:
    """The exact chance that a fair die spreads 9 over 3 servers no more evenly than 5, 3 and 1 (by sum of squares)."""
    ways = sum(
        factorial(9) // (factorial(a) * factorial(b) * factorial(9 - a - b))
        for a in range(10)
        for b in range(10 - a)
        if a * a + b * b + (9 - a - b) ** 2 >= 25 + 9 + 1
    )
    assert 0.3 < ways / 3**9 < 0.35
    assert "about one try of three" in page("counting.md")


def test_two_roots_are_normal() -> None:
    """M ± 2√m holds a count of 100 in 400 draws with p = 1/4 in more than 95 of 100 runs."""
    inside = sum(comb(400, k) * 3 ** (400 - k) for k in range(80, 121)) / 4**400
    assert inside > 0.95


def test_the_table_of_methods_names_what_was_counted() -> None:
    assert re.search(r"\| `first` \| 100 % \| 0 % \| 0 % \| 0 % \|", page("methods.md"))
    assert "51, 37, 12 and 0 %" in page("methods.md")
