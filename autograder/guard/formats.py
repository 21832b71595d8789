"""A review for people: lines on a terminal, Markdown for a pull request, SARIF for code scanning."""

from __future__ import annotations

import re
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING

from autograder.inspect.config import printable
from autograder.inspect.text import headline
from autograder.judge.spread import Spread

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autograder.guard.change import Change, Move
    from autograder.guard.review import Review
    from autograder.inspect.report import Cause, Inspection

_SAID = {
    "fine": "nothing in the policy stops this change",
    "second-approver": "a second person must look at this change",
    "refuse": "the policy refuses this change",
    "not-judged": "a part of this change could not be judged",
}
_MARKS = {"refuse": "stop", "second-approver": "ask", "say": "note"}
_SHOWN = 8


def text(review: Review) -> Iterator[str]:
    """The review, line by line, safe to print whatever the configs say."""
    return map(printable, _text(review))


def _text(review: Review) -> Iterator[str]:
    yield f"{review.base} → {review.head}: {_SAID[review.outcome]} (risk: {review.risk})"
    for change in review.changes:
        yield ""
        yield f"  {change.config}"
        yield f"    before  {_verdict(change.before)}"
        yield f"    after   {_verdict(change.after)}"
        for reason in review.reasons:
            if reason.config == change.config:
                yield f"    {_MARKS[reason.rule.consequence]:<6}  {reason.said} [{reason.rule.condition}]"
        for cause in change.gone:
            if not _goes_on(cause, change):
                yield f"    gone    {cause.finding.message} ({cause.finding.mistake})"
        for move in (*change.failures, *change.moves)[:_SHOWN]:
            yield f"    {_who(move):<34}  {move.server or 'failed'}  {_part(move.before)} → {_part(move.after)}"
        rest = len(change.failures) + len(change.moves) - _SHOWN
        if rest > 0:
            yield f"    and {rest} more, in --json"
    if review.same:
        yield ""
        yield f"  the same in both versions, so not measured: {_listed(review.same)}"


def markdown(review: Review) -> str:
    """The review as GitHub-flavoured Markdown, for a comment on a pull request."""
    return "\n".join(_markdown(review)) + "\n"


def _markdown(review: Review) -> Iterator[str]:
    yield f"### Traffic review: {_SAID[review.outcome]}"
    yield ""
    yield f"{code(review.base)} → {code(review.head)}, risk: **{review.risk}**"
    if review.changes:
        yield ""
        yield "| Config | Before | After |"
        yield "| --- | --- | --- |"
        for change in review.changes:
            yield f"| {code(change.config)} | {plain(_verdict(change.before))} | {plain(_verdict(change.after))} |"
    for mark in _MARKS:
        mine = [reason for reason in review.reasons if reason.rule.consequence == mark]
        if mine:
            yield ""
            yield {"refuse": "**Refused:**", "second-approver": "**A second person looks at:**", "say": "Also:"}[mark]
            yield ""
            yield from (f"- {code(one.config)}: {plain(one.said)} ({code(one.rule.condition)})" for one in mine)
    for change in review.changes:
        moves = (*change.failures, *change.moves)
        if moves:
            yield ""
            yield f"<details><summary>What moves in {escape(printable(change.config))}</summary>"
            yield ""
            yield "| Traffic | Server | Before | After |"
            yield "| --- | --- | --- | --- |"
            for move in moves[: 4 * _SHOWN]:
                server = code(move.server) if move.server else "requests that fail"
                yield f"| {plain(_who(move))} | {server} | {_part(move.before)} | {_part(move.after)} |"
            yield ""
            yield "</details>"
    if review.same:
        yield ""
        yield f"The same in both versions, so not measured: {', '.join(map(code, review.same))}."
    yield ""
    yield "Measured on twins of both versions: the same configs, unedited, with traffic that was counted."


def sarif(review: Review) -> str:
    """The mistakes that a change brings, as SARIF 2.1.0; what was there before is not this change's."""
    from autograder.inspect.formats import sarif as of_inspections

    found: list[Inspection] = []
    for change in review.changes:
        if change.after is None:
            continue
        same = change.before is not None and change.before.verdict is change.after.verdict
        quiet = Spread.EVEN if same and change.after.verdict is Spread.CONCENTRATED else change.after.verdict
        found.append(replace(change.after, causes=change.came, verdict=quiet))
    return of_inspections.render(found)


def _goes_on(cause: Cause, change: Change) -> bool:
    """Whether the mistake is still there, and only no longer seen, or the other way round."""
    key = (cause.finding.mistake, cause.finding.pool)
    causes = change.after.causes if change.after else ()
    return any(key == (one.finding.mistake, one.finding.pool) for one in causes)


def _verdict(found: Inspection | None) -> str:
    if found is None:
        return "not there"
    return f"{'not inspected' if found.trouble else found.verdict.value}: {headline(found)}"


def _who(move: Move) -> str:
    return f"{move.pool or 'all servers'}, {move.clients}, {move.state}"


def _part(part: float) -> str:
    return f"{part * 100:.0f} %"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def plain(words: str) -> str:
    """Somebody else's words as they are, in Markdown and in a table: nothing in them is markup."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~@&])", r"\\\1", printable(words))


def code(words: str) -> str:
    """The same as code. A fence longer than any in it; a bar would end the cell of a table."""
    said = printable(words).replace("|", "\\|")
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", said)), default=0))
    return f"{fence} {said} {fence}" if "`" in said else f"{fence}{said}{fence}"
