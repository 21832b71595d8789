"""Open a twin of somebody's config.

>>> with open_twin({"nginx.conf": config}, "nginx.conf", "nginx") as twin:        # doctest: +SKIP
...     twin.applied.ok, [entrance.door.port for entrance in twin.doors]
(True, [80])
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Self

from autograder.stack.proxies.proxy import proxy_named
from autograder.stack.proxies.reading import Expected, Place, Unmet
from autograder.stack.running import open_stack
from autograder.stack.twin.conjure import Authority
from autograder.stack.twin.doors import placed
from autograder.stack.twin.plan import NODE, Plan, TwinError, more, plan
from autograder.stack.twin.repair import cures
from autograder.stack.twin.supply import supply

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from autograder.stack.balancing import Applied
    from autograder.stack.proxies.reading import Needs
    from autograder.stack.running import RunningStack
    from autograder.stack.twin.doors import Entrance
    from autograder.stack.twin.supply import Supply

_CONJURED = "/run/manyhands/conjured"
_ATTEMPTS = 12
"""A config that lacks more than this many things, one after another, is looked at by a person."""
_REFUSES = "refuses the config"


class Twin:
    """A running twin; made by :func:`open_twin`, closed as a context manager.

    ``running`` is its stack, with the config applied if ``applied.ok``; ``needs`` what the config names; ``unmet`` what
    of that the twin cannot honour; ``doors`` where to send traffic, those that reach servers first; ``labels`` how the
    config calls each stand-in (node name → label); ``provided`` the files it did not bring along (absolute paths).
    """

    def __init__(
        self, files: Mapping[str, bytes], needs: Needs, plan: Plan, supplied: Supply, running: RunningStack
    ) -> None:
        self.needs = needs
        self.plan = plan
        self._supplied = supplied
        self._files = files
        self.running: RunningStack = running
        try:
            self._place_files()
            self.applied: Applied = self.apply(files)
        except BaseException:
            self.running.close()
            raise

    @property
    def files(self) -> Mapping[str, bytes]:
        """The config folder, relative to the folder of the main file."""
        return self._files

    @property
    def labels(self) -> Mapping[str, str]:
        """How the config calls each stand-in."""
        return self.plan.labels

    @property
    def doors(self) -> tuple[Entrance, ...]:
        """Where the config takes traffic."""
        address = self.running.machines.address(NODE)
        return tuple(placed(entrance, address) for entrance in self.plan.entrances)

    @property
    def unmet(self) -> tuple[Unmet, ...]:
        """What the twin cannot honour."""
        said = (*self.needs.unmet, *self.plan.unmet, *self._supplied.unmet, *self._unasked())
        # A program that took the config has what we thought it lacks: it is one of the user's own.
        return tuple(one for one in said if not (self.applied.ok and one.consequence.endswith(_REFUSES)))

    @property
    def provided(self) -> Mapping[str, bytes]:
        """The files that were made for it."""
        beside = {f"{self.plan.home}/{name}": data for name, data in self._supplied.beside.items()}
        return {**beside, **self._supplied.elsewhere}

    def apply(self, files: Mapping[str, bytes]) -> Applied:
        """Apply a config folder (an edited one, for instance) to the same stand-ins, with the same files beside it."""
        return self.running.apply({**files, **self._supplied.beside})

    def _unasked(self) -> Iterator[Unmet]:
        """Name servers that the config asks where the engine itself answers."""
        for one in self.needs.expected:
            if one.kind == "resolver" and one.what.rpartition(":")[0] in self.running.machines.taken:
                consequence = "this engine answers there itself and knows no names of the config; use --engine local"
                yield Unmet(one.place, f"name server {one.what}", consequence)

    def _place_files(self) -> None:
        if not self._supplied.elsewhere:
            return
        machines = self.running.machines
        inside = {path.lstrip("/"): data for path, data in self._supplied.elsewhere.items()}
        machines.put(NODE, _CONJURED, inside)
        machines.run(NODE, ("/bin/cp", "-R", f"{_CONJURED}/.", "/"))

    def close(self) -> None:
        """End everything; safe to call twice."""
        self.running.close()

    def __enter__(self) -> Self:
        """The twin itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, whatever happened."""
        self.close()


def open_twin(
    files: Mapping[str, bytes],
    main: str,
    proxy: str,
    engine: str = "local",
    capacity: Mapping[str, float] | None = None,
    programs: Mapping[str, Path] | None = None,
) -> Twin:
    """Run the config ``main`` of ``files`` (relative path → content) in a sandbox against stand-in servers.

    The folder of ``main`` stands for the balancer's own (``/etc/nginx``, ``/etc/haproxy``). ``capacity`` multiplies the
    workers of stand-ins (label, ``host:port`` or host → factor). ``programs`` are a user's own binaries to
    run instead of ours, by ``nginx`` and ``haproxy``. What the config lacks is provided and named; one that the
    balancer itself refuses gives a twin whose ``applied.faults`` say why. Raises :class:`TwinError` if no twin can
    be made, :class:`~autograder.stack.engine.EngineError` if the engine cannot run here.
    """
    if main not in files:
        raise TwinError(f"there is no {main}", remedy="name the file that the balancer is started with")
    folder = posixpath.dirname(main)
    own = {name.removeprefix(f"{folder}/"): data for name, data in files.items() if name.startswith(f"{folder}/")}
    own = own if folder else dict(files)
    config = posixpath.basename(main)
    needs = read_needs(own, config, proxy)
    if any(unmet.what.startswith("the config is too large") for unmet in needs.unmet):
        raise TwinError(
            needs.unmet[0].what,
            where=main,
            why=needs.unmet[0].consequence,
            remedy="leave out pools that do not matter for the question, in a copy of the config",
        )
    authority = Authority()
    twin: Twin | None = None
    for _ in range(_ATTEMPTS):
        twin = _again(twin, own, config, proxy, engine, needs, authority, capacity or {}, programs)
        try:
            lacking = [] if twin.applied.ok else cures(proxy, twin.applied.faults, needs.expected)
        except BaseException:
            twin.close()
            raise
        if not lacking:
            break
        needs = more(needs, lacking)
    assert twin is not None
    return twin


def _again(
    twin: Twin | None,
    files: Mapping[str, bytes],
    config: str,
    proxy: str,
    engine: str,
    needs: Needs,
    authority: Authority,
    capacity: Mapping[str, float],
    programs: Mapping[str, Path] | None,
) -> Twin:
    """A twin that has what ``needs`` say, in place of the one before."""
    if twin is not None:
        twin.close()
    home = proxy_named(proxy).folder
    supplied = supply(needs, files, home, authority)
    wanted = [Expected(Place(config, 0), "folder", folder) for folder in supplied.folders]
    planned = plan(more(needs, wanted), proxy, config, home, authority, capacity)
    return Twin(files, needs, planned, supplied, open_stack(planned.stack, engine, programs))


def read_needs(files: Mapping[str, bytes], config: str, proxy: str) -> Needs:
    """What ``config``, at the top of ``files``, names."""
    if proxy == "nginx":
        from autograder.stack.proxies.nginx_reading import read_nginx

        return read_nginx(files, config)
    from autograder.stack.proxies.haproxy_reading import read_haproxy

    return read_haproxy(files, config)
