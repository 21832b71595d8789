"""The sandbox of a learner's program on the local engine: bubblewrap's command line, inside the stack's own sandbox.

It shares the balancer's network and, as far as it is told, its folders. Processes, mounts, ipc and host names are its
own; the warden then moves to a user namespace of its own, which it could not mount ``/proc`` from.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from autograder.stack.engine import OPT
from autograder.stack.inside import Root
from autograder.stack.namespace import quiet_proc, system_mounts
from autograder.stack.warden.desk import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MIB = 1 << 20
_SHARED_MEMORY = 4 * _MIB
_GIVEN = 64 * _MIB
_PARTS = ("__init__.py", "stack/__init__.py", "stack/warden")
"""Of this package, what a warden runs."""

WARDEN = f"import sys; sys.path.insert(0, '{OPT}/lib'); from autograder.stack.warden.main import main; main(True)"


class Sandbox:
    """One sandbox; its descriptors must stay open until bubblewrap has started."""

    def __init__(self, bwrap: Sequence[str], folder: str, mounts: Sequence[str], writable: Sequence[str]) -> None:
        """``folder`` is the balancer's root on this side; ``mounts`` its folders; ``writable`` those to write to.

        Raises :class:`ValueError` for a writable folder that is not there or leads out of the root.
        """
        self.descriptors: list[int] = []
        self._bwrap = bwrap
        self._binds: list[str] = []
        try:
            with Root(folder) as root:
                for mount in mounts:
                    self._bind(root, mount, mount not in ("/etc", "/srv"))
                for mount in sorted(writable):
                    self._bind(root, mount, True)
        except BaseException:
            self.close()
            raise

    def _bind(self, root: Root, place: str, writable: bool) -> None:
        # By descriptor: whoever can write there could put a link in a folder's place meanwhile.
        descriptor = root.open(place)
        self.descriptors.append(descriptor)
        self._binds += ["--bind-fd" if writable else "--ro-bind-fd", str(descriptor), place]

    def command(self, disk: int, info: int) -> list[str]:
        """The whole command line; ``disk`` is the size in bytes of each of its own disks."""
        return [
            *self._bwrap,
            *("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
            *("--as-pid-1", "--die-with-parent", "--new-session", "--info-fd", str(info)),
            # The one right that the warden needs to leave, and leaves behind (user_namespaces(7), since Linux 5.12).
            *("--cap-drop", "ALL", "--cap-add", "CAP_SETFCAP"),
            *system_mounts(),
            *self._python(),
            *("--ro-bind", f"{OPT}/nginx", f"{OPT}/nginx", "--ro-bind", f"{OPT}/haproxy", f"{OPT}/haproxy"),
            *(word for part in _PARTS for word in _shown(f"{OPT}/lib/autograder/{part}")),
            *("--dev", "/dev", "--size", str(_SHARED_MEMORY), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"),
            *quiet_proc(),
            *self._binds,
            *("--size", str(disk), "--tmpfs", "/tmp", "--size", str(disk), "--tmpfs", "/work"),
            *("--size", str(_GIVEN), "--tmpfs", "/given", "--size", str(_MIB), "--tmpfs", FOLDER),
            *("--remount-ro", "/", "--chdir", "/", "--", sys.executable, "-I", "-S", "-c", WARDEN),
        ]

    def _python(self) -> Iterator[str]:
        """A Python that is not the system's must be shown, too."""
        prefix = os.path.realpath(sys.base_prefix)
        if not prefix.startswith("/usr"):
            yield from _shown(prefix)

    def close(self) -> None:
        """Let go of the folders."""
        while self.descriptors:
            os.close(self.descriptors.pop())


def _shown(path: str) -> tuple[str, str, str]:
    return ("--ro-bind", path, path)
