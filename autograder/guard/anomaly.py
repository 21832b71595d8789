"""Is what balancers do since a change worse than it may be? A pure decision, which may be asked for at any moment.

Five things are looked at, each against what is declared (:class:`~autograder.guard.counts.Intent`), against the time
before the change, and against a control: balancers that have not got the change yet, at the same time.

| anomaly | what must be sure (p is the true part) |
| --- | --- |
| share | a server has p > 1.5 × its fair share of its pool, and > 1.25 × its share before |
| errors | p > the declared budget, > 0.5 %, and > twice what it was before at most |
| latency | in p > 0.2 of looks 40 % of answers take twice as long as half did before, and longer than declared; \
100 ms longer than half did before, where nothing is declared |
| saturation | in p > 0.2 of looks more than ten wait in queues, and three times as many as ever before |
| lost | a server has p < ⅓ of its fair share and of its share before, or is down for a second; or all have nearly \
nothing to do: less than a tenth as many requests a second as before |

*How sure.* Each is a test that holds however often one looks (:mod:`autograder.guard.sequential`), at α/5; the two
that ask about each server take the mean over servers. So a change that does none of these is taken back with
probability ≤ α = 1e-3 in a whole watch. What differs, but by less than the table says, is no incident, however sure.

*Unsure* is said at the end of a watch, and means "tell somebody, do nothing": there were fewer than 50 units to judge
by; an anomaly was likely (its e-value reached 100, or most of few looks showed it), but not sure; it was as bad before,
so going back would not help; or the control shows the same, so the change is not why. In the first two cases looking on
may help, and the numbers say so (:data:`MORE`). The time before and a control can only ever prevent a revert. A server
that goes down by itself, or a machine that gets slow for a while, is taken for the change's doing where there is no
control: going back is harmless then.

*Taken away.* A server that the new config no longer has is not missed, unless half of its pool's servers or more go
with it: then what was before is meant (:func:`~autograder.guard.past.meant`).

*Hash and sticky pools.* There clients are dealt out, not requests. Their counts vary more from one second to the next:
by how much is taken from slices of time (a factor of 8 until there are enough). And the shares of K clients
differ from fair ones for good, by about √(w(1−w)/K): three times the deviation before the change is allowed after it.
Where a change deals few clients anew, a share may truly be too large, and then it is taken back: of 1,000 such changes
simulated, none with 200 clients, 4 with 50 and 26 with 20.

*Slower* is told by both, a factor and a time: what has half as much to do again may answer half as quickly, at 10 ms
as well as at 1 s, and a machine's other work is no change's doing; but 100 ms are about what people begin to notice
(Miller 1968, Nielsen 1993). Who cares for less declares it. Of a machine that gets slow by more than that at the very
moment of the change, only a control can tell.

*Measured* on simulated windows (``tests/guard/simulated.py``): of 20,000 benign changes of 16 kinds none was taken
back (so fewer than 1.5 in 10,000 with 95 % confidence); of 500 incidents of each kind below all were but one of those
that are three times as slow (it was held, after 13 looks that told of latency), after so many requests (three servers,
50 requests a look, a look every 0.3 s; median, 95 %):

| incident | median | 95 % |
| --- | --- | --- |
| all on one server | 50 | 62 |
| two thirds on one server | 251 | 521 |
| one server gets nothing | 115 | 171 |
| 5 % fail | 333 | 564 |
| all fail | 51 | 63 |
| three times as slow | 648 | 688 |
| 200 ms in place of 8 | 651 | 692 |
| 50 wait in queues | 649 | 687 |
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from autograder.guard.counts import LATENCY_MS, Decision, Kind, Window
from autograder.guard.past import ENOUGH, UNKNOWN_EFFECT, Past, believed, buckets, differing, divided, queued, spread
from autograder.guard.sequential import log_e_above, log_e_below, log_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autograder.guard.counts import Intent
    from autograder.guard.past import Spread

ALPHA = 1e-3
"""Chance that a change which does nothing bad is reverted, in a whole watch."""
ANOMALIES = ("share", "errors", "latency", "saturation", "lost")
SURE = math.log(len(ANOMALIES) / ALPHA)
LIKELY = math.log(100)
"""From this ln E on an anomaly is worth a person's look."""
MORE = "more"
"""Among the numbers of a decision that is unsure, if more traffic may make it sure."""
LOOKS_APART_S = 0.3
"""What is read sooner again tells nothing new of queues and latency."""
SMALL_ERRORS = 0.005
_GREW = 1.25
_BAD_LOOKS, _SLOW_PART, _SOME = 0.2, 0.4, 10
_DOWN_S = 1.0
_ENOUGH_FREEDOM = 8
_LARGE_EFFECT = 4.0
_SLICE = 20
"""Requests of two looks, at least, to compare their spread."""


@dataclass(frozen=True)
class Suspicion:
    """One anomaly. ``log_e`` is against all it is compared with, ``plain`` only against what is declared.

    ``mostly``: most looks showed it, however few they were.
    """

    anomaly: str
    log_e: float = 0.0
    plain: float = 0.0
    says: str = ""
    control_too: bool = False
    mostly: bool = False


