"""Does a postmortem say what happened? Its facts are compared with what the evidence of the lab shows.

What can be counted is judged here: five moments, the requests that were lost, the line that was the cause, words that
blame, and actions that somebody will do. Whether it helps a stranger is for people to judge: the lab has a rubric.
:mod:`.postmortem_text` reads the text, which may be anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from autograder.labs.kinds.kind import Answer, Kind, Question
from autograder.labs.kinds.postmortem_text import (
    Action,
    Line,
    UnreadableError,
    actions,
    first_time,
    joined,
    numbers,
    read_lines,
    section,
    times,
)
from autograder.labs.kinds.served import listed
from autograder.mistakes.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FILE: Final = "postmortem.md"
MOMENTS: Final = {
    "change": r"\bchange\b",
    "first harm": r"first harm",
    "somebody knew": r"somebody (?:knew|knows)",
    "cause known": r"cause (?:was )?known",
    "users served": r"users (?:were )?served",
}
"""The five moments by their names in the course's template, and how they are found."""
_BLAMES: Final = (
    r"human error|careless\w*|sloppy|stupid\w*|incompeten\w*|negligen\w*|lazy|(?:is|was|are|were) to blame"
    r"|should have (?:known|noticed|checked|tested|seen|asked)|(?:his|her|their|own|engineer's) fault|wasted"
    r"|how could (?:he|she|they|anyone|anybody)|obviously|failed to (?:check|notice|test|ask|think)"
    r"|thoughtless\w*|reckless\w*|did(?: not|n't) (?:bother|care|pay attention|think(?! (?:of|that|it|so)))"
    r"|should have been obvious"
)
_NO_BLAME: Final = (
    r"\b(?:nobody|no one|no|not|none|never)\b (?!only|just)(?:\w+ ){0,2}"
    r"(?:human error|careless|sloppy|stupid|negligent|lazy|to blame|wasted|(?:his|her|their) fault)\b"
    r"|\b(?:alerts?|alarms?|checks?|tests?|monitoring|dashboards?|pipelines?|tools?|graphs?)"
    r" should have (?:known|noticed|checked|tested|seen)\b"
)
"""What says that nobody is to blame, or speaks of a machine."""
_NOBODY: Final = (
    r"(?:the |whole )*(?:teams?|everybody|everyone|all|we|us|ops|operations|engineering|n/?a|tbd|nobody|someone"
    r"|somebody|[?.–— -]*)"
)
_WISH: Final = (
    r"\b(?:be |being )?(?:more )?careful\w*|\bremember\b|\bremind\w*|pay (?:more )?attention|try harder|be aware"
)
_LATER: Final = 60
"""Minutes that the office's clock is ahead of UTC."""
_WITHIN: Final = 0.002
"""Part by which a count may be off: one row of the log, read wrongly, is more."""
_MOST_NUMBERS: Final = 12
_LEAST_WORDS: Final = 25
_LEAST_ACTIONS: Final = 3
_KINDS: Final = ("prevent", "notice", "shorten")


@dataclass(frozen=True)
class _Said:
    """The answer on one question; ``line`` is where in the file the trouble is, if it is in one."""

    right: bool
    observed: str
    why: str = ""
    slip: str = ""
    line: Line | None = None


def _moments(lines: tuple[Line, ...], settings: Mapping[str, Any]) -> _Said:
    wrong: list[_Said] = []
    missing = []
    for name, truth in settings["moments"].items():
        found = _moment(lines, name)
        if found is None:
            missing.append(name)
        elif found[0] != truth:
            wrong.append(_wrong_time(name, found[0], truth, found[1], settings["slips"].get(name, {})))
    right = len(settings["moments"]) - len(wrong) - len(missing)
    words = f"{right} of {len(settings['moments'])} moments are as the evidence shows them."
    if missing:
        words += f" No time is given for: {listed(missing)}."
    if wrong:
        told = next((one for one in wrong if one.slip), wrong[0])
        return replace(told, observed=f"{words} {' '.join(one.observed for one in wrong)}")
    why = "Under “Five moments”, write each moment with its time: first harm 14:02." if missing else ""
    return _Said(not missing, words, why)


