"""Comparing what a pool gives its servers with what they are declared to bear."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Listed(Protocol):
    """A server line, of any balancer's config."""

    @property
    def address(self) -> str:
        """As it is written."""

    @property
    def host(self) -> str:
        """The address without its port."""

    @property
    def key(self) -> str:
        """The same for all spellings of one address."""

    @property
    def weight(self) -> int:
        """Its weight."""


class Serving(Protocol):
    """A pool, of any balancer's config."""

    @property
    def serving(self) -> Sequence[Listed]:
        """The servers that get requests while all are up."""


TOO_MUCH = 1.5
"""A server is overloaded by its weight from this multiple of its fair share on, as the checks judge it."""


def declared(server: Listed, capacity: Mapping[str, float] | None) -> float | None:
    """Relative capacity of a server, or None if nobody declared one for it."""
    names = (server.address, server.key, server.host.lower())
    return next((capacity[name] for name in names if name in capacity), None) if capacity else None


def weights(upstream: Serving) -> dict[str, int]:
    """Machine (:attr:`Listed.key`) → its weight, summed over its lines, of those that serve while all are up."""
    total: dict[str, int] = {}
    for server in upstream.serving:
        total[server.key] = total.get(server.key, 0) + server.weight
    return total


def fair_weights(upstream: Serving, capacity: Mapping[str, float] | None) -> dict[str, float] | None:
    """Machine → declared capacity, of those that serve; None unless it is declared for every one of them."""
    fair: dict[str, float] = {}
    for server in upstream.serving:
        known = declared(server, capacity)
        if not known or known < 0:
            return None
        fair[server.key] = known
    return fair


def times_fair(upstream: Serving, capacity: Mapping[str, float] | None) -> dict[str, float]:
    """Machine → its share as a multiple of its fair share; machines count as equal where capacities are not known."""
    have = weights(upstream)
    fair = fair_weights(upstream, capacity) or dict.fromkeys(have, 1.0)
    part, whole = sum(have.values()), sum(fair.values())
    return {key: have[key] / part * whole / fair[key] for key in have}
