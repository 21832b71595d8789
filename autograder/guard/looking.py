"""Looking at traffic: before a change, while it is new, and after it was taken back."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING

from autograder.guard.counts import Decision, Kind, Window, since, together
from autograder.guard.desk import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autograder.guard.counts import Intent
    from autograder.guard.desk import Desk

_LONGER = 3
"""Times the watch at most, while more traffic may make it sure."""
_SLICES = 30
"""So many consecutive windows tell how much traffic varies by itself."""

_UNHEARD = 3
"""A balancer that was there, and cannot be asked so many times in a row, is down."""


def before(desk: Desk) -> tuple[tuple[Window, ...], tuple[Window, ...]]:
    """Consecutive windows from before a change: of all balancers together, and of the first alone."""
    watch = desk.settings.watch
    if watch.before_s <= 0:
        return (), ()
    pause = max(watch.every_s, watch.before_s / _SLICES)
    names = tuple(one.name for one in desk.balancers)
    span, first = Span(desk, names), Span(desk, names[:1])
    whole, alone = [Window(0.0)], [Window(0.0)]
    while span.seconds < watch.before_s:
        time.sleep(min(pause, max(0.0, watch.before_s - span.seconds)))
        counts = desk.counts()
        whole.append(span.all(counts))
        alone.append(first.all(counts))
    return _parts(whole), _parts(alone)


def _parts(growing: Sequence[Window]) -> tuple[Window, ...]:
    return tuple(since(now, was) for was, now in pairwise(growing) if now.seconds > was.seconds)


def watch(desk: Desk, intent: Intent, past: Sequence[Window], seconds: float, canary: bool = False) -> Decision:
    """Look until it is decided, or the time is over. With ``canary`` the balancers beside the first are the control.

    Where there was too little traffic to be sure, it looks on for up to three times as long.
    """
    from autograder.guard.anomaly import MORE, Watcher

    names = tuple(one.name for one in desk.balancers)
    mine = Span(desk, names[:1] if canary else names)
    beside = Span(desk, names[1:]) if canary else None
    watcher = Watcher(intent, together_in_time(past), control=canary, slices=past)
    unheard = 0
    while True:
        until = seconds if mine.seconds < seconds else _LONGER * seconds
        time.sleep(min(desk.settings.watch.every_s, max(0.0, until - mine.seconds)))
        over = mine.seconds >= seconds
        counts = desk.counts()
        control = beside.all(counts) if beside else None
        decision = watcher.look(mine.all(counts), control, over=over)
        gone = mine.gone(counts)
        unheard = unheard + 1 if gone else 0
        if gone and (over or unheard >= _UNHEARD):
            decision = Decision(Kind.REVERT, (f"{', '.join(gone)} cannot be asked any more.",))
        for name, window in mine.each(counts).items():
            desk.show(name, window, intent, decision)
        on = decision.kind is Kind.UNSURE and MORE in decision.numbers and mine.seconds < _LONGER * seconds
        if (over or decision.kind in (Kind.REVERT, Kind.UNSURE)) and not on:
            return decision


def recovered(desk: Desk, intent: Intent, past: Sequence[Window]) -> Decision:
    """Look whether traffic is well again. What was under way in the bad time may still end badly: it tries again.

    ``revert`` means that the anomaly stayed for all the time there is.
    """
    patience = desk.settings.watch.recover_s
    began = time.monotonic()
    decision = Decision(Kind.UNSURE, ("nobody looked",))
    while (left := patience - (time.monotonic() - began)) > 0 or decision.reasons == ("nobody looked",):
        decision = watch(desk, intent, past, max(0.0, min(left, patience / 3)))
        if decision.kind is Kind.KEEP:
            break
    return decision


def together_in_time(parts: Sequence[Window]) -> Window:
    """Consecutive windows as one."""
    whole = together(parts)
    return Window(sum(part.seconds for part in parts), whole.servers, whole.unserved)
