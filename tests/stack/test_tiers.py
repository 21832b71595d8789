"""Several balancers: a tier in front of another, as a CDN stands in front of a shop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autograder.stack.engine import EngineError
from autograder.stack.model import Balancer, Server, Stack
from autograder.stack.running import RunningStack, open_stack
from autograder.traffic.clients import population
from autograder.traffic.send import send
from tests.stack.conftest import config

if TYPE_CHECKING:
    from collections.abc import Iterator

TIERS = Stack(
    "tiers",
    (Balancer("edge", "nginx"), Balancer("inner", "nginx", files="conf/inner"), Balancer("third", "haproxy")),
    tuple(Server(f"app{n}") for n in (1, 2, 3)),
)
EDGE = b"""events {}
http {
  server {
    listen 80;
    location / {
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_pass http://inner:80;
    }
  }
}
"""


def inner(more: str) -> dict[str, bytes]:
    """Balanced by client address; ``more`` stands in the http block."""
    return {
        "nginx.conf": f"""events {{}}
http {{
  {more}
  upstream shop {{
    hash $remote_addr consistent;
    server app1:8080; server app2:8080; server app3:8080;
  }}
  server {{ listen 80; location / {{ proxy_pass http://shop; }} }}
}}
""".encode()
    }


@pytest.fixture
def tiers(engine: str) -> Iterator[RunningStack]:
    with open_stack(TIERS, engine) as running:
        yield running


def counts(running: RunningStack) -> dict[str, int]:
    crowd = population("many")
    sample = send(running, crowd, crowd.browse(300))
    assert sample.failures == {}
    return sample.counts()


def test_behind_a_tier_all_clients_look_like_one_until_their_address_is_passed_on(tiers: RunningStack) -> None:
    assert tiers.apply(inner(""), "inner").ok
    assert tiers.apply({"nginx.conf": EDGE}).ok
    assert sorted(counts(tiers).values()) == [300]
    edge = tiers.machines.address("edge")
    trusting = inner(f"set_real_ip_from {edge}; real_ip_header X-Forwarded-For;")
    assert tiers.apply(trusting, "inner").ok
    after = counts(tiers)
    assert set(after) == {"app1", "app2", "app3"}
    # Each tier has its own history: rolling the inner one back leaves the edge as it is.
    assert tiers.roll_back("inner").ok
    assert tiers.running == {"nginx.conf": EDGE}
    assert sorted(counts(tiers).values()) == [300]


def test_a_thousand_clients_are_one_neighbour(tiers: RunningStack) -> None:
    # The kernel has room for 1,024 neighbours on the whole machine, and drops packets to any more.
    assert tiers.apply(config("haproxy"), "third").ok
    assert tiers.apply({"nginx.conf": EDGE.replace(b"inner:80", b"third:80")}).ok
    crowd = population("many")
    assert send(tiers, crowd, crowd.browse(1000)).failures == {}
    for balancer in ("edge", "third"):
        neighbours = tiers.machines.run(balancer, ["/bin/cat", "/proc/net/arp"]).out.splitlines()[1:]
        assert len(neighbours) <= 4, neighbours


def test_tiers_may_be_of_different_programs(tiers: RunningStack) -> None:
    assert tiers.apply(config("haproxy"), "third").ok
    assert tiers.apply({"nginx.conf": EDGE.replace(b"inner:80", b"third:80")}).ok
    assert counts(tiers) == {"app1": 100, "app2": 100, "app3": 100}
    assert tiers.loaded("third").up
    assert not tiers.loaded("inner").up


def test_an_unknown_balancer_is_answered_with_the_nearest(tiers: RunningStack) -> None:
    with pytest.raises(EngineError, match="'inner'"):
        tiers.apply({"nginx.conf": EDGE}, "iner")
