"""Inspect a config: run it in a twin, send traffic, count, and join what was seen with its cause.

>>> inspect(config, Wishes()).verdict.value        # doctest: +SKIP
'concentrated'
"""

from __future__ import annotations

import posixpath
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from autograder.errors import ManyHandsError, nearest
from autograder.inspect.join import Seen, explains, guilty_places, intention, observed
from autograder.inspect.report import Cause, Inspection, PoolReport, RunReport
from autograder.judge.spread import Spread, as_declared, worst

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from autograder.inspect.config import Config
    from autograder.inspect.measure import Measuring, Run
    from autograder.inspect.pools import Pool
    from autograder.inspect.second_look import Look
    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Mistake
    from autograder.stack.proxies.reading import Needs
    from autograder.stack.twin.twin import Twin

_ALONE = ("one-server-pool", "left-down", "backup-left")
"""Mistakes that leave one machine to serve."""
_LISTED = 8
_FAILING = 0.01
"""A pool shows failures if it failed this part of a run's requests."""


@dataclass(frozen=True)
class Wishes:
    """How to inspect.

    ``capacity`` is what servers can do against the others (label, ``host:port`` or host → factor); ``programs`` are the
    user's own binaries.
    """

    clients: tuple[str, ...] = ("many",)
    states: tuple[str, ...] = ("all-up",)
    engine: str = "local"
    capacity: Mapping[str, float] = field(default_factory=dict)
    programs: Mapping[str, Path] = field(default_factory=dict)
    static: bool = False
    catalogue: bool = True
    """Whether known mistakes may explain what is seen; without them every concentration is searched for its cause."""
    search: bool = True
    """Whether to search for the cause of a concentration that no known mistake explains."""


def inspect(config: Config, wishes: Wishes, say: Callable[[str], None] | None = None) -> Inspection:
    """Inspect one config. ``say`` is told what is being measured.

    Raises :class:`ManyHandsError` if no twin can be made of it, the engine cannot run here, or ``wishes`` name a
    server that the config does not have.
    """
    if wishes.static:
        causes = tuple(Cause(finding, observed=False) for finding in _findings(config, wishes))
        return Inspection(config.name, config.proxy, Spread.UNDECIDED, causes=causes, notes=config.notes, static=True)
    from autograder.stack.twin.twin import open_twin

    with ThreadPoolExecutor(1, "catalogue") as beside:
        # Reading for the catalogue while the twin starts: both wait for most of their time.
        reading = beside.submit(_findings, config, wishes)
        programs = dict(wishes.programs) or None
        with open_twin(config.files, config.main, config.proxy, wishes.engine, wishes.capacity, programs) as twin:
            notes = (*config.notes, *(str(one) for one in twin.unmet))
            if not twin.applied.ok:
                causes = tuple(Cause(finding, observed=False) for finding in reading.result())
                faults = tuple(str(fault) for fault in twin.applied.faults)
                return Inspection(config.name, config.proxy, Spread.BROKEN, causes=causes, faults=faults, notes=notes)
            measuring = _measuring(twin, config, wishes)
            if not measuring.pools or not measuring.legs:
                causes = tuple(Cause(finding, observed=False) for finding in reading.result())
                lacks = "door that clients can come in by" if measuring.pools else "server that it sends requests to"
                said = f"this config has no {lacks}, so there is no spread to judge"
                return Inspection(config.name, config.proxy, Spread.UNDECIDED, causes=causes, notes=(*notes, said))
            runs: list[Run] = []
            for state in wishes.states:
                for clients in wishes.clients:
                    if say is not None:
                        say(f"{config.name}: {clients}, {state}…")
                    runs += measuring.run(clients, state)
            findings = reading.result()
            if measuring.inside:
                networks = ", ".join(twin.needs.insiders)
                notes += (f"clients come from networks that this config lets in ({networks}): it turns others away",)
            from autograder.inspect.second_look import look_again

            look = look_again(measuring, runs, _explained(runs, findings), weights=not wishes.capacity)
            found = _joined(config, twin, measuring.pools, look, findings, notes)
            if found.verdict is Spread.CONCENTRATED and wishes.search and not any(one.observed for one in found.causes):
                if say is not None:
                    say(f"{config.name}: looking for the line…")
                found = _searched(measuring, config, found, look)
            return found


