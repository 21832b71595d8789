"""Balancing, simulated and measured: the same clients, the same pools, the real balancers.

A client that is hashed has one home, so where every client comes equally often the counts agree to the last request.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from autograder.labs.catalogue import load_lab
from autograder.stack.running import open_stack
from tests.facts.shop import Shop, haproxy, haproxy_lines, nginx, open_shop
from tests.site.simulation import simulated

LAB = load_lab("spread-the-load")
FAIR = LAB.stack.fair_shares()
SIZES = {name: round(share / min(FAIR.values())) for name, share in FAIR.items()}
METHODS = {
    "turns": "",
    "weights": "",
    "least": "zone shop 64k; least_conn;",
    "two": "zone shop 64k; random two least_conn;",
    "hash": "hash $remote_addr;",
    "networks": "ip_hash;",
    "consistent": "hash $remote_addr consistent;",
}
SERVED = """(() => {
  const pool = play.scenarios.pools.find((one) => one.id === given.pool);
  const clients = play.scenarios.crowds.find((one) => one.id === given.clients).clients
    .map(([address, cookies, weight]) => ({ address, cookies: cookies === 1, weight }));
  const method = play.methods.find((one) => one.id === given.method);
  const served = play.serve({ ...given, servers: pool.servers, clients, method });
  return play.summary(served, pool.servers, given.trouble, given.requests).counts;
})()"""


@dataclass(frozen=True)
class Case:
    """Who comes, how often, to a pool with which method; ``down`` is a server that is not there."""

    clients: str
    method: str
    requests: int
    down: str = ""
    pool: str = LAB.slug
    crowd: int = 8

    def simulated(self) -> list[int]:
        """Requests at each server in the simulation."""
        trouble = {"kind": "dead", "server": [*SIZES].index(self.down)} if self.down else {"kind": "none", "server": 0}
        counts: list[int] = simulated("balancing", SERVED, vars(self) | {"trouble": trouble | {"from": 0}, "seed": 1})
        return counts

    def measured(self, shop: Shop) -> list[int]:
        """Requests that the servers of a real stack counted."""
        lines = [METHODS[self.method]]
        for name, size in SIZES.items():
            weight = "" if self.method == "turns" else f" weight={size}"
            lines.append(f"server {name}:8080{weight}{' down' if name == self.down else ''};")
        counts = shop.run(nginx("\n".join(lines)), self.clients, self.requests, concurrency=self.crowd).counts()
        return [counts.get(name, 0) for name in SIZES]


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """The stack of a lab, which the simulation has, too."""
    with open_stack(LAB.stack) as running:
        yield Shop(running)


@pytest.mark.parametrize(
    "case",
    [
        Case("office", "turns", 100),
        Case("office", "weights", 100),
        Case("office", "hash", 100),
        Case("few", "hash", 100),
        Case("few", "consistent", 100),
        Case("subnet", "networks", 250),
        Case("many", "hash", 1000),
        Case("many", "hash", 1000, down="app4"),
        Case("many", "networks", 1000),
        Case("many", "consistent", 1000, down="app1"),
        Case("behind-cdn", "consistent", 250),
    ],
    ids=lambda case: f"{case.clients}-{case.method}-{case.down or 'well'}",
)
def test_the_simulation_counts_what_nginx_counts(shop: Shop, case: Case) -> None:
    assert case.simulated() == case.measured(shop)


@pytest.mark.parametrize("method", ["least", "two"])
def test_methods_that_look_at_open_requests_are_as_even_as_with_nginx(shop: Shop, method: str) -> None:
    # Open requests are a matter of time, which a busy machine has its own idea of: near, not equal.
    case = Case("many", method, 600)
    for ours, theirs in zip(case.simulated(), case.measured(shop), strict=True):
        assert ours / 600 == pytest.approx(theirs / 600, abs=0.15)


def test_one_after_another_first_and_sticky_are_as_with_haproxy() -> None:
    with open_shop("haproxy") as shop:
        names = [f"app{number}" for number in range(1, 5)]
        cookies = "\n".join(f"    server {name} {name}:8080 cookie {name}" for name in names)
        sticky = f"    balance roundrobin\n    cookie SRV insert indirect nocache\n{cookies}"
        for method, backend in (("sticky", sticky), ("first", f"    balance first\n{haproxy_lines(4, 'maxconn 4')}")):
            case = Case("few", method, 50, pool="one-address", crowd=1)
            counts = shop.run(haproxy(backend), "few", 50, concurrency=1).counts()
            assert sorted(case.simulated()) == sorted(counts.get(name, 0) for name in names), method


@pytest.mark.parametrize(
    ("trouble", "said"),
    [({"kind": "dead", "server": 0, "from": 0}, False), ({"kind": "slow", "server": 0, "from": 0}, True)],
)
def test_turns_go_on_with_a_slow_server_and_least_connections_does_not(trouble: dict[str, Any], said: bool) -> None:
    base = {"pool": "one-address", "clients": "many", "requests": 600, "crowd": 8, "seed": 3, "trouble": trouble}
    turns, least = (simulated("balancing", SERVED, base | {"method": method}) for method in ("turns", "least"))
    assert sum(turns) == sum(least) == 600
    assert (turns[0] == 150) is said
    assert least[0] < 75
