"""Which sockets of a network accept connections, asked of the kernel. Standard library only; Linux.

``/proc/net/tcp`` tells it, too, but for that the kernel walks through every connection of the whole machine:
10 ms and more, however few of them are in this network, and seconds where the machine is busy. Asked over netlink for
the sockets that listen (``sock_diag(7)``, ``TCP_LISTEN``), it looks through those only.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct

_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_REQUEST_DUMP = 0x301
_ERROR, _DONE = 2, 3
_LISTEN = 10
_HEADER = struct.Struct("=IHHII")
_ASK = struct.Struct("=BBBxI48x")
"""``struct inet_diag_req_v2``: family, protocol, extensions, states; then which socket, where none is meant."""
_TOLD = struct.Struct("=BBBB48xIIIII")
"""``struct inet_diag_msg``: family, state, timer, retransmissions; which socket; expiry, queues, owner, inode."""


def listening_sockets(pid: int) -> frozenset[str]:
    """What ``/proc/PID/fd`` calls the TCP sockets that listen in the network of ``pid``: ``socket:[12345]``."""
    with contextlib.suppress(OSError):
        if os.path.samefile(f"/proc/{pid}/ns/net", "/proc/self/ns/net"):
            return frozenset(f"socket:[{inode}]" for inode in _asked())
    return frozenset(f"socket:[{inode}]" for inode in _read(pid))


def _asked() -> set[int]:
    """Inodes, from the kernel over netlink. Raises ``OSError`` where it does not answer such questions."""
    inodes: set[int] = set()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _SOCK_DIAG) as kernel:
        kernel.bind((0, 0))
        for number, family in enumerate((socket.AF_INET, socket.AF_INET6), 1):
            ask = _ASK.pack(family, socket.IPPROTO_TCP, 0, 1 << _LISTEN)
            kernel.send(_HEADER.pack(_HEADER.size + len(ask), _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, number, 0) + ask)
            more = True
            while more:
                more = _take(kernel.recv(1 << 16), inodes)
    return inodes


def _take(data: bytes, inodes: set[int]) -> bool:
    """Add what a datagram tells; whether more will come."""
    while len(data) >= _HEADER.size:
        length, kind, *_ = _HEADER.unpack_from(data)
        if kind == _DONE:
            return False
        if kind == _ERROR:
            number = -struct.unpack_from("=i", data, _HEADER.size)[0]
            raise OSError(number, os.strerror(number))
        *_, inode = _TOLD.unpack_from(data, _HEADER.size)
        inodes.add(inode)
        data = data[(length + 3) & ~3 :]
    return True


def _read(pid: int) -> set[int]:
    """Inodes, from ``/proc``: of a network that is not this process's own, or where the kernel is not to be asked."""
    inodes: set[int] = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/net/{table}", encoding="ascii") as file:
            for line in file.read().splitlines()[1:]:
                fields = line.split()
                if int(fields[3], 16) == _LISTEN:
                    inodes.add(int(fields[9]))
    return inodes
