"""The traffic that a config of the catalogue is tried with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Capacity = Mapping[str, float]
"""Server name (host, or host:port) → relative capacity, of the servers that should be serving."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """The traffic that a config is judged under, and by which balancer: tests run it on the real one."""

    state: str = "all-up"
    """One of ``STATES``; what happens in it happens to ``victim``."""
    victim: str = "app2"
    proxy: str = "nginx"
    """The balancer that the config is for."""
    pages: str = "varied"
    """What the clients ask for: ``varied`` pages, all the ``checkout`` with arguments of its own, or one path."""
    host: str = "shop.example"
    """The name of the site that the clients ask for."""
    concurrency: int = 4
    """Requests in flight."""
    within: float = 0.0
    """How far claimed parts may be off beyond what chance and the numbers sent explain: for what hangs on timing."""
    crowd: int = 0
    """How many clients of the population come; 0 for all of them."""
    acquainted: bool = False
    """Whether the same clients were here before the state came about, and kept the cookies they were given."""
    capacity: Capacity | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    """Further files of the config folder: path → text."""
