"""The pools of a twin's config: who is in them, and who of these should be serving."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from autograder.stack.proxies.reading import Upstream
    from autograder.stack.twin.twin import Twin


@dataclass(frozen=True)
class Pool:
    """A pool and its stand-ins by node name. ``left_out`` are those that should not serve (node → why)."""

    name: str
    members: Mapping[str, Upstream]
    left_out: Mapping[str, str]
    listed: int
    """How many servers the config lists as serving; more than there are nodes if some are the same machine."""

    def serving(self) -> tuple[str, ...]:
        """The nodes that should be getting traffic."""
        return tuple(node for node in self.members if node not in self.left_out)


def pools_of(twin: Twin) -> tuple[Pool, ...]:
    """The pools of a twin's config, in its order; not those that are only asked for their health."""
    found: dict[str, dict[str, Upstream]] = {}
    for node, upstreams in twin.plan.members.items():
        for upstream in upstreams:
            if upstream.duty != "checked":
                found.setdefault(upstream.pool, {}).setdefault(node, upstream)
    order = list(dict.fromkeys(u.pool for u in twin.needs.upstreams))
    listed = Counter(u.pool for ups in twin.plan.members.values() for u in ups if u.duty in ("serving", "resolved"))
    absent = _absent(twin, found)
    return tuple(_pool(name, found[name], listed[name], absent) for name in sorted(found, key=order.index))


def _absent(twin: Twin, found: Mapping[str, Mapping[str, Upstream]]) -> set[tuple[str, str]]:
    """Servers (pool and label) that stand under a condition, and that the balancer that runs knows nothing of."""
    perhaps = {(u.pool, u.label) for pool in found.values() for u in pool.values() if u.duty == "perhaps"}
    if not perhaps or not twin.applied.ok:
        return set()
    return perhaps - {(server.pool, server.name) for server in twin.running.runtime().servers}


def _pool(name: str, members: dict[str, Upstream], listed: int, absent: Collection[tuple[str, str]]) -> Pool:
    why = {
        "backup": "a backup, and others are up",
        "down": "declared down",
        "elsewhere": "another balancer, which chooses by itself",
    }
    out = {node: why[u.duty] for node, u in members.items() if u.duty in why}
    out |= {n: "the condition it stands under does not hold" for n, u in members.items() if (u.pool, u.label) in absent}
    if len(out) == len(members) and "elsewhere" not in [u.duty for u in members.values()]:  # backups alone serve
        out = {node: said for node, said in out.items() if members[node].duty == "down"}
    return Pool(name, members, out, listed)
