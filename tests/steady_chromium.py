#!/usr/bin/env python3
"""Starts Chromium so that it does not hear of networks that come and go.

With each container that starts or ends, this machine gets or loses a network interface. Chromium then breaks off all
its requests (``ERR_NETWORK_CHANGED``), also those to loopback. It asks for a page again, but not for its scripts. It
hears of networks by a netlink socket (rtnetlink(7)); where it gets none, it takes itself to be online.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

CHROMIUM = "/usr/bin/chromium"
_NO_NEW_PRIVS, _SECCOMP, _FILTER = 38, 22, 2  # prctl(2)
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # classic BPF, as seccomp(2) has it
_NUMBER, _MACHINE, _FAMILY = 0, 4, 16
_ALLOW, _NO_FAMILY = 0x7FFF0000, 0x00050000 | 97
_NETLINK = 16
_SOCKET = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
"""``os.uname().machine`` → the audit architecture, and the number of socket(2)."""


class _Program(ctypes.Structure):
    _fields_ = (("steps", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def refuse_netlink() -> None:
    """For this process and all it starts. Raises OSError if the kernel does not take it."""
    machine, socket = _SOCKET[os.uname().machine]
    steps = [
        (_LOAD, 0, 0, _MACHINE),
        (_EQUAL, 0, 5, machine),
        (_LOAD, 0, 0, _NUMBER),
        (_EQUAL, 0, 3, socket),
        (_LOAD, 0, 0, _FAMILY),
        (_EQUAL, 0, 1, _NETLINK),
        (_RETURN, 0, 0, _NO_FAMILY),
        (_RETURN, 0, 0, _ALLOW),
    ]
    program = _Program(len(steps), b"".join(struct.pack("HBBI", *step) for step in steps))
    libc = ctypes.CDLL(None, use_errno=True)
    for words in ((_NO_NEW_PRIVS, 1, 0, 0, 0), (_SECCOMP, _FILTER, ctypes.byref(program), 0, 0)):
        if libc.prctl(*words) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    refuse_netlink()
    os.execv(CHROMIUM, [CHROMIUM, *sys.argv[1:]])
