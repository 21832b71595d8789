"""Drop packets that arrive at this process's own TCP sockets, with classic BPF (socket(7) ``SO_ATTACH_FILTER``).

It needs no kernel module; some kernels (6.18 does) ask for CAP_NET_ADMIN in the network's own namespace, which a shop
has there and nowhere else. The other side sees what it would see on a bad network: retransmissions, and
connects that time out, because the filter of a listening socket drops SYNs, too. Connections inherit it when they
are accepted. Runs on a node with nothing but the standard library (Linux).
"""

from __future__ import annotations

import array
import contextlib
import errno
import os
import socket
import stat
import struct

_ATTACH, _DETACH = 26, 27
_LOAD_ANCILLARY, _JUMP_IF_NOT_LESS, _RETURN = 0x20, 0x35, 0x06
_RANDOM = (-0x1000 + 56) & 0xFFFFFFFF  # SKF_AD_OFF + SKF_AD_RANDOM
_ALL = 0xFFFFFFFF


def filter_socket(descriptor: int, loss: float) -> None:
    """Make a TCP socket drop the part ``loss`` (0 to 1) of the packets that arrive; other sockets are left alone."""
    with socket.socket(fileno=os.dup(descriptor)) as one:
        if one.family not in (socket.AF_INET, socket.AF_INET6):
            return
        if loss <= 0:
            with contextlib.suppress(FileNotFoundError):  # it had none
                one.setsockopt(socket.SOL_SOCKET, _DETACH, 0)
            return
        program = _program(loss)
        steps = array.array("B", b"".join(struct.pack("HBBI", *step) for step in program))
        address, _ = steps.buffer_info()
        one.setsockopt(socket.SOL_SOCKET, _ATTACH, struct.pack("HP", len(program), address))


def filter_all(loss: float) -> None:
    """The same for every TCP socket of this process, listening ones included. Raises :class:`OSError` if one stays."""
    for name in os.listdir("/proc/self/fd"):
        try:
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                filter_socket(int(name), loss)
        except OSError as error:
            if error.errno not in (errno.EBADF, errno.ENOENT):  # closed meanwhile: the listing itself was one
                raise


def _program(loss: float) -> tuple[tuple[int, int, int, int], ...]:
    """The filter as (code, jump if true, jump if false, constant): a packet is dropped where 0 is returned."""
    if loss >= 1:
        return ((_RETURN, 0, 0, 0),)
    return (
        (_LOAD_ANCILLARY, 0, 0, _RANDOM),
        (_JUMP_IF_NOT_LESS, 1, 0, int(loss * _ALL)),
        (_RETURN, 0, 0, 0),
        (_RETURN, 0, 0, _ALL),
    )
