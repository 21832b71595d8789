"""Where to send traffic so that every pool is reached: through which doors, and for which pages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from autograder.stack.model import Door
    from autograder.stack.twin.doors import Entrance

MOST_DOORS = 8
"""So many doors are tried although one would reach their pools as well: a pool may be spread well from one of them."""
_PREFIX = re.compile(r"/[\w./~%+-]*")


@dataclass(frozen=True)
class Leg:
    """A part of the traffic: a door, what the paths begin with, and the pools that it may reach."""

    door: Door
    prefix: str
    pools: tuple[str, ...]
    names: tuple[str, ...] = ()
    """The host names that the door answers to, as written; none if to any."""

    def path(self, path: str) -> str:
        """The page to ask for, where the population asks for ``path``."""
        return f"{self.prefix.rstrip('/')}{path}" if self.prefix else path


def legs(doors: Sequence[Entrance], prefixes: Mapping[str, str]) -> tuple[Leg, ...]:
    """The legs for doors; ``prefixes`` are pages that lead to a pool (pool → path). Unix sockets are no doors."""
    reachable = [entrance for entrance in doors if not entrance.door.address.startswith("unix:")]
    known = [entrance for entrance in reachable if entrance.pools] or reachable
    chosen = list(_chosen(known))
    made: list[Leg] = []
    for entrance in chosen:
        apart = {
            pool: prefixes[pool] for pool in entrance.pools if pool in prefixes and entrance.door.protocol != "tcp"
        }
        rest = tuple(pool for pool in entrance.pools if pool not in apart) or entrance.pools
        made.append(Leg(entrance.door, "", rest, entrance.names))
        made += [Leg(entrance.door, prefix, (pool,), entrance.names) for pool, prefix in apart.items()]
    return tuple(made)


def _chosen(doors: Sequence[Entrance]) -> Iterable[Entrance]:
    reached: set[str] = set()
    for number, entrance in enumerate(doors):
        if number < MOST_DOORS or set(entrance.pools) - reached:
            reached |= set(entrance.pools)
            yield entrance


def prefixes(files: Mapping[str, bytes], main: str, proxy: str, pools: Iterable[str]) -> dict[str, str]:
    """Pages that lead to pools (pool → path) and are not the site's first page, as far as reading can tell."""
    from autograder.stack.proxies.nginx_syntax import UnreadableError

    wanted = {pool.lower(): pool for pool in pools}
    try:
        found = _of_nginx(files, main) if proxy == "nginx" else _of_haproxy(files, main)
        pairs = [(wanted[pool.lower()], path) for pool, path in found if pool.lower() in wanted]
    except UnreadableError:
        return {}
    home = {pool for pool, path in pairs if path == "/"}
    return {pool: path for pool, path in reversed(pairs) if pool not in home}


def _of_nginx(files: Mapping[str, bytes], main: str) -> Iterable[tuple[str, str]]:
    from autograder.mistakes.nginx_config import read_nginx

    for line in read_nginx(files, main).passes:
        begins = _PREFIX.match(line.location.removeprefix("^"))
        if line.host and (begins or not line.location):
            yield line.host, begins[0] if begins else "/"


def _of_haproxy(files: Mapping[str, bytes], main: str) -> Iterable[tuple[str, str]]:
    from autograder.mistakes.haproxy_config import read_haproxy_config

    for pool in read_haproxy_config(files, main).pools:
        for route in pool.routes:
            if route.condition is None:
                yield pool.name, "/"
            elif not route.condition.unless:
                pages = (word for test in route.condition.tests if test[0].startswith("path") for word in test[1:])
                yield from ((pool.name, page) for page in pages if _PREFIX.fullmatch(page))
