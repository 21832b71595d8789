"""How a shift looks in a notebook: one look at the shop; and afterwards what was done, beside the best."""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

from autograder.labs.kinds.oncall_play import best_run, played
from autograder.labs.kinds.oncall_world import LAST_S
from autograder.stack.engine import NodeDownError
from autograder.stack.proxies.haproxy import HAProxy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from autograder.labs.kinds.oncall_play import Shift as Played
    from autograder.labs.kinds.oncall_record import Action
    from autograder.labs.kinds.oncall_stage import Seen, Stage
    from autograder.labs.kinds.oncall_world import World

_WIDE, _LANE, _EDGE = 720, 46, 90
_BAR = 30
_KINDS: Final = {
    "look": "looked",
    "tell": "spoke",
    "escalate": "spoke",
    "all-clear": "spoke",
    **dict.fromkeys(("restart", "restart-balancer", "bigger", "add-server", "reload"), "acted"),
    **dict.fromkeys(("revert", "go-back", "reset", "commit"), "wrote"),
}
"""Action → what it is called in the picture."""
_COLOURS: Final = {"looked": "#2f6fb0", "spoke": "#8a5300", "acted": "#c8332b", "wrote": "#6b3fa0"}


@dataclass(frozen=True)
class SharesView:
    """One look: who answers at each balancer, and how many requests fail there.

    ``sent`` has, for each balancer that runs, the requests that it has sent to each server since it was loaded, and the
    server's state, as the balancer has it.
    """

    clock: str
    seen: Seen
    sent: dict[str, tuple[tuple[str, int, str], ...]]

    def __repr__(self) -> str:
        """A line for each server, under each balancer."""
        rows = [self.clock]
        for name, door in self.seen.doors.items():
            rows.append(f"{name}: {door.failed} of {door.requests} requests failed just now")
            answered = max(1, sum(door.counts.values()))
            for server, count in sorted(door.counts.items()):
                share = count / answered
                rows.append(f"  {server:<14} {'█' * round(share * _BAR):<{_BAR}} {share:>4.0%}")
            rows.append(f"  sent by {name} since it was loaded" if name in self.sent else "  it is down")
            rows += [f"  {where:<14} {count:>6}  {state}" for where, count, state in self.sent.get(name, ())]
        return "\n".join([*rows, f"down: {', '.join(self.seen.down) or 'nothing'}"])

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"


def shares_now(stage: Stage, clock: str) -> SharesView:
    """Look at a stage. Users' requests are sent for that."""
    seen = stage.look()
    sent = {}
    for balancer in stage.running.balancers:
        with suppress(NodeDownError):
            sent[balancer] = tuple(_sent(HAProxy().ask(stage.running.machines, balancer, "show stat")))
    return SharesView(clock, seen, sent)


def _sent(told: str) -> Iterator[tuple[str, int, str]]:
    """Server, requests sent to it, and its state, from a balancer's own counters."""
    for row in csv.DictReader(io.StringIO(told.lstrip("# "))):
        if row["svname"] not in ("FRONTEND", "BACKEND"):
            yield f"{row['pxname']}/{row['svname']}", int(row["stot"] or 0), row["status"]


@dataclass(frozen=True)
class Step:
    """One thing that was done, in words, ``at`` story seconds; ``kind`` as in the picture."""

    at: float
    kind: str
    words: str


