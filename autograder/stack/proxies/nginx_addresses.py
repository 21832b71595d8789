"""Addresses as nginx writes them: ``10.0.0.1:80``, ``[::1]``, ``app.internal``, ``unix:/run/x.sock``, ``8000-8010``."""

from __future__ import annotations

import ipaddress
import re

_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_MOST_PORTS = 64


def split_address(text: str, port: int) -> tuple[str, int]:
    """Host (brackets taken off) and port of ``text``, ``port`` if it has none. A path keeps its ``unix:``."""
    if text.startswith("unix:"):
        # However many slashes it begins with, it is one path.
        return f"unix:/{text[5:].partition(':')[0].lstrip('/')}", 0
    host, colon, last = text.rpartition(":")
    if not colon or "]" in last or not last.isascii() or not last.isdecimal() or (":" in host and host[:1] != "["):
        return text.strip("[]"), port
    return host.strip("[]"), min(int(last), 65535)


def listen_addresses(text: str, port: int) -> tuple[tuple[str, int], ...]:
    """Addresses and ports that a ``listen`` names; the address is empty for any IPv4 and ``::`` for any IPv6 one."""
    if text.startswith("unix:"):
        return ((text, 0),)
    if match := _PORTS.fullmatch(text):
        host = ""
    else:
        head, _, tail = text.rpartition(":")
        match = _PORTS.fullmatch(tail) if head and (not text.startswith("[") or head.endswith("]")) else None
        host = head if match else text
    host = host.strip("[]")
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (port, port)
    host = "" if host in ("*", "0.0.0.0") else host
    return tuple((host, n) for n in range(first, min(last, first + _MOST_PORTS - 1) + 1) if 0 < n <= 65535)


def literal(host: str) -> bool:
    """Whether ``host`` is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def joined(host: str, port: int) -> str:
    """``host:port`` as a config writes it."""
    if host.startswith("unix:"):
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
