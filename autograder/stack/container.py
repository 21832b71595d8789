"""What process 1 does in a server's container, the clients', and a balancer's machine. Runs there.

It reads its order, a line of JSON, from standard input: an order may be too long for a command line, and holds keys.
A kernel gives process 1 no default signal actions, so a program that does not care about TERM would live through
it; servers and clients therefore end themselves here the way any other process would.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from autograder.stack import loop, shop, wait
from autograder.stack.shop_spec import ShopSpec

if TYPE_CHECKING:
    from types import FrameType

DOOR_PORT = 7000
"""Port of the clients' container that leads to the balancer."""

_UNIX = "unix:"
_NODE = "/node"
_PATIENCE = 30.0
_RACED = re.compile(r"flush request: No such process\n.*-:1\b", re.DOTALL)
"""What ``ip`` says when the kernel took away what its first line was to take away; nothing was done yet."""


async def be_clients(order: dict[str, Any]) -> None:
    """Own every client address and relay visitors to the balancer, too. Does not return.

    Beside what :func:`be_machine` is told, ``order`` has ``balancer`` (address, port), ``door`` (our address
    for visitors) and ``filled``: files that appear when the balancers' folders have in them what they should.
    """
    _furnish(order, _devices())
    # The door is connected while servers start, so its address may not be there yet; clients may bind it anyhow.
    await asyncio.start_server(partial(_visit, *order["balancer"]), order["door"], DOOR_PORT)
    await asyncio.gather(*(_appears(path) for path in order["filled"]))
    await _stay(order)


async def be_machine(order: dict[str, Any]) -> None:
    """Furnish the network namespace that this container owns, and see that it stays. Does not return.

    ``order`` is what :meth:`autograder.stack.docker_plan.Plan.order` describes: ``network``, ``names``, ``wire`` and
    ``listening``: once all of these accept connections, or ``patience`` seconds have gone by, those that do not are
    told in a line of JSON on standard output.
    """
    _furnish(order, _devices())
    await _stay(order)


async def be_shop(order: dict[str, Any]) -> None:
    """Be a server: ``order`` has the fields of a :class:`ShopSpec`. Does not return."""
    spec = ShopSpec(**order)
    if spec.host.startswith(_UNIX):
        await _appears(f"{_NODE}/var/.ready")  # its folder may be one that the balancer has from the beginning
    await shop.serve(spec)


def _ip(family: str, batch: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", family, "-batch", "-"], input=batch, capture_output=True, text=True, check=False)


def _furnish(order: dict[str, Any], devices: dict[str, str]) -> None:
    lines = [line.replace("{wire}", _wire(order, devices)) for line in order["network"]]
    for family in ("-4", "-6"):
        batch = "\n".join(line.removeprefix(f"{family} ") for line in lines if line.startswith(family))
        if batch:
            made = _ip(family, batch)
            if _RACED.search(made.stderr):
                made = _ip(family, batch)
            if made.returncode:
                sys.exit(f"the network could not be set up: {made.stderr.strip()}")


def _devices() -> dict[str, str]:
    """IPv4 address → network device."""
    told = subprocess.run(["ip", "-json", "-4", "address"], check=True, capture_output=True, text=True).stdout
    return {one["local"]: device["ifname"] for device in json.loads(told) for one in device["addr_info"]}


def _wire(order: dict[str, Any], devices: dict[str, str]) -> str:
    import ipaddress

    wire = ipaddress.ip_network(order["wire"])
    return next(device for address, device in devices.items() if ipaddress.ip_address(address) in wire)


async def _stay(order: dict[str, Any]) -> None:
    if order["names"]:
        from autograder.stack import names

        naming = asyncio.get_running_loop().create_task(names.answer(order["names"]))
        naming.add_done_callback(_names_ended)
    deaf = await wait.listening({"addresses": order["listening"], "timeout": order["patience"]})
    sys.stdout.write(json.dumps({"deaf": deaf}) + "\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().create_future()


def _names_ended(naming: asyncio.Task[Any]) -> None:
    sys.stderr.write(f"the name server ended: {naming.exception()!r}\n")
    sys.stderr.flush()
    os._exit(1)


async def _appears(path: str) -> None:
    async with asyncio.timeout(_PATIENCE):
        while not os.path.lexists(path):
            await asyncio.sleep(0.01)


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


_ROLES = {"clients": be_clients, "machine": be_machine, "shop": be_shop}


def main() -> None:
    """``clients``, ``machine`` or ``shop``; the order on standard input."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, _end)
    loop.run(_ROLES[sys.argv[1]](json.loads(sys.stdin.buffer.readline())))


if __name__ == "__main__":
    main()
