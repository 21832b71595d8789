"""Shares as a picture: a bar for each server. Written into the page as SVG."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

WIDE, ROW, TOP = 460, 26, 44
HOT = 0.6
"""A share that is too much for any one server of a pool."""
_TRACK = (112, 270)
"""Where a bar starts, and its length at 100 %."""


def picture(name: str, heading: str, shares: Mapping[str, float], failed: float = 0.0) -> str:
    """An ``svg`` of measured shares (server → part of all requests).

    ``name`` makes ids unique on a page.
    """
    rows = [*shares.items()] + ([("failed", failed)] if failed else [])
    told = ", ".join(f"{server} {part:.0%}" for server, part in rows)
    high = TOP + ROW * len(rows) + 6
    lines = [
        f'<svg class="mh-fig mh-shares" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {high}" role="img" '
        f'aria-labelledby="{name}-title {name}-desc">',
        f'<title id="{name}-title">{escape(heading)}</title>',
        f'<desc id="{name}-desc">Shares: {escape(told)}.</desc>',
        f'<rect class="mh-card" x="0.5" y="0.5" width="{WIDE - 1}" height="{high - 1}" rx="8"/>',
        f'<text class="mh-t mh-b" x="16" y="27">{escape(heading)}</text>',
    ]
    left, length = _TRACK
    for number, (server, part) in enumerate(rows):
        y = TOP + ROW * number
        bad = part >= HOT or server == "failed"
        filled = max(length * part, 3 if part else 0)
        lines += [
            f'<text class="mh-s" x="16" y="{y + 13}">{escape(server)}</text>',
            f'<rect class="mh-track" x="{left}" y="{y + 4}" width="{length}" height="10" rx="5"/>',
        ]
        if part:
            fill = "mh-hotfill" if bad else "mh-okfill"
            lines.append(f'<rect class="{fill}" x="{left}" y="{y + 4}" width="{filled:.1f}" height="10" rx="5"/>')
        lines.append(f'<text class="mh-s" x="{WIDE - 16}" y="{y + 13}" text-anchor="end">{_percent(part)}</text>')
    return "\n".join([*lines, "</svg>"])


def _percent(part: float) -> str:
    return "under 1 %" if 0 < part < 0.01 else f"{part * 100:.0f} %"
