"""A page with what was last measured: the table that ``./manyhands bench`` kept, from ``site/measurements.json``."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

STORED = Path(__file__).parents[1] / "measurements.json"
PAGE = "reference/measurements.md"


def on_files(files: Files, config: Any) -> Files:
    """Add the page."""
    files.append(File.generated(config, PAGE, content=page(json.loads(STORED.read_text("utf-8")))))
    return files


def page(found: dict[str, Any]) -> str:
    """The page, from what ``bench`` kept (:class:`autograder.bench.everything.Measured` as plain data)."""
    parts = [
        f"""---
description: What Many Hands takes and gives beside its peers, as last measured, with the method of each number.
---

# Measured

*For whoever wants to know before they believe. The numbers of version {found["version"]}, of {found["day"]}.*

Times depend on the machine. So each is measured beside a peer, in the same run, and what counts is the **ratio**: ours
through theirs, unless the line says otherwise. This machine had {found["processors"]} processors, and a load of
{found["load"]:g} when it began. A busy machine bends even ratios: believe a round the more, the
lower its load. `./manyhands bench --quick` measures on yours.
"""
    ]
    for benchmark, rows in groupby(found["rows"], key=lambda row: row["benchmark"]):
        parts.append(
            f"## {benchmark.capitalize()}\n\n| what | ours | beside | ratio | how |\n| --- | --- | --- | --- | --- |"
        )
        parts[-1] += "".join(f"\n{_line(row)}" for row in rows)
    if found["failed"]:
        parts.append("## Not measured\n\n" + "\n".join(f"- {why}" for why in found["failed"]))
    return "\n\n".join(parts) + "\n"


def _line(row: dict[str, Any]) -> str:
    ratio = "" if row["ratio"] is None else f"{row['ratio']:g}"
    cells = (row["what"], row["ours"], f"{row['peer']} {row['theirs']}", ratio, row["method"])
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"
