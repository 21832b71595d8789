"""What HAProxy tells of itself: how many waited in it, how many were with the servers at once, how its pools choose."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from autograder.stack.proxies.haproxy import HAProxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.stack.running import RunningStack

_POOLS_AND_SERVERS = "show stat -1 6 -1"
_POOL = "BACKEND"


def waited(running: RunningStack) -> int:
    """The longest queues of all pools and servers: requests that the config let wait for a place at a server."""
    return sum(int(row["qmax"] or 0) for row in _rows(running))


def at_servers(running: RunningStack) -> int | None:
    """The most requests that were with each server at once, added up; None where no balancer tells."""
    most = [int(row["smax"] or 0) for row in _rows(running) if row["svname"] != _POOL]
    return sum(most) if most else None


def compare_open_requests(running: RunningStack) -> bool:
    """Whether an HAProxy of this stack has a pool with ``balance leastconn``."""
    return any(row["svname"] == _POOL and row["algo"] == "leastconn" for row in _rows(running))


def _rows(running: RunningStack) -> Iterator[dict[str, str]]:
    haproxy = HAProxy()
    for balancer in running.stack.balancers:
        if balancer.proxy == haproxy.name:
            told = haproxy.ask(running.machines, balancer.name, _POOLS_AND_SERVERS)
            yield from csv.DictReader(told.removeprefix("# ").splitlines())
