"""Whether this runs in the desk: the one container that ``./manyhands`` makes where there is no Linux."""

from __future__ import annotations

from pathlib import Path

_MARK = Path("/etc/manyhands-desk")
"""Part of the desk's image, and of nothing else."""


def inside() -> bool:
    """Whether this process runs in the desk.

    A file tells, not a variable: in the desk, servers listen on the container's own address so that Docker can publish
    them on this machine's loopback, and a variable set by mistake elsewhere would show them to the whole network.
    """
    return _MARK.exists()
