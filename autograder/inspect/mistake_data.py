"""An entry of the catalogue as plain data, for tools: what ``--help-mistake ID --json`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autograder.errors import ManyHandsError, nearest
from autograder.mistakes.catalogue import mistakes

if TYPE_CHECKING:
    from autograder.mistakes.mistake import Mistake

_WORDS = ("title", "what", "why", "clients", "states", "seen", "mend", "instead", "versions", "sources")


def mistake_data(slug: str) -> dict[str, Any]:
    """The entry called ``slug``, its examples included. Raises :class:`ManyHandsError` for an unknown one."""
    known = {mistake.slug: mistake for mistake in mistakes()}
    if slug not in known:
        close = nearest(slug, known)
        remedy = f"did you mean {close}?" if close else f"there are: {', '.join(known)}"
        raise ManyHandsError(f"the catalogue has no mistake called {slug}", remedy=remedy)
    return _data(known[slug])


def _data(mistake: Mistake) -> dict[str, Any]:
    said = {word: getattr(mistake, word) for word in _WORDS}
    examples = [
        {
            "name": one.name,
            "proxy": one.proxy,
            "state": one.state,
            "config": one.config,
            "guilty": one.guilty,
            "share": {clients: dict(share) for clients, share in one.share.items()},
        }
        for one in mistake.examples
    ]
    return {"id": mistake.slug, "proxies": list(mistake.proxies), **said, "examples": examples}
