"""Traffic: exact counts, real source addresses, failures by kind, both loops."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from autograder.stack.model import Server
from autograder.traffic.clients import POPULATIONS, population
from autograder.traffic.send import send
from tests.stack.conftest import config

if TYPE_CHECKING:
    from collections.abc import Callable

    from autograder.stack.running import RunningStack


@pytest.mark.parametrize("name", POPULATIONS)
def test_populations_are_what_they_say(name: str) -> None:
    crowd = population(name)
    addresses = {client.address for client in crowd.clients}
    networks = {address.rpartition(".")[0] for address in addresses}
    assert all(address.startswith("198.19.") for address in addresses)
    assert all(int(part) in range(1, 255) for address in addresses for part in address.split(".")[2:])
    expected = {
        "many": (1000, 250),
        "office": (1, 1),
        "subnet": (250, 1),
        "few": (5, 5),
        "behind-cdn": (1, 1),
        "kept-alive": (250, 250),
        "zipf": (50, 50),
        "streaming": (250, 250),
    }
    assert (len(addresses), len(networks)) == expected[name]


def test_every_client_sends_before_any_sends_again() -> None:
    crowd = population("few")
    rounds = [request.client for request in crowd.browse(20, seed=3)]
    assert all(sorted(rounds[n : n + 5]) == [0, 1, 2, 3, 4] for n in range(0, 20, 5))
    assert crowd.browse(20, seed=3) == crowd.browse(20, seed=3) != crowd.browse(20, seed=4)


_LOG = b"""http {
  log_format seen '{"seen":"$remote_addr","connection":"$connection"}';
  access_log /dev/stdout seen;"""


def logging(proxy_config: dict[str, bytes]) -> dict[str, bytes]:
    return {"nginx.conf": proxy_config["nginx.conf"].replace(b"http {", _LOG)}


def seen_by_nginx(running: RunningStack) -> list[dict[str, str]]:
    return [json.loads(line) for line in running.machines.logs("lb").splitlines() if line.startswith('{"seen"')]


def test_the_balancer_sees_the_clients_own_addresses(opened: Callable[..., RunningStack], engine: str) -> None:
    running = opened("nginx", engine)
    assert running.apply(logging(config("nginx"))).ok
    crowd = population("many")
    sample = send(running, crowd, crowd.browse(400))
    assert sample.failures == {}
    addresses = {row["seen"] for row in seen_by_nginx(running)}
    assert addresses == {fate.address for fate in sample.fates}
    assert len({address.rpartition(".")[0] for address in addresses}) >= 200


def test_kept_alive_clients_keep_their_connections(opened: Callable[..., RunningStack]) -> None:
    running = opened("nginx", "local")
    assert running.apply(logging(config("nginx"))).ok
    crowd = population("kept-alive")
    assert send(running, crowd, crowd.browse(750)).failures == {}
    assert len({row["connection"] for row in seen_by_nginx(running)}) == 250


def test_a_reload_under_kept_alive_traffic_is_not_blamed_on_anybody(opened: Callable[..., RunningStack]) -> None:
    running = opened("nginx", "local")
    assert running.apply(config("nginx")).ok
    crowd = population("kept-alive")
    before = send(running, crowd, crowd.browse(250))
    assert running.apply(config("nginx", more="again")).ok
    after = send(running, crowd, crowd.browse(250))
    assert (before.failed, after.failed) == (0, 0)


def test_requests_are_answers_plus_failures_when_a_server_dies_of_them(opened: Callable[..., RunningStack]) -> None:
    running = opened("nginx", "local", (Server("app1", workers=1, service_ms=50, queue=5),))
    assert running.apply(config("nginx", "app1")).ok
    crowd = population("many")
    sample = send(running, crowd, crowd.check_out(100), concurrency=20)
    assert not running.servers()["app1"].up
    assert sum(sample.counts().values()) + sample.failed == sample.requests == 100
    assert set(sample.failures) == {"5xx-balancer"}


def test_nobody_listening_is_refused(opened: Callable[..., RunningStack]) -> None:
    running = opened("nginx", "local")
    crowd = population("few")
    sample = send(running, crowd, crowd.browse(10))
    assert sample.failures == {"refused": 10}
    assert sample.shares() == {}


def test_an_answer_that_no_server_gave_is_not_counted(opened: Callable[..., RunningStack]) -> None:
    running = opened("nginx", "local")
    forged = b'events {} http { server { listen 80; location / { add_header X-Served-By app2; return 200 "hi"; } } }'
    assert running.apply({"nginx.conf": forged}).ok
    crowd = population("few")
    assert send(running, crowd, crowd.browse(10)).failures == {"forged": 10}


def test_a_mirrored_request_counts_for_the_server_whose_answer_the_client_got(
    opened: Callable[..., RunningStack],
) -> None:
    running = opened("nginx", "local")
    mirror = b"""events {} http { server { listen 80;
        location / { mirror /copy; proxy_pass http://app1:8080; }
        location = /copy { internal; proxy_pass http://app2:8080; }
    } }"""
    assert running.apply({"nginx.conf": mirror}).ok
    crowd = population("many")
    sample = send(running, crowd, crowd.browse(50), concurrency=4)
    assert sample.counts() == {"app1": 50}
    # Copies were worked on (the last may be on their way still), and none is taken for an answer..
    assert 0 < sample.extra <= 50


def test_a_cached_page_is_counted_once_where_it_was_made(opened: Callable[..., RunningStack]) -> None:
    running = opened("nginx", "local")
    # nginx keeps no answer that sets a cookie, and the shop opens a session with the first.
    session = b" proxy_ignore_headers Set-Cookie; proxy_hide_header Set-Cookie;"
    text = config("nginx")["nginx.conf"].replace(
        b"location / {", b"location / { proxy_cache c; proxy_cache_valid 1m;" + session
    )
    text = text.replace(b"http {", b"http { proxy_cache_path /var/lib/nginx/cache keys_zone=c:1m;")
    assert running.apply({"nginx.conf": text}).ok
    crowd = population("many")
    requests = [crowd.browse(1)[0]] * 50
    sample = send(running, crowd, requests, concurrency=1)
    assert sum(sample.counts().values()) == 1
    assert sample.failures == {"forged": 49}


def test_open_loop_latency_counts_from_the_intended_start(opened: Callable[..., RunningStack]) -> None:
    # One worker, 50 ms each, asked 40 times a second: twice what it can do. The 40th waits for the 39 before it.
    running = opened("nginx", "local", (Server("app1", workers=1, service_ms=50, queue=100),))
    assert running.apply(config("nginx", "app1")).ok
    crowd = population("many")
    sample = send(running, crowd, crowd.check_out(40), rate=40)
    assert sample.failures == {}
    # 40 × 50 ms of work, less the 975 ms in which it was sent; a closed loop would report 50 ms for each.
    assert sample.fates[-1].latency_ms > 900
    assert sample.percentile_ms(0.5) > 400
