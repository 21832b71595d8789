"""An inspection for people: what was seen as bars, the line that explains it, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.inspect.config import printable
from autograder.judge.spread import Spread

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autograder.inspect.report import Cause, Inspection, PoolReport, RunReport

_BAR = 36
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_MOST_ROWS = 24
_WIDEST = 40
_WIDE = 72


def lines(found: Inspection) -> Iterator[str]:
    """The report, line by line, safe to print whatever the config says."""
    return map(printable, _lines(found))


def _lines(found: Inspection) -> Iterator[str]:
    if found.trouble:
        first, *more = found.trouble.split("\n")
        yield f"{printable(found.config)}  not inspected: {printable(first)}"
        yield from (f"  {printable(said)}" for said in more)
        return
    yield f"{printable(found.config)}  {'read only' if found.static else found.verdict.value}: {headline(found)}"
    if found.static:
        yield "  nothing was observed: no traffic ran, and what is read may be wrong"
    shown = [pool for pool in found.pools if pool.verdict is not Spread.IDLE]
    for pool in shown:
        yield from _pool(pool, named=len(found.pools) > 1)
    for pool in found.pools:
        if pool.verdict is Spread.IDLE:
            yield f"  pool {printable(pool.name)}: no request of this traffic was for it ({_listed(pool.servers)})"
    causes = [cause for cause in found.causes if cause.observed or found.static]
    for cause in causes:
        yield ""
        yield from _cause(cause)
    if found.verdict is Spread.CONCENTRATED and not causes:
        yield ""
        yield "    why   No line that the catalogue knows explains this; what was counted stands."
        yield "    mend  Say --capacity SERVER=N if the machines differ; if it is meant, write"
        yield "          # manyhands: intended REASON above the line."
    for number, reason in enumerate(found.reasons):
        yield from ([""] if not number else [])
        yield f"    meant {printable(reason)}"
    rest = [cause for cause in found.causes if not cause.observed and not found.static]
    if rest:
        yield ""
        for cause in rest:
            finding = cause.finding
            yield f"    also  {printable(finding.file)}:{finding.line}  {finding.message}"
            yield f"          Read, not seen in this traffic ({finding.mistake})."
    for number, note in enumerate(found.notes):
        yield from ([""] if not number else [])
        yield f"    note  {printable(note)}"


def headline(found: Inspection) -> str:
    """What was found, in one sentence."""
    if found.trouble:
        return printable(found.trouble.split("\n")[0])
    if found.static:
        number = len(found.causes)
        return f"{_number(number)} known {'mistake' if number == 1 else 'mistakes'} in it"
    if found.faults:
        return f"{found.proxy} refuses it: {printable(found.faults[0])}"
    runs = [run for pool in found.pools for run in pool.runs]
    for verdict in (Spread.BROKEN, Spread.CONCENTRATED, Spread.SKEWED_AS_DECLARED):
        if found.verdict is not verdict:
            continue
        # The whole says more than a part, where both are as bad.
        for run in (*found.together, *sorted(runs, key=lambda r: -r.peak_to_fair)):
            if run.verdict is verdict:
                return _broken(run) if verdict is Spread.BROKEN else _uneven(run)
    if found.verdict is Spread.UNDECIDED:
        open_ = [run for run in runs if run.verdict is Spread.UNDECIDED]
        if not open_:
            return printable(found.notes[-1]) if found.notes else "nothing was seen"
        return _undecided(open_[0])
    judged = [pool for pool in found.pools if pool.verdict is Spread.EVEN]
    number = sum(len(run.share) for pool in judged for run in pool.runs[:1])
    if not runs:
        return "nothing was seen"
    worst = max(runs, key=lambda run: run.failed / max(1, run.requests))
    but = f", but {worst.failed:,} of {worst.requests:,} requests failed ({worst.happened})" if worst.failed else ""
    if number == 1:
        return f"the only server answers everything{but}"
    pools = "" if len(judged) == 1 else f" of {_number(len(judged))} pools"
    return f"{_number(number)} servers{pools} get their share{but}"


def _broken(run: RunReport) -> str:
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(run.failures.items()))
    return f"all of {run.requests} requests failed ({kinds}), {run.happened}"


def _uneven(run: RunReport) -> str:
    number = _number(len(run.share))
    part = run.share.get(run.hottest, 0.0)
    if len(run.share) == 1:
        return f"every request reaches {printable(run.hottest)}, the only server"
    if run.silent and run.peak_to_fair < 1.5 and part < 1:
        nothing = "one" if len(run.silent) == 1 else _number(len(run.silent))
        return f"{nothing} of {number} servers gets nothing: {_listed(run.silent)}"
    return f"{part * 100:.0f} % of requests reach one of {number} servers"


def _undecided(run: RunReport) -> str:
    if run.share.get(run.hottest, 0.0) >= 0.9 and run.sent_by > 100:
        return "the host name decides about the server, and one name is too few to tell"
    units = f"{run.units} {run.unit}{'' if run.units == 1 else 's'}"
    return f"{units} decided anything, too few to tell; try --clients many"


def _pool(pool: PoolReport, *, named: bool) -> Iterator[str]:
    for run in pool.runs:
        if run.verdict is Spread.IDLE:
            continue
        yield ""
        if named or len(pool.runs) > 1:
            yield f"  {printable(pool.name)}: {run.verdict.value}"
        yield from _bars(run)
        for server, why in pool.left_out.items():
            yield f"  {printable(server)} is left out: {why}"
        yield f"  {_sent(run)}"


def _bars(run: RunReport) -> Iterator[str]:
    wide = min(_WIDEST, max(len(printable(server)) for server in run.share))
    peak = max(run.share.values()) or 1.0
    rows = list(run.share.items())
    for number, (server, part) in enumerate(rows[:_MOST_ROWS]):
        fair = run.fair[server]
        same = number and abs(fair - run.fair[rows[number - 1][0]]) < 0.005
        said = "" if same else f"   fair {fair * 100:.0f} %"
        yield f"  {printable(server):<{wide}}  {_bar(part / peak)}  {part * 100:>3.0f} %{said}".rstrip()
    if len(rows) > _MOST_ROWS:
        rest = sum(part for _, part in rows[_MOST_ROWS:])
        yield f"  {f'{len(rows) - _MOST_ROWS} more':<{wide}}  {_bar(0)}  {rest * 100:>3.0f} %"


def _bar(part: float) -> str:
    eighths = max(round(part * _BAR * 8), 1 if part else 0)
    full, rest = divmod(eighths, 8)
    return f"{'█' * full}{_EIGHTHS[rest] if rest else ''}".ljust(_BAR)


def _sent(run: RunReport) -> str:
    parts = [
        f"{_many(run.requests, 'request')} from {_many(run.sent_by, 'client')} in {_many(run.networks, 'network')}"
    ]
    parts += [f"{run.units:,} pages"] if run.unit == "page" else []
    parts += [run.happened, f"{run.failed:,} failed", f"{run.seconds:.1f} s"]
    return ", ".join(parts)


def _cause(cause: Cause) -> Iterator[str]:
    finding = cause.finding
    place = f"{printable(finding.file)}:{finding.line}"
    start, end = finding.column
    quote = finding.quote
    if len(quote) > _WIDE:
        cut = max(0, min(start - 16, len(quote) - _WIDE))
        quote, start, end = quote[cut : cut + _WIDE], start - cut, min(end - cut, _WIDE)
    head = f"    why   {place:<16}  "
    yield f"{head}{printable(quote)}"
    yield f"{' ' * (len(head) + start)}{'~' * max(1, end - start)}"
    yield f"          {finding.message} ({finding.mistake})"
    yield f"    mend  {finding.mend}"
    if finding.mistake != "unexplained":
        yield f"    more  ./manyhands inspect --help-mistake {finding.mistake}"


def mistake_page(slug: str) -> str:
    """What the catalogue says about a mistake. Raises :class:`~autograder.errors.ManyHandsError` for an unknown one."""
    from autograder.errors import ManyHandsError, nearest
    from autograder.mistakes.catalogue import mistakes

    known = {mistake.slug: mistake for mistake in mistakes()}
    if slug not in known:
        close = nearest(slug, known)
        remedy = f"did you mean {close}?" if close else f"there are: {', '.join(known)}"
        raise ManyHandsError(f"the catalogue has no mistake called {slug}", remedy=remedy)
    one = known[slug]
    instead = "\n".join(f"    {line}" for line in one.instead.rstrip().splitlines())
    parts = [
        f"{one.title} ({one.slug})",
        one.what,
        f"Why it hurts: {one.why}",
        f"How to see it: {one.seen}",
        f"Mend: {one.mend}",
        f"Instead ({one.proxy}):\n\n{instead}",
        f"Holds for: {one.versions}",
    ]
    return "\n\n".join(parts)


def _many(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _number(number: int) -> str:
    return _NUMBERS[number] if number < len(_NUMBERS) else f"{number:,}"


def _listed(names: Sequence[str]) -> str:
    shown = [printable(name) for name in names[:4]]
    more = [f"{len(names) - 4} more"] if len(names) > 4 else []
    return ", ".join([*shown, *more])
