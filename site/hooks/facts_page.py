"""What the course has to teach right, as a table: the fact, where it is taught, what tries it, and a source.

``site/facts.toml`` is the one list. Tests hold it against the pages, the tests and the balancers that are installed.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

LIST = Path(__file__).parents[1] / "facts.toml"
PAGE = "reference/facts.md"


def on_files(files: Files, config: Any) -> Files:
    """Add the page."""
    files.append(File.generated(config, PAGE, content=page(Path(config["docs_dir"]))))
    return files


def page(docs: Path) -> str:
    """The table, as Markdown."""
    known = tomllib.loads(LIST.read_text(encoding="utf-8"))
    facts, sources, tested = known["fact"], known["sources"], known["tested"]
    tried = sum("tests" in fact for fact in facts)
    rows = "\n".join(_row(number, fact, sources, docs) for number, fact in enumerate(facts, 1))
    return f"""---
description: >-
  The {len(facts)} facts that the course stands on, with the page that teaches each, what tries it, and its source.
---

# Facts and how we know them

*Tested on nginx {tested["nginx"]}, HAProxy {tested["haproxy"]}. {tried} of {len(facts)} are tried on them,
or computed, in each run of our tests: a column names the file in `tests/facts`. The others rest on their source.*

Versions age. A fact that names none holds for the versions above.

| | fact | taught in | tried by | source |
| --- | --- | --- | --- | --- |
{rows}
"""


def _row(number: int, fact: dict[str, Any], sources: dict[str, list[str]], docs: Path) -> str:
    title = (docs / fact["page"]).read_text(encoding="utf-8").partition("\n# ")[2].partition("\n")[0]
    tests = sorted({Path(test.partition("::")[0]).stem.removeprefix("test_") for test in fact.get("tests", ())})
    named = ", ".join("[{}]({})".format(*sources[source]) for source in fact.get("sources", ()))
    cells = (
        str(number),
        fact["says"],
        f"[{title}](../{fact['page']})",
        ", ".join(f"`{test}`" for test in tests),
        named,
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
