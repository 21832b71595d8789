"""What process 1 of a server's or the clients' container does. Runs there, with nothing but the standard library.

A kernel gives process 1 no default signal actions, so a program that does not care about TERM would live through
it; servers and clients therefore end themselves here the way any other process would.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from autograder.stack import shop, wait

if TYPE_CHECKING:
    from types import FrameType

DOOR_PORT = 7000
"""Port of the clients' container that leads to the balancer."""


def be_clients(order: dict[str, Any]) -> None:
    """Own every client address and relay visitors to the balancer. Does not return.

    ``order`` has ``own`` (the network all of whose addresses are ours), ``gateway`` (the address through which every
    other node answers them, with its prefix length), ``wire`` (the network the nodes are on), ``balancer`` (address,
    port), and ``servers`` (addresses and ports): once all of them accept connections, or ``patience`` seconds have
    gone by, those that do not are told in a line of JSON on standard output.
    """
    device = json.loads(_ip("-json", "-4", "address", "show", "to", order["wire"]))[0]["ifname"]
    _ip("route", "flush", "default")
    _ip("route", "add", "local", order["own"], "dev", "lo")
    _ip("address", "add", order["gateway"], "dev", device)
    asyncio.run(_serve_clients(order))


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout


async def _serve_clients(order: dict[str, Any]) -> None:
    visit = partial(_visit, *order["balancer"])
    server = await asyncio.start_server(visit, "0.0.0.0", DOOR_PORT, family=socket.AF_INET)
    deaf = await wait.listening({"addresses": order["servers"], "timeout": order["patience"]})
    sys.stdout.write(json.dumps({"deaf": deaf}) + "\n")
    sys.stdout.flush()
    async with server:
        await server.serve_forever()


async def _visit(
    host: str, port: int, visitor_reader: asyncio.StreamReader, visitor_writer: asyncio.StreamWriter
) -> None:
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError:
        visitor_writer.close()  # the balancer is down: the visitor sees a closed connection, as without us
        return
    await asyncio.gather(_copy(visitor_reader, writer), _copy(reader, visitor_writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # one side is gone; closing tells the other
    finally:
        writer.close()


def _end(number: int, _frame: FrameType | None) -> None:
    os._exit(128 + number)


def main() -> None:
    """``clients JSON`` or ``shop JSON``."""
    role, order = sys.argv[1:]
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, _end)
    if role == "clients":
        be_clients(json.loads(order))
    else:
        asyncio.run(shop.serve(shop.ShopSpec(**json.loads(order))))


if __name__ == "__main__":
    main()
