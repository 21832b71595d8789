"""One place in a config where a mistake of the catalogue was read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """A mistake read in a config. It explains traffic that was observed; alone it proves nothing."""

    mistake: str
    """Slug of the catalogue entry, e.g. ``weight-skew``."""
    pool: str
    """The pool it is in (nginx upstream, HAProxy backend); empty when it is outside any."""
    file: str
    """Path as given in the submitted files, e.g. ``conf/nginx.conf``."""
    line: int
    quote: str
    """The text of that line, stripped, at most 200 characters."""
    column: tuple[int, int]
    """Start and end of the guilty words within ``quote``, for the caret under it."""
    message: str
    """One sentence: what this line does to the traffic."""
    mend: str
    """One sentence: the direction of the mend, for an engineer at work. Labs do not show it to learners."""
