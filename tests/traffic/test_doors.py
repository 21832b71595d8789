"""Doors of every kind, through the real balancers: every request is answered once, and counted where it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trustme

from autograder.stack.model import Door, Server
from autograder.traffic.clients import population
from autograder.traffic.send import send
from tests.stack.conftest import config

if TYPE_CHECKING:
    from collections.abc import Callable

    from autograder.stack.running import RunningStack

NGINX = b"""events {}
http {
  log_format seen '{"seen":"$proxy_protocol_addr"}';
  upstream shop { zone shop 64k; server app1:8080; server app2:8080; server app3:8080; }
  server {
    listen 80; listen [::1]:80; listen 443 ssl; http2 on;
    ssl_certificate shop.pem; ssl_certificate_key shop.pem;
    location / { proxy_pass http://shop; }
  }
  server { listen 81 proxy_protocol; access_log /dev/stdout seen; location / { proxy_pass http://shop; } }
}
"""
HAPROXY = b"""defaults
  mode http
  timeout client 10s
  timeout server 10s
  timeout connect 1s
frontend web
  bind :80
  bind ::1:80
  bind :81 accept-proxy
  bind :443 ssl crt /etc/haproxy/shop.pem alpn h2,http/1.1
  default_backend shop
backend shop
  balance roundrobin
  server app1 app1:8080
  server app2 app2:8080
  server app3 app3:8080
"""
STREAM = {
    "nginx.conf": b"""events {}
stream {
  upstream shop { zone shop 64k; server app1:8080; server app2:8080; server app3:8080; }
  server { listen 80; proxy_pass shop; }
}
"""
}
TCP = {"haproxy.cfg": config("haproxy")["haproxy.cfg"].replace(b"mode http", b"mode tcp")}
QUICK = tuple(Server(f"app{n}", page_ms=0.5) for n in (1, 2, 3))
DOORS = {
    "plain": {"port": 80},
    "IPv6": {"address": "::1", "port": 80},
    "PROXY header": {"port": 81, "proxy_protocol": True},
    "TLS": {"port": 443, "tls": True},
    "HTTP/2": {"port": 443, "tls": True, "protocol": "h2"},
    "HTTP/2 without TLS": {"port": 80, "protocol": "h2"},
}


def files(proxy: str) -> dict[str, bytes]:
    certificate = trustme.CA().issue_cert("shop.example").private_key_and_cert_chain_pem.bytes()
    name, text = ("nginx.conf", NGINX) if proxy == "nginx" else ("haproxy.cfg", HAPROXY)
    return {name: text, "shop.pem": certificate}


def door(running: RunningStack, **how: object) -> Door:
    return Door(**{"address": running.machines.address("lb"), **how})  # type: ignore[arg-type]


def test_doors_of_http(opened: Callable[..., RunningStack], proxy: str) -> None:
    running = opened(proxy, "local", QUICK)
    applied = running.apply(files(proxy))
    assert applied.ok, applied.faults
    for name, how in DOORS.items():
        for clients in ("many", "kept-alive"):
            crowd = population(clients)
            sample = send(running, crowd, crowd.browse(60), concurrency=8, door=door(running, **how))
            counted = (name, clients, sample.failures, sample.counts(), sample.statuses, sample.extra)
            assert counted == (name, clients, {}, {"app1": 20, "app2": 20, "app3": 20}, {200: 60}, 0)
    if proxy == "nginx":
        seen = [line for line in running.machines.logs("lb").splitlines() if line.startswith('{"seen"')]
        # Cut from the PROXY header: each client's own address.
        addresses = {f'{{"seen":"{client.address}"}}' for client in population("many").clients}
        assert len(seen) == 120
        assert set(seen) <= addresses


def test_http2_clients_that_keep_their_connection_use_one(opened: Callable[..., RunningStack]) -> None:
    running = opened("nginx", "local", QUICK)
    log = b'http {\n log_format used \'{"used":"$connection"}\'; access_log /dev/stdout used;'
    assert running.apply({**files("nginx"), "nginx.conf": NGINX.replace(b"http {", log, 1)}).ok
    crowd = population("kept-alive")
    requests = [request for request in crowd.browse(250, seed=1) if request.client < 4] * 30
    sample = send(running, crowd, requests, concurrency=30, door=door(running, port=443, tls=True, protocol="h2"))
    assert sample.failures == {}
    used = {line for line in running.machines.logs("lb").splitlines() if line.startswith('{"used"')}
    assert len(used) == 4


@pytest.mark.parametrize(("proxy", "text"), [("nginx", STREAM), ("haproxy", TCP)], ids=["nginx", "haproxy"])
def test_doors_of_tcp(opened: Callable[..., RunningStack], proxy: str, text: dict[str, bytes]) -> None:
    running = opened(proxy, "local", tuple(Server(f"app{n}", page_ms=0.5, speaks="tcp") for n in (1, 2, 3)))
    applied = running.apply(text)
    assert applied.ok, applied.faults
    crowd = population("many")
    sample = send(running, crowd, crowd.browse(60), concurrency=8, door=door(running, port=80, protocol="tcp"))
    assert (sample.failures, sample.counts()) == ({}, {"app1": 20, "app2": 20, "app3": 20})
    # A connection goes to one server for as long as it lives, and these live for all their client's requests.
    kept = population("kept-alive")
    requests = [request for seed in range(4) for request in kept.browse(250, seed=seed) if request.client < 30]
    sample = send(running, kept, requests, door=door(running, port=80, protocol="tcp"))
    assert sample.failures == {}
    met = {(fate.client, fate.server) for fate in sample.fates}
    assert len(met) == 30


def test_a_door_that_speaks_otherwise_gives_nothing_readable(opened: Callable[..., RunningStack]) -> None:
    running = opened("nginx", "local", QUICK)
    assert running.apply(files("nginx")).ok
    crowd = population("few")
    wrong = {
        "unreadable": ({"port": 80, "tls": True}, {"port": 80, "protocol": "tcp"}, {"port": 443, "protocol": "h2"}),
        "reset": ({"port": 81}, {"port": 81, "protocol": "h2"}),  # nginx hangs up on who sends no PROXY header
    }
    for failure, doors in wrong.items():
        for how in doors:
            sample = send(running, crowd, crowd.browse(10), door=door(running, **how))
            assert sample.failures == {failure: 10}, how
            assert sample.by_whom() == {"nobody": 10}


def test_a_unix_socket_is_no_door_for_clients(opened: Callable[..., RunningStack]) -> None:
    running = opened("nginx", "local", QUICK)
    crowd = population("few")
    with pytest.raises(ValueError, match="unix socket"):
        send(running, crowd, crowd.browse(1), door=Door("unix:/run/shop.sock", 0))
