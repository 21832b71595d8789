"""An episode: what somebody did to a running stack, in order, and what was left of it afterwards.

Plain data, as an example is; :mod:`autograder.mistakes.playing` does it to real balancers. Mistakes of changing and of
rolling back are proved by episodes: one config does not show them, two and what happened between them do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from autograder.mistakes.case import Case


@dataclass(frozen=True)
class Apply:
    """Check a config, put it in place, reload, and wait until it runs: a change as it should be made.

    ``files`` are further files of its folder (path → text); ``at`` is the number of the balancer, here and below.
    """

    config: str
    files: Mapping[str, str] = field(default_factory=dict)
    at: int = 0


@dataclass(frozen=True)
class Write:
    """Put a config in place, and tell nobody."""

    config: str
    files: Mapping[str, str] = field(default_factory=dict)
    at: int = 0


@dataclass(frozen=True)
class Signal:
    """Ask for a reload by a signal, without a check and without a look at what came of it."""

    at: int = 0


@dataclass(frozen=True)
class Restart:
    """End the balancer and start it with what lies on disk."""

    at: int = 0


@dataclass(frozen=True)
class Say:
    """A command of HAProxy's Runtime API, said again until this regular expression is found in the answer."""

    command: str
    until: str = ""
    at: int = 0


@dataclass(frozen=True)
class SaveState:
    """Save what HAProxy thinks of its servers to a file of the config folder, as scripts do before a reload."""

    file: str
    at: int = 0


@dataclass(frozen=True)
class Visit:
    """Clients come, and keep the cookies they are given. They are those that return in the end."""


@dataclass(frozen=True)
class Reloading:
    """So many times, the config that runs is loaded again and one request is sent. The last deed of an episode."""

    times: int = 18


@dataclass(frozen=True)
class During:
    """Deeds that are done while clients send without a pause.

    Each request has a connection of its own; with ``connections``, that many clients keep theirs instead.
    """

    deeds: tuple[Apply | Write | Signal | Restart | Say | SaveState, ...]
    connections: int = 0


Deed = Apply | Write | Signal | Restart | Say | SaveState | Visit | Reloading | During


@dataclass(frozen=True)
class Episode(Case):
    """Deeds from a fresh start on, and what is claimed to be seen afterwards."""

    name: str
    told: str
    """What happens, in a sentence."""
    deeds: tuple[Deed, ...]
    outcome: str
    """The worst of :class:`autograder.judge.rollback.Rollback` that is seen."""
    share: Mapping[str, Mapping[str, float]]
    """Clients → server → part of the requests of those who come for the first time."""
    returning: Mapping[str, float] = field(default_factory=dict)
    """Server → part of the requests of those who were there before."""
    kept: Mapping[str, float] = field(default_factory=dict)
    """Server → part of what goes over connections that were kept, after the deeds beside them."""
    wanted: str = ""
    """The config that was to run in the end; the last one of all deeds if it is not said."""

    @property
    def config(self) -> str:
        """The config that lies on the first balancer's disk in the end."""
        written = [deed.config for deed in flat(self.deeds) if isinstance(deed, Apply | Write) and not deed.at]
        return written[-1]

    @property
    def balancers(self) -> int:
        """How many balancers it takes."""
        return 1 + max((getattr(deed, "at", 0) for deed in flat(self.deeds)), default=0)


def flat(deeds: tuple[Deed, ...]) -> tuple[Deed, ...]:
    """The deeds, with those that are done under traffic among them."""
    return tuple(one for deed in deeds for one in (deed.deeds if isinstance(deed, During) else (deed,)))
