"""The report's pictures: SVG as text, coloured by the page's style sheet. Each has a name and says what it shows.

Every picture stands beside a table with the same numbers, so its description is one sentence and its parts are hidden
from screen readers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from autograder.grading.classreport.words import html

WIDTH = 720
_RIGHT = 70


@dataclass(frozen=True)
class Part:
    """A piece of a bar: how much, and the class of its colour."""

    value: float
    colour: str
    name: str = ""


@dataclass(frozen=True)
class Line:
    """A bar with a label before it and a note behind."""

    label: str
    parts: tuple[Part, ...]
    note: str


def _picture(name: str, title: str, description: str, height: float, body: Sequence[str]) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height:g}" role="img" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">{html(title)}</title><desc id="{name}-d">{html(description)}</desc>'
        f'<g aria-hidden="true">{"".join(body)}</g></svg>'
    )


def columns(name: str, title: str, description: str, values: Sequence[tuple[str, int]]) -> str:
    """Columns side by side: (label, how many) each; the highest gets the accent colour."""
    height, ground, top = 250.0, 214.0, 22.0
    most = max((value for _, value in values), default=0) or 1
    step = (WIDTH - 20) / max(1, len(values))
    wide = min(64.0, step * 0.72)
    body = [f'<line class="axis" x1="10" y1="{ground}" x2="{WIDTH - 10}" y2="{ground}"/>']
    for index, (label, value) in enumerate(values):
        middle = 10 + step * (index + 0.5)
        tall = (ground - top) * value / most
        if value:
            body.append(
                f'<rect class="{"c-main" if value == most else "c-soft"}" x="{middle - wide / 2:.1f}" '
                f'y="{ground - tall:.1f}" width="{wide:.1f}" height="{tall:.1f}" rx="4"/>'
            )
        body.append(f'<text class="value" x="{middle:.1f}" y="{ground - tall - 7:.1f}">{value or ""}</text>')
        body.append(f'<text class="tick" x="{middle:.1f}" y="{ground + 22:.1f}">{html(label)}</text>')
    return _picture(name, title, description, height, body)


def bars(name: str, title: str, description: str, lines: Sequence[Line], most: float) -> str:
    """Bars under one another; a bar of ``most`` fills the width."""
    left = 30 + 8.2 * max((len(_short(line.label)) for line in lines), default=0)
    room = WIDTH - left - _RIGHT
    body: list[str] = []
    for index, line in enumerate(lines):
        y = 8 + 40 * index
        body.append(f'<text class="label" x="{left - 14:.1f}" y="{y + 19}">{html(_short(line.label))}</text>')
        body.append(f'<rect class="c-track" x="{left:.1f}" y="{y}" width="{room:.1f}" height="28" rx="5"/>')
        x = left
        for part in line.parts:
            wide = room * part.value / most if most else 0.0
            if wide <= 0:
                continue
            body.append(f'<rect class="{part.colour}" x="{x:.2f}" y="{y}" width="{wide:.2f}" height="28" rx="3"/>')
            if wide > 34 and part.name:
                body.append(f'<text class="inside" x="{x + wide / 2:.1f}" y="{y + 19}">{html(part.name)}</text>')
            x += wide
        body.append(f'<text class="note" x="{WIDTH - _RIGHT + 12}" y="{y + 19}">{html(line.note)}</text>')
    return _picture(name, title, description, 8 + 40 * len(lines), body)


def cloud(name: str, title: str, description: str, points: Sequence[tuple[str, float, float]]) -> str:
    """Points (label, x in 0 … 1, y in -1 … 1): difficulty to the right is easy, discrimination upwards is good."""
    height, left, right, top, ground = 330.0, 64.0, 24.0, 16.0, 276.0
    lowest = min(0.0, *(y for _, _, y in points)) if points else 0.0
    lowest = -ceil(-lowest * 5) / 5

    def at(x: float, y: float) -> tuple[float, float]:
        return left + (WIDTH - left - right) * x, ground - (ground - top) * (y - lowest) / (1 - lowest)

    x0, weak = at(0, 0.2)
    x1, zero = at(1, 0)
    body = [
        f'<rect class="c-warn" x="{x0:.1f}" y="{weak:.1f}" width="{x1 - x0:.1f}" height="{ground - weak:.1f}"/>',
        f'<line class="axis" x1="{x0:.1f}" y1="{zero:.1f}" x2="{x1:.1f}" y2="{zero:.1f}"/>',
        f'<text class="hint" x="{x1 - 8:.1f}" y="{weak + 17:.1f}">below 0.2: hardly tells strong from weak</text>',
    ]
    for tick in range(0, 101, 20):
        x, _ = at(tick / 100, 0)
        body.append(f'<line class="grid" x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{ground}"/>')
        body.append(f'<text class="tick" x="{x:.1f}" y="{ground + 20}">{tick} %</text>')
    for tenth in range(round(lowest * 10), 11, 2):
        _, y = at(0, tenth / 10)
        body.append(f'<text class="note end" x="{left - 10}" y="{y + 5:.1f}">{tenth / 10:.1f}</text>')
    body.append(
        f'<text class="tick" x="{(x0 + x1) / 2:.1f}" y="{ground + 44}">share of its points earned: easy →</text>'
    )
    marks: list[tuple[float, float, list[str]]] = []
    for label, px, py in sorted(points, key=lambda each: (-each[2], each[1], each[0])):
        x, y = at(px, py)
        body.append(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="7"/>')
        beside = next((names for mx, my, names in marks if abs(mx - x) < 90 and abs(my - y) < 18), None)
        if beside is None:
            marks.append((x, y, [label]))
        else:  # dots too close for a label each share one
            beside.append(label)
    for x, y, names in marks:
        side = f'class="mark end" x="{x - 13:.1f}"' if x > WIDTH / 2 else f'class="mark" x="{x + 13:.1f}"'
        body.append(f'<text {side} y="{y + 5:.1f}">{html(", ".join(names))}</text>')
    return _picture(name, title, description, height, body)


def _short(label: str) -> str:
    return label if len(label) <= 30 else label[:29] + "…"
