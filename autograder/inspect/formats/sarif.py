"""An inspection as SARIF 2.1.0, the format that code scanning reads (OASIS, sarif-v2.1.0)."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from autograder import __version__
from autograder.inspect.formats.place import fault_place, place, text
from autograder.inspect.text import headline
from autograder.judge.spread import Spread
from autograder.mistakes.catalogue import mistakes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from autograder.inspect.formats.place import Place
    from autograder.inspect.report import Inspection
    from autograder.mistakes.mistake import Mistake

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
UNEXPLAINED = "concentrated"
"""The rule of a concentration that no line of the catalogue explains."""
FOUND = "unexplained"
"""The rule of a line that the catalogue does not know, and that was found by trying the config without it."""
REFUSED = "refused"
"""The rule of a config that the balancer does not take."""
_TAGS = ("load-balancing", "reliability")
_SEVERITY = {"problem.severity": "error"}
_OWN_RULES = {
    FOUND: (
        "Without this line the traffic is even",
        "One server gets most of the traffic. No mistake of the catalogue explains it, but variants of the config were"
        " tried: without what is written here, every server gets its part.",
        "Read up on what the line decides, and leave the choice of the server to the pool.",
    ),
    UNEXPLAINED: (
        "One server gets most of the traffic",
        "Traffic was sent and counted: a server got much more than its part, and no known line explains it.",
        "Say what the machines can do (--capacity SERVER=N) if they differ; if it is meant, write"
        " `# manyhands: intended REASON` above the line.",
    ),
    REFUSED: (
        "The config cannot be used",
        "The balancer refuses this config, or every request through it fails.",
        "Mend the line that is named, and inspect it again.",
    ),
}


def render(found: Sequence[Inspection], root: str = "") -> str:
    """One SARIF log with one run. ``root`` (absolute) is the folder that places are named from."""
    results = [result for one in found for result in _results(one, root)]
    used = dict.fromkeys(result["ruleId"] for result in results)
    known = {mistake.slug: mistake for mistake in mistakes()}
    rules = [_rule(known[slug]) if slug in known else _own_rule(slug) for slug in used]
    for result in results:
        result["ruleIndex"] = list(used).index(result["ruleId"])
    notifications = [said for one in found for said in _notifications(one, root)]
    run = {
        "tool": {"driver": {"name": "Many Hands", "version": __version__, "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not any(one.trouble for one in found),
                "exitCode": max((one.exit_code for one in found), default=0),
                "toolExecutionNotifications": notifications,
            }
        ],
        "results": results,
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def _results(found: Inspection, root: str) -> Iterator[dict[str, Any]]:
    meant = found.verdict is Spread.SKEWED_AS_DECLARED
    for cause in found.causes:
        finding = cause.finding
        level = "error" if cause.observed else "warning" if found.static else "note"
        said = f"{finding.message} {finding.mend}"
        if not cause.observed:
            said += " (Read only: no traffic ran.)" if found.static else " (Read, not seen in this traffic.)"
        where = place(found, finding.file, finding.line, root)
        one = _result(finding.mistake, level, said, where, finding.quote, finding.pool)
        if cause.observed and meant:
            one["suppressions"] = [{"kind": "inSource", "justification": text("; ".join(found.reasons))}]
        yield one
    if found.verdict is Spread.CONCENTRATED and not any(cause.observed for cause in found.causes):
        yield _result(UNEXPLAINED, "error", headline(found), place(found, root=root))
    if found.verdict is Spread.BROKEN:
        for fault in found.faults:
            where, said = fault_place(found, fault, root)
            yield _result(REFUSED, "error", f"{found.proxy} refuses it: {said}", where)
        if not found.faults:
            yield _result(REFUSED, "error", headline(found), place(found, root=root))


def _result(rule: str, level: str, said: str, where: Place, snippet: str = "", pool: str = "") -> dict[str, Any]:
    location: dict[str, Any] = {}
    if where.file:
        physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(where.file)}}
        # Code scanning shows nothing that has no line.
        physical["region"] = {"startLine": max(1, where.line)}
        if snippet:
            physical["region"]["snippet"] = {"text": text(snippet)}
        location["physicalLocation"] = physical
    if pool:
        location["logicalLocations"] = [{"name": text(pool), "kind": "resource"}]
    rule = text(rule)
    same = f"{rule}\0{where.file}\0{pool}\0{snippet}"
    return {
        "ruleId": rule,
        "level": level,
        "message": {"text": text(said)},
        "locations": [location] if location else [],
        "partialFingerprints": {"manyHands/v1": hashlib.sha256(same.encode("utf-8", "replace")).hexdigest()},
    }


def _notifications(found: Inspection, root: str) -> Iterator[dict[str, Any]]:
    """What kept a config from being judged (error, or warning where more traffic may tell), and other notes."""
    said = [(found.trouble, "error")] if found.trouble else []
    if found.verdict is Spread.UNDECIDED and not found.static and not found.trouble:
        said.append((f"not judged: {headline(found)}", "warning"))
    said += [(note, "note") for note in found.notes]
    where = place(found, root=root)
    for words, level in said:
        one: dict[str, Any] = {"level": level, "message": {"text": text(words)}}
        if where.file:
            one["locations"] = [{"physicalLocation": {"artifactLocation": {"uri": _uri(where.file)}}}]
        yield one


def _uri(path: str) -> str:
    pure = PurePath(path)
    # Python has an odd byte of a file's name as one of these; no other of them stands for anything.
    named = re.sub("[\ud800-\udc7f\udd00-\udfff]", "\ufffd", path)
    encoded = quote(named.encode("utf-8", "surrogateescape"), safe="/")
    return f"file://{encoded}" if pure.is_absolute() else encoded


def _rule(mistake: Mistake) -> dict[str, Any]:
    """A rule in the words of the catalogue."""
    shows = {"clients": list(mistake.clients), "states": list(mistake.states)}
    parts = [("Why it hurts", mistake.why), ("How to see it", mistake.seen), ("Mend", mistake.mend)]
    plain = "\n\n".join([mistake.what, *(f"{head}: {words}" for head, words in parts)])
    # A longer fence than any in the example cannot be closed by it.
    fence = "```"
    while fence in mistake.instead:
        fence += "`"
    markdown = "\n\n".join(
        [
            mistake.what,
            *(f"**{head}.** {words}" for head, words in parts),
            f"**Instead** ({mistake.proxy}):\n\n{fence}\n{mistake.instead.rstrip()}\n{fence}",
            f"Holds for {mistake.versions}.",
        ]
    )
    links = [source for source in mistake.sources if source.startswith("https://")]
    return {
        "id": mistake.slug,
        "name": "".join(word.capitalize() for word in mistake.slug.split("-")),
        "shortDescription": {"text": mistake.title},
        "fullDescription": {"text": mistake.what},
        "help": {"text": plain, "markdown": markdown},
        **({"helpUri": links[0]} if links else {}),
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": [*_TAGS, *mistake.proxies], "precision": "very-high", **_SEVERITY, "showsUnder": shows},
    }


def _own_rule(slug: str) -> Mapping[str, Any]:
    title, what, mend = _OWN_RULES.get(slug, (slug, slug, ""))
    return {
        "id": slug,
        "name": "".join(word.capitalize() for word in slug.split("-")),
        "shortDescription": {"text": title},
        "fullDescription": {"text": what},
        "help": {"text": f"{what}\n\n{mend}".strip(), "markdown": f"{what}\n\n**Mend.** {mend}".strip()},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": [*_TAGS], "precision": "very-high", **_SEVERITY},
    }
