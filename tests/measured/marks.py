"""The file with the marks of what ran in sandboxes: made before the tests, turned into coverage.py's data after them.

python -m tests.measured.marks begin
python -m tests.measured.marks end
"""

from __future__ import annotations

import mmap
import sys
from pathlib import Path

from coverage import CoverageData

from tests.measured.within import FILE, HEAD, LINES, step_at

ROOT = Path(__file__).parents[2]
MARKS = ROOT / "build" / "coverage" / "sandboxes"
_DATA = ROOT / "build" / "coverage" / "data"
"""As `[tool.coverage.run] data_file` says; what lies beside it with a suffix is combined."""


def begin(marks: Path = MARKS, package: Path = ROOT / "autograder") -> None:
    """Make an empty file for the marks of all source files; what was there goes.

    Raises :class:`ValueError` for a source file that has more lines than there is room for.
    """
    names = sorted(str(path.relative_to(package)) for path in package.rglob("*.py"))
    for name in names:
        if len((package / name).read_bytes().splitlines()) >= LINES:
            raise ValueError(
                f"{name} has {LINES} lines or more: there is no room for its marks (tests/measured/within.py)"
            )
    head = "\n".join(names).encode()
    if len(head) > HEAD:
        raise ValueError(
            f"the names of {len(names)} source files take more than {HEAD} bytes (tests/measured/within.py)"
        )
    marks.parent.mkdir(parents=True, exist_ok=True)
    marks.unlink(missing_ok=True)
    with marks.open("wb") as file:
        file.write(head)
        file.truncate(HEAD + len(names) * FILE)


def read(marks: Path = MARKS) -> dict[str, set[tuple[int, int]]]:
    """Source file → the steps that are marked; files without any are left out."""
    found: dict[str, set[tuple[int, int]]] = {}
    with marks.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as every:
        names = every[:HEAD].rstrip(b"\0").decode().split("\n")
        for number, name in enumerate(names):
            first = HEAD + number * FILE
            at = every.find(b"\1", first, first + FILE)
            while at >= 0:
                found.setdefault(name, set()).add(step_at(at - first))
                at = every.find(b"\1", at + 1, first + FILE)
    return found


def end(marks: Path = MARKS, package: Path = ROOT / "autograder", data: Path = _DATA) -> None:
    """Turn the marks into a file of coverage.py's, beside its others; the marks go."""
    steps = read(marks)
    told = CoverageData(basename=str(data), suffix="sandboxes")
    told.add_arcs({str(package / name): found for name, found in steps.items()})
    told.write()
    marks.unlink()


if __name__ == "__main__":
    {"begin": begin, "end": end}[sys.argv[1]]()
