"""Inspect a config: run it in a twin, send traffic, count, and join what was seen with its cause.

>>> inspect(config, Wishes()).verdict.value        # doctest: +SKIP
'concentrated'
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from autograder.errors import ManyHandsError, nearest
from autograder.inspect.join import guilty_places, intention, observed
from autograder.inspect.report import Cause, Inspection, PoolReport, RunReport
from autograder.judge.spread import Spread, as_declared, worst

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from autograder.inspect.config import Config
    from autograder.inspect.measure import Measuring, Pool, Run
    from autograder.mistakes.finding import Finding
    from autograder.stack.proxies.reading import Needs
    from autograder.stack.twin.twin import Twin

_ALONE = ("one-server-pool", "left-down", "backup-left")
"""Mistakes that leave one machine to serve."""
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
            runs, said_of_hosts = _by_host(measuring, runs, findings)
            return _joined(config, twin, measuring.pools, runs, findings, (*notes, *said_of_hosts))


def _findings(config: Config, wishes: Wishes) -> tuple[Finding, ...]:
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
            listed = ", ".join(list(known)[:6]) or "none"
            remedy = f"did you mean {close}?" if close else f"its servers: {listed}"
            raise ManyHandsError(f"this config has no server called {word}", remedy=remedy)
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


def _by_host(measuring: Measuring, runs: list[Run], findings: Sequence[Finding]) -> tuple[list[Run], tuple[str, ...]]:
    """Take back what is no concentration: all traffic asked for one name, and it is names that are dealt out.

    That takes traffic of its own, so it is asked only where no line explains what was seen.
    """
    explained = {finding.pool for finding in findings}
    hot = {run.pool for run in runs if run.pool and run.verdict.spread is Spread.CONCENTRATED} - explained
    tried = {pool: number for pool in hot if (number := measuring.host_decides(pool))}
    if not tried:
        return runs, ()
    open_ = [
        replace(run, verdict=replace(run.verdict, spread=Spread.UNDECIDED), first_pages=None)
        if run.verdict.spread is Spread.CONCENTRATED and (run.pool in tried or not run.pool)
        else run
        for run in runs
    ]
    return open_, tuple(
        f"pool {pool}: each of {number} host names met one server, and not all the same one; "
        "all counted requests asked for one name, which says nothing about the names in use"
        for pool, number in tried.items()
    )


def _joined(
    config: Config,
    twin: Twin,
    pools: Sequence[Pool],
    runs: Sequence[Run],
    findings: Sequence[Finding],
    notes: tuple[str, ...],
) -> Inspection:
    reports: list[PoolReport] = []
    reasons: list[str] = []
    shown: set[str] = set()
    for pool in pools:
        mine = [run for run in runs if run.pool == pool.name]
        verdicts = [run.verdict.spread for run in mine]
        hot = [run for run in mine if run.verdict.spread is Spread.CONCENTRATED]
        failing = any(run.failed >= _FAILING * len(run.fates) > 0 for run in mine)
        shown |= {pool.name} if hot or failing or Spread.BROKEN in verdicts else set()
        nodes = [node for run in hot for node in (run.verdict.hottest, *run.verdict.silent)]
        reason = intention(config.files, guilty_places(pool, nodes, config.files, findings)) if hot else ""
        rows = [_run(run, twin) for run in mine]
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
        together[number] = replace(together[number], verdict=spread)
        reasons += [said] if said else []
        if spread in (Spread.CONCENTRATED, Spread.BROKEN):
            shown |= {pool.name for pool in pools if run.verdict.hottest in pool.members}
    everything = any(row.verdict in (Spread.CONCENTRATED, Spread.BROKEN) for row in together)
    causes = tuple(Cause(finding, observed(finding, shown, everything)) for finding in findings)
    judged = [report.verdict for report in reports if report.verdict is not Spread.IDLE]
    if not judged:
        status = Counter(fate.status for run in whole for fate in run.fates if fate.status)
        said = ", ".join(f"{count} with status {code}" for code, count in status.most_common(3))
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
        # One machine is no concentration unless the config lists more, or is known to have had more.
        same = any(pool.listed > 1 for pool in mine)
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
