"""A balancer of a stack or a twin of ours: what the guard is tried on, and what a drill drives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.guard.balancer import Expected, RefusedError, expected_of
from autograder.guard.tally import Tally
from autograder.stack.balancing import config_digest, config_only

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from autograder.guard.counts import Window
    from autograder.stack.balancing import Applied
    from autograder.stack.proxies.reading import Upstream
    from autograder.stack.running import RunningStack


class StackBalancer:
    """See :class:`autograder.guard.balancer.Balancer`. Counts are what clients saw, so a flow must tell its ``tally``.

    For a twin, ``apply`` is the twin's own, and ``nodes`` says which node stands for a ``host:port`` of the config.
    """

    def __init__(
        self,
        running: RunningStack,
        name: str = "",
        tally: Tally | None = None,
        apply: Callable[[Mapping[str, bytes]], Applied] | None = None,
        nodes: Mapping[str, str] | None = None,
    ) -> None:
        self._balancer = running.balancer(name)
        self._known = {server.name for server in running.stack.servers}
        self._machines = running.machines
        self.name = self._balancer.balancer.name
        self.proxy = self._balancer.balancer.proxy
        self.tally = tally or Tally()
        self._apply = apply or self._balancer.apply
        self._nodes = nodes or {}

    def check(self, files: Mapping[str, bytes]) -> tuple[str, ...]:
        """See :class:`Balancer`."""
        return tuple(str(fault) for fault in self._balancer.check(files))

    def installed(self, names: Collection[str]) -> Mapping[str, bytes]:
        """See :class:`Balancer`."""
        there = self._balancer.on_disk()
        return {name: there[name] for name in names if name in there}

    def load(self, files: Mapping[str, bytes], gone: Collection[str]) -> None:  # noqa: ARG002 - a folder holds no more
        """See :class:`Balancer`."""
        applied = self._apply(files)
        if not applied.ok:
            raise RefusedError(f"{self.name} refuses the config", why="; ".join(str(fault) for fault in applied.faults))

    def runs(self, files: Mapping[str, bytes]) -> bool:
        """See :class:`Balancer`. Read from the workers, which carry a mark of what they loaded."""
        markers = self._balancer.loaded().markers
        return len(markers) == 1 and markers[0].partition("-")[2] == config_digest(config_only(files))

    def counts(self) -> Window:
        """See :class:`Balancer`."""
        return self.tally.window()

    def clear(self) -> tuple[str, ...]:
        """See :class:`Balancer`."""
        if self.proxy != "haproxy":
            return ()
        from autograder.guard.balancers.runtime_api import clear_tables

        return clear_tables(lambda words: self._balancer.proxy.say(self._machines, self.name, "runtime", words))

    def expected(self, files: Mapping[str, bytes]) -> tuple[Expected, ...]:
        """See :class:`Balancer`. Clients do not know of pools, so all servers are one."""

        def called(upstream: Upstream) -> tuple[str, str] | None:
            node = self._nodes.get(f"{upstream.host}:{upstream.port}", upstream.host)
            return ("", node) if node in self._known else None

        return expected_of(files, self._balancer.balancer.config, self.proxy, called)
