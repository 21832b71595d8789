"""Addresses as HAProxy writes them: ``10.0.0.1:80``, ``*:80``, ``:::443``, ``unix@/run/x.sock``, ``app:8000-8010``."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MOST_PORTS = 64
_FAMILY = re.compile(r"([a-z0-9+]+)@(.*)", re.DOTALL)
_PORTS = re.compile(r"([+-])?(\d{1,5})(?:-(\d{1,5}))?", re.ASCII)


@dataclass(frozen=True)
class Where:
    """One address. ``host`` is a literal, a name, ``unix:/path``, or empty for any IPv4 address (``::`` any IPv6).

    ``ports`` is empty if none is said. ``shift`` is what ``+100`` adds to the port that the client came to.
    ``kind`` is ``tcp``, ``unix``, ``udp``, or for what no client reaches over TCP the word before the ``@``.
    """

    host: str
    ports: tuple[int, ...] = ()
    shift: int = 0
    kind: str = "tcp"


def where(text: str) -> Where:
    """Read one address (docs.haproxy.org/2.8/configuration.html#11). Never fails: what is no address is a name."""
    kind = "tcp"
    if match := _FAMILY.fullmatch(text):
        family, text = match.groups()
        if family in ("unix", "uxst"):
            return Where(f"unix:{text}", kind="unix")
        if family.startswith(("quic", "udp", "dgram")):
            kind = "quic" if family.startswith("quic") else "udp"
        elif not family.startswith(("ipv", "tcp", "stream", "mptcp")):
            return Where(text, kind=family)
    if text.startswith("/"):
        return Where(f"unix:{text}", kind="unix")
    host, colon, tail = text.rpartition(":")
    if not colon or tail.endswith("]"):
        return Where(_host(text), kind=kind)
    ports = _PORTS.fullmatch(tail)
    if ports is None:
        return Where(_host(host if not tail else text), kind=kind)
    sign, first, last = ports.groups()
    if sign:
        return Where(_host(host), shift=int(sign + first), kind=kind)
    low, high = int(first), int(last or first)
    span = range(low, min(high, low + _MOST_PORTS - 1) + 1)
    return Where(_host(host), tuple(port for port in span if 0 < port <= 65535), kind=kind)


def wheres(text: str) -> tuple[Where, ...]:
    """A list of addresses with commas, as ``bind`` takes them; ``:`` and ports of a later one stand for themselves."""
    return tuple(where(part) for part in text.split(",") if part)


def _host(text: str) -> str:
    host = text.strip("[]")
    return "" if host in ("*", "0.0.0.0") else host
