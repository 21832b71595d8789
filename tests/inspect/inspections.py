"""Inspections of every kind, as hypothesis makes them: what a report may have to say, and worse."""

from __future__ import annotations

from hypothesis import strategies as st

from autograder.inspect.report import Cause, Inspection, PoolReport, RunReport
from autograder.judge.spread import Spread
from autograder.mistakes.catalogue import mistakes
from autograder.mistakes.finding import Finding

WORDS = st.text(st.characters(), max_size=20) | st.sampled_from(
    ["]]>", "::error file=x::y", "##[error]no", "%0A::error::", "a\nb", "\x00\x1b[2J", "\ud800", "<&\"'>", "../..", "é"]
)
"""Somebody else's words: lone surrogates, control characters and other tools' commands among them."""
SLUGS = st.sampled_from([mistake.slug for mistake in mistakes()]) | WORDS.filter(bool)
_COUNTS = st.integers(0, 10_000)
_NUMBERS = st.floats(0, 1e6)


@st.composite
def findings(draw: st.DrawFn) -> Finding:
    quote = draw(WORDS)
    start = draw(st.integers(0, len(quote)))
    end = draw(st.integers(start, len(quote)))
    words = [draw(WORDS) for _ in range(4)]
    return Finding(draw(SLUGS), words[0], words[1], draw(_COUNTS), quote, (start, end), words[2], words[3])


@st.composite
def runs(draw: st.DrawFn) -> RunReport:
    share = draw(st.dictionaries(WORDS, st.floats(0, 1), min_size=1, max_size=4))
    names = list(share)
    return RunReport(
        clients=draw(WORDS),
        state=draw(WORDS),
        requests=draw(_COUNTS),
        failed=draw(_COUNTS),
        share=share,
        peak_to_fair=draw(_NUMBERS),
        effective_servers=draw(_NUMBERS),
        verdict=draw(st.sampled_from(Spread)),
        fair=dict.fromkeys(names, 1 / len(names)),
        hottest=draw(st.sampled_from(names)),
        silent=tuple(names[1:]),
        units=draw(_COUNTS),
        unit=draw(st.sampled_from(["client", "request", "page", "connection"])),
        sent_by=draw(_COUNTS),
        networks=draw(_COUNTS),
        happened=draw(WORDS),
        seconds=draw(_NUMBERS),
        failures=draw(st.dictionaries(WORDS, _COUNTS, max_size=2)),
    )


POOLS = st.builds(
    PoolReport,
    name=WORDS,
    servers=st.lists(WORDS, max_size=3).map(tuple),
    verdict=st.sampled_from(Spread),
    runs=st.lists(runs(), max_size=2).map(tuple),
    left_out=st.dictionaries(WORDS, WORDS, max_size=1),
)
_SAID = st.lists(WORDS | st.just("nginx.conf:5: no"), max_size=2).map(tuple)
INSPECTIONS = st.builds(
    Inspection,
    config=WORDS | st.just("-") | st.just("configs/a/nginx.conf"),
    proxy=st.sampled_from(["nginx", "haproxy", ""]),
    verdict=st.sampled_from([verdict for verdict in Spread if verdict is not Spread.IDLE]),
    pools=st.lists(POOLS, max_size=2).map(tuple),
    causes=st.lists(st.builds(Cause, findings(), st.booleans()), max_size=3).map(tuple),
    together=st.lists(runs(), max_size=1).map(tuple),
    reasons=_SAID,
    faults=_SAID,
    notes=_SAID,
    static=st.booleans(),
    trouble=st.just("") | WORDS,
)
