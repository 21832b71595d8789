"""A policy for changes: plain data that says what is measured, what is refused, and what needs a second person.

[measure]
clients = ["many", "office"]     # who sends, when a change is tried
server_dies = true               # and whether a server dies meanwhile

[refuse]                         # from these values on
does_not_load = true
peak_to_fair = 2.0
failed_percent = 1
mistakes = ["constant-hash-key"] # of the field guide

[second-person]                  # the same words
peak_to_fair = 1.2
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from autograder.errors import nearest, suggestion
from autograder.labs.kinds.reviews_facts import POPULATIONS

if TYPE_CHECKING:
    from autograder.labs.kinds.reviews_facts import Facts

LARGEST: Final = 64 * 1024
_MOST: Final = 1_000_000
MERGED, SECOND, REFUSED = "merged", "second person", "refused"
_WORDS: Final = ("does_not_load", "peak_to_fair", "failed_percent", "mistakes")


class PolicyError(Exception):
    """A policy that cannot be followed; the message says why, to be read by a learner."""


@dataclass(frozen=True)
class Rule:
    """When a gate closes: from these values on; infinity is never."""

    does_not_load: bool = False
    peak_to_fair: float = math.inf
    failed_percent: float = math.inf
    mistakes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Policy:
    """What is measured, what is refused, what needs a second person."""

    clients: tuple[str, ...] = ("many",)
    server_dies: bool = False
    refuse: Rule = Rule()
    second: Rule = Rule()

    def decide(self, facts: Facts) -> str:
        """What becomes of a change: :data:`MERGED`, :data:`SECOND` or :data:`REFUSED`."""
        if self._closed(self.refuse, facts):
            return REFUSED
        return SECOND if self._closed(self.second, facts) else MERGED

    def could_refuse(self, facts: Facts) -> bool:
        """Whether it would refuse such a change if all were measured that can be."""
        return replace(self, clients=POPULATIONS, server_dies=True).decide(facts) == REFUSED

    def _closed(self, rule: Rule, facts: Facts) -> bool:
        if not facts.loads:
            return rule.does_not_load
        peak = max((facts.peak[name] for name in self.clients), default=0.0) if facts.peak else 0.0
        return (
            peak >= rule.peak_to_fair
            or (self.server_dies and facts.failed_percent > 0 and facts.failed_percent >= rule.failed_percent)
            or bool(set(rule.mistakes) & set(facts.mistakes))
        )


def read_policy(data: bytes) -> Policy:
    """The policy in a file. Raises :class:`PolicyError`, and nothing else, for what cannot be followed."""
    if len(data) > LARGEST:
        raise PolicyError(f"it has {len(data):,} bytes; a policy needs at most {LARGEST:,}")
    try:
        said: dict[str, Any] = tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise PolicyError("it is not text in UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise PolicyError(f"it is not TOML ({str(error)[:120]})") from None
    _known("the policy", said, ("measure", "refuse", "second-person"))
    measure = _table(said, "measure")
    _known("measure", measure, ("clients", "server_dies"))
    clients = measure.get("clients", ["many"])
    if not isinstance(clients, list) or not clients or not all(name in POPULATIONS for name in clients):
        raise PolicyError(f"clients is a list of some of: {', '.join(POPULATIONS)}")
    return Policy(
        tuple(clients),
        _truth("server_dies", measure.get("server_dies", False)),
        _rule("refuse", _table(said, "refuse")),
        _rule("second-person", _table(said, "second-person")),
    )


def _rule(name: str, table: Mapping[str, Any]) -> Rule:
    _known(name, table, _WORDS)
    mistakes = table.get("mistakes", [])
    if not isinstance(mistakes, list) or not all(isinstance(one, str) for one in mistakes):
        raise PolicyError(f"mistakes in [{name}] is a list of names from the field guide")
    from autograder.mistakes.catalogue import mistakes as catalogue

    slugs = [one.slug for one in catalogue()]
    for one in mistakes:
        if one not in slugs:
            close = nearest(one[:60], slugs)
            raise PolicyError(f"the field guide has no {one[:60]!r}{f'; did you mean {close!r}?' if close else ''}")
    return Rule(
        _truth("does_not_load", table.get("does_not_load", False)),
        _number(name, "peak_to_fair", table),
        _number(name, "failed_percent", table),
        tuple(mistakes),
    )


def _number(name: str, key: str, table: Mapping[str, Any]) -> float:
    if key not in table:
        return math.inf
    value = table[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST:  # nan is no such value
        raise PolicyError(f"{key} in [{name}] is a number from 0 to {_MOST:,}")
    return float(value)


def _truth(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise PolicyError(f"{key} is true or false")
    return value


def _table(said: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = said.get(key, {})
    if not isinstance(value, Mapping):
        raise PolicyError(f"[{key}] is a table")
    return value


def _known(where: str, table: Mapping[str, Any], words: tuple[str, ...]) -> None:
    for word in table:
        if word not in words:
            raise PolicyError(f"{where} has an unknown word {word[:40]!r}; {suggestion(word[:40], words)}")