def _searched(measuring: Measuring, config: Config, found: Inspection, look: Look) -> Inspection:
    """With the lines without which the traffic would be even, if there are such."""
    hot = [run for run in look.runs if run.verdict.spread is Spread.CONCENTRATED and run.state.name == "all-up"]
    declared = {report.name for report in found.pools if report.verdict is Spread.SKEWED_AS_DECLARED}
    hot = [run for run in hot if run.pool not in declared]
    if not hot or measuring.twin.running.running is None:
        return found
    from autograder.inspect.unexplained import explain

    folder = posixpath.dirname(config.main)
    explained = explain(measuring, measuring.twin.files, posixpath.basename(config.main), hot)
    findings = [replace(one, file=posixpath.join(folder, one.file)) for one in explained.findings]
    causes = (*(Cause(finding, observed=True) for finding in findings), *found.causes)
    return replace(found, causes=causes, notes=(*found.notes, *([explained.note] if explained.note else [])))


def _findings(config: Config, wishes: Wishes) -> tuple[Finding, ...]:
    if not wishes.catalogue:
        return ()
    from autograder.mistakes.catalogue import find_mistakes

    capacity: dict[str, float] | None = None
    if wishes.capacity:
        from autograder.stack.twin.twin import read_needs

        capacity = _each(read_needs(config.files, config.main, config.proxy), wishes.capacity)
    return find_mistakes(config.files, config.main, config.proxy, capacity)


def _each(needs: Needs, capacity: Mapping[str, float]) -> dict[str, float]:
    """The capacity of every server that should serve, by ``host:port``. Raises :class:`ManyHandsError`."""
    known: dict[str, float] = {}
    names: dict[str, None] = {}
    for upstream in needs.upstreams:
        address = f"{upstream.host}:{upstream.port}"
        words = (f"{upstream.pool}/{upstream.label}", upstream.label, address, upstream.host)
        names |= dict.fromkeys(words)
        if upstream.duty in ("serving", "resolved"):
            known[address] = next((capacity[word] for word in words if word in capacity), 1.0)
    for word in capacity:
        if word not in names:
            close = nearest(word, names)
            labels = list(dict.fromkeys(upstream.label for upstream in needs.upstreams if upstream.duty != "checked"))
            more = f" and {len(labels) - _LISTED} more" if len(labels) > _LISTED else ""
            raise ManyHandsError(
                f"--capacity names {word}, and this config has no server of that name",
                why=f"it sends to {', '.join(labels[:_LISTED])}{more}" if labels else "it names no server at all",
                remedy=f"did you mean {close}?" if close else "name a server as the config does, or leave it out",
            )
    return known


def _measuring(twin: Twin, config: Config, wishes: Wishes) -> Measuring:
    from autograder.inspect.legs import legs, prefixes
    from autograder.inspect.measure import Measuring

    each = _each(twin.needs, wishes.capacity)
    nodes = {
        node: each.get(f"{upstreams[0].host}:{upstreams[0].port}", 1.0) for node, upstreams in twin.plan.members.items()
    }
    pools = dict.fromkeys(upstream.pool for upstream in twin.needs.upstreams)
    return Measuring(twin, legs(twin.doors, prefixes(config.files, config.main, config.proxy, pools)), nodes)


def _joined(
    config: Config,
    twin: Twin,
    pools: Sequence[Pool],
    look: Look,
    findings: Sequence[Finding],
    notes: tuple[str, ...],
) -> Inspection:
    runs, notes = look.runs, (*notes, *look.notes)
    # What fails for want of something that the twin cannot have says nothing about the config.
    ours = any(one.fails for one in twin.unmet)
    reports: list[PoolReport] = []
    reasons: list[str] = [*look.meant.values()]
    seen: list[Seen] = []
    for pool in pools:
        mine = [run for run in runs if run.pool == pool.name]
        seen += [one for run in mine for one in _seen(run, run.verdict.spread, pool.name)]
        hot = [run for run in mine if run.verdict.spread is Spread.CONCENTRATED]
        nodes = [node for run in hot for node in (run.verdict.hottest, *run.verdict.silent)]
        reason = intention(config.files, guilty_places(pool, nodes, config.files, findings)) if hot else ""
        rows = [_ours(_run(run, twin), ours) for run in mine]
        if reason:
            reasons.append(reason)
            rows = [replace(row, verdict=as_declared(row.verdict)) for row in rows]
        left_out = {twin.labels[node]: why for node, why in pool.left_out.items()}
        verdict = worst(row.verdict for row in rows)
        servers = tuple(twin.labels[node] for node in pool.members)
        reports.append(PoolReport(pool.name, servers, verdict, tuple(rows), left_out))
    whole = [run for run in runs if not run.pool]
    together = [_run(run, twin) for run in whole]
    for number, run in enumerate(whole):
        spread, said = _whole(config, pools, run, findings)
        meant = any(pool.name in look.meant for pool in pools if run.verdict.hottest in pool.members)
        together[number] = _ours(replace(together[number], verdict=as_declared(spread) if meant else spread), ours)
        spread = together[number].verdict
        reasons += [said] if said else []
        if spread in (Spread.CONCENTRATED, Spread.BROKEN):
            seen += _seen(run, spread, "")
    entries = _entries() if findings else {}
    causes = tuple(Cause(finding, observed(finding, seen, entries)) for finding in findings)
    judged = [report.verdict for report in reports if report.verdict is not Spread.IDLE]
    if not judged:
        status = Counter(fate.status for run in whole for fate in run.fates if fate.status)
        said = ", ".join(f"{count} with status {code}" for code, count in status.most_common(3))
        elsewhere = sorted({twin.labels[fate.server] for run in whole for fate in run.fates if fate.server})
        if elsewhere:
            notes += (f"all requests went to {', '.join(elsewhere)}; no server that should share them got any",)
        else:
            notes += (f"no request reached a server; the balancer itself answered {said or 'nothing'}",)
    verdict = worst([*(row.verdict for row in together), *judged])
    return Inspection(
        config.name,
        config.proxy,
        Spread.UNDECIDED if verdict is Spread.IDLE else verdict,
        tuple(reports),
        causes,
        tuple(together),
        tuple(dict.fromkeys(reasons)),
        notes=notes,
    )


