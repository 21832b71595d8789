"""Furnish a fresh namespace: addresses on its loopback device, and the few system files a balancer looks at.

Runs inside the namespace with nothing but the standard library.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_ACCOUNTS = ("root", "nobody", "nginx", "www-data", "haproxy")


def own_addresses(networks: Sequence[str]) -> None:
    """Make every address of some networks ours: an address with a wide mask on the loopback device is enough.

    The same as ``ip addr add 198.18.0.1/15 dev lo``, without needing ``ip``. Takes ``address/prefix`` strings.
    """
    set_address, set_mask, set_flags, up_running = 0x8916, 0x891C, 0x8914, 0x41
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for number, network in enumerate(networks):
            address, _, prefix = network.partition("/")
            device = (f"lo:{number}" if number else "lo:0").encode()
            mask = socket.inet_ntoa(struct.pack(">I", (0xFFFFFFFF << (32 - int(prefix))) & 0xFFFFFFFF))
            for request, value in ((set_address, address), (set_mask, mask)):
                packed = struct.pack("16sHH4s8x", device, socket.AF_INET, 0, socket.inet_aton(value))
                fcntl.ioctl(control, request, packed)
        fcntl.ioctl(control, set_flags, struct.pack("16sH14x", b"lo", up_running))


def make_root(folder: str, hosts: str) -> None:
    """The writable folders of a balancer's own root, with the system files it looks up names and accounts in."""
    for name in ("etc", "run/manyhands", "var/log/nginx", "var/lib/nginx", "var/lib/haproxy", "srv"):
        os.makedirs(f"{folder}/{name}", exist_ok=True)
    # One uid is mapped, so every account a config may name is this one: `user www-data;` works unedited.
    text = {
        "hosts": hosts,
        "passwd": "".join(f"{name}:x:0:0::/:/bin/false\n" for name in _ACCOUNTS),
        "group": "".join(f"{name}:x:0:\n" for name in (*_ACCOUNTS, "users", "nogroup")),
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
        # Nobody answers here: a misspelt name is refused at once, not after nginx's ten seconds.
        "resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
    }
    for name, content in text.items():
        with open(f"{folder}/etc/{name}", "w", encoding="utf-8") as file:
            file.write(content)


def system_mounts() -> list[str]:
    """Arguments for bubblewrap that show a sandbox the system's programs and libraries, read only."""
    arguments: list[str] = []
    for path in ("/usr", "/bin", "/sbin", "/lib", "/lib64"):
        if os.path.islink(path):
            arguments += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            arguments += ["--ro-bind", path, path]
    return arguments
