"""Does a watchdog undo what is bad, and leave alone what is not? Each check asks about one scene, or about its log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from autograder.judge.spread import Spread
from autograder.labs.kinds.kind import Answer, Kind, Question
from autograder.labs.kinds.watchdog_play import (
    AUDIT,
    CANARY,
    ERRORS,
    HOPELESS,
    MAINTENANCE,
    NOISE,
    PINNED,
    PROGRAM,
    Watched,
    play,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from autograder.labs.lab import Check

IN_TIME: Final = 400
"""Requests within which a bad change is to be undone."""
_TAIL: Final = 300
_Said = tuple[bool, str, str]
"""Kept or not, what was seen, why."""


def _reverts(seen: Watched) -> _Said:
    if seen.asked_after is None:
        return False, f"{seen.told}. {seen.sent} requests later nothing was undone; {seen.lost} failed.", _told(seen)
    words = f"{seen.told}. It was undone after {seen.asked_after} requests; {seen.lost} of {seen.sent} failed."
    if not seen.restored:
        why = f"What runs in the end is not the release before the last one. {_told(seen)}"
        return False, words, why.strip()
    if seen.restarted:
        return False, words, "HAProxy was restarted: between its end and its start nobody listens."
    if seen.reloads > 1:
        return False, words, f"HAProxy was made to load a config {_times(seen.reloads)}: once was enough."
    if seen.asked_after > IN_TIME:
        return False, words, f"That is late: {IN_TIME} requests are enough to be sure."
    if seen.spread.spread is Spread.CONCENTRATED or seen.last.failed:
        return False, words, "And the traffic is not as it was before."
    return True, words, ""


def _spares(seen: Watched) -> _Said:
    if seen.reloads or not seen.untouched:
        after = "at once" if not seen.asked_after else f"after {seen.asked_after} requests"
        words = f"{seen.told}. The watchdog undid it {after}."
        return False, words, f"Nobody was harmed by what it undid. {_told(seen)}".strip()
    if seen.ended_early:
        return False, f"{seen.told}. The watchdog is gone: {seen.result.in_words()}", _told(seen)
    return True, f"{seen.told}. {seen.sent} requests later the watchdog had left it alone.", ""


def _stops(seen: Watched) -> _Said:
    words = f"{seen.told}. HAProxy was made to load a config {_times(seen.reloads)}."
    if seen.reloads > 1:
        return False, words, "Each load has a price, and the first one already showed that it does not help."
    if not seen.reloads and seen.asked_after is None and not _gave_up(seen):
        return False, words, f"It neither tried nor said that it would not. {_told(seen)}".strip()
    if seen.restarted:
        return False, words, "And it was restarted, not reloaded."
    return True, words, ""


def _audits(scenes: Mapping[str, Watched]) -> _Said:
    pinned, hopeless = scenes[PINNED], scenes[HOPELESS]
    if not pinned.audit:
        return False, f"There is no {AUDIT} after a rollback, or it is empty.", _told(pinned)
    if None in pinned.audit + hopeless.audit:
        return False, f"A line of {AUDIT} is no JSON object.", "One object a line can be searched and counted."
    undone = [row for row in pinned.audit if row and row.get("action") == "rollback"]
    if len(undone) != pinned.reloads:
        words = f'Rollbacks seen: {pinned.reloads}. Lines that say "action": "rollback": {len(undone)}.'
        return False, words, "Who reads it tomorrow should find each of them, and none that was not."
    if bare := _without_number(undone):
        return False, 'The "why" of a rollback has no number in it.', bare
    if pinned.restored and _gave_up(pinned):
        words = 'Where going back helped, a line says "action": "give-up".'
        return False, words, "It means: it did not help, come. Look whether it did, before you write it."
    if not _gave_up(hopeless):
        words = 'Where going back did not help, no line says "action": "give-up".'
        return False, words, "A watchdog that gives up in silence is taken for one that watches."
    if bare := _without_number(_gave_up(hopeless)):
        return False, 'The "why" of a "give-up" has no number in it.', bare
    return True, f"{AUDIT} has every rollback with its reason, and says when it gave up.", ""


def _gave_up(seen: Watched) -> list[Mapping[str, Any]]:
    return [row for row in seen.audit if row and row.get("action") == "give-up"]


def _without_number(rows: list[Mapping[str, Any]]) -> str:
    """What the first of these lines says that has no number in its reason; nothing if each has one."""
    whys = [row.get("why") for row in rows]
    return next((f"It says: {why!r}"[:_TAIL] for why in whys if not any(map(str.isdigit, str(why or "")))), "")


_ABOUT: Final[Mapping[str, Callable[[Watched], _Said]]] = {
    PINNED: _reverts,
    ERRORS: _reverts,
    CANARY: _spares,
    MAINTENANCE: _spares,
    NOISE: _spares,
    HOPELESS: _stops,
}
_LOG: Final = "audit"
PROMISES: Final = (*_ABOUT, _LOG)
"""What a check of this kind may ask for in its settings."""


def scenes_of(check: Check) -> tuple[str, ...]:
    """The scenes that a check asks about."""
    promise = check.settings["promise"]
    return (PINNED, HOPELESS) if promise == _LOG else (promise,)


def watchdog(question: Question) -> Answer:
    """Was the promise kept that this check asks about?"""
    promise = question.check.settings["promise"]
    scenes: Mapping[str, Watched] = question.seen
    first = scenes[scenes_of(question.check)[0]]
    kept, observed, why = _audits(scenes) if promise == _LOG else _ABOUT[promise](first)
    return Answer(kept, observed, first.last.shares(), first.sent, first.lost, (), why or _wrote(first))


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _wrote(seen: Watched) -> str:
    """What its log says, where nothing else is to be said about it."""
    said = [str(row.get("action")) for row in seen.audit if row and row.get("action")]
    return f"Its {AUDIT} says: {said[-1]}."[:_TAIL] if said else f"{PROGRAM} wrote nothing."


def _told(seen: Watched) -> str:
    """How it ended, and what it said last."""
    result = seen.result
    said = " ".join((result.err.strip() or result.out.strip())[-_TAIL:].split())
    ended = f"{PROGRAM} is gone: {result.in_words()}" if seen.ended_early else ""
    return " ".join(part for part in (ended, f"It said last: {said}" if said else "") if part)


KIND = Kind(watchdog, own_stack=True, settings={"promise": PINNED, "canary": ""}, observe=play, scenes=scenes_of)
