"""Each observation with its cause: which mistakes a run has shown, and what the owner says is meant."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from autograder.inspect.measure import Pool
    from autograder.mistakes.finding import Finding

_INTENDED = re.compile(r"#\s*manyhands:\s*intended\b[\s:,]*(.*)", re.I)


def observed(finding: Finding, shown: Collection[str], everything: bool) -> bool:
    """Whether a run has shown it.

    ``shown`` are pools that were concentrated or failed; ``everything`` tells that all the traffic of the config met
    one server, or none, which a line outside the pools can explain.
    """
    return finding.pool in shown or everything


def intention(files: Mapping[str, bytes], places: Iterable[tuple[str, int]]) -> str:
    """The reason somebody wrote on or above one of the lines (``# manyhands: intended REASON``), or an empty text."""
    for file, line in places:
        lines = files.get(file, b"").decode("utf-8", "replace").split("\n")
        here = lines[line - 1 : line]
        above = [text for text in lines[max(0, line - 2) : max(0, line - 1)] if text.lstrip().startswith("#")]
        for text in (*here, *above):
            if match := _INTENDED.search(text):
                return match[1].strip() or "meant so"
    return ""


def guilty_places(
    pool: Pool, nodes: Iterable[str], files: Mapping[str, bytes], findings: Iterable[Finding]
) -> list[tuple[str, int]]:
    """The lines where a concentration of a pool may be declared: its findings', its servers', and its own first one."""
    places = [(finding.file, finding.line) for finding in findings if finding.pool == pool.name]
    places += [
        (place.file, place.line) for node in nodes if node in pool.members for place in [pool.members[node].place]
    ]
    head = re.compile(rf"\s*(?:upstream|backend|listen)\s+{re.escape(pool.name)}(?![\w.-])")
    for file in dict.fromkeys(member.place.file for member in pool.members.values()):
        text = files.get(file, b"").decode("utf-8", "replace")
        places += [(file, number) for number, line in enumerate(text.split("\n"), 1) if head.match(line)]
    return places
