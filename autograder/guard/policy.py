"""What a team lets in: rules as data, and which of them a change breaks. Pure but for reading the file.

A policy is a TOML file with up to three tables. Each key is a condition; its value says when it holds:

    [refuse]                     # nobody can wave it through
    becomes-concentrated = true
    failures-rise = 0.01         # by more than 1 % of a run's requests

    [second-approver]            # two people must have looked
    share-moves = 0.10
    server-removed = true

    [say]                        # told, and let in
    server-added = true
"""

from __future__ import annotations

import posixpath
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from autograder.errors import ManyHandsError, suggestion
from autograder.judge.spread import Spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from autograder.guard.change import Change, Move
    from autograder.inspect.report import Cause, Inspection

Consequence = Literal["refuse", "second-approver", "say"]
CONSEQUENCES: tuple[Consequence, ...] = ("refuse", "second-approver", "say")
_FINE = (Spread.EVEN, Spread.SKEWED_AS_DECLARED)


class PolicyError(ManyHandsError):
    """A policy that cannot be used."""


@dataclass(frozen=True)
class Rule:
    """One line of a policy. ``limit`` is a part of the traffic for conditions that take one, else 0."""

    condition: str
    consequence: Consequence
    limit: float = 0.0


@dataclass(frozen=True)
class Reason:
    """Why a rule speaks: one sentence about one config."""

    rule: Rule
    config: str
    said: str

    def to_dict(self) -> dict[str, Any]:
        """As in the JSON."""
        return {
            "config": self.config,
            "rule": self.rule.condition,
            "consequence": self.rule.consequence,
            "reason": self.said,
        }


def _becomes_concentrated(change: Change, _: float) -> Iterator[str]:
    if _verdict(change.after) is Spread.CONCENTRATED and _verdict(change.before) is not Spread.CONCENTRATED:
        yield "one server gets most of the traffic after this change"


def _stays_concentrated(change: Change, _: float) -> Iterator[str]:
    if _verdict(change.after) is _verdict(change.before) is Spread.CONCENTRATED:
        yield "one server gets most of the traffic, before and after this change"


def _becomes_broken(change: Change, _: float) -> Iterator[str]:
    if _verdict(change.after) is Spread.BROKEN and _verdict(change.before) is not Spread.BROKEN:
        faults = change.after.faults if change.after else ()
        yield f"the balancer refuses it: {faults[0]}" if faults else "no request is answered after this change"


def _mistake_shows(change: Change, _: float) -> Iterator[str]:
    yield from (_told(change, cause, "observed") for cause in change.came if cause.observed)


def _mistake_read(change: Change, _: float) -> Iterator[str]:
    yield from (_told(change, cause, "read, not seen in this traffic") for cause in change.came if not cause.observed)


def _told(change: Change, cause: Cause, how: str) -> str:
    finding = cause.finding
    file = posixpath.join(posixpath.dirname(change.config), finding.file)
    return f"{file}:{finding.line} {finding.message} ({finding.mistake}, {how})"


def _failures_rise(change: Change, limit: float) -> Iterator[str]:
    worst = next((move for move in change.failures if move.by > limit), None)
    if worst:
        yield f"more requests fail: {_percent(worst.before)} before, {_percent(worst.after)} after ({_when(worst)})"


def _share_moves(change: Change, limit: float) -> Iterator[str]:
    worst = next((move for move in change.moves if abs(move.by) > limit), None)
    if worst:
        said = f"{worst.server} gets {_percent(worst.after)} of the requests, {_percent(worst.before)} before"
        yield f"{said} ({_when(worst)})"


def _server_removed(change: Change, _: float) -> Iterator[str]:
    if change.removed and change.after is not None:
        yield f"no longer used: {', '.join(change.removed)}"


def _server_added(change: Change, _: float) -> Iterator[str]:
    if change.added and change.before is not None:
        yield f"newly used: {', '.join(change.added)}"


def _config_added(change: Change, _: float) -> Iterator[str]:
    if change.before is None:
        yield "this config is new"


def _config_removed(change: Change, _: float) -> Iterator[str]:
    if change.after is None:
        yield "this config is gone"


def _not_judged(change: Change, _: float) -> Iterator[str]:
    if not change.judged:
        trouble = change.after.trouble.splitlines() if change.after else []
        yield f"it could not be judged: {trouble[0] if trouble else 'the traffic decided too little'}"