def _moment(lines: tuple[Line, ...], name: str) -> tuple[str, Line] | None:
    """The time of a moment: behind its name and before the next one's, or before it, in a sentence that begins so."""
    for line in joined(section(lines, "moment")):
        for part in (*re.split(r"(?<=[.;·])\s", line.text), line.text):
            if time := _times_of(part).get(name):
                return time, line
    return None


def _times_of(text: str) -> dict[str, str]:
    """The moments that a text names, each with its time if it has one."""
    names = sorted(
        (match.start(), name) for name, pattern in MOMENTS.items() if (match := re.search(pattern, text, re.IGNORECASE))
    )
    given = times(text)
    if len(names) == len(given) and names and given[0][0] < names[0][0]:
        return {name: time for (_, name), (_, time) in zip(names, given, strict=True)}
    ends = [*(start for start, _ in names[1:]), len(text)]
    return {name: first_time(text[start:end]) for (start, name), end in zip(names, ends, strict=False)}


def _wrong_time(name: str, time: str, truth: str, line: Line, slips: Mapping[str, list[str]]) -> _Said:
    words = f"{name.capitalize()}: you say {time}."
    if time in slips:
        slip, why = slips[time]
        return _Said(False, words, why, slip, line)
    if (_minutes(time) - _minutes(truth)) == _LATER:
        why = (
            "That is by the office's clock, as the chat and git have it. The logs are in UTC: compare the clocks first."
        )
        return _Said(False, words, why, "another-clock", line)
    return _Said(False, words, f"Which line of the evidence says so? {time} is not when it was.", "", line)


def _minutes(time: str) -> int:
    return int(time[:2]) * 60 + int(time[3:])


def _counts(lines: tuple[Line, ...], settings: Mapping[str, Any]) -> _Said:
    here = section(lines, "users felt", "impact", "harm")
    found = [(number, line) for line in here for number in numbers(line.text)]
    truth = int(settings["lost"])
    if not found:
        return _Said(False, "No number stands under “What users felt”.", "How many requests failed? The log has them.")
    if len(found) > _MOST_NUMBERS:
        return _Said(False, f"{len(found)} numbers stand under “What users felt”; nobody can tell which one is meant.")
    if any(abs(number - truth) <= _WITHIN * truth for number, _ in found):
        return _Said(True, "The number of requests that failed is what the log shows.")
    for number, line in found:
        for said, (slip, why) in settings["slips"].items():
            if abs(number - int(said)) <= _WITHIN * int(said):
                return _Said(False, f"You say that {number:,} requests failed.", why, slip, line)
    words = f"None of the numbers there ({listed([f'{number:,}' for number, _ in found])}) is how many requests failed."
    return _Said(False, words, "Add up what the balancer's log has from the first harm on.", "", found[0][1])


def _cause(lines: tuple[Line, ...], settings: Mapping[str, Any]) -> _Said:
    here = [line for line in section(lines, "cause", "made it possible") if line.text.strip()]
    together = " ".join(line.text for line in here)
    if settings["cause"].replace(" ", "").lower() in together.replace(" ", "").lower():
        return _Said(True, "The line is named that sent everything one way.")
    first = here[0] if here else None
    if re.search(r"crash|died|memory|overload|down\b", together, re.IGNORECASE):
        why = "That a server died is what could be seen. Ask once more: why did all of the traffic go there?"
        return _Said(False, "What you name as the cause came after it.", why, "symptom-for-cause", first)
    if re.search(r"human|mistake|engineer|somebody|person", together, re.IGNORECASE):
        why = "A person is where the questions begin. Which line did the balancer act on?"
        return _Said(False, "What you name as the cause is a person.", why, "person-for-cause", first)
    return _Said(False, "The line that was the cause is not named.", "Quote it as it stands in the diff.", "", first)


