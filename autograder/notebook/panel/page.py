"""The page's end of the panel: its ES modules joined into the one text a widget may have, and its style sheets.

The modules in ``page/`` are written as any others, each importing what it needs from its neighbours by name. A widget
hands its script over as one text, so they are put one after the other, each behind what it imports, less the words
``import`` and ``export``. Names at the top of a module are therefore unique in all of them.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "page"
MAIN = "main.js"
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([a-z-]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?function|const|let|class)", re.MULTILINE)


@cache
def script() -> str:
    """All modules as one, the one that a widget is made from last."""
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", _read(name))) for name in order(MAIN))


@cache
def style() -> str:
    """All style sheets, in the order of their names' numbers."""
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.css")))


def order(name: str, seen: tuple[str, ...] = ()) -> list[str]:
    """The modules that ``name`` needs, each behind its own, and it. Raises ValueError where they go in a circle."""
    if name in seen:
        raise ValueError(f"modules import one another: {' → '.join([*seen, name])}")
    found: list[str] = []
    for needed in _IMPORT.findall(_read(name)):
        found += [each for each in order(needed, (*seen, name)) if each not in found]
    return [*found, name]


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