def _seen(run: Run, spread: Spread, pool: str) -> Iterator[Seen]:
    if spread is Spread.CONCENTRATED:
        yield Seen(pool, run.clients, run.state.name, failing=False)
    if spread is Spread.BROKEN or (pool and run.failed >= _FAILING * len(run.fates) > 0):
        yield Seen(pool, run.clients, run.state.name, failing=True)


def _entries() -> Mapping[str, Mistake]:
    from autograder.mistakes.catalogue import mistakes

    return {mistake.slug: mistake for mistake in mistakes()}


def _explained(runs: Iterable[Run], findings: Sequence[Finding]) -> set[str]:
    """Pools with a mistake that can do what was seen."""
    entries = _entries() if findings else {}
    seen = [
        Seen(run.pool, run.clients, run.state.name, failing=False)
        for run in runs
        if run.verdict.spread in (Spread.CONCENTRATED, Spread.UNDECIDED)
    ]
    return {finding.pool for finding in findings if any(explains(finding, one, entries) for one in seen)}


def _ours(row: RunReport, ours: bool) -> RunReport:
    return replace(row, verdict=Spread.UNDECIDED) if ours and row.verdict is Spread.BROKEN else row


def _whole(config: Config, pools: Sequence[Pool], run: Run, findings: Sequence[Finding]) -> tuple[Spread, str]:
    """The verdict on all servers together, and why somebody means it to be so if somebody does."""
    verdict = run.verdict
    if verdict.spread in (Spread.BROKEN, Spread.IDLE):
        return verdict.spread, ""
    first = run.first_pages
    hottest = first.hottest if first and first.spread is Spread.CONCENTRATED else verdict.hottest
    mine = [pool for pool in pools if hottest in pool.members]
    places = [(f.file, f.line) for f in findings if f.pool in {"", *(pool.name for pool in mine)}]
    spread = verdict.spread
    if len(verdict.fair) == 1:
        # One machine is no concentration unless the config lists more that are up, or is known to have had more.
        down = [node for node in (run.state.victim,) if node and node not in run.state.serving]
        same = any(pool.listed - sum(node in pool.members for node in down) > 1 for pool in mine)
        spread = Spread.CONCENTRATED if same or any(f.mistake in _ALONE for f in findings) else spread
    elif first and first.spread is Spread.CONCENTRATED and places:
        spread = Spread.CONCENTRATED
    for pool in mine:
        places += guilty_places(pool, [hottest], config.files, findings)
    reason = intention(config.files, places) if spread is Spread.CONCENTRATED else ""
    return (as_declared(spread), reason) if reason else (spread, "")


def _run(run: Run, twin: Twin) -> RunReport:
    verdict, label = run.verdict, twin.labels
    addresses = {fate.address for fate in run.fates}
    happened = run.state.described
    if run.state.victim:
        happened = happened.replace(run.state.victim, label.get(run.state.victim, run.state.victim))
    return RunReport(
        clients=run.clients,
        state=run.state.name,
        requests=len(run.fates),
        failed=run.failed,
        share={label[node]: part for node, part in verdict.share.items()},
        peak_to_fair=verdict.peak_to_fair,
        effective_servers=verdict.effective_servers,
        verdict=verdict.spread,
        fair={label[node]: part for node, part in verdict.fair.items()},
        hottest=label.get(verdict.hottest, ""),
        silent=tuple(label[node] for node in verdict.silent),
        units=verdict.units,
        unit=verdict.unit,
        sent_by=len({fate.client for fate in run.fates}),
        networks=len({address.rpartition(".")[0] for address in addresses}),
        happened=happened,
        seconds=run.seconds,
        failures=Counter(fate.failure for fate in run.fates if fate.failure),
    )
