"""Where in a repository a line of a config is, and what of somebody else's words may be passed on."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autograder.inspect.report import Inspection

_FAULT = re.compile(r"(?P<file>[^:\s][^:]*):(?P<line>\d+): ?(?P<said>.*)", re.DOTALL)
_NOT_TEXT = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\x7f-\x9f]")
"""What XML 1.0 cannot hold, and control characters, which no reader of a report needs."""


@dataclass(frozen=True)
class Place:
    """A line of a file. ``file`` is empty for standard input; ``line`` is 0 for the file as a whole."""

    file: str
    line: int = 0


def place(found: Inspection, file: str = "", line: int = 0, root: str = "") -> Place:
    """Where a line is, as seen from the folder ``root`` (absolute; empty: paths stay as the user named them).

    ``file`` is relative to the folder of the config, as findings have it; empty for the config itself.
    """
    if found.config == "-":
        return Place("", line)
    config = PurePath(found.config)
    path = os.path.normpath(config.parent / file if file else config)
    if root and PurePath(path).is_relative_to(root):
        path = os.path.relpath(path, root)
    return Place(path, max(0, line))


def fault_place(found: Inspection, fault: str, root: str = "") -> tuple[Place, str]:
    """Where the balancer says that a fault is, and what it says of it."""
    match = _FAULT.fullmatch(fault)
    if match is None or match["file"].startswith("/"):
        return place(found, root=root), fault
    return place(found, match["file"], int(match["line"][:9]), root), match["said"]


def text(words: str) -> str:
    """Somebody else's words with what is no text replaced: safe in XML, in JSON, and on a terminal."""
    return _NOT_TEXT.sub("\ufffd", words)
