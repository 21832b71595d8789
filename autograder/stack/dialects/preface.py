"""The PROXY protocol's header, version 1 or 2, which a balancer may send first on any connection.

Who connected is not the business of a stand-in server: the header is recognised and dropped, and what follows is
spoken as if it had not been there (haproxy.org/download/2.8/doc/proxy-protocol.txt).
"""

from __future__ import annotations

_ONE = b"PROXY "
_TWO = b"\r\n\r\n\x00\r\nQUIT\n"
_LONGEST_ONE = 107
_FIXED_TWO = 16

UNDECIDED = -1


def header_length(data: bytes) -> int:
    """Bytes at the start of ``data`` that are a PROXY header: 0 if there is none, :data:`UNDECIDED` if more must come.

    The result may be more than there is in ``data``.
    """
    if data.startswith(_ONE):
        end = data.find(b"\r\n", 0, _LONGEST_ONE)
        if end >= 0:
            return end + 2
        return UNDECIDED if len(data) < _LONGEST_ONE else 0
    if data.startswith(_TWO):
        return UNDECIDED if len(data) < _FIXED_TWO else _FIXED_TWO + int.from_bytes(data[14:16], "big")
    return UNDECIDED if _ONE.startswith(data) or _TWO.startswith(data) else 0
