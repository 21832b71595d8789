"""What the guard asks of a balancer, wherever it runs; the folder ``balancers`` has an answer for each kind."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from autograder.errors import ManyHandsError
from autograder.guard.counts import Intent
from autograder.guard.tally import name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from autograder.guard.counts import Window
    from autograder.guard.settings import Wanted
    from autograder.stack.proxies.reading import Upstream


class BalancerError(ManyHandsError):
    """A balancer cannot be reached, or did not do what it was told."""


class RefusedError(BalancerError):
    """The balancer will not run a config; what ran before still runs."""


@dataclass(frozen=True)
class Expected:
    """A server that a config has serve, by the pool and the name that counts have for it.

    ``words`` are what people may call it; ``meant`` tells that somebody wrote that this pool's weights are intended.
    """

    pool: str
    name: str
    weight: float
    words: tuple[str, ...]
    meant: bool = False


class Balancer(Protocol):
    """One balancer. ``files`` are a config's, by paths relative to its folder.

    Every method raises :class:`BalancerError` when the balancer cannot be reached.
    """

    name: str
    proxy: str

    def check(self, files: Mapping[str, bytes]) -> tuple[str, ...]:
        """What the balancer itself has against a config; empty if nothing. Changes nothing."""

    def installed(self, names: Collection[str]) -> Mapping[str, bytes]:
        """Those of the files that are in its folder now."""

    def load(self, files: Mapping[str, bytes], gone: Collection[str]) -> None:
        """Put files in place, take away those that are gone, and return when the running workers have read them.

        May be done twice. Raises :class:`RefusedError` if the balancer keeps what it ran.
        """

    def runs(self, files: Mapping[str, bytes]) -> bool:
        """Whether these files are in place and the running workers have read them, as far as this process knows.

        False also where it does not know: then :meth:`load` finds out.
        """

    def counts(self) -> Window:
        """All that was counted since the first look."""

    def clear(self) -> tuple[str, ...]:
        """Empty what outlives a reload and binds users to servers; what was emptied."""

    def expected(self, files: Mapping[str, bytes]) -> tuple[Expected, ...]:
        """The servers that a config has serve."""


_SERVING = ("serving", "resolved")


def expected_of(
    files: Mapping[str, bytes], main: str, proxy: str, called: Callable[[Upstream], tuple[str, str] | None]
) -> tuple[Expected, ...]:
    """Read them from a config. ``called`` says which pool and name counts have for one, or None if they have none."""
    from autograder.stack.proxies.nginx_syntax import UnreadableError
    from autograder.stack.twin.twin import read_needs

    try:
        needs = read_needs(files, main, proxy)
    except (UnreadableError, ManyHandsError):
        return ()  # the balancer's own check says what is wrong
    meant = {upstream.pool for upstream in needs.upstreams if _meant(files, upstream)}
    found: dict[tuple[str, str], Expected] = {}
    for one in needs.upstreams:
        key = called(one) if one.duty in _SERVING else None
        if key is not None:
            words = (f"{one.pool}/{one.label}", one.label, f"{one.host}:{one.port}", one.host)
            found[key] = Expected(key[0], name_of(*key), one.weight, words, one.pool in meant)
    return tuple(found.values())


def _meant(files: Mapping[str, bytes], upstream: Upstream) -> bool:
    from autograder.inspect.join import intention

    place = upstream.place
    head = re.compile(rf"\s*(?:upstream|backend|listen)\s+{re.escape(upstream.pool)}(?![\w.-])")
    lines = files.get(place.file, b"").decode("utf-8", "replace").split("\n")
    heads = [(place.file, number) for number, line in enumerate(lines, 1) if head.match(line)]
    return bool(intention(files, [(place.file, place.line), *heads]))


def intent_of(servers: Iterable[Expected], wanted: Wanted) -> Intent:
    """The shares that should be, of each pool's requests: even, by capacity, or by weight where that is meant."""
    pools: dict[str, list[Expected]] = {}
    for one in servers:
        pools.setdefault(one.pool, []).append(one)
    fair: dict[str, float] = {}
    for members in pools.values():
        parts = [_part(one, wanted) for one in members]
        total = sum(parts) or 1.0
        fair |= {one.name: part / total for one, part in zip(members, parts, strict=True)}
    return Intent(
        fair, wanted.error_budget, wanted.latency_ms or None, {one.name: pool for pool in pools for one in pools[pool]}
    )


def _part(one: Expected, wanted: Wanted) -> float:
    if wanted.shares == "declared" or one.meant:
        return one.weight
    return next((wanted.capacity[word] for word in (*one.words, one.name) if word in wanted.capacity), 1.0)


def different(one: Mapping[str, bytes], other: Mapping[str, bytes]) -> Sequence[str]:
    """Names of the files that differ."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
