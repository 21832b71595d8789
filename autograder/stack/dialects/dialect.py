"""What a dialect and the shop ask of one another."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio


CHECKOUT = b"/checkout"
_NONCE = re.compile(rb"[A-Za-z0-9-]{1,128}")
REASONS = {200: "OK", 401: "Unauthorized", 500: "Internal Server Error", 503: "Service Unavailable"}
"""What goes with the status that the shop decides on."""


def nonce_of(raw: bytes) -> str:
    """The nonce as the journal takes it; ``-`` if there is none, or none that fits on a line of the journal."""
    return raw.decode() if _NONCE.fullmatch(raw) else "-"


def is_checkout(path: bytes) -> bool:
    """Whether this path (with or without a query) is the costly page."""
    return path.startswith(CHECKOUT)


class Asked(Protocol):
    """One request in work. ``nonce`` is ``-`` if it carried none (a health check); ``checkout`` is the costly page."""

    nonce: str
    checkout: bool

    def answer(self, receipt: str, status: int) -> None:
        """Send the answer; ``receipt`` is for the header ``X-Receipt``. Must not fail when the other side is gone."""

    def hang_up(self) -> None:
        """Close the connection instead of answering. Must not fail when the other side is gone."""


class Counting(Protocol):
    """What a dialect sees of the shop: it counts, makes wait, works and may die of a request."""

    name: str
    says: str
    """What a health check looks for at this server; empty if for nothing."""

    def arrive(self, asked: Asked) -> None:
        """A whole request is there. Its ``answer`` is called when it was worked on, if ever."""

    def page(self) -> bytes:
        """The body of every answer."""


class Dialect(Protocol):
    """``SPEAKERS`` in a dialect's file maps the names of ``model.PROTOCOLS`` it speaks to such makers."""

    def __call__(self, shop: Counting) -> asyncio.Protocol:
        """A protocol object for one connection."""
