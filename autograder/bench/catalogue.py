"""Every example of the catalogue: what it claims, what traffic shows, who sees it; and who cries wolf.

A peer is given credit for an example if it names a rule there that it does not name in the config that the catalogue
says to write instead: what it says of both is about something else. That is generous.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.bench import peers
from autograder.bench.claims import Claim, Prover
from autograder.errors import ManyHandsError, suggestion
from autograder.inspect.config import MAIN, Config
from autograder.inspect.inspection import Wishes, inspect
from autograder.inspect.report import Inspection
from autograder.judge.spread import Spread
from autograder.mistakes.catalogue import find_mistakes, mistakes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from autograder.mistakes.mistake import Example, Mistake

HEALTHY = Path(__file__).resolve().parents[2] / "tests" / "mistakes" / "healthy"


@dataclass(frozen=True)
class Row:
    """One example. ``observed``: `inspect` ran it and named the mistake as seen; ``static``: it was read there.

    ``peers`` say whether they named something about it; a peer that was not there, or does not read it, is missing.
    """

    mistake: str
    example: str
    proxy: str
    state: str
    claims: tuple[Claim, ...]
    verdict: str
    observed: bool
    static: bool
    peers: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Healthy:
    """One healthy config: what was said of it though nothing is wrong with how it spreads traffic."""

    config: str
    proxy: str
    verdict: str
    observed: tuple[str, ...]
    static: tuple[str, ...]
    peers: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Table:
    """Everything. ``missing`` are peers that could not be asked, and why."""

    rows: tuple[Row, ...]
    healthy: tuple[Healthy, ...]
    versions: Mapping[str, str]
    missing: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {"summary": summary(self), **asdict(self)}


def measure(say: Callable[[str], None], only: Sequence[str] = (), healthy: bool = True) -> Table:
    """The table of all mistakes, or of those that ``only`` names. Raises :class:`ManyHandsError` for unknown ones."""
    known = [one.slug for one in mistakes()]
    for slug in only:
        if slug not in known:
            raise ManyHandsError(f"the catalogue has no mistake called {slug}", remedy=suggestion(slug, known))
    chosen = [one for one in mistakes() if not only or one.slug in only]
    texts = {
        f"{one.slug}/{example.name}": example.config
        for one in chosen
        for example in one.examples
        if example.proxy == "nginx"
    }
    texts |= {f"{one.slug}/": one.instead for one in chosen if one.proxy == "nginx"}
    well = {f"{path.parent.name}/{path.stem}": path for path in sorted(HEALTHY.rglob("*.c*"))} if healthy else {}
    texts |= {f"well/{name}": path.read_text("utf-8") for name, path in well.items() if name.startswith("nginx/")}
    said: dict[str, dict[str, frozenset[str]]] = {}
    missing: dict[str, str] = {}
    for peer in peers.PEERS:
        say(f"{peer} {peers.version(peer)} reads {len(texts)} configs")
        try:
            said[peer] = peers.findings(peer, texts)
        except peers.PeerError as error:
            missing[peer] = f"{error.what}: {error.why}"
            say(f"{missing[peer]}; the table goes without it")
    examples = [(one, example) for one in chosen for example in one.examples]
    workers = len(os.sched_getaffinity(0)) + 1
    done = itertools.count(1)

    def tick() -> None:
        if not (number := next(done)) % 20:
            say(f"{number} of {len(examples)} examples ran")

    with ThreadPoolExecutor(workers, "bench") as pool:
        parts = [pool.submit(_rows, examples[number::workers], said, tick) for number in range(workers)]
        parts_well = [pool.submit(_well, name, path, said) for name, path in well.items()]
        rows = [row for part in parts for row in part.result()]
        say(f"{len(well)} healthy configs run")
        fine = [one.result() for one in parts_well]
    rows.sort(key=lambda row: (row.mistake, row.proxy, row.example))
    versions = {peer: peers.version(peer) for peer in said}
    return Table(tuple(rows), tuple(fine), versions, missing)


def _rows(
    examples: Sequence[tuple[Mistake, Example]],
    said: Mapping[str, Mapping[str, frozenset[str]]],
    tick: Callable[[], None],
) -> list[Row]:
    rows = []
    with Prover() as prover:
        for mistake, example in examples:
            rows.append(_row(prover, mistake, example, said))
            tick()
    return rows


def _row(prover: Prover, mistake: Mistake, example: Example, said: Mapping[str, Mapping[str, frozenset[str]]]) -> Row:
    claims = tuple(prover.claims(example))
    main = MAIN[example.proxy]
    files = {main: example.config.encode(), **{path: text.encode() for path, text in example.files.items()}}
    read = find_mistakes(files, main, example.proxy, example.capacity)
    # Nobody can tell `inspect` about a machine that the config does not name.
    named = {server: number for server, number in (example.capacity or {}).items() if server in example.config}
    wishes = Wishes(tuple(example.share), (example.state,), capacity=named)
    found = _inspected(Config(main, files, main, example.proxy), wishes)
    mine = [cause for cause in found.causes if cause.finding.mistake == mistake.slug]
    credit = {
        peer: bool(rules[name] - rules.get(f"{mistake.slug}/", frozenset()))
        for peer, rules in said.items()
        if (name := f"{mistake.slug}/{example.name}") in rules
    }
    return Row(
        mistake.slug,
        example.name,
        example.proxy,
        example.state,
        claims,
        found.verdict.value,
        any(cause.observed for cause in mine),
        any(one.mistake == mistake.slug for one in read),
        credit,
    )


def _inspected(config: Config, wishes: Wishes) -> Inspection:
    try:
        return inspect(config, wishes)
    except ManyHandsError as error:
        return Inspection(config.name, config.proxy, Spread.UNDECIDED, trouble=str(error))


def _well(name: str, path: Path, said: Mapping[str, Mapping[str, frozenset[str]]]) -> Healthy:
    proxy = path.parent.name
    main = MAIN[proxy]
    files = {main: path.read_bytes()}
    found = _inspected(Config(main, files, main, proxy), Wishes())
    return Healthy(
        name,
        proxy,
        found.verdict.value,
        tuple(sorted({cause.finding.mistake for cause in found.causes if cause.observed})),
        tuple(sorted({one.mistake for one in find_mistakes(files, main, proxy)})),
        {peer: tuple(sorted(rules[f"well/{name}"])) for peer, rules in said.items() if f"well/{name}" in rules},
    )


def summary(table: Table) -> dict[str, Any]:
    """The numbers of the table, each as it is printed."""
    claims = [claim for row in table.rows for claim in row.claims]
    nginx = [row for row in table.rows if row.proxy == "nginx"]
    well = [one for one in table.healthy if one.proxy == "nginx"]
    return {
        "mistakes": len({row.mistake for row in table.rows}),
        "examples": len(table.rows),
        "claims": len(claims),
        "claims_that_hold": sum(claim.holds for claim in claims),
        "read": sum(row.static for row in table.rows),
        "observed": sum(row.observed for row in table.rows),
        "nginx_examples": len(nginx),
        "nginx": {
            "ours_read": sum(row.static for row in nginx),
            "ours_observed": sum(row.observed for row in nginx),
            **{peer: sum(row.peers[peer] for row in nginx) for peer in table.versions},
        },
        "healthy": len(table.healthy),
        "healthy_concentrated_or_broken": sum(one.verdict in ("concentrated", "broken") for one in table.healthy),
        "healthy_with_a_mistake_read": sum(bool(one.static) for one in table.healthy),
        "healthy_nginx": len(well),
        "healthy_nginx_with_an_issue": {
            peer: sum(bool(one.peers.get(peer)) for one in well) for peer in table.versions
        },
        "healthy_nginx_issues": {
            peer: dict(Counter(rule for one in well for rule in one.peers.get(peer, ())).most_common())
            for peer in table.versions
        },
        "missing": dict(table.missing),
    }


def report(table: Table) -> str:
    """The table for people, and its summary."""
    head = ("example", "clients, state", "claimed", "measured", "ours", *table.versions)
    cells = [head, *(cell for row in table.rows for cell in _cells(row, table.versions))]
    wide = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = ["  ".join(word.ljust(wide[n]) for n, word in enumerate(row)).rstrip() for row in cells]
    for one in table.healthy:
        if one.observed or one.static or one.verdict in ("concentrated", "broken"):
            said = ", ".join((*one.observed, *one.static)) or "nothing"
            lines.append(f"healthy {one.config}: {one.verdict}, and we say {said}")
    return "\n".join([*lines, "", *_summary_lines(table)])


def _cells(row: Row, versions: Mapping[str, str]) -> list[tuple[str, ...]]:
    ours = f"{'observed' if row.observed else '-'} / {'read' if row.static else '-'}"
    theirs = [{True: "something", False: "-"}.get(row.peers.get(peer, None), "") for peer in versions]  # type: ignore[arg-type]  # None is a fine key to look for
    found = []
    for number, claim in enumerate(row.claims):
        first = not number
        found.append(
            (
                f"{row.mistake} {row.example}" if first else "",
                f"{claim.clients}, {row.state}",
                _shares(claim.claimed),
                _shares(claim.measured) + ("" if claim.holds else "  NOT AS CLAIMED"),
                ours if first else "",
                *(theirs if first else [""] * len(theirs)),
            )
        )
    return found


def _shares(share: Mapping[str, float]) -> str:
    return " ".join(f"{server} {part * 100:.0f}" for server, part in share.items())


def _summary_lines(table: Table) -> list[str]:
    said = summary(table)
    nginx, healthy = said["nginx_examples"], said["healthy_nginx"]
    lines = [
        f"{said['mistakes']} mistakes, {said['examples']} examples (shares in percent of all requests)",
        f"claims that traffic bears out    {said['claims_that_hold']} of {said['claims']}",
        f"ours: named as observed          {said['observed']} of {said['examples']}",
        f"ours: read in the config         {said['read']} of {said['examples']}",
        f"of {nginx} nginx examples: ours observed {said['nginx']['ours_observed']}, read {said['nginx']['ours_read']}",
    ]
    for peer, number in table.versions.items():
        lines.append(f"  {peer} {number} says something about {said['nginx'][peer]} of {nginx}")
    if table.healthy:
        lines.append(
            f"false alarms on {said['healthy']} healthy configs: ours {said['healthy_concentrated_or_broken']} by "
            f"traffic, {said['healthy_with_a_mistake_read']} by reading"
        )
        for peer in table.versions:
            issues = ", ".join(f"{rule} {count}" for rule, count in said["healthy_nginx_issues"][peer].items())
            lines.append(
                f"  {peer} names an issue in {said['healthy_nginx_with_an_issue'][peer]} of the {healthy} of nginx"
                f" ({issues or 'none'})"
            )
    lines += [f"{why}: not in this table" for why in table.missing.values()]
    return lines
