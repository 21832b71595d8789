"""How servers are right now, by their own word: a monitoring's view, asked over the network.

:func:`vitals` runs on the clients node with nothing but the standard library, for all servers in one call. Shops answer
at ``/-/status`` without a worker and without a line in their journal, so that looking changes nothing.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from autograder.stack.shop_spec import STATUS_PATH

_ASKED = f"GET {STATUS_PATH} HTTP/1.1\r\nHost: status\r\nConnection: close\r\n\r\n".encode()


async def vitals(payload: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Ask every server of ``payload["servers"]`` (name → address and port) for its status, all at once.

    Returns name → what :meth:`Shop.status` tells; without those that did not answer within ``payload["timeout"]``
    seconds, as one that hangs, is cut off or is down.
    """
    names: dict[str, tuple[str, int]] = payload["servers"]
    asking = (_status(host, port, payload["timeout"]) for host, port in names.values())
    answers = await asyncio.gather(*asking)
    return {name: answer for name, answer in zip(names, answers, strict=True) if answer is not None}


async def _status(host: str, port: int, timeout: float) -> dict[str, Any] | None:
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(_ASKED)
                said = await reader.read()
            finally:
                writer.close()
        status: dict[str, Any] = json.loads(said.partition(b"\r\n\r\n")[2])
    except (OSError, TimeoutError, ValueError):
        return None
    return status
