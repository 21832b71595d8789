"""How the learner's work looks in letters: checks and hints, the config and its changes, the log. Pure functions."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autograder.notebook.frame import CheckNow, ConfigNow, Frame, Line

OUTCOMES: Final = {
    "untried": ("–", "not tried yet", "dim"),
    "running": ("…", "running", "yellow"),
    "passed": ("✓", "passed", "green"),
    "failed": ("✗", "failed", "bold red"),
    "unjudged": ("!", "could not be judged", "yellow"),
}
"""Outcome → sign, words, style."""
_STATES: Final = {
    "running": "runs as it is saved",
    "changed": "saved, not applied: press a",
    "refused": "refused; what ran before still runs",
    "rolled-back": "rolled back",
}
_ON_SHIFT: Final = {
    "on": (
        ("shares", "who answers at each balancer"),
        ("errors", "how many requests failed in the last seconds"),
        ("history", "what was changed in the config"),
    ),
    "over": (("debrief", "what you did and when, beside the best"),),
}
"""Phase of a shift → what can be looked at beside the machines."""
_WORDS: Final = {"name": "cyan", "value": "yellow", "comment": "dim", "string": "green"}
_SIGNS: Final = {"+": "bold green", "-": "bold red"}
_CONTEXT: Final = 2
"""Lines around a change that are shown with it."""


def checks(frame: Frame, width: int, first: str = "") -> Text:
    """Every check and what became of it; of those that failed, what was observed, why, and what to try next.

    The one called ``first`` is at the top: where it was asked for just now, nobody should have to look for it.
    """
    text = Text()
    for number, one in enumerate(sorted(frame.checks, key=lambda one: one.name != first)):
        if number:
            text.append("\n")
        text.append_text(check(one, width))
    total, most = sum(one.points for one in frame.checks), sum(one.max_points for one in frame.checks)
    text.append(f"\n{total:g} of {most:g} points", style="bold")
    return text


def check(one: CheckNow, width: int) -> Text:
    """One check: a line, and what is to be said about it."""
    sign, words, style = OUTCOMES.get(one.outcome, ("?", one.outcome, ""))
    text = Text()
    text.append(f"{sign} {one.name}", style=style or "bold")
    text.append(f"  {words}{', before you changed the files' if one.stale else ''}", style=style)
    text.append(f"  {one.points:g} of {one.max_points:g}  ", style="dim")
    text.append(one.title)
    told = one.outcome in ("failed", "unjudged")
    hint = f" (hint {one.hint_number} of {one.hints})" if one.hint_number else ""
    parts = [("observed", one.observed), ("why", one.why)] if told else []
    parts += [(f"next{hint}", one.next)] if told or hint else []
    for word, said in parts:
        if said:
            text.append("\n" + _indented(f"{word}: {said}", width))
    if told and one.page:
        text.append("\n" + _indented(f"read: {one.page}", width), style="dim")
    return text


def config(frame: Frame) -> Text:
    """The config files against the last known good: only what changed and a little around it; whole if nothing did."""
    text = Text(no_wrap=True, overflow="crop")
    for number, one in enumerate(frame.config):
        if number:
            text.append("\n")
        text.append_text(_file(one))
    return text


def looks(frame: Frame) -> list[tuple[str, str]]:
    """What can be looked at, with what it is: on a shift the shop, always what each machine wrote."""
    phase = frame.shift.phase if frame.shift is not None else ""
    nodes = [*(one.name for one in frame.balancers), *(one.name for one in frame.servers)]
    return [*_ON_SHIFT.get(phase, ()), *((name, "what it wrote") for name in nodes)]


def log(frame: Frame) -> Text:
    """What was said, newest last."""
    return Text("\n".join(frame.log) or "nothing yet")


def said(frame: Frame, width: int) -> Text:
    """What was said last: its first line."""
    text = Text(frame.log[-1].partition("\n")[0] if frame.log else "", no_wrap=True)
    text.truncate(width, overflow="ellipsis")
    return text


def _file(one: ConfigNow) -> Text:
    text = Text()
    text.append(one.path, style="bold")
    text.append(f"  {_STATES.get(one.state, one.state)}")
    changed = [number for number, line in enumerate(one.lines) if line.sign.strip()]
    if changed:
        text.append(f"  (+ and -: against {one.compared_with})", style="dim")
    if one.complaint:
        text.append(f"\n✗ {one.complaint}", style="bold red")
    for line in _shown(one.lines, changed):
        text.append("\n")
        if line is None:
            text.append("      ⋯", style="dim")
            continue
        text.append(f"{line.sign} ", style=_SIGNS.get(line.sign, ""))
        text.append(f"{line.number:>3} ", style="dim")
        for word, kind in line.words:
            text.append(word, style=_WORDS.get(kind, ""))
    return text


def _shown(lines: Sequence[Line], changed: Sequence[int]) -> Iterator[Line | None]:
    """The lines to show; None stands for some that are left out."""
    if not changed:
        yield from lines
        return
    near = {number + step for number in changed for step in range(-_CONTEXT, _CONTEXT + 1)}
    left_out = False
    for number, line in enumerate(lines):
        if number in near:
            left_out = False
            yield line
        elif not left_out:
            left_out = True
            yield None


def _indented(text: str, width: int) -> str:
    flat, wide = " ".join(text.split()), max(30, width)
    return textwrap.fill(flat, wide, initial_indent="    ", subsequent_indent="      ", break_long_words=False)
