"""Where the course's pages are for whoever has a lab open."""

from __future__ import annotations

import os

SITE_VARIABLE = "MANYHANDS_SITE"
"""Address of the course's site; ``up`` says it to the notebooks it starts."""


def address_of(page: str) -> str:
    """The address of a page (relative to the site's root); empty for no page, relative if no site is known."""
    if not page:
        return ""
    site = os.environ.get(SITE_VARIABLE, "")
    return f"{site.rstrip('/')}/{page}" if site else page
