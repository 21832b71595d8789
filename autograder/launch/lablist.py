"""``labs.md``: the page JupyterLab opens on, with a line for every lab."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from pathlib import Path

    from autograder.labs.lab import Lab

_HEAD = """\
# Labs

Break a real web stack, see what happens, mend it. Open a notebook and follow it from the top.

| lab | minutes |
| --- | ---: |
"""

_FOOT = """
Course pages: <{site}>

Your files are kept when you run `./manyhands down` or pull a newer version; nothing of yours is ever overwritten.
"""


def write(home: Path, labs: tuple[Lab, ...], site: str) -> None:
    """Write the page, whole or not at all."""
    lines = "".join(f"| {_link(home, lab)} | {lab.minutes} |\n" for lab in labs)
    page = home / "labs.md"
    new = page.with_name(".labs.md.new")
    new.write_text(_HEAD + lines + _FOOT.format(site=site))
    new.replace(page)


def _link(home: Path, lab: Lab) -> str:
    title = lab.title.replace("|", "\\|")
    notebooks = sorted((home / "labs" / lab.slug).glob("*.ipynb"))
    return f"[{title}]({quote(str(notebooks[0].relative_to(home)))})" if notebooks else title
