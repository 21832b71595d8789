"""What module 4 says about full pools, queues, retries and restarts, on the real balancers.

A closed loop of people: how full a server gets follows from its share and its size, however fast this machine is.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.stack.conduct import Conduct
from autograder.stack.model import Balancer, Server, Stack
from autograder.stack.running import open_stack
from autograder.traffic.clients import population
from autograder.traffic.sample import Sample
from autograder.traffic.send import send
from tests.facts.shop import MAIN, Shop, haproxy, haproxy_lines, lines, nginx, open_shop, words_of

MODULE = Path(__file__).parents[2] / "course/modules/04-overload"
SMALL = tuple(Server(f"app{number}", workers=4, service_ms=80.0, queue=32) for number in range(1, 4))
CONFIGS = {"nginx": nginx(lines(3)), "haproxy": haproxy(f"    balance roundrobin\n{haproxy_lines(3)}")}


@pytest.fixture
def small(request: pytest.FixtureRequest) -> Iterator[Shop]:
    """Three servers that hold 36 checkouts each, behind the balancer that the test names."""
    proxy = request.param
    with open_stack(Stack("small", (Balancer("lb", proxy, 80, MAIN[proxy]),), SMALL)) as running:
        yield Shop(running)


def page(name: str) -> str:
    return words_of(MODULE / name)


def apply(shop: Shop, config: str) -> None:
    assert shop.running.apply({MAIN[shop.running.stack.balancer.proxy]: config.encode()}).ok


def people(shop: Shop, number: int) -> Sample:
    crowd = population("many")
    return send(shop.running, crowd, crowd.check_out(400, seed=1), concurrency=number, timeout=30)


def dead(shop: Shop) -> set[str]:
    return {name for name, state in shop.running.servers().items() if not state.up}


@pytest.mark.parametrize("small", ["nginx", "haproxy"], indirect=True)
def test_60_and_100_wait_and_130_kill(small: Shop) -> None:
    config = CONFIGS[small.running.stack.balancer.proxy]
    for number in (60, 100):
        apply(small, f"{config}# {number}\n")
        sample = people(small, number)
        assert sample.failed == 0
        # Little's law is a floor: a busy machine may be slower, and never faster than 12 workers and 80 ms allow.
        assert sample.percentile_ms(0.5) > 0.9 * 1000 * number / 150
    apply(small, f"{config}# 130\n")
    assert people(small, 130).failed > 0
    assert dead(small) == {"app1", "app2", "app3"}


@pytest.mark.parametrize("small", ["haproxy"], indirect=True)
def test_a_queue_in_the_balancer_kills_nobody(small: Shop) -> None:
    limited = haproxy_lines(3, "maxconn 8")
    apply(small, haproxy(f"    balance roundrobin\n    timeout queue 30s\n{limited}"))
    assert people(small, 130).failed == 0
    assert dead(small) == set()
    apply(small, haproxy(f"    balance roundrobin\n    timeout queue 200ms\n{limited}"))
    impatient = people(small, 130)
    assert set(impatient.statuses) == {200, 503}
    assert dead(small) == set()


@pytest.mark.parametrize("small", ["nginx"], indirect=True)
def test_a_restart_does_not_help_and_a_rollback_does(small: Shop) -> None:
    bad = nginx(lines(3), location="proxy_pass http://app1:8080;")
    apply(small, CONFIGS["nginx"])
    assert people(small, 60).failed == 0
    apply(small, bad)
    assert people(small, 60).failed > 0
    assert dead(small) == {"app1"}
    small.running.start("app1")
    assert people(small, 60).failed > 0
    assert dead(small) == {"app1"}
    small.running.bring_back()
    apply(small, CONFIGS["nginx"])
    sample = people(small, 60)
    assert sample.failed == 0
    assert all(0.3 < share < 0.37 for share in sample.shares().values())
    assert "400 of 400 checkouts served, a third each" in page("restart.md")


@pytest.mark.parametrize("small", ["nginx"], indirect=True)
def test_a_hash_with_one_key_takes_them_all_along(small: Shop) -> None:
    apply(small, nginx(f"hash $request_method;\n{lines(3)}"))
    assert people(small, 60).failed > 0
    assert dead(small) == {"app1", "app2", "app3"}


def test_each_request_is_tried_at_each_server() -> None:
    listed = "proxy_next_upstream error timeout http_500; proxy_pass http://shop;"
    with open_shop("nginx") as shop:
        for server in shop.running.stack.servers:
            shop.running.afflict(server.name, Conduct(failing=True))
        crowd = population("many")
        for more, tries in ((listed, 4), (f"proxy_next_upstream_tries 2; {listed}", 2)):
            apply(shop, nginx(lines(4, "max_fails=0"), location=more))
            sample = send(shop.running, crowd, crowd.browse(100, seed=1), concurrency=4)
            assert sample.failed == 100
            assert sample.requests + sample.extra == 100 * tries
    assert "**400.**" in page("retries.md")
    assert "it was 200" in page("retries.md")


def test_nginx_turns_away_when_it_is_full() -> None:
    with open_shop("nginx") as shop:
        apply(shop, nginx(f"zone shop 64k;\n{lines(4, 'max_conns=1')}"))
        for server in shop.running.stack.servers:
            shop.running.afflict(server.name, Conduct(slowness=200))
        crowd = population("many")
        sample = send(shop.running, crowd, crowd.browse(60, seed=1), concurrency=16)
        assert sample.statuses.get(502, 0) > 30
        assert sample.statuses.get(200, 0) >= 4
