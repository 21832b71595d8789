"""Where nginx and HAProxy run, as far as the guard needs to know: their folder, their processes, their log."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from contextlib import AbstractContextManager

    from autograder.guard.settings import BalancerAt
    from autograder.guard.tally import Tally


class Ran(NamedTuple):
    """How a program ended, and the end of what it said."""

    code: int
    said: str


class Place(Protocol):
    """A machine, or a container. Every method raises :class:`~autograder.guard.balancer.BalancerError`."""

    def read(self, names: Collection[str]) -> dict[str, bytes]:
        """Those of the files that are in the config's folder."""

    def write(self, files: Mapping[str, bytes], gone: Collection[str], last: str) -> None:
        """Put files there, ``last`` after all it may include; then take away those that are gone."""

    def tried(self, files: Mapping[str, bytes]) -> AbstractContextManager[str]:
        """A folder, as the balancer calls it, with all that lies in the config's one and these files in it."""

    def run(self, words: Sequence[str]) -> Ran:
        """Run a program there to its end."""

    def program(self, name: str) -> str:
        """What to call ``nginx`` or ``haproxy`` there."""

    def tell(self, signal: int) -> None:
        """Send the balancer's master a signal."""

    def nginx_workers(self) -> frozenset[str]:
        """Who takes connections now, each by a name that no other process has."""

    def read_log(self, tally: Tally) -> None:
        """Add what nginx wrote to its log since the last time."""

    def address_of(self, host: str, port: int) -> str:
        """What nginx logs for a server with this name; empty if the name means nothing there."""


def place_of(at: BalancerAt) -> Place:
    """The place that a balancer is at. Nobody is asked yet."""
    if at.kind == "container":
        from autograder.guard.balancers.container import Container

        return Container(at)
    from autograder.guard.balancers.machine import ThisMachine

    return ThisMachine(at)
