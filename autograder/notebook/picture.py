"""A picture of where the traffic went: clients → balancer → servers, each flow as wide as its share.

Plain SVG with a title and a description, and colours of the JupyterLab theme, so that it reads in light and dark and
to a screen reader. Colour is never the only sign: every share is written, and trouble has a word.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from autograder.judge.spread import CONCENTRATED_AT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_INK = "var(--jp-content-font-color1, #1f2933)"
_PALE = "var(--jp-content-font-color2, #52606d)"
_EDGE = "var(--jp-border-color1, #cbd2d9)"
_CARD = "var(--jp-layout-color1, #ffffff)"
_FLOW, _HOT, _FINE = "#4c6fe0", "#c8332b", "#18794e"
_ROW, _TOP, _WIDTH = 84, 16, 700
_WIDEST = 40.0


@dataclass(frozen=True)
class ServerLine:
    """One server in the picture: its share and fair share (0 to 1) and whether its process is up."""

    name: str
    share: float
    fair: float
    up: bool

    @property
    def trouble(self) -> str:
        """One or two words about what is wrong; empty if nothing is."""
        if not self.up:
            return "crashed"
        if not self.share:
            return "gets nothing"
        return "too much" if self.share >= CONCENTRATED_AT * self.fair else ""


def lines_of(share: Mapping[str, float], fair: Mapping[str, float], down: Sequence[str] = ()) -> tuple[ServerLine, ...]:
    """Picture lines for all servers of ``fair``, in its order."""
    return tuple(ServerLine(name, share.get(name, 0.0), part, name not in down) for name, part in fair.items())


def picture(lines: Sequence[ServerLine], clients: str, balancer: str) -> str:
    """The SVG. ``clients`` is a few words about who sent; ``balancer`` names the balancer."""
    height = 2 * _TOP + _ROW * len(lines)
    middle = height / 2
    told = ", ".join(f"{line.name} {line.share:.0%}{f' ({line.trouble})' if line.trouble else ''}" for line in lines)
    parts = [
        f'<svg role="img" viewBox="0 0 {_WIDTH} {height}" width="100%" style="max-width:{_WIDTH}px;'
        f'font-family:var(--jp-ui-font-family, system-ui, sans-serif)" xmlns="http://www.w3.org/2000/svg">',
        "<title>Where the traffic went</title>",
        f"<desc>{escape(clients)}, through {escape(balancer)}: {escape(told)}.</desc>",
        _band(150, middle, 250, middle, _WIDEST, _FLOW),
    ]
    offset = -_WIDEST / 2
    for number, line in enumerate(lines):
        width = _WIDEST * line.share
        y = _TOP + _ROW * (number + 0.5)
        if line.share:
            parts.append(_band(370, middle + offset + width / 2, 480, y, width, _HOT if line.trouble else _FLOW))
        offset += width
    parts += [_card(20, middle, 130, "clients", clients), _card(250, middle, 120, balancer, "")]
    parts += [_server(line, _TOP + _ROW * number + 8) for number, line in enumerate(lines)]
    return "".join(parts) + "</svg>"


def _band(x1: float, y1: float, x2: float, y2: float, width: float, colour: str) -> str:
    bend = (x2 - x1) / 2
    return (
        f'<path d="M{x1},{y1:.1f} C{x1 + bend},{y1:.1f} {x2 - bend},{y2:.1f} {x2},{y2:.1f}" fill="none" '
        f'stroke="{colour}" stroke-opacity="0.75" stroke-width="{max(1.5, width):.1f}"/>'
    )


def _card(x: float, middle: float, width: float, title: str, below: str) -> str:
    first, second = _two_lines(below)
    texts = (
        f'<text x="{x + 12}" y="{middle - (12 if below else -5)}" fill="{_INK}" font-size="14">{escape(title)}</text>'
    )
    for number, text in enumerate(filter(None, (first, second))):
        texts += (
            f'<text x="{x + 12}" y="{middle + 8 + 15 * number}" fill="{_PALE}" font-size="11">{escape(text)}</text>'
        )
    box = f'<rect x="{x}" y="{middle - 34}" width="{width}" height="68" rx="6" fill="{_CARD}" stroke="{_EDGE}"/>'
    return box + texts


def _two_lines(text: str) -> tuple[str, str]:
    words = text.split()
    cut = next((n for n in range(len(words)) if len(" ".join(words[: n + 1])) > 18), len(words))
    return " ".join(words[:cut]), " ".join(words[cut:])


def _server(line: ServerLine, y: float) -> str:
    colour = _HOT if line.trouble else _FINE
    full = 190.0
    state = line.trouble or f"fair share {line.fair:.0%}"
    return (
        f'<rect x="480" y="{y}" width="210" height="{_ROW - 16}" rx="6" fill="{_CARD}" '
        f'stroke="{colour if line.trouble else _EDGE}"/>'
        f'<text x="490" y="{y + 20}" fill="{_INK}" font-size="14">{escape(line.name)}</text>'
        f'<text x="680" y="{y + 20}" text-anchor="end" font-size="14" font-weight="600" fill="{_INK}">'
        f"{line.share:.0%}</text>"
        f'<rect x="490" y="{y + 28}" width="{full}" height="7" rx="3.5" fill="{_EDGE}"/>'
        f'<rect x="490" y="{y + 28}" width="{full * min(1.0, line.share):.1f}" height="7" rx="3.5" fill="{colour}"/>'
        f'<path d="M{490 + full * line.fair:.1f},{y + 25} v13" stroke="{_INK}" stroke-width="1.5"/>'
        f'<text x="490" y="{y + 53}" font-size="12" fill="{_PALE}">{escape(state)}</text>'
    )