@dataclass(frozen=True)
class _Looks:
    """How many looks counted; in how many too many waited; how many told of latency, and were slow."""

    all: int = 0
    full: int = 0
    told: int = 0
    slow: int = 0


class Watcher:
    """Looks at one change, again and again.

    ``before`` is the time before it (without requests: only what is declared counts), ``slices`` are consecutive parts
    of that, if they are known: ten or more of 0.2 to 1 s make it sure sooner. ``control`` says that there will be
    one: then a server that is down is not taken for the change's doing before the control was seen.
    """

    def __init__(self, intent: Intent, before: Window, control: bool = False, slices: Sequence[Window] = ()) -> None:
        self._intent, self._control = believed(intent, before), control
        self._past = Past(self._intent, before, slices)
        self._begin()

    def _begin(self) -> None:
        self._looks, self._last = _Looks(), Window(0.0)
        self._down_since: dict[str, float] = {}
        self._slices: list[Spread] = []
        self._sliced = spread(Window(0.0), self._intent)

    def look(self, now: Window, control: Window | None = None, over: bool = False) -> Decision:
        """Judge all that was counted since the change; ``control`` is the same time at balancers without it.

        ``over``: the watch ends, and the answer is not ``watching``.
        """
        if now.seconds < self._last.seconds:
            self._begin()
        counted = spread(now, self._intent)
        self._remember(now, counted)
        effect = self._effect()
        theirs = spread(control or Window(0.0), self._intent)
        found = (
            self._share(counted, theirs, effect),
            self._errors(now, control),
            self._latency(control),
            self._saturation(control),
            self._lost(now, control, counted, theirs, effect),
        )
        numbers = {one.anomaly: round(min(one.log_e, 999.0), 2) for one in found}
        numbers |= {"requests": float(now.requests), "design_effect": round(effect, 2)}
        if sure := tuple(one.says for one in found if one.log_e >= SURE and not one.control_too):
            return Decision(Kind.REVERT, sure, numbers)
        doubts = [_doubt(one) for one in found if max(one.log_e, one.plain) >= LIKELY]
        if not over:
            return Decision(Kind.WATCHING, tuple(doubts), numbers)
        few = now.requests < ENOUGH * min(effect, _LARGE_EFFECT)
        if few:
            doubts.append(f"Only {now.requests} requests came in {now.seconds:.0f} s: too few to judge by.")
        if lately := [one.says for one in found if one.mostly and one.log_e < LIKELY and not one.control_too]:
            doubts += [f"{said} These are too few looks to be sure." for said in lately]
        if few or lately or any(one.log_e >= LIKELY and not one.control_too for one in found):
            numbers[MORE] = 1.0
        return Decision(Kind.UNSURE if doubts else Kind.KEEP, tuple(doubts), numbers)

    def _remember(self, now: Window, counted: Spread) -> None:
        for server in now.servers:
            if server.up or server.name in self._past.down:
                self._down_since.pop(server.name, None)
            else:
                self._down_since.setdefault(server.name, now.seconds)
        if now.seconds - self._last.seconds >= LOOKS_APART_S:
            came = _difference(buckets(now), buckets(self._last))
            told = self._past.slow_from is not None and sum(came) >= _SOME
            slow = told and sum(came[self._past.slow_from :]) > _SLOW_PART * sum(came)
            full = queued(now) > self._past.waiting
            was = self._looks
            self._looks = _Looks(was.all + 1, was.full + full, was.told + told, was.slow + slow)
            self._last = now
        if sum(counted.of.values()) - sum(self._sliced.of.values()) >= _SLICE:
            part = {name: count - self._sliced.of[name] for name, count in counted.of.items()}
            self._slices.append(type(counted)(part))
            self._sliced = counted

    def _effect(self) -> float:
        seen = self._past.variation + differing(self._slices, self._intent)
        return seen.design_effect() if seen.freedom >= _ENOUGH_FREEDOM else UNKNOWN_EFFECT

    def _share(self, now: Spread, control: Spread, effect: float) -> Suspicion:
        logs, plain, worst = [], {}, ""
        for name in divided(self._intent):
            intended = self._past.highest(self._intent.fair[name])
            before = self._past.spread.share(name)
            bound = max(intended, min(_GREW * before, (1 + before) / 2))
            count, units = now.of[name] / effect, now.pool[name] / effect
            logs.append(log_e_above(count, units, bound) if bound < 1 else 0.0)
            plain[name] = log_e_above(count, units, intended)
        if not logs:
            return Suspicion("share")
        worst = max(plain, key=lambda name: plain[name])
        too = control.share(worst) > self._past.highest(self._intent.fair[worst])
        return Suspicion("share", log_mean(logs), log_mean([*plain.values()]), self._told(worst, now), too)

    def _starved(self, now: Spread, control: Spread, effect: float) -> Suspicion:
        logs, plain, worst = [], {}, ""
        for name in divided(self._intent):
            part = self._intent.fair[name]
            intended = self._past.lowest(part)
            bound = min(intended, self._past.spread.share(name, part) / 3)
            count, units = now.of[name] / effect, now.pool[name] / effect
            logs.append(log_e_below(count, units, bound) if bound else 0.0)
            plain[name] = log_e_below(count, units, intended) if intended else 0.0
        if not logs:
            return Suspicion("lost")
        worst = max(plain, key=lambda name: plain[name])
        too = control.share(worst, 1.0) < self._intent.fair[worst] / 3
        return Suspicion("lost", log_mean(logs), log_mean([*plain.values()]), self._told(worst, now), too)

    def _told(self, name: str, now: Spread) -> str:
        before = self._past.spread.share(name, -1.0)
        was = f", and it had {before:.0%} before" if before >= 0 else ""
        share = now.of[name] / max(1, now.pool[name])
        return f"{name} gets {share:.0%} of {now.pool[name]} requests; fair is {self._intent.fair[name]:.0%}{was}."

    def _lost(self, now: Window, control: Window | None, counted: Spread, theirs: Spread, effect: float) -> Suspicion:
        if down := self._down(now, control):
            return down
        starved, silent = self._starved(counted, theirs, effect), self._silent(now, control)
        chosen = max(starved, silent, key=lambda one: one.plain)
        logs = [starved.log_e, silent.log_e], [starved.plain, silent.plain]
        return replace(chosen, log_e=log_mean(logs[0]), plain=log_mean(logs[1]))

    def _silent(self, now: Window, control: Window | None) -> Suspicion:
        # Poisson counts with a hundredth of the rate against a tenth, in clusters.
        may, might = (part * self._past.rate * now.seconds for part in (0.1, 0.01))
        log_e = (may - might - now.requests * math.log(10)) / UNKNOWN_EFFECT if may else 0.0
        rate = now.requests / max(now.seconds, 1e-9)
        says = f"Only {rate:.3g} requests a second come; before it were {self._past.rate:.3g}."
        too = control is not None and control.requests < 0.2 * self._past.rate * control.seconds
        return Suspicion("lost", log_e, log_e, says, too)

    def _down(self, now: Window, control: Window | None) -> Suspicion | None:
        gone = [name for name, since in self._down_since.items() if now.seconds - since >= _DOWN_S]
        gone = [name for name in gone if self._intent.fair.get(name, 0.0) > 0]
        if not gone or (self._control and control is None):
            return None
        there = {server.name: server.up for server in control.servers} if control else {}
        too = bool(there) and not any(there.get(name, True) for name in gone)
        return Suspicion("lost", math.inf, math.inf, f"The balancer says that {', '.join(gone)} is down.", too)

    def _errors(self, now: Window, control: Window | None) -> Suspicion:
        units, bad = now.requests / self._past.error_effect, now.failed / self._past.error_effect
        budget = min(max(self._intent.error_budget, 1e-6), 0.99)
        bound = min(max(budget, SMALL_ERRORS, 2 * self._past.failing), (1 + budget) / 2)
        part = now.failed / max(1, now.requests)
        says = f"{now.failed} of {now.requests} requests failed ({part:.1%}); {budget:.1%} may."
        theirs = control.failed / control.requests if control and control.requests >= ENOUGH else 0.0
        too = theirs > budget and theirs >= part / 2
        return Suspicion("errors", log_e_above(bad, units, bound), log_e_above(bad, units, budget), says, too)

    def _latency(self, control: Window | None) -> Suspicion:
        slow_from, looks = self._past.slow_from, self._looks
        if slow_from is None:
            return Suspicion("latency")
        log_e = log_e_above(looks.slow, looks.told, _BAD_LOOKS)
        limit = LATENCY_MS[slow_from - 1]
        says = f"In {looks.slow} of {looks.told} looks many answers took more than {limit:.0f} ms."
        theirs = buckets(control) if control else ()
        too = sum(theirs) >= ENOUGH and sum(theirs[slow_from:]) > _SLOW_PART * sum(theirs)
        return Suspicion("latency", log_e, log_e, says, too, mostly=2 * looks.slow > looks.told)

    def _saturation(self, control: Window | None) -> Suspicion:
        log_e = log_e_above(self._looks.full, self._looks.all, _BAD_LOOKS)
        says = f"{queued(self._last)} requests wait in queues; before there were {self._past.queued} at most."
        too = control is not None and queued(control) > self._past.waiting
        return Suspicion("saturation", log_e, log_e, says, too, mostly=2 * self._looks.full > self._looks.all)


def _doubt(one: Suspicion) -> str:
    if one.control_too:
        return f"{one.says} Balancers without the change show the same."
    if one.log_e < LIKELY:
        return f"{one.says} It was about so before, or it is too little to go back for."
    return f"{one.says} This is likely, not sure."


def _difference(now: Sequence[int], last: Sequence[int]) -> tuple[int, ...]:
    return tuple(a - b for a, b in zip(now, last, strict=True)) if last else tuple(now)
