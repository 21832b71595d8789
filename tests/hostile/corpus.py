"""Every attack and every mishap of the corpus in one table: what it tries, and what must happen.

``python -m tests.hostile.corpus`` prints the table as Markdown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Change = Callable[[Path], None]
"""Changes the folder of a submission as the learner handed it in."""


@dataclass(frozen=True)
class Attack:
    """A submission that tries to gain points, read secrets, harm others or stop the run.

    ``deserves`` are the points of the same work without the trick: it must get no more. ``says`` is what the record
    must tell, somewhere in its verdicts.
    """

    name: str
    tries: str
    change: Change
    deserves: float = 0.0
    says: str = ""

    @property
    def must(self) -> str:
        """What must happen, in words."""
        told = f"; the record says “{self.says}”" if self.says else ""
        return f"at most {self.deserves:g} points, which the same work without the trick gets{told}"


def attack(change: Change, says: str = "") -> Attack:
    """An attack by what is handed in around a config that deserves nothing; the docstring tells what it tries."""
    return Attack(change.__name__.replace("_", "-"), (change.__doc__ or "").strip().rstrip("."), change, 0.0, says)


def rows() -> list[tuple[str, str, str]]:
    """Name, what it tries or suffers, what must happen: for every attack, then for every mishap."""
    from tests.hostile.attacks import ATTACKS
    from tests.hostile.configs import CONFIGS
    from tests.hostile.mishaps import MISHAPS

    attacks = [(one.name, one.tries, one.must) for one in (*ATTACKS, *CONFIGS)]
    mishaps = [(one.name, one.tries, "every point, as without the mishap") for one in MISHAPS]
    return attacks + mishaps


def table() -> str:
    """The corpus as a table in Markdown."""
    lines = ["| name | what it tries | what must happen |", "| --- | --- | --- |"]
    return "\n".join(lines + ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows()])


if __name__ == "__main__":
    print(table())