@dataclass(frozen=True)
class DebriefView:
    """Two ways through one shift: what was done, and what it came to."""

    world: World
    mine: tuple[Step, ...]
    best: tuple[Step, ...]
    played: Played
    best_served_s: float

    def __repr__(self) -> str:
        """One list after the other."""
        clock = self.world.clock
        mine = [f"  {clock(step.at)}  {step.words}" for step in self.mine]
        best = [f"  {clock(step.at)}  {step.words}" for step in self.best]
        return "\n".join(["Your shift", *mine, "The best that could be done", *best, *self._came_to()])

    def _came_to(self) -> list[str]:
        """What users met with, in sentences: measured when the shift was played again."""
        world, served = self.world, self.played.served_s
        all_failed = max(1, round((world.unseen_s + LAST_S) * world.rate))
        lost = f"{self.played.lost} of {all_failed} requests were lost, from the first error to {world.clock(LAST_S)}."
        if served is None:
            return ["When your shift was over, users were not served.", lost]
        took = f"Users were served again at {world.clock(served)}; at best, at {world.clock(self.best_served_s)}."
        return [took, lost]

    def _repr_html_(self) -> str:
        clock = self.world.clock
        rows = [(step, "you") for step in self.mine] + [(step, "best") for step in self.best]
        rows.sort(key=lambda row: row[0].at)
        cells = "".join(
            f"<tr><th scope='row'>{clock(step.at)}</th>"
            f"<td style='text-align:left'>{escape(step.words) if who == 'you' else ''}</td>"
            f"<td style='text-align:left'>{escape(step.words) if who == 'best' else ''}</td></tr>"
            for step, who in rows
        )
        return (
            f"{self._svg()}<p>{escape(' '.join(self._came_to()))}</p>"
            "<table><caption>Your shift beside the best that could be done</caption><tr><th scope='col'>time</th>"
            f"<th scope='col'>you</th><th scope='col'>best</th></tr>{cells}</table>"
        )

    def _svg(self) -> str:
        """Two lanes over the time of the shift. The table beside it says the same."""
        last = max([step.at for step in (*self.mine, *self.best)], default=0.0)
        span = max(60.0, last * 1.05)
        lanes = [("you", self.mine), ("best", self.best)]
        marks = "".join(
            f"<text x='0' y='{_LANE * number + 30}' fill='currentColor'>{name}</text>"
            f"<line x1='{_EDGE}' x2='{_WIDE}' y1='{_LANE * number + 26}' y2='{_LANE * number + 26}' "
            "stroke='currentColor' stroke-opacity='.3'/>"
            + "".join(_mark(step, self.world, span, _LANE * number + 26) for step in steps)
            for number, (name, steps) in enumerate(lanes)
        )
        ends = (
            f"<text x='{_EDGE}' y='{_LANE * 2 + 20}' fill='currentColor'>{self.world.clock(0)}</text>"
            f"<text x='{_WIDE}' y='{_LANE * 2 + 20}' text-anchor='end' fill='currentColor'>"
            f"{self.world.clock(span)}</text>"
        )
        return (
            f"<svg viewBox='0 0 {_WIDE + 10} {_LANE * 2 + 30}' role='img' font-size='14' style='max-width:48em' "
            "aria-label='When you looked (circle), spoke (square), committed (short bar) and acted (bar); "
            f"below the best; the table says the same'>{marks}{ends}</svg>"
        )


def debrief_of(stage: Stage, actions: tuple[Action, ...]) -> DebriefView:
    """Play a shift again on a stage that nobody has touched, and put it beside the best one. Takes some seconds."""
    best = best_run(stage.world)
    undone = max(one.at_s for one in best if one.do == "reload")
    return DebriefView(stage.world, _steps(actions), _steps(best), played(stage, actions), undone)


def _steps(actions: Iterable[Action]) -> tuple[Step, ...]:
    return tuple(Step(one.at_s, _KINDS[one.do], _said(one)) for one in actions if one.do in _KINDS)


def _said(action: Action) -> str:
    words = action.words
    if action.do == "look":
        return f"looked at {words['at_what']}"
    if action.do in ("tell", "all-clear"):
        return f"{'told everybody' if action.do == 'tell' else 'all clear'}: {words['text']}"
    return {"escalate": "called the seniors"}.get(action.do, action.said())


def _mark(step: Step, world: World, span: float, y: int) -> str:
    x = _EDGE + min(1.0, step.at / span) * (_WIDE - _EDGE)
    colour = _COLOURS[step.kind]
    title = f"<title>{world.clock(step.at)} {escape(step.words)}</title>"
    if step.kind == "looked":
        return f"<circle cx='{x:.0f}' cy='{y}' r='6' fill='{colour}'>{title}</circle>"
    if step.kind == "spoke":
        return f"<rect x='{x - 5:.0f}' y='{y - 5}' width='10' height='10' fill='{colour}'>{title}</rect>"
    tall = 28 if step.kind == "acted" else 16
    return f"<rect x='{x - 2:.0f}' y='{y - tall // 2}' width='5' height='{tall}' fill='{colour}'>{title}</rect>"