def _mends(change: Change, _: float) -> Iterator[str]:
    if _verdict(change.before) in (Spread.CONCENTRATED, Spread.BROKEN) and _verdict(change.after) in _FINE:
        yield f"it was {change.before.verdict.value if change.before else ''}, and is no more"


CONDITIONS: Mapping[str, Callable[[Change, float], Iterator[str]]] = {
    "becomes-concentrated": _becomes_concentrated,
    "stays-concentrated": _stays_concentrated,
    "becomes-broken": _becomes_broken,
    "mistake-shows": _mistake_shows,
    "mistake-read": _mistake_read,
    "failures-rise": _failures_rise,
    "share-moves": _share_moves,
    "server-removed": _server_removed,
    "server-added": _server_added,
    "config-added": _config_added,
    "config-removed": _config_removed,
    "not-judged": _not_judged,
    "mends": _mends,
}
_WITH_LIMIT = {"failures-rise": 0.01, "share-moves": 0.10}
"""Conditions with a number, from 0 to 1, and the number that `true` stands for."""

DEFAULT: tuple[Rule, ...] = (
    Rule("becomes-concentrated", "refuse"),
    Rule("becomes-broken", "refuse"),
    Rule("mistake-shows", "refuse"),
    Rule("failures-rise", "refuse", _WITH_LIMIT["failures-rise"]),
    Rule("share-moves", "second-approver", _WITH_LIMIT["share-moves"]),
    Rule("server-removed", "second-approver"),
    Rule("config-removed", "second-approver"),
    Rule("not-judged", "second-approver"),
    Rule("mistake-read", "say"),
    Rule("stays-concentrated", "say"),
    Rule("server-added", "say"),
    Rule("config-added", "say"),
    Rule("mends", "say"),
)
"""What is asked where a team has written nothing: the promises made after the outage."""


def reasons(change: Change, rules: tuple[Rule, ...] = DEFAULT) -> tuple[Reason, ...]:
    """Every rule that speaks of a change, in the order of the rules."""
    return tuple(
        Reason(rule, change.config, said) for rule in rules for said in CONDITIONS[rule.condition](change, rule.limit)
    )


def load_policy(path: Path) -> tuple[Rule, ...]:
    """The rules of a policy file. Raises :class:`PolicyError` with the key that makes no sense."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PolicyError("cannot read the policy", where=str(path), why=error.strerror or "") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PolicyError("this is no TOML", where=str(path), why=str(error)) from None
    found: list[Rule] = []
    for table, keys in data.items():
        consequence = next((one for one in CONSEQUENCES if one == table), None)
        if consequence is None or not isinstance(keys, dict):
            raise PolicyError(
                f"a policy has no table called {table!r}", where=str(path), remedy=suggestion(table, CONSEQUENCES)
            )
        found += [rule for key, value in keys.items() if (rule := _rule(path, consequence, key, value))]
    if not found:
        raise PolicyError("this policy has no rule", where=str(path), remedy="begin with the one in the documentation")
    return tuple(found)


def _rule(path: Path, consequence: Consequence, key: str, value: object) -> Rule | None:
    if key not in CONDITIONS:
        raise PolicyError(
            f"[{consequence}] has a condition called {key!r}", where=str(path), remedy=suggestion(key, CONDITIONS)
        )
    if isinstance(value, bool):
        return Rule(key, consequence, _WITH_LIMIT.get(key, 0.0)) if value else None
    if key in _WITH_LIMIT and isinstance(value, int | float) and 0 <= value <= 1:
        return Rule(key, consequence, float(value))
    wanted = "true, false or a number from 0 to 1" if key in _WITH_LIMIT else "true or false"
    raise PolicyError(f"{key} = {value!r} makes no sense", where=str(path), remedy=f"write {wanted}")


def _verdict(found: Inspection | None) -> Spread | None:
    return found.verdict if found else None


def _when(move: Move) -> str:
    pool = f"pool {move.pool}, " if move.pool else ""
    return f"{pool}clients {move.clients}, {move.state}"


def _percent(part: float) -> str:
    return f"{part * 100:.0f} %" if part >= 0.095 or not part else f"{part * 100:.1f} %"
