"""The questions that a lab asks: what its ``[checks.settings]`` says, as plain data.

    [checks.settings.traffic.pages]         # sent while it is judged, through the lab as it was handed out
    requests = 240

    [checks.settings.questions."measured.app1"]
    ask = "Which share of the pages does app1 get, in per cent?"
    share = "app1"                          # the right answer: app1's share of that traffic
    of = ["pages"]
    within = 3
    slips = [{ answer = 33, mistake = "equal-is-not-fair", why = "…" }]

The right answer is one of: ``share`` (of a server, in per cent), ``peak_to_fair`` (among these servers), ``hottest``
(the one of these with most of its fair share), ``truth`` (what the lab says), or ``free = true`` for a prediction:
anything of that type will do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from autograder.errors import ManyHandsError, suggestion
from autograder.stack.model import POPULATIONS

TYPES: Final = ("number", "choice", "text", "list")
SOURCES: Final = ("share", "peak_to_fair", "hottest", "truth", "free")


@dataclass(frozen=True)
class Traffic:
    """Traffic to measure with."""

    clients: str = "many"
    requests: int = 240
    checkout: bool = False


@dataclass(frozen=True)
class Slip:
    """A plausible wrong answer: which (a number matches within 1), the name of the mistake, and what to say to it.

    Where the wrong answer is measured too (somebody looked at another server, or another whole), it is the ``share`` in
    per cent of a server ``of`` other traffic.
    """

    why: str
    answer: Any = None
    mistake: str = ""
    share: str = ""
    of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asked:
    """One question. ``source`` is one of :data:`SOURCES`, ``about`` what the lab says to it."""

    key: str
    ask: str
    type: str
    source: str
    about: Any
    of: tuple[str, ...] = ()
    within: float = 3.0
    options: tuple[str, ...] = ()
    slips: tuple[Slip, ...] = ()


@dataclass(frozen=True)
class Sheet:
    """All questions of a check, and the traffic that answers them."""

    file: str
    traffic: Mapping[str, Traffic]
    questions: tuple[Asked, ...]


class SheetError(ManyHandsError):
    """The questions of a lab cannot be asked: the lab's own fault."""


def read_sheet(check: str, settings: Mapping[str, Any]) -> Sheet:
    """The questions of a check's settings. Raises :class:`SheetError`, which says what is wrong with which."""
    traffic = {name: _traffic(check, name, row) for name, row in settings["traffic"].items()}
    questions = tuple(_asked(check, key, row, traffic) for key, row in settings["questions"].items())
    if not questions:
        raise SheetError("there are no questions", where=f"lab.toml, check {check}", remedy="add at least one")
    return Sheet(settings["file"], traffic, questions)


def _traffic(check: str, name: str, row: Any) -> Traffic:
    known = [field.name for field in fields(Traffic)]
    _table(check, f"traffic {name}", row, known)
    made = Traffic(**row)
    if made.clients not in POPULATIONS:
        remedy = suggestion(str(made.clients), POPULATIONS)
        raise _wrong(check, f"traffic {name}", f"there are no clients called {made.clients!r}", remedy)
    return made


def _asked(check: str, key: str, row: Any, traffic: Mapping[str, Traffic]) -> Asked:
    _table(check, key, row, ("ask", "type", *SOURCES, "of", "within", "options", "slips"))
    kind = row.get("type", "number")
    if kind not in TYPES:
        raise _wrong(check, key, f"there is no type {kind!r}", suggestion(str(kind), TYPES))
    said = [source for source in SOURCES if source in row]
    if len(said) != 1:
        raise _wrong(check, key, "what is the right answer?", f"say exactly one of {', '.join(SOURCES)}")
    measured = said[0] in SOURCES[:3]
    of = tuple(row.get("of", ()))
    for name in of:
        if name not in traffic:
            raise _wrong(check, key, f"there is no traffic called {name!r}", suggestion(str(name), traffic))
    if measured and not of:
        raise _wrong(check, key, f"{said[0]} of which traffic?", 'add of = ["NAME"]')
    if kind == "choice" and len(row.get("options", ())) < 2:
        raise _wrong(check, key, "a choice has no options", "add options = [ … ], at least two")
    return Asked(
        key=key,
        ask=str(row.get("ask", key)),
        type=kind,
        source=said[0],
        about=row[said[0]],
        of=of,
        within=float(row.get("within", 3.0)),
        options=tuple(map(str, row.get("options", ()))),
        slips=tuple(_slip(check, key, one, traffic) for one in row.get("slips", ())),
    )


def _slip(check: str, key: str, row: Any, traffic: Mapping[str, Traffic]) -> Slip:
    what = f"a slip of {key}"
    _table(check, what, row, [field.name for field in fields(Slip)])
    if ("answer" in row) == ("share" in row) or "why" not in row:
        raise _wrong(check, what, "it needs why, and one of answer and share", "see the lab read-the-traffic")
    made = Slip(**{**row, "of": tuple(row.get("of", ()))})
    for name in made.of:
        if name not in traffic:
            raise _wrong(check, what, f"there is no traffic called {name!r}", suggestion(str(name), traffic))
    if made.share and not made.of:
        raise _wrong(check, what, "a share of which traffic?", 'add of = ["NAME"]')
    return made


def _table(check: str, what: str, row: Any, known: tuple[str, ...] | list[str]) -> None:
    if not isinstance(row, Mapping):
        raise _wrong(check, what, "it is no table", "see the lab read-the-traffic")
    for word in row:
        if word not in known:
            raise _wrong(check, what, f"unknown key {word!r}", suggestion(word, known))


def _wrong(check: str, what: str, why: str, remedy: str) -> SheetError:
    return SheetError("a question cannot be asked", where=f"lab.toml, check {check}, {what}", why=why, remedy=remedy)
