"""A MySQL server as far as a health check looks: it greets, and lets everybody log in. Traffic speaks as in ``tcp``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.stack.dialects.tcp import Tcp

if TYPE_CHECKING:
    from collections.abc import Callable

    from autograder.stack.dialects.dialect import Counting
    from autograder.stack.dialects.stream import Stream

_GREETING = (
    b"\x0a5.7.0-stand-in\0" + b"\x01\0\0\0" + b"A" * 8 + b"\0" + b"\xff\xf7\x21\x02\0\xff\x81\x15"
    + bytes(10) + b"B" * 12 + b"\0mysql_native_password\0"
)  # fmt: skip
_OK = b"\x07\0\0\x02\0\0\0\x02\0\0\0"
_QUIT = b"\x01\0\0\0\x01"
_LOGIN = 1
"""Number of the packet that answers the greeting."""


class Mysql(Tcp):
    """See the module."""

    def __init__(self, shop: Counting) -> None:
        super().__init__(shop)
        self.greeting = len(_GREETING).to_bytes(3, "little") + b"\0" + _GREETING

    def first(self, data: bytes) -> None:
        """See :class:`Tcp`. HAProxy logs in before it was greeted, and then wants to hear both."""
        if data[3:4] == bytes((_LOGIN,)):
            self.send(_OK if self.greeted else self.greeting + _OK)

    def read(self, data: bytes) -> None:
        """See :class:`Tcp`."""
        super().read(data)
        if data.endswith(_QUIT):
            self.close()


SPEAKERS: dict[str, Callable[[Counting], Stream]] = {"mysql": Mysql}
