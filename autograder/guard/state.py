"""Where the guard is, on disk: what was good, which change is under way and how far. Written around each step.

Whoever reads it after a crash knows which step was begun; every step can be done twice.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from autograder.durable import write_durably
from autograder.errors import ManyHandsError
from autograder.guard.counts import ServerCount, Window

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Step(StrEnum):
    """What is done with a change, in this order; a revert goes from wherever it is to ``restore``."""

    LINT = "lint"
    INSPECT = "inspect"
    BEFORE = "before"
    CANARY = "canary"
    WATCH_CANARY = "watch-canary"
    REST = "rest"
    WATCH = "watch"
    KEEP = "keep"
    RESTORE = "restore"
    CLEAR = "clear"
    COMMIT = "commit"
    VERIFY = "verify"
    RECOVER = "recover"
    FREEZE = "freeze"


REVERTING = (Step.RESTORE, Step.CLEAR, Step.COMMIT, Step.VERIFY, Step.RECOVER, Step.FREEZE)
UNTOUCHED = (Step.LINT, Step.INSPECT, Step.BEFORE)
"""Steps that change nothing that runs."""


@dataclass(frozen=True)
class Underway:
    """A change that is not finished. ``held`` is why a person must say what is done with it.

    ``approvals`` are of people who looked at it; ``before`` are consecutive windows from before it, of all balancers
    together, and ``canary`` those of the first alone; ``touched`` are balancers that may have it;
    ``why`` is the reason of a revert, ``ended`` how the revert came out, ``began`` when the change did (UTC).
    """

    commit: str
    step: Step
    done: bool = False
    approvals: int = 1
    before: tuple[Window, ...] = ()
    canary: tuple[Window, ...] = ()
    touched: tuple[str, ...] = ()
    why: str = ""
    held: str = ""
    ended: str = ""
    began: str = ""

    @property
    def reverting(self) -> bool:
        """Whether it is being taken back."""
        return self.step in REVERTING


@dataclass(frozen=True)
class State:
    """All of it. ``good`` is the last known good commit (empty: not known yet), ``frozen`` why nothing more is applied.

    ``stopped`` are commits that are not tried again, and why: refused, or reverted.
    """

    good: str = ""
    change: Underway | None = None
    frozen: str = ""
    stopped: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As on disk."""
        return asdict(self)


class StateError(ManyHandsError):
    """The state cannot be read or written."""


_KEPT = 50
"""So many commits are remembered as stopped."""


class StateFile:
    """``state.json`` in the guard's folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "state.json"

    def read(self) -> State:
        """What is on disk; a new state if there is none. Raises :class:`StateError`."""
        try:
            data = json.loads(self._path.read_bytes())
            change = data["change"]
            return State(
                str(data["good"]),
                _change(change) if change else None,
                str(data["frozen"]),
                {str(commit): str(why) for commit, why in data["stopped"].items()},
            )
        except FileNotFoundError:
            return State()
        except OSError as error:
            raise StateError(
                "the guard's state cannot be read", where=str(self._path), why=str(error.strerror)
            ) from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise StateError(
                "the guard's state is not as a guard wrote it",
                where=str(self._path),
                why=f"{type(error).__name__}: {error}",
                remedy="look at guard log for what runs, move this file away, and begin again with guard check",
            ) from None

    def write(self, state: State) -> None:
        """Put it on disk. Raises :class:`StateError`; then what was there stands."""
        kept = dict(list(state.stopped.items())[-_KEPT:])
        try:
            write_durably(self._path, json.dumps(replace(state, stopped=kept).to_dict(), indent=1).encode())
        except OSError as error:
            raise StateError(
                "the guard's state cannot be written",
                where=str(self._path),
                why=error.strerror or "",
                remedy="free the disk, then ./manyhands guard resume",
            ) from None


def _change(data: Mapping[str, Any]) -> Underway:
    windows = {key: tuple(_window(one) for one in data[key]) for key in ("before", "canary")}
    return Underway(**{**data, "step": Step(data["step"]), "touched": tuple(data["touched"]), **windows})


def _window(data: Mapping[str, Any]) -> Window:
    servers = (ServerCount(**{**one, "latency": tuple(one["latency"])}) for one in data["servers"])
    return Window(float(data["seconds"]), tuple(servers), int(data["unserved"]))
