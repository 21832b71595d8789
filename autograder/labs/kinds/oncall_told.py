"""What was told on a shift, to those who asked and after it: in time, true, and without blame.

Numbers and times in a message are compared with what the replay measured; nothing else of a text is judged.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Final

from autograder.labs.kinds.oncall_play import SERVED
from autograder.labs.kinds.promise import Said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.labs.kinds.oncall_play import Shift
    from autograder.labs.kinds.oncall_record import Action

DEBRIEF: Final = "debrief.md"
FIRST_MIN: Final = 10
"""Minutes of the story until the first word."""
APART_MIN: Final = 20
"""Minutes between two words, until it is over."""
_NEAR: Final = 10.0
"""Percentage points by which a share may be off: people say "about a third"."""
_NEAR_MIN: Final = 3
"""Minutes by which a time may be off."""
_AHEAD_MIN: Final = 600
"""A time so far ahead may be a promise of the next word."""
_BLAMES: Final = (
    r"human error|careless\w*|sloppy|stupid\w*|incompeten\w*|negligen\w*|lazy|(?:is|was|are|were) to blame"
    r"|should have (?:known|noticed|checked|tested|seen|asked)|(?:his|her|their|own|engineer's|junior's) fault"
)
_FIELDS: Final = {
    "paged": r"^\W*paged(?![^\W_])\D*(\d{1,2}[:.]\d{2})",
    "served again": r"^\W*served[ _-]again(?![^\W_])\D*(\d{1,2}[:.]\d{2})",
    "requests lost": r"^\W*(?:requests[ _-]lost|lost[ _-]requests)(?![^\W_])(?:[^=]*(?:\s[x*]\s|[×·])[^=]*=)?\D*"
    r"(\d{1,6}(?:[.,]\d{1,3})? ?k\b|\d{1,3}(?:[ ,.'’\u00a0\u202f]\d{3})+(?!\d)|\d+)",
}
_LABEL: Final = re.compile(
    r"\W*(?:paged|served[ _-]again|requests[ _-]lost|lost[ _-]requests|cause)(?![^\W_])", re.IGNORECASE
)
_NEXT: Final = re.compile(r"\W*next[ _-]time(?![^\W_])\W*(.*)", re.IGNORECASE)
_LARGEST: Final = 64 * 1024
_LEAST_WORDS: Final = 8
_LOST_NEAR: Final = 0.1


def told(shift: Shift) -> Said:
    """Were people told in time, and was it true?"""
    words = [
        one for one in shift.actions if one.do in ("tell", "all-clear") and any(map(str.isalpha, one.words["text"]))
    ]
    if not words:
        why = "Who is told nothing asks everybody, and guesses. One sentence: what they see, and when you write again."
        return Said(False, "Nobody was told anything.", why, "nobody-told")
    for trouble in (_blame(shift, words), _too_early(shift), _late(shift, words), _untrue(shift, words)):
        if trouble is not None:
            return trouble
    if not any(_names_cause(shift, one.words["text"]) for one in words):
        why = "Afterwards everybody asks what it was. Name the change that did it: its commit, or its words."
        return Said(False, f"{len(words)} messages, and none names the change that was the cause.", why)
    return Said(True, f"{len(words)} messages: in time, true, and about what happened.")


def _blame(shift: Shift, words: list[Action]) -> Said | None:
    for one in words:
        if found := blame_in(shift, one.words["text"]):
            seen = f"The message of {shift.world.clock(one.at_s)} blames or names a person: “{found}”."
            why = "Who is named today says nothing tomorrow. Say what was changed, not by whom."
            return Said(False, seen, why, "blames-a-person")
    return None


def blame_in(shift: Shift, text: str) -> str:
    """The first words of a text that blame, or name somebody who changed something; empty if there are none."""
    people = {name for change in shift.world.history for name in (change.author, *change.author.split())}
    names = "|".join(map(re.escape, sorted(people, key=len, reverse=True)))
    pattern = rf"(?<!\w)(?:{_BLAMES}|(?-i:{names}))(?!\w)"  # a name is one with its capital letter only
    found = re.search(pattern, text, re.IGNORECASE)
    return found.group() if found else ""


def _too_early(shift: Shift) -> Said | None:
    for one in shift.actions:
        failing = shift.at(one.at_s).seen.failing
        if one.do == "all-clear" and failing > SERVED:
            clock = shift.world.clock(one.at_s)
            seen = f"At {clock} you said that it was over. {failing:.0%} of the requests failed then."
            return Said(False, seen, "Who is told so goes back to work, and finds out.", "all-clear-too-early")
    return None


def _late(shift: Shift, words: list[Action]) -> Said | None:
    world = shift.world
    times = [one.at_s for one in words]
    if times[0] > 60 * FIRST_MIN:
        seen = f"The first word came at {world.clock(times[0])}, {times[0] / 60:.0f} minutes after the pager."
        return Said(False, seen, f"Within {FIRST_MIN} minutes: that you know of it is enough.", "told-late")
    ends = [*times[1:], *([shift.last_s] if times[-1] < shift.last_s else [])]
    for before, after in zip(times, ends, strict=False):
        if after - before > 60 * APART_MIN:
            seen = f"After {world.clock(before)} nobody heard anything for {(after - before) / 60:.0f} minutes."
            why = f"Every {APART_MIN} minutes at least, also when nothing is new: silence is read as bad news."
            return Said(False, seen, why, "told-late")
    if not any(one.do == "all-clear" for one in words):
        return Said(False, "Nobody was told that it is over.", "They still wait.", "never-all-clear")
    return None


def _untrue(shift: Shift, words: list[Action]) -> Said | None:
    for one in words:
        text, clock = one.words["text"], shift.world.clock(one.at_s)
        known = list(_measured(shift, one.at_s))
        for number in (float(match.replace(",", ".")) for match in re.findall(r"(\d{1,3}(?:[.,]\d{1,4})?) ?%", text)):
            if not any(abs(number - 100 * part) <= _NEAR for part in known):
                seen = f"The message of {clock} says {number:g} %."
                return Said(False, seen, "Nothing that was measured until then is near that.", "untrue-number")
        for time in re.findall(r"(?<!\d)(\d{1,2}[:.]\d{2})(?![\d%])", text):
            if not _is_known(shift, time, one.at_s):
                seen = f"The message of {clock} says {time}."
                return Said(False, seen, "Nothing that happened until then was at that time.", "untrue-time")
    return None


def _measured(shift: Shift, until_s: float) -> Iterator[float]:
    """Every part that was measured until then: failing, answered, and the shares of servers, fair ones too."""
    yield from (0.0, 1.0, 1 / len(shift.world.servers))
    for moment in shift.moments:
        if moment.at_s <= until_s:
            yield moment.seen.failing
            yield 1 - moment.seen.failing
            yield from moment.seen.shares.values()


def _is_known(shift: Shift, time: str, at_s: float) -> bool:
    """Whether something happened at that time of day; or it is still to come."""
    hours, minutes = re.split(r"[:.]", time)
    told_s = 3600 * int(hours) + 60 * int(minutes) - shift.world.began_s
    if at_s - 60 < told_s <= at_s + 60 * _AHEAD_MIN:
        return True
    happened = [0.0, -shift.world.unseen_s, *(change.at_s for change in shift.world.history)]
    happened += [one.at_s for one in shift.actions if one.at_s <= at_s]
    return any(abs(told_s - other) <= 60 * _NEAR_MIN for other in happened)


def _names_cause(shift: Shift, text: str) -> bool:
    cause = shift.world.cause
    return cause.name in text or cause.message.lower() in " ".join(text.split()).lower()


def debriefed(shift: Shift, data: bytes) -> Said:
    """Does the debrief say what happened?"""
    text = data[:_LARGEST].decode(errors="replace")
    if found := blame_in(shift, text):
        why = "What did they see and know at that moment? Write that instead."
        return Said(False, f"{DEBRIEF} blames or names a person: “{found}”.", why, "blames-a-person")
    lines = [line[:500] for line in text.splitlines()]
    given = {name: _field(lines, pattern) for name, pattern in _FIELDS.items()}
    missing = [name for name, value in given.items() if not value]
    missing += [] if any(map(_NEXT.match, lines)) else ["next time"]
    if missing:
        why = "Write each on a line of its own, as in the file that you were given: `Paged: 10:05`."
        return Said(False, f"{DEBRIEF} does not say: {', '.join(missing)}.", why)
    world, served = shift.world, shift.served_s
    if not _near(given["paged"], world.clock(0)):
        return Said(False, f"You write that you were paged at {given['paged']}.", "The first line of the record knows.")
    if served is None:
        return Said(False, f"You write that users were served at {given['served again']}. They never were.")
    if not _near(given["served again"], world.clock(served)):
        why = f"In the replay they were from {world.clock(served)} on. Look when the last request failed."
        return Said(False, f"You write that users were served again at {given['served again']}.", why, "untrue-time")
    lost = _number(given["requests lost"])
    if abs(lost - shift.lost) > _LOST_NEAR * shift.lost:
        why = f"In the replay {shift.lost:,} were: {60 * world.rate:g} a minute, while they failed. Count again."
        return Said(False, f"You write that {lost:,} requests were lost.", why, "untrue-number")
    if not _names_cause(shift, text):
        return Said(False, "The change that was the cause is not named.", "Its commit, or its words.")
    later = _words_of_next_time(lines)
    if later < _LEAST_WORDS:
        words = f"“Next time:” is followed by {later or 'no'} word{'' if later == 1 else 's'}."
        return Said(False, words, "One thing that would have stopped it, shown it or shortened it: what, and where.")
    return Said(True, "The debrief says what the replay shows, and blames nobody.")


def _field(lines: list[str], pattern: str) -> str:
    """What a line says; or the next one that is not empty, where a value stands below its name, as below a title."""
    full = [line.strip() for line in lines if line.strip()]
    both = itertools.zip_longest(full, full[1:], fillvalue="")
    rows = (f"{line} {after}" if re.match(r"\W*\d", after) else line for line, after in both)
    found = (re.search(pattern, row, re.IGNORECASE) for row in rows)
    return next((match.group(1).strip() for match in found if match), "")


def _number(text: str) -> int:
    """A number as people write it: ``7,200``, ``7 200``, ``7.2k``."""
    if text[-1] in "kK":
        return round(1000 * float(text[:-1].replace(",", ".")))
    return int(re.sub(r"\D", "", text)[:12])


def _words_of_next_time(lines: list[str]) -> int:
    """How many words stand behind "Next time", on its line and below it, up to the next of the names or titles."""
    begins = next((number for number, line in enumerate(lines) if _NEXT.match(line)), None)
    if begins is None:
        return 0
    deep = _depth(lines[begins])

    def belongs(line: str) -> bool:
        return not _LABEL.match(line) and (not _depth(line) or 0 < deep < _depth(line))

    rest = itertools.takewhile(belongs, lines[begins + 1 :])
    first = _NEXT.match(lines[begins])
    text = " ".join([first.group(1) if first else "", *rest])
    return sum(any(map(str.isalnum, word)) for word in text.split())


def _depth(line: str) -> int:
    """How deep a title is, as Markdown writes it; 0 for what is none."""
    return len(line) - len(line.lstrip("#"))


def _near(one: str, other: str) -> bool:
    minutes = [60 * int(h) + int(m) for h, m in (re.split(r"[:.]", time) for time in (one, other))]
    return abs(minutes[0] - minutes[1]) <= _NEAR_MIN
