"""What a program may not ask the kernel for: a seccomp filter (seccomp(2)), as classic BPF.

Without rights of its own a program could do little harm with these calls; a fault in the kernel's seldom-used parts is
what they are kept away from, and the process that watches over it.
"""

from __future__ import annotations

import struct

_EPERM, _ENOSYS, _NO_FAMILY = 1, 38, 97
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_NUMBER, _MACHINE, _ARGUMENTS = 0, 4, 16
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_OTHER_TABLE = 0x40000000
"""From here on are the calls of the x32 ABI, which nothing on a node uses."""

MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
"""``os.uname().machine`` → the audit architecture, and the column of the tables below."""

REFUSED = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "io_uring_setup": (425, 425),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "vhangup": (153, 58),
}

NOT_THERE = {
    "clone3": (435, 435),  # its flags are out of a filter's sight; everybody falls back to clone
    "memfd_create": (319, 279),  # memory that no limit counts until it is mapped
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
}

OWN_ONLY = {
    "ioprio_set": (251, 30, 1),
    "prlimit64": (302, 261, 0),
    "sched_setaffinity": (203, 122, 0),
    "sched_setattr": (314, 274, 0),
    "sched_setparam": (142, 118, 0),
    "sched_setscheduler": (144, 119, 0),
}
"""Calls that change limits or turns of the process in the given argument: 0 is the caller itself; process 1 is ours."""

_CLONE, _SET_PRIORITY, _SOCKET = (56, 220), (141, 140), (41, 198)
_NEW_NAMESPACES = 0x7E020080  # every CLONE_NEW… that clone knows
_FAMILIES = (1, 2, 10, 16)
"""Unix, IPv4, IPv6, netlink. Others, as vsock, do not keep to network namespaces or are seldom-used parts."""


def filter_for(machine: str) -> bytes:
    """The program for ``prctl(PR_SET_SECCOMP)``, eight bytes a step; empty for a machine we have no numbers of."""
    if machine not in MACHINES:
        return b""
    architecture, column = MACHINES[machine]
    steps = [
        _step(_LOAD, _MACHINE),
        _step(_EQUAL, architecture, 1, 0),
        _refuse(_ENOSYS),
        _step(_LOAD, _NUMBER),
        _step(_AT_LEAST, _OTHER_TABLE, 0, 1),
        _refuse(_ENOSYS),
    ]
    for table, error in ((REFUSED, _EPERM), (NOT_THERE, _ENOSYS)):
        for numbers in table.values():
            steps += [_step(_EQUAL, numbers[column], 0, 1), _refuse(error)]
    for *places, place in OWN_ONLY.values():
        steps += _on(places[column], [_argument(place), _step(_EQUAL, 1, 0, 1), _refuse(_EPERM)])
    steps += _on(_CLONE[column], [_argument(0), _step(_ANY_BIT, _NEW_NAMESPACES, 0, 1), _refuse(_EPERM)])
    # Of one process only, and not of ours: "every process of this user" would be ours, too.
    steps += _on(
        _SET_PRIORITY[column],
        [_argument(0), _step(_EQUAL, 0, 1, 0), _refuse(_EPERM), _argument(1), _step(_EQUAL, 1, 0, 1), _refuse(_EPERM)],
    )
    known = [_step(_EQUAL, family, len(_FAMILIES) - n, 0) for n, family in enumerate(_FAMILIES)]
    steps += _on(_SOCKET[column], [_argument(0), *known, _refuse(_NO_FAMILY)])
    return b"".join([*steps, _step(_RETURN, _ALLOW)])


def _on(number: int, then: list[bytes]) -> list[bytes]:
    """Steps for one call; it is allowed if they come to their end."""
    return [_step(_EQUAL, number, 0, len(then) + 1), *then, _step(_RETURN, _ALLOW)]


def _argument(place: int) -> bytes:
    return _step(_LOAD, _ARGUMENTS + 8 * place)


def _refuse(error: int) -> bytes:
    return _step(_RETURN, _REFUSE | error)


def _step(code: int, constant: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, constant)
