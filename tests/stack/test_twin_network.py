"""In a twin the balancer is another machine than the servers, as in production: one port may be used on both."""

from __future__ import annotations

import pytest

from autograder.stack.model import Balancer, Door, Server, Stack, Surroundings
from autograder.stack.running import open_stack
from autograder.traffic.clients import population
from autograder.traffic.send import send

ENGINES = ["local", pytest.param("docker", marks=pytest.mark.docker)]
CONFIG = b"""events {}
http {
  upstream far { server 10.20.1.11; server [fd00:20:1::5]:80; }
  server {
    listen 80;
    listen [::]:80;
    location / { proxy_pass http://far; }
    location /basket { proxy_pass http://127.0.0.1:8080; }
    location /help { proxy_pass http://10.0.0.1:8081; }
  }
}
"""


@pytest.mark.parametrize("engine", ENGINES)
def test_servers_and_balancer_listen_at_one_port(engine: str) -> None:
    servers = (
        Server("far", address="10.20.1.11", port=80),
        Server("six", address="fd00:20:1::5", port=80),
        Server("sidecar", address="127.0.0.1", port=8080),
        Server("local", address="10.0.0.1", port=8081),
    )
    around = Surroundings(addresses=("10.0.0.1", "fd00:20::1"))
    with open_stack(Stack("two", (Balancer("lb", "nginx", around=around),), servers), engine) as running:
        applied = running.apply({"nginx.conf": CONFIG})
        assert applied.ok, applied.faults
        crowd = population("many")
        for address in (running.machines.address("lb"), "10.0.0.1", "fd00:20::1"):
            sample = send(running, crowd, crowd.browse(100), door=Door(address, 80))
            assert sample.failures == {}, address
            assert set(sample.counts()) == {"far", "six", "sidecar", "local"}
        refused = send(running, crowd, crowd.browse(4), door=Door("10.20.1.11", 8080))
        assert refused.failures == {"refused": 4}
