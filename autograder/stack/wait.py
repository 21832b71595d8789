"""Waiting for things on a node, with a time limit. Runs there, with nothing but the standard library."""

from __future__ import annotations

import asyncio
import time
from typing import Any

_BETWEEN = 0.02
_UNIX = "unix:"


async def listening(payload: dict[str, Any]) -> list[list[Any]]:
    """Wait until every one of ``payload["addresses"]`` (host or ``unix:/path``, and port) accepts a connection.

    Gives up ``payload["timeout"]`` seconds after the call. Returns those that do not accept: empty when all is well.
    """
    deadline = time.monotonic() + payload["timeout"]
    addresses = payload["addresses"]
    accepted = await asyncio.gather(*(_accepts(host, port, deadline) for host, port in addresses))
    return [address for address, well in zip(addresses, accepted, strict=True) if not well]


async def _accepts(host: str, port: int, deadline: float) -> bool:
    while (left := deadline - time.monotonic()) > 0:
        try:
            opening = asyncio.open_unix_connection(host[len(_UNIX) :]) if host.startswith(_UNIX) else None
            _, writer = await asyncio.wait_for(opening or asyncio.open_connection(host, port), left)
        except (OSError, TimeoutError):
            await asyncio.sleep(min(_BETWEEN, left))
            continue
        writer.close()
        return True
    return False
