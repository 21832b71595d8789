"""One connection of any dialect: bytes arrive when the network lets them, and what cannot be read closes it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from autograder.stack.dialects.dialect import Counting

HELD_LIMIT = 64 * 1024
"""Bytes that a connection may make us hold before they make a whole request."""


class GarbledError(Exception):
    """What arrived is not this dialect, or is beyond a limit."""


class Stream(asyncio.Protocol):
    """A connection to the shop. A dialect implements :meth:`read`; nothing that arrives makes it raise."""

    def __init__(self, shop: Counting) -> None:
        self.shop = shop
        self._transport: asyncio.Transport | None = None

    def read(self, data: bytes) -> None:
        """Look at what arrived next, split anyhow. Raises :class:`GarbledError` to end the connection."""
        raise NotImplementedError

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See :class:`asyncio.Protocol`."""
        # One of uvloop's is a transport in all but its class.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """See :class:`asyncio.Protocol`; answers to what is still in work go nowhere from here on."""
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """See :class:`asyncio.Protocol`."""
        if self.open:
            try:
                self.read(data)
            except GarbledError:
                self.close()

    @property
    def open(self) -> bool:
        """Whether the other side is still there and we have not hung up."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, data: bytes) -> None:
        """Send, if anybody is there."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """Hang up once what was sent is out."""
        if self._transport is not None:
            self._transport.close()

    def hold(self, waiting: bool) -> None:
        """Stop, or go on, taking bytes from the network: a sender that is faster than the shop must wait."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if waiting and transport.is_reading():
            transport.pause_reading()
        elif not waiting and not transport.is_reading():
            transport.resume_reading()
