"""The class page: one HTML file that asks for nothing, runs no script, and prints.

Its style sheet is inside, and the page's own content security policy allows that and nothing else. Names of students
stand only in parts that are folded away, so that the page can be shown to the class; ``names=False`` leaves them out.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from autograder.grading.classreport import sections
from autograder.grading.classreport.summary import Standing, Summary
from autograder.grading.classreport.words import html, many, percent

SITE: Final = "http://127.0.0.1:8000/"
"""Where ``./manyhands up`` serves the course."""

_MARK: Final = (
    '<svg viewBox="0 0 24 24" aria-hidden="true"><path fill="none" stroke="currentColor" stroke-width="2.4" '
    'stroke-linecap="round" d="M2.5 12h19M8 12c5 0 4-6.5 9-6.5h4.5M8 12c5 0 4 6.5 9 6.5h4.5"/></svg>'
)
_ICON: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#2b50d6"/>'
    '<path fill="none" stroke="#fff" stroke-width="2.8" stroke-linecap="round" '
    'd="M6 16h20M12 16c5.500 0 4.500-7 10-7h4M12 16c5.500 0 4.500 7 10 7h4"/></svg>'
)
_TILES: Final = {
    Standing.COMPLETE: ("t-done", "have every point"),
    Standing.SHORT: ("t-short", "have checks open"),
    Standing.UNJUDGED: ("t-unjudged", "could not be judged"),
    Standing.UNGRADED: ("", "without a verdict"),
}


def page(found: Summary, *, site: str = SITE, names: bool = True) -> str:
    """The whole page. ``site`` is the address of the course, for links to its field guide."""
    style = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    icon = b64encode(_ICON.encode()).decode()
    body = "\n".join(_sections(found, site, names))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{html(found.title)}: class report</title>\n"
        f'<link rel="icon" href="data:image/svg+xml;base64,{icon}">\n<style>{style}</style>\n</head>\n<body>\n'
        '<a class="skip" href="#report">Skip to the report</a>\n'
        f'{_header(found)}\n<main id="report">\n{body}\n</main>\n{_footer()}\n</body>\n</html>\n'
    )


def _header(found: Summary) -> str:
    last = f" The last came in on {found.last:%-d %B %Y at %H:%M} UTC." if found.last else ""
    lead = f"{many(found.handed_in, 'student')} handed in, {found.graded:,} have a verdict.{last}"
    return (
        f'<header><p class="brand">{_MARK} Many Hands · class report</p>'
        f'<h1>{html(found.title)}</h1><p class="lead">{html(lead)}</p></header>'
    )


def _tiles(found: Summary) -> str:
    tiles = [f'<li class="t-all"><strong>{found.handed_in:,}</strong> <span>handed in</span></li>']
    for standing, (colour, said) in _TILES.items():
        count = found.standings[standing]
        part = f", {percent(count, found.handed_in)}" if count else ""
        tiles.append(f'<li class="{colour}"><strong>{count:,}</strong> <span>{said}{part}</span></li>')
    return f'<ul class="tiles">{"".join(tiles)}</ul>'


def _sections(found: Summary, site: str, names: bool) -> Iterator[str]:
    yield _tiles(found)
    notes = list(_notes(found))
    if notes:
        yield _section("notes", "Worth knowing", f'<ul class="notes">{"".join(f"<li>{n}</li>" for n in notes)}</ul>')
    if found.graded:
        yield _section("points", "How many points", sections.points(found))
        yield _section("stuck", "Where people get stuck", sections.stuck(found))
        yield _section("mistakes", "Which mistakes remain", sections.mistakes(found, site), long=True)
        yield _section("attempts", "From attempt to attempt", sections.progress(found))
        yield _section("items", "How good the checks are", sections.items(found))
    yield _section("copies", "Likely copies", sections.copies(found, names), long=True)
    if names:
        yield _section("students", "Everybody", sections.everybody(found), long=True)


def _section(name: str, title: str, body: str, *, long: bool = False) -> str:
    head = f'<section id="s-{name}" aria-labelledby="h-{name}"{" class=long" if long else ""}>'
    return f'{head}<h2 id="h-{name}">{html(title)}</h2>{body}</section>'


def _notes(found: Summary) -> Iterator[str]:
    ungraded = found.standings[Standing.UNGRADED]
    if ungraded:
        yield (
            f"{html(many(ungraded, 'student'))} handed in and {'has' if ungraded == 1 else 'have'} no verdict: it came "
            "after the last grading, or we failed. Nobody gets a zero for it. "
            f"<code>./manyhands grade {html(found.lab)}</code> grades them, or says why not."
        )
    unjudged = found.standings[Standing.UNJUDGED]
    if unjudged:
        yield (
            f"{html(many(unjudged, 'submission'))} could not be judged in whole: a file is missing, or the config is "
            "refused. The feedback names the reason; they may submit again."
        )
    if found.older:
        yield (
            f"{html(many(found.older, 'student'))} {'was' if found.older == 1 else 'were'} judged by an earlier "
            "version of the checks."
        )
    if found.damaged:
        some = ", ".join(f"<code>{html(name)}</code>" for name in found.damaged[:5])
        more = f" and {len(found.damaged) - 5} more" if len(found.damaged) > 5 else ""
        yield (
            f"{html(many(len(found.damaged), 'record'))} could not be read and left out: {some}{more}. "
            "Grading again makes them anew."
        )


def _footer() -> str:
    return (
        "<footer><p>Made by <code>./manyhands report</code> from the verdict records of this class. Every point in it "
        "comes from traffic that ran and was counted.</p></footer>"
    )
