"""Comparing what a pool gives its servers with what they are declared to bear."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.mistakes.nginx_config import ServerLine, Upstream

TOO_MUCH = 1.5
"""A server is overloaded by its weight from this multiple of its fair share on, as the checks judge it."""


def declared(server: ServerLine, capacity: Mapping[str, float] | None) -> float | None:
    """Relative capacity of a server, or None if nobody declared one for it."""
    names = (server.address, server.key, server.host.lower())
    return next((capacity[name] for name in names if name in capacity), None) if capacity else None


def weights(upstream: Upstream) -> dict[str, int]:
    """Machine (:attr:`ServerLine.key`) → its weight, summed over its lines, of those that serve while all are up."""
    total: dict[str, int] = {}
    for server in upstream.serving:
        total[server.key] = total.get(server.key, 0) + server.weight
    return total


def fair_weights(upstream: Upstream, capacity: Mapping[str, float] | None) -> dict[str, float] | None:
    """Machine → declared capacity, of those that serve; None unless it is declared for every one of them."""
    fair: dict[str, float] = {}
    for server in upstream.serving:
        known = declared(server, capacity)
        if not known or known < 0:
            return None
        fair[server.key] = known
    return fair


def times_fair(upstream: Upstream, capacity: Mapping[str, float] | None) -> dict[str, float]:
    """Machine → its share as a multiple of its fair share; machines count as equal where capacities are not known."""
    have = weights(upstream)
    fair = fair_weights(upstream, capacity) or dict.fromkeys(have, 1.0)
    return {key: have[key] / sum(have.values()) * sum(fair.values()) / fair[key] for key in have}
