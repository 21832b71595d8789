"""Files that only grow, a line at a time."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def add_line(path: Path, line: bytes) -> None:
    """Add a line (without its end) behind what is there, and make the file if there is none.

    It is one write: whole, or cut off where the process ended. Then the next line must not be glued to the stump.
    """
    place = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        size = os.fstat(place).st_size
        stump = size and os.pread(place, 1, size - 1) != b"\n"
        os.write(place, (b"\n" if stump else b"") + line + b"\n")
    finally:
        os.close(place)
