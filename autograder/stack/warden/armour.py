"""Keep what watches over a program out of the program's reach, and the program out of the kernel's odd corners."""

# On a node, importing pathlib would cost more than the work.
# ruff: noqa: PTH123

from __future__ import annotations

import ctypes
import os
import struct

from autograder.stack.warden.filter import filter_for

_NEW_USER, _DROP_BOUND, _RIGHTS, _CAPABILITIES_3 = 0x10000000, 24, 64, 0x20080522
_SET_DUMPABLE, _SET_SECCOMP, _SET_NO_NEW_PRIVILEGES, _FILTER = 4, 22, 38, 2


def be_a_stranger() -> None:
    """Enter a user namespace of our own: there a count of processes begins anew, and nobody has rights over others.

    What was there before (files, network, processes of the stack) belongs to the namespace that we left.
    """
    own, group = os.getuid(), os.getgid()
    if _LIBC.unshare(_NEW_USER):
        raise _error("unshare")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{own} {own} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)
    for right in range(_RIGHTS):
        if _LIBC.prctl(_DROP_BOUND, *map(ctypes.c_ulong, (right, 0, 0, 0))):
            break  # the kernel knows no more
    # Version 3 of the call takes two parts of three words each; none of them has any right.
    if _LIBC.capset(struct.pack("II", _CAPABILITIES_3, 0), bytes(24)):
        raise _error("capset")


def put_on() -> None:
    """From now on nobody may look into this process or trace it, and it and its children have the filter.

    Raises :class:`OSError` if the kernel refuses.
    """
    # Same user, same rights: without this a program could write to our descriptors through /proc/1/fd.
    _prctl(_SET_DUMPABLE, 0)
    _prctl(_SET_NO_NEW_PRIVILEGES, 1)
    steps = filter_for(os.uname().machine)
    if steps:
        memory = ctypes.create_string_buffer(steps, len(steps))
        program = _Program(len(steps) // 8, ctypes.addressof(memory))
        _prctl(_SET_SECCOMP, _FILTER, ctypes.addressof(program))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))


def _prctl(option: int, *arguments: int) -> None:
    words = [ctypes.c_ulong(word) for word in (*arguments, 0, 0, 0, 0)[:4]]
    if _LIBC.prctl(option, *words):
        raise _error(f"prctl({option})")


def _error(call: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{call}: {os.strerror(number)}")


_LIBC = ctypes.CDLL(None, use_errno=True)
