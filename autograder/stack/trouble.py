"""Carry out, inside a running shop, what :mod:`autograder.stack.conduct` orders from outside.

Runs on a node with the standard library and uvloop.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, cast

from autograder.stack.conduct import Conduct, desk_path
from autograder.stack.socket_filter import filter_all

if TYPE_CHECKING:
    from autograder.stack.reception import Reception

_SMALL_DISK = 16 * 1024 * 1024
"""A disk larger than this is not the server's own small one, and is not filled."""


async def take_orders(reception: Reception) -> None:
    """Listen for orders: each connection brings one, a line of JSON, and is told the conduct in force."""
    path = desk_path(reception.shop.name)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # a shop that was killed left it
    desk = await asyncio.get_running_loop().create_unix_server(lambda: _Order(reception), path)
    reception.servers.append(desk)


class _Order(asyncio.Protocol):
    def __init__(self, reception: Reception) -> None:
        self._reception = reception
        self._text = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._text += data
        if not self._text.endswith(b"\n") or self._transport is None:
            return
        try:
            order = json.loads(self._text)
            if order is not None:
                behave(self._reception, Conduct(**order))
            reply: dict[str, object] = {"ok": asdict(self._reception.shop.conduct)}
        except (OSError, TypeError, ValueError) as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        self._transport.write(json.dumps(reply).encode() + b"\n")
        self._transport.close()


def behave(reception: Reception, conduct: Conduct) -> None:
    """Make the shop behave so from now on. Raises :class:`OSError` if the machine refuses a part of it."""
    shop = reception.shop
    if conduct.disk_full != shop.conduct.disk_full:
        if conduct.disk_full:
            shop.begin_ledger()  # so that the next line needs room
            _fill(shop.disk)
        else:
            os.unlink(_filler(shop.disk))
    loss = 1.0 if conduct.cut_off else conduct.loss
    if loss or reception.filtered:
        reception.loss, reception.filtered = loss, True
        filter_all(loss)
    shop.behave(conduct)
    reception.slow = conduct.cut_off or bool(conduct.latency_ms or conduct.jitter_ms)
    if not conduct.cut_off:
        for line in tuple(reception.lines):
            line.catch_up()


def _filler(disk: str) -> str:
    return f"{disk}/filler"


def _fill(disk: str) -> None:
    """Write until there is no room, really."""
    room = os.statvfs(disk)
    if room.f_blocks * room.f_frsize > _SMALL_DISK:
        raise OSError(errno.EFBIG, "this server has no small disk of its own that could be filled", disk)
    with open(_filler(disk), "wb", buffering=0) as file:
        for size in (65536, 4096):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * size)
