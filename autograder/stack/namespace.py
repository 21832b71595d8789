"""Furnish a fresh namespace: addresses on its loopback device, and the few system files a balancer looks at.

Runs inside the namespace with nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
import socket
import struct
from typing import TYPE_CHECKING

from autograder.stack.engine import OPT, EngineError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

OWN_FOLDERS = ("etc", "run", "srv", "var")
"""Top-level folders of a balancer that are its own and can be written, on every engine."""

NODES = "/nodes"
"""Folder of the local engine's sandbox that holds the balancers' roots."""

_ACCOUNTS = ("root", "nobody", "nginx", "www-data", "haproxy")
_GROUPS = ("users", "nogroup")
_SYSTEM = ("bin", "boot", "dev", "lib", "lib32", "lib64", "libx32", "proc", "sbin", "sys", "usr")
_OPENED = (("usr", "local"), ("dev", "shm"))
"""What may be written in system folders after all."""

_FIRST_FREE_PORT = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
_SET_ADDRESS, _SET_MASK, _SET_FLAGS, _UP_RUNNING = 0x8916, 0x891C, 0x8914, 0x41


def own_addresses(networks: Sequence[str]) -> None:
    """Make every address of some networks ours: an address with a wide mask on the loopback device is enough.

    The same as ``ip addr add 198.18.0.1/15 dev lo``, without needing ``ip``. Takes ``address/prefix`` strings, IPv4 or
    IPv6. Raises :class:`OSError` naming the one that the kernel refuses.
    """
    import fcntl  # there is none on Windows, where this file is imported for what follows

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for number, network in enumerate(networks):
            try:
                if ":" in network:
                    _own_six(network)
                    continue
                address, _, prefix = network.partition("/")
                device = f"lo:{number}".encode()
                mask = socket.inet_ntoa(struct.pack(">I", (0xFFFFFFFF << (32 - int(prefix))) & 0xFFFFFFFF))
                for request, value in ((_SET_ADDRESS, address), (_SET_MASK, mask)):
                    packed = struct.pack("16sHH4s8x", device, socket.AF_INET, 0, socket.inet_aton(value))
                    fcntl.ioctl(control, request, packed)
            except OSError as error:
                raise OSError(error.errno, f"{network} cannot be an address here: {error.strerror}") from error
        fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sH14x", b"lo", _UP_RUNNING))
    # Whoever checks a config binds its ports, and a learner's program that does has no right to the low ones.
    with contextlib.suppress(OSError), open(_FIRST_FREE_PORT, "w", encoding="ascii") as file:
        file.write("0")


def _own_six(network: str) -> None:
    import fcntl

    address, _, prefix = network.partition("/")
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as control:
        device = socket.if_nametoindex("lo")
        packed = struct.pack("16sIi", socket.inet_pton(socket.AF_INET6, address), int(prefix), device)
        fcntl.ioctl(control, _SET_ADDRESS, packed)


def mount_points(folders: Iterable[str]) -> tuple[str, ...]:
    """Folders that must be mounted in a balancer's root so that ``folders`` can be made and written there.

    None for what is under ``/etc``, ``/run``, ``/srv`` or ``/var``, which are the balancer's own anyway; else the
    top-level folder (``/home``, ``/data``), ``/opt/<name>``, ``/usr/local`` or ``/dev/shm``; each once, in order.
    Raises :class:`EngineError` for a path that is not absolute, and for what would cover a folder of the system.
    """
    found = set()
    for folder in folders:
        parts = tuple(part for part in posixpath.normpath(folder).split("/") if part)
        if not folder.startswith("/") or not parts or ".." in parts:
            raise EngineError(f"{folder!r} cannot be a folder of a balancer", remedy="name an absolute path below /")
        if parts[0] in OWN_FOLDERS:
            continue
        if parts[0] == "opt" and len(parts) > 1 and f"/opt/{parts[1]}" != OPT:
            found.add(f"/opt/{parts[1]}")
        elif parts[:2] in _OPENED:
            found.add(f"/{parts[0]}/{parts[1]}")
        elif parts[0] in (*_SYSTEM, "opt"):
            raise EngineError(
                f"a balancer cannot write to {folder}",
                why="it would cover a folder that the system's programs are in",
                remedy="let the config name another folder, as one under /var",
            )
        else:
            found.add(f"/{parts[0]}")
    return tuple(sorted(found))


def make_root(
    root: str,
    hosts: Mapping[str, str],
    names: Iterable[Sequence[str]] = (),
    accounts: Iterable[str] = (),
    folders: Iterable[str] = (),
) -> None:
    """The writable folders of a balancer's own root, with the system files it looks up names and accounts in.

    ``hosts`` and ``names`` (pairs; an address may have a port) go to ``/etc/hosts``; ``folders`` are made.
    """
    for name in ("/etc", "/run/manyhands", "/var/log/nginx", "/var/lib/nginx", "/var/lib/haproxy", "/srv"):
        os.makedirs(root + name, exist_ok=True)
    os.symlink("../run", f"{root}/var/run")  # as on every distribution: configs use both names
    for name in folders:
        os.makedirs(root + posixpath.normpath(name), exist_ok=True)
    users = dict.fromkeys((*_ACCOUNTS, *accounts))
    lines = ["127.0.0.1 localhost", *(f"{address} {name}" for name, address in hosts.items())]
    lines += [f"{_without_port(address)} {name}" for name, address in names]
    # One uid is mapped, so every account a config may name is this one: `user www-data;` works unedited.
    text = {
        "hosts": "".join(f"{line}\n" for line in lines),
        "passwd": "".join(f"{name}:x:0:0::/:/bin/false\n" for name in users),
        "group": "".join(f"{name}:x:0:\n" for name in dict.fromkeys((*users, *_GROUPS))),
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
        # A misspelt name is refused at once, not after nginx's ten seconds: nobody answers here, or one who denies it.
        "resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
    }
    for name, content in text.items():
        with open(f"{root}/etc/{name}", "w", encoding="utf-8") as file:
            file.write(content)


def _without_port(address: str) -> str:
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address


def quiet_proc() -> list[str]:
    """Arguments for bubblewrap that mount ``/proc`` without the kernel's settings being open to change.

    Root's files there are open to root without any right, and where the owner of a stack is root, so is everybody in
    it: a config could have its log written to the machine's settings.
    """
    return ["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys", *_covered("/proc/sysrq-trigger", "/proc/mtrr")]


def _covered(*files: str) -> list[str]:
    return [word for path in files for word in ("--ro-bind-try", path, path)]


def system_mounts() -> list[str]:
    """Arguments for bubblewrap that show a sandbox the system's programs and libraries, read only."""
    arguments: list[str] = []
    for path in ("/usr", "/bin", "/sbin", "/lib", "/lib64"):
        if os.path.islink(path):
            arguments += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            arguments += ["--ro-bind", path, path]
    return arguments
