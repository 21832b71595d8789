"""A verdict as a reader sees it: in the autograded notebook, in feedback, on a terminal. Everything is escaped."""

from __future__ import annotations

import re
from html import escape
from typing import Final

from autograder.labs.verdict import Outcome, Verdict
from autograder.mistakes.finding import Finding

_BAR: Final = 40
"""Characters of a bar that is all of the traffic."""
_SERVERS: Final = 32
_CAUSES: Final = 5

_WORDS: Final = {
    Outcome.PASSED: "passed",
    Outcome.FAILED: "not yet",
    Outcome.UNJUDGED: "could not be judged",
    Outcome.OURS: "not graded: our fault",
}
_COLOURS: Final = {Outcome.PASSED: "#1a7f37", Outcome.FAILED: "#b35900", Outcome.UNJUDGED: "#6e40c9"}


def as_text(verdict: Verdict) -> str:
    """The verdict as plain text, for terminals and for viewers that show no HTML."""
    lines = [f"{_WORDS[verdict.outcome]}: {number(verdict.points)} of {number(verdict.max_points)} points"]
    lines += ["", clean(verdict.observed)] if verdict.observed else []
    lines += _bars(verdict)
    lines += ["", f"why   {clean(verdict.why)}"] if verdict.why else []
    for cause in verdict.causes[:_CAUSES]:
        lines += ["", *_cause(cause)]
    lines += ["", f"next  {clean(verdict.next)}"] if verdict.next else []
    return "\n".join(lines)


def as_html(verdict: Verdict) -> str:
    """The verdict as a fragment of HTML without script, style sheet or address."""
    colour = _COLOURS.get(verdict.outcome, "#57606a")
    head = f"{_WORDS[verdict.outcome]} · {number(verdict.points)} of {number(verdict.max_points)} points"
    parts = [f'<p><strong style="color:{colour}">{escape(head)}</strong></p>']
    if verdict.observed:
        parts.append(f"<p>{_html(verdict.observed)}</p>")
    bars = _bars(verdict)
    if bars:
        parts.append(f'<pre style="line-height:1.3">{_html(chr(10).join(bars[1:]))}</pre>')
    if verdict.why:
        parts.append(f"<p><strong>Why</strong> {_html(verdict.why)}</p>")
    for cause in verdict.causes[:_CAUSES]:
        parts.append(f"<pre>{_html(chr(10).join(_cause(cause)))}</pre>")
    if verdict.next:
        parts.append(f"<p><strong>Next</strong> {_html(verdict.next)}</p>")
    return f'<div style="border-left:4px solid {colour};padding-left:12px">{"".join(parts)}</div>'


def number(points: float) -> str:
    """Points without a tail of zeros: ``2``, ``1.5``, ``0.333``."""
    return f"{points:.3f}".rstrip("0").rstrip(".")


def clean(text: str) -> str:
    """``text`` without terminal control sequences and other characters that do more than show themselves."""
    without = re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", text)
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", "�", without)


def _html(text: str) -> str:
    return escape(clean(text))


def _bars(verdict: Verdict) -> list[str]:
    """An empty line, then a line for each server: its share, drawn and in numbers, and what would be fair."""
    if not verdict.share:
        return []
    servers = list(dict.fromkeys([*verdict.fair, *verdict.share]))
    width = min(max(len(server) for server in servers), 48)
    lines = [""]
    for server in servers[:_SERVERS]:
        share = min(max(verdict.share.get(server, 0.0), 0.0), 1.0)
        bar = "█" * round(share * _BAR) or ("▏" if share else "")
        fair = f"   fair {verdict.fair[server]:.0%}" if server in verdict.fair else ""
        lines.append(f"{clean(server)[:width]:<{width}}  {bar:<{_BAR}}  {share:4.0%}{fair}")
    if len(servers) > _SERVERS:
        lines.append(f"… and {len(servers) - _SERVERS} more servers")
    if verdict.requests:
        lines.append(f"{verdict.requests} requests, {verdict.failed} failed")
    return lines


def _cause(cause: Finding) -> list[str]:
    """The line, a mark under the guilty words, and what the line does. The mend stays with engineers at work."""
    head = f"{clean(cause.file)}:{cause.line}  "
    start, end = cause.column
    quote = clean(cause.quote)
    lines = [head + quote]
    if 0 <= start < end <= len(quote):
        lines.append(" " * (len(head) + start) + "~" * (end - start))
    return [*lines, clean(cause.message)]
