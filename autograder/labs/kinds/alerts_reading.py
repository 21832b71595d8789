"""What can be read in a file of rules. It only explains what a recording showed: why an alert stayed silent, and where.

The file is read line by line, as somebody wrote it; Prometheus has already said that it makes sense.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from autograder.labs.kinds.alerts_run import ALERT, RULES
from autograder.labs.kinds.alerts_scenes import FAILING, GONE, LEANING, LIVE, PINNED, REFUSED
from autograder.labs.kinds.alerts_world import STEP_S
from autograder.mistakes.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

WHY: Final = {
    "window-too-short": "Between two looks lie 30 s. A window shorter than a minute holds one value at most, and "
    "from one value there is no rate: this is never true.",
    "labels-do-not-match": "The two sides have other labels, so nothing finds its partner, and this is never true.",
    "average-hides-it": "An average over the servers is the same whoever does the work.",
    "counts-at-the-servers": "This counts what servers answered. A request that reached no server is in no server's "
    "numbers; the balancer has it.",
    "knows-a-name": "This looks at a server by its name. Next time it is another one.",
    "absent-of-all": "absent() is about all series together: it stays silent while one server is left.",
    "waits-too-long": "It saw it, and waited. Its `for` is longer than users have.",
    "sees-it-late": "By the time that this is true, users have felt it.",
    "silent": "None of the alerts was true.",
    "names-nobody": "Who is woken must look for the server. Keep the label `server` in the expression.",
    "names-another": "It names another server, or so many that nobody knows where to look.",
    "rang-before": "It rang before anything had happened.",
    "seldom-looked-at": "Prometheus evaluates this group as seldom as that, and its alerts come so much later. The "
    "recordings are looked at every 30 s whatever it says. Leave `interval` away, or at a minute at most.",
    "cannot-be-evaluated": "Prometheus cannot evaluate this rule. Each side of an operation must find one partner.",
    "cannot-be-computed": "Prometheus cannot evaluate this rule, and says why. Does it ask for too much at once, or "
    "give two rows the same labels?",
    "believes-the-weight": "A weight is what somebody wrote, and not what a server gets. With a wrong weight a wrong "
    "share looks fair, and a cookie or a hash gives a server more while its weight stays.",
    "few-requests": "With a request a minute, one that fails or one server that gets it is everything. Ask for a least "
    "number besides.",
    "rings-at-a-restart": "A restart takes a minute, and the next look finds all well. Ask that it lasts.",
    "rings-for-a-canary": "With a canary the others have a little more than before. That is no harm: leave room.",
    "rings-for-a-minute": "It was over before anybody could have looked.",
    "rings-on": "The long window still remembers what is over, or `keep_firing_for` does. A short window besides knows "
    "that it is over.",
    "never-rings": "A file that never rings is quiet, too.",
}
"""Slip → what a learner reads about it."""

SELDOM_S: Final = 60
"""Seconds between two looks at a group that are still often enough."""
_INTERVAL: Final = re.compile(r"""(?:^|[\s{"',-])interval["']?\s*:\s*["']?((?:\d{1,9}(?:ms|[smhdwy]))+)""")
_PART: Final = re.compile(r"(\d+)(ms|[smhdwy])")
_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
"""Units of a duration as Prometheus writes it."""
_RULE: Final = re.compile(r"^\s*-\s")
_WINDOW: Final = re.compile(r"\[\s*(\d+)(ms|s)\s*[\]:]")
_MATCHED: Final = re.compile(r"\b(?:on|ignoring|scalar)\s*\(")
_BY: Final = re.compile(r"\b(?:by|without)\s*\(")
_OPERATION: Final = re.compile(r"[/*<>]|\band\b|\bunless\b")
_ABSENT: Final = re.compile(r"\babsent(?:_over_time)?\s*\(")
_NAME: Final = re.compile(r"""\b(?:server|instance)\s*=~?\s*["'`][\w(]""")
_WEIGHT: Final = re.compile(r"\bhaproxy_server_weight\b")
_AVERAGE: Final = re.compile(r"\bavg\s*\(")
_COMPARED: Final = re.compile(r"\b(?:max|by|without|group_left|scalar)\b")
_FAILED_AT_SERVERS: Final = re.compile(r"shop_requests_total")
_FAILED_AT_BALANCER: Final = re.compile(r"haproxy_backend_http_responses_total")


@dataclass(frozen=True)
class _Line:
    number: int
    text: str
    """Without the comment."""


def why_silent(rules: str, scene: str, *, never_true: bool) -> Finding | None:
    """What can be read about why nothing was true in ``scene``; ``never_true``: some alert was true in no scene."""
    lines = tuple(_lines(rules))
    short = next((line for line in lines if _shortest(line.text) < 2 * STEP_S), None)
    if short:
        return finding("window-too-short", short.number, short.text)
    if scene in (PINNED, LEANING, LIVE, GONE) and (line := _first(lines, _NAME)):
        return finding("knows-a-name", line.number, line.text)
    if scene == GONE and (line := _first(lines, _ABSENT)):
        return finding("absent-of-all", line.number, line.text)
    if never_true and scene in (PINNED, LEANING, LIVE):
        apart = (one for one in lines if _BY.search(one.text) and _OPERATION.search(one.text))
        if (line := next((one for one in apart if not _MATCHED.search(one.text)), None)) is not None:
            return finding("labels-do-not-match", line.number, line.text)
    if scene in (PINNED, LEANING, LIVE) and (line := _first(lines, _WEIGHT)):
        return finding("believes-the-weight", line.number, line.text)
    if scene in (PINNED, LEANING, LIVE) and (line := _average(lines)):
        return finding("average-hides-it", line.number, line.text)
    of_servers = None if _first(lines, _FAILED_AT_BALANCER) else _first(lines, _FAILED_AT_SERVERS)
    if scene in (FAILING, REFUSED) and of_servers:
        return finding("counts-at-the-servers", of_servers.number, of_servers.text)
    return None


def looked_at_seldom(rules: str) -> Finding | None:
    """The first group whose ``interval`` is longer than :data:`SELDOM_S`."""
    for line in _lines(rules):
        for written in _INTERVAL.findall(line.text):
            if sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(written)) > SELDOM_S:
                return finding("seldom-looked-at", line.number, line.text)
    return None


def at_alert(slip: str, rules: str, alert: str) -> Finding:
    """A slip at the place where an alert is written; at the first line if it is not found."""
    for line in _lines(rules):
        if alert in ALERT.findall(line.text):
            return finding(slip, line.number, line.text)
    return finding(slip, 1, rules.partition("\n")[0])


def finding(slip: str, number: int, text: str) -> Finding:
    """A slip in one line of the rules."""
    quote = text.strip()[:200]
    return Finding(slip, "", RULES, number, quote, (0, len(quote)), WHY[slip], "")


def _lines(rules: str) -> Iterator[_Line]:
    for number, text in enumerate(rules.splitlines(), 1):
        if text.strip() and not text.lstrip().startswith("#"):
            yield _Line(number, text)


def _first(lines: tuple[_Line, ...], pattern: re.Pattern[str]) -> _Line | None:
    return next((line for line in lines if pattern.search(line.text)), None)


def _average(lines: tuple[_Line, ...]) -> _Line | None:
    """The first line with an average, in a rule that compares no server with it."""
    begins = [place for place, line in enumerate(lines) if _RULE.match(line.text)] or [0]  # none where lists are [a, b]
    for first, last in zip(begins, [*begins[1:], len(lines)], strict=True):
        rule = lines[first:last]
        if not any(_COMPARED.search(line.text) for line in rule) and (line := _first(rule, _AVERAGE)):
            return line
    return None


def _shortest(text: str) -> float:
    """Seconds of the shortest window in a line; endless if it has none that is given in seconds."""
    windows = _WINDOW.findall(text)
    return min((int(number[:9]) / (1000 if unit == "ms" else 1) for number, unit in windows), default=float("inf"))
