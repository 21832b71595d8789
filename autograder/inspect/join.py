"""Each observation with its cause: which mistakes a run has shown, and what the owner says is meant."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from autograder.inspect.pools import Pool
    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Mistake

_INTENDED = re.compile(r"#\s*manyhands:\s*intended\b[\s:,]*(.*)", re.I)


@dataclass(frozen=True)
class Seen:
    """Something wrong that a run showed: in which pool (empty if all servers together), for whom, in which state.

    ``failing`` tells that requests failed; otherwise they were answered, and by too few.
    """

    pool: str
    clients: str
    state: str
    failing: bool


def observed(finding: Finding, seen: Iterable[Seen], entries: Mapping[str, Mistake]) -> bool:
    """Whether a run has shown it: what went wrong was in its pool (or in everything), and it can do that.

    ``entries`` is the catalogue by slug.
    """
    return any(one.pool in (finding.pool, "") and explains(finding, one, entries) for one in seen)


def explains(finding: Finding, seen: Seen, entries: Mapping[str, Mistake]) -> bool:
    """Whether a mistake shows for such clients in such a state, and by what was seen."""
    entry = entries.get(finding.mistake)
    if entry is None:
        return True
    shows = seen.clients in entry.clients and seen.state in entry.states
    return shows and (seen.failing or entry.decides != "failure")


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
