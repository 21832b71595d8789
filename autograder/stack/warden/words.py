"""What a warden and its engine say to each other: a line for each message.

To the warden: base64 of ``marshal``, which costs nothing to import and comes from us. From the warden: JSON, which
nobody can hurt a reader with.
"""

from __future__ import annotations

import binascii
import marshal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FORMAT = 2
"""Of marshal: one that every Python 3 reads."""


def order_line(message: dict[str, Any]) -> bytes:
    """A message to a warden: plain dicts, lists, strings, bytes, numbers, None."""
    return binascii.b2a_base64(marshal.dumps(message, _FORMAT), newline=True)


def read_order(line: bytes) -> dict[str, Any]:
    """What :func:`order_line` made a line of."""
    message: dict[str, Any] = marshal.loads(binascii.a2b_base64(line))  # noqa: S302 - from the engine, never from a program
    return message


def said(value: Any) -> str:
    """A message from a warden as JSON; bytes become base64."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{said(str(key))}: {said(one)}" for key, one in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(said(one) for one in value) + "]"
    if isinstance(value, bytes):
        return '"' + binascii.b2a_base64(value, newline=False).decode() + '"'
    if isinstance(value, str):
        return '"' + "".join(_character(one) for one in value) + '"'
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value)


def _character(one: str) -> str:
    if one in '"\\':
        return f"\\{one}"
    number = ord(one)
    if 32 <= number < 127:
        return one
    if number > 0xFFFF:
        number -= 0x10000
        return f"\\u{0xD800 + (number >> 10):04x}\\u{0xDC00 + (number & 0x3FF):04x}"
    return f"\\u{number:04x}"