def _blameless(lines: tuple[Line, ...], settings: Mapping[str, Any]) -> _Said:
    people = "|".join(map(re.escape, settings["people"])) or r"(?!)"
    for line in lines:
        if line.text.lstrip().startswith(">"):  # what somebody said stays as it was said
            continue
        found = re.search(rf"(?<!\w)(?:{_BLAMES})(?!\w)", re.sub(_NO_BLAME, "", line.text, flags=re.I), re.IGNORECASE)
        if found:
            why = "What did they see and know at that moment? Write that instead."
            return _Said(False, f"Line {line.number} blames: “{found.group()}”.", why, "blames-a-person", line)
        if "action" not in line.under and (found := re.search(rf"(?<!\w)(?:{people})(?!\w)", line.text)):
            words = f"Line {line.number} names a person: {found.group()}."
            return _Said(False, words, "A role says enough: “the engineer on call”.", "names-a-person", line)
    sense = " ".join(line.text for line in section(lines, "made sense")).split()
    if len(sense) < _LEAST_WORDS:
        words = f"Under “Why it made sense at the time” there are {len(sense)} words; {_LEAST_WORDS} are the least."
        return _Said(
            False, words, "Tell what was on the screen and what was known, so that a stranger would do the same."
        )
    return _Said(True, "Nobody is blamed, and it is told what people saw and knew.")


def _actions(lines: tuple[Line, ...], settings: Mapping[str, Any]) -> _Said:
    day = date.fromisoformat(settings["day"])
    every = actions(lines, day.year, settings["people"])
    if not every:
        words = "Under “Actions” there is no row of a table, and no point of a list."
        return _Said(False, words, "A table as in the template, or points: what (who, until when).")
    poor = [(one, *trouble) for one in every if (trouble := _trouble(one, day))]
    good = len(every) - len(poor)
    words = f"{good} of {len(every)} actions have a thing, a person and a day."
    if good < _LEAST_ACTIONS:
        if not poor:
            return _Said(False, words, f"Find {_LEAST_ACTIONS}, for different gaps of the timeline.")
        one, slip, why = poor[0]
        return _Said(False, f"{words} Line {one.line.number}: “{one.what[:60]}”.", why, slip, one.line)
    kinds = {kind for one in every for kind in _KINDS if kind in one.kind}
    if len(kinds) < 2:
        why = "What would have stopped it, what would have shown it, what would have shortened it? Take two of these."
        return _Said(False, f"{words} They are all of one kind, or say no kind: prevent, notice, shorten.", why)
    return _Said(True, f"{words} They {listed(sorted(kinds))}.")


def _trouble(one: Action, day: date) -> tuple[str, str] | None:
    if re.search(_WISH, one.what, re.IGNORECASE):
        return "wish-for-action", "That asks people to be other people. Which part of the system could change?"
    if re.fullmatch(_NOBODY, one.who, re.IGNORECASE):
        return "action-without-owner", "Who does it? One person or role: what all shall do, nobody does."
    if one.day is None:
        return "action-without-day", "Until when? A day that somebody can ask on."
    if one.day <= day or (one.day - day).days > 365:
        return "action-without-day", f"{one.day} is not within the year after the outage."
    return None


_ABOUT: Final[Mapping[str, Callable[[tuple[Line, ...], Mapping[str, Any]], _Said]]] = {
    "moments": _moments,
    "counts": _counts,
    "cause": _cause,
    "blameless": _blameless,
    "actions": _actions,
}
QUESTIONS: Final = tuple(_ABOUT)
"""What a check of this kind may ask in its settings."""


def postmortem(question: Question) -> Answer:
    """Does the postmortem answer the question that this check asks?"""
    data = question.files.get(FILE, b"")
    try:
        lines = read_lines(data)
    except UnreadableError as error:
        return Answer(
            False, "", unjudged=f"{FILE} cannot be read: {error}.", why="Save it as plain text, and try again."
        )
    said = _ABOUT[question.check.settings["ask"]](lines, question.check.settings)
    if said.right:
        return Answer(True, said.observed)
    quote = said.line.text.strip()[:200] if said.line else ""
    number = said.line.number if said.line else 0
    causes = (Finding(said.slip, "", FILE, number, quote, (0, len(quote)), said.why, ""),) if said.slip else ()
    where = f"{FILE}:{number}: " if number else ""
    return Answer(
        False, said.observed, causes=causes, why=f"{where}{said.why}" if said.why else "Look at the evidence."
    )


KIND = Kind(
    postmortem,
    version=2,
    own_stack=True,
    settings={"ask": "moments", "moments": {}, "slips": {}, "lost": "", "cause": "", "people": [], "day": "2023-03-01"},
    observe=lambda _question, _scene: None,  # the text is all there is to see: one stack for all checks is enough
)
