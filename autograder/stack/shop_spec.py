"""What a shop is told, and what others must know of it: apart from the shop, because that brings a whole event loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autograder.stack.engine import JOURNAL

if TYPE_CHECKING:
    from autograder.stack.model import Server

CHECKOUT_MARK = "k"
"""Last character of a receipt for a checkout, which no other receipt has: a balancer may have asked for less."""
DISK = "/run/manyhands/disk"
STATUS_PATH = "/-/status"
"""Where a shop that speaks HTTP tells how it is."""


@dataclass(frozen=True)
class ShopSpec:
    """What one shop process is told: its server's numbers and the address to listen on.

    ``host`` is an IPv4 or IPv6 address, or ``unix:/path``; the other words are those of :class:`model.Server`.
    """

    name: str
    host: str
    port: int
    workers: int
    service_ms: float
    page_ms: float
    queue: int
    service: str = "constant"
    memory_mb: float = 512.0
    speaks: str = "http"
    certificate: str = ""
    says: str = ""
    journal: str = JOURNAL
    disk: str = DISK

    @classmethod
    def of(cls, server: Server, host: str) -> ShopSpec:
        """The spec for ``server`` at address ``host``."""
        return cls(
            *(server.name, host, server.port, server.workers, server.service_ms, server.page_ms, server.queue),
            *(server.service, server.memory_mb, server.speaks, server.certificate, server.says),
        )
