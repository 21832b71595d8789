"""Tables for the page: a caption, headings with scopes, numbers to the right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from autograder.grading.classreport.words import html


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """A table. Cells are HTML already; ``heads`` and ``caption`` are text. The first cell of a row is its heading.

    ``numbers`` are the columns that hold numbers.
    """

    def classed(column: int) -> str:
        return ' class="n"' if column in numbers else ""

    head = "".join(f'<th scope="col"{classed(column)}>{html(text)}</th>' for column, text in enumerate(heads))
    body = "".join(
        "<tr>"
        + "".join(
            f'<th scope="row"{classed(column)}>{cell}</th>' if column == 0 else f"<td{classed(column)}>{cell}</td>"
            for column, cell in enumerate(row)
        )
        + "</tr>\n"
        for row in rows
    )
    # The frame scrolls where the table is wider than a telephone; a keyboard must be able to scroll it too.
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{html(caption)}"><table>'
        f"<caption>{html(caption)}</caption><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>"
    )


def figure(name: str, picture: str, key: Sequence[tuple[str, str]] = ()) -> str:
    """A picture in a frame called ``name`` that scrolls on a narrow screen; ``key`` is of (colour class, meaning)."""
    names = "".join(
        f'<li><svg viewBox="0 0 16 16" aria-hidden="true"><rect class="{colour}" width="16" height="16" rx="4"/></svg>'
        f"{html(name)}</li>"
        for colour, name in key
    )
    return (
        f'<figure><div class="wide" role="region" tabindex="0" aria-label="Picture: {html(name)}">{picture}</div>'
        + (f'<figcaption><ul class="key">{names}</ul></figcaption>' if names else "")
        + "</figure>"
    )


def fold(summary: str, body: str) -> str:
    """Something to open; works without a script."""
    return f"<details><summary>{html(summary)}</summary>{body}</details>"
