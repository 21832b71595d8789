"""What an inspection found, as plain data: the object that ``--json`` prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autograder.judge.spread import Spread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.mistakes.finding import Finding

EXIT_CODES = {Spread.EVEN: 0, Spread.SKEWED_AS_DECLARED: 0, Spread.CONCENTRATED: 1}
"""All other verdicts: 2, it could not be judged."""


@dataclass(frozen=True)
class RunReport:
    """One run. Servers go by the names the config has for them; ``share`` sums to 1 over those that should serve."""

    clients: str
    state: str
    requests: int
    failed: int
    share: Mapping[str, float]
    peak_to_fair: float
    effective_servers: float
    verdict: Spread
    # What follows is for people.
    fair: Mapping[str, float]
    hottest: str
    silent: tuple[str, ...]
    units: int
    unit: str
    sent_by: int
    """Clients that sent these requests, from ``networks`` networks (/24)."""
    networks: int
    happened: str
    """The state in words."""
    seconds: float
    failures: Mapping[str, int]

    def to_dict(self) -> dict[str, Any]:
        """As in the JSON."""
        return {
            "clients": self.clients,
            "state": self.state,
            "requests": self.requests,
            "failed": self.failed,
            "share": {server: round(part, 4) for server, part in self.share.items()},
            "peak_to_fair": round(self.peak_to_fair, 3),
            "effective_servers": round(self.effective_servers, 3),
            "verdict": _spelled(self.verdict),
        }


@dataclass(frozen=True)
class PoolReport:
    """One pool.

    ``left_out`` are servers that should not be serving (server → why); ``verdict`` is idle if no request of any run was
    for it.
    """

    name: str
    servers: tuple[str, ...]
    verdict: Spread
    runs: tuple[RunReport, ...]
    left_out: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """As in the JSON."""
        return {
            "name": self.name,
            "servers": list(self.servers),
            "verdict": _spelled(self.verdict),
            "runs": [run.to_dict() for run in self.runs],
        }


@dataclass(frozen=True)
class Cause:
    """A mistake of the catalogue, and whether a run showed what it does."""

    finding: Finding
    observed: bool

    def to_dict(self) -> dict[str, Any]:
        """As in the JSON."""
        return {
            "id": self.finding.mistake,
            "pool": self.finding.pool,
            "file": self.finding.file,
            "line": self.finding.line,
            "observed": self.observed,
            "message": self.finding.message,
            "mend": self.finding.mend,
        }


@dataclass(frozen=True)
class Inspection:
    """Everything about one config. ``together`` are the runs over all its servers, whichever pool they are in."""

    config: str
    proxy: str
    verdict: Spread
    pools: tuple[PoolReport, ...] = ()
    causes: tuple[Cause, ...] = ()
    together: tuple[RunReport, ...] = ()
    reasons: tuple[str, ...] = ()
    """Why the owner says that a concentration is meant."""
    faults: tuple[str, ...] = ()
    """Why the balancer refuses the config."""
    notes: tuple[str, ...] = ()
    """What could not be honoured or was left out, and what that means for the verdict."""
    static: bool = False
    """Whether nothing was observed, because nobody asked for that."""
    trouble: str = ""
    """Why it could not even be tried: what the command line says about it, in one or more lines."""

    @property
    def exit_code(self) -> int:
        """0 fine, 1 concentrated, 2 broken or not judged. Read only: 1 if the catalogue knows a mistake in it."""
        if self.trouble:
            return 2
        if self.static:
            return 1 if self.causes else 0
        return EXIT_CODES.get(self.verdict, 2)

    def to_dict(self) -> dict[str, Any]:
        """The object that ``inspect --json`` prints."""
        said = {"error": self.trouble} if self.trouble else {}
        return {
            "config": self.config,
            "proxy": self.proxy,
            "verdict": _spelled(self.verdict),
            "pools": [pool.to_dict() for pool in self.pools],
            "mistakes": [cause.to_dict() for cause in self.causes],
            **said,
        }


def _spelled(verdict: Spread) -> str:
    # Where nothing came, nothing was decided.
    return (Spread.UNDECIDED if verdict is Spread.IDLE else verdict).value
