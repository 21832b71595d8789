"""Building the course site beside other work."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from autograder.launch.pages import building


def builders() -> list[str]:
    """Command lines of the MkDocs that this process started."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text().split():
            try:
                command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
            except OSError:  # it ended while we looked
                continue
            if "mkdocs build" in command:
                found.append(command)
    return found


def test_work_that_fails_ends_the_build_and_leaves_the_old_site(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("old")
    said: list[str] = []

    def work() -> None:
        with building(site, said.append):
            while not builders():
                time.sleep(0.01)  # between two looks
            raise KeyError("work")

    with pytest.raises(KeyError, match="work"):
        work()
    assert said == ["building the course site…"]
    assert builders() == []
    assert (site / "index.html").read_text() == "old"
