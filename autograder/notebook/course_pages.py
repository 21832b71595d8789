"""Where the course's pages are for whoever has a lab open."""

from __future__ import annotations

import os

from autograder.whereabouts import ROOT

SITE_VARIABLE = "MANYHANDS_SITE"
"""Environment variable with the address of the course's site; ``up`` sets it for the notebooks it starts."""
_COURSE = ROOT / "course"


def address_of(page: str) -> str:
    """The address of a page (relative to the site's root), with an anchor if it has one; empty for no page.

    Where no site runs it is that of the page's text in this clone; empty if that is not there either.
    """
    if not page:
        return ""
    if site := os.environ.get(SITE_VARIABLE, ""):
        return f"{site.rstrip('/')}/{page}"
    place = _COURSE / page.partition("#")[0]
    for text in (place / "index.md", place.with_suffix(".md")):
        if text.is_file():
            return text.as_uri()
    return ""
