"""A mail server as far as a health check looks: it greets, and knows HELO. Traffic speaks as in ``tcp``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.stack.dialects.tcp import Tcp

if TYPE_CHECKING:
    from collections.abc import Callable

    from autograder.stack.dialects.dialect import Counting
    from autograder.stack.dialects.stream import Stream


class Smtp(Tcp):
    """See the module."""

    def __init__(self, shop: Counting) -> None:
        super().__init__(shop)
        self.greeting = f"220 {shop.name} ESMTP\r\n".encode()

    def first(self, data: bytes) -> None:
        """See :class:`Tcp`: a mail server answers lines, and nothing else."""

    def well(self, word: bytes) -> bytes:
        """See :class:`Tcp`."""
        return b"221 bye\r\n" if word == b"QUIT" else f"250 {self.shop.name}\r\n".encode()


SPEAKERS: dict[str, Callable[[Counting], Stream]] = {"smtp": Smtp}
