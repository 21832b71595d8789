"""What is behind a shift: its clock, its record, and the stack that it is about.

Everything that is done to the stack is written down once it was done, whoever asked for it: the shift, the lab's own
methods, or a button. So the record is of deeds, not of intentions; the examiner plays it again.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from autograder.errors import ManyHandsError
from autograder.labs.catalogue import LabError
from autograder.labs.kinds.oncall_record import IN_HISTORY, ON_MACHINES, Action
from autograder.labs.kinds.oncall_stage import Stage
from autograder.labs.kinds.oncall_world import LAST_S
from autograder.notebook.shift_clock import StoryClock
from autograder.notebook.shift_record import Aside, Record, events_in
from autograder.notebook.views import Said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.labs.kinds.oncall_world import World
    from autograder.notebook.happened import Happened
    from autograder.notebook.session import LabSession

PACE: Final = 4.0
"""Story seconds in one of ours: the two hours take half an hour."""
INJECTED: Final = "injected.jsonl"
"""File beside the notebook from which an instructor's events come, one JSON object a line."""
_MARKS: Final = {"reload": "apply", "restart": "heal", "bigger": "heal", "restart-balancer": "heal", "kill": "fault"}
_LOOKS_EVERY_S: Final = 0.5
_BY_HAND: Final = "loaded by hand, without a reason"


class ShiftDesk:
    """Where a learner on call sits. May be used from several threads."""

    def __init__(self, session: LabSession, world: World, pace: float = PACE) -> None:
        self.session, self.world, self.pace = session, world, pace
        self.stage = Stage(session.running, world)
        self.room = session.room
        self.record = Record(session.folder)
        self.time = StoryClock(pace, LAST_S)
        self._mine = self.over = False
        self.typed = False
        """Whether the learner types words at a terminal, not Python in a cell."""
        self._ending = threading.Event()
        session.hear(self._happened)
        self._find_where_it_was()
        self._watch = threading.Thread(target=self._keep_watch, name="shift", daemon=True)
        self._watch.start()

    @property
    def on(self) -> bool:
        """Whether the clock runs."""
        return self.time.running

    def clock(self) -> str:
        """The story's time of day."""
        return self.world.clock(self.time.now())

    def how(self, method: str) -> str:
        """What the learner types to have a method called that needs no words."""
        return f"the word {method}" if self.typed else f"shift.{method}()"

    def end(self) -> Said:
        """Go home: the shift is over, and can be handed in."""
        self.need_on()
        self.record.note(Aside(self.time.now(), "ended"))
        self.over = True
        self.time.stand()
        return Said(f"{self.clock()}  your shift is over; {self.how('debrief')} looks back")

    def close(self) -> None:
        """Leave; who opens the lab again goes on from here. Safe to call twice."""
        if self._ending.is_set():
            return
        self._ending.set()
        if self._watch is not threading.current_thread():
            self._watch.join()
        if self.on:
            self.record.note(Aside(self.time.now(), "left"))
            self.time.stand()

    @property
    def path(self) -> str:
        """The config that is in git, as in ``lab.files``."""
        return next(name for name in self.session.lab.files if name.startswith("conf/"))

    def text(self) -> str:
        """The config as the learner saved it."""
        return (self.session.folder / self.path).read_text(encoding="utf-8", errors="replace")

    def put_file(self) -> None:
        """What lies in the learner's folder is the newest version, as after a commit."""
        (self.session.folder / self.path).write_text(self.stage.repository.config, encoding="utf-8")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While the block lasts nobody else changes the stack, and what is done is not written down a second time."""
        with self.session.lock, self.session.quietly():
            self._mine = True
            try:
                yield
            finally:
                self._mine = False

    def act(self, do: str, **words: str) -> Said:
        """Carry an action out and write it down. What cannot be done is told, and is no deed."""
        self.need_on()
        with self.session.lock:
            action = Action(self.time.now(), do, words)
            self._mine = True
            try:
                said = self.stage.do(action) or {"escalate": "the seniors are called"}.get(do, "told")
                self.record.write(action)
                if do in IN_HISTORY:
                    self.put_file()
                if do in ON_MACHINES:
                    said += f". {self.crowd()}"
                refused = do == "reload" and self.stage.refused
                kind = "refused" if refused else _MARKS.get(do, "")
                of = " ".join(words[name] for name in ("balancer", "server", "commit") if name in words)
                self.session.note(f"{do} {of}".strip(), said, kind=kind, text=f"{do} {of}")
            finally:
                self._mine = False
        return Said(f"{self.clock()}  {said}")

    def crowd(self) -> str:
        """Let users come as they do, all at once, and say how they fare: what falls over for that falls over now."""
        with self.session.quietly():
            seen = self.stage.look()
        down = f"; down: {', '.join(seen.down)}" if seen.down else ""
        return f"{seen.failing:.0%} of the pages fail{down}"

    def look(self, at_what: str) -> None:
        """Write down what is looked at."""
        if self.on:
            self.record.write(Action(self.time.now(), "look", {"at_what": at_what}))

    def need_on(self) -> None:
        """Raises LabError before a shift has begun, and when it is over."""
        if not self.on:
            words, remedy = ("is over", self.how("again")) if self.over else ("has not begun", self.how("begin"))
            raise LabError(f"your shift {words}", remedy=f"{remedy} begins one")

    def spare_off(self) -> None:
        """Switch the spare machine off, which is no crash."""
        self.session.about_to_end(self.world.spare)
        self.stage.running.kill(self.world.spare)

    def go_on(self, at_s: float) -> None:
        """Let the clock run."""
        self.over = False
        self.time.run(at_s)

    def _find_where_it_was(self) -> None:
        """Go on with a shift that was left: its changes are made again, and the clock goes on from there."""
        actions, asides = self.record.actions, self.record.asides
        if not actions:
            with self.alone():
                self.spare_off()
            return
        last = max([actions[-1].at_s, *(one.at_s for one in asides)])
        self.over = any(one.kind == "ended" for one in asides)
        with self.alone():
            self.spare_off()
            for action in actions:
                if action.do in (*IN_HISTORY, "reload", "bigger"):
                    self.stage.do(action)
        if self.over:
            self.time.stand(last)
        else:
            self.go_on(last)

    def _keep_watch(self) -> None:
        while not self._ending.wait(_LOOKS_EVERY_S):
            if not self.on:
                continue
            taken = sum(1 for one in self.record.asides if one.words.get("led"))
            for event in events_in(self.session.folder / INJECTED, taken):
                self._led(event)
            if self.time.over:
                with suppress(LabError):  # somebody else ended it just now
                    self.end()

    def _led(self, event: dict[str, str]) -> None:
        """One event of the instructor's file. What is wrong with it is told in the chat, so that it is seen."""
        who, text = event.get("who", "instructor"), event.get("text", "")
        try:
            if event.get("kill"):
                self.act("kill", server=event["kill"])
        except ManyHandsError as error:
            who, text = INJECTED, str(error)
        self.record.note(Aside(self.time.now(), "wrote" if text else "led", {"who": who, "text": text, "led": True}))

    def _happened(self, happened: Happened) -> None:
        """Write down what was done to the stack in another way than by this shift."""
        if happened.what == "reset":
            self.record.put_away()
            self.over = False
            self.time.stand(0.0)
        if not self.on or self._mine:
            return
        head, _, name = happened.what.rpartition(" ")
        at_s = self.time.now()
        if happened.kind in ("apply", "rollback"):
            text = self.text()
            if text != self.stage.repository.config:
                commit = Action(at_s, "commit", {"config": text, "why": _BY_HAND})
                self.stage.do(commit)
                self.record.write(commit)
            for balancer in self.session.running.balancers:
                self.stage.loaded[balancer] = text
                self.record.write(Action(at_s, "reload", {"balancer": balancer}))
        elif head in ("restart", "bring back"):
            down = [one.name for one in self.room.frame().servers if one.condition == "down"]
            for server in [one for one in down if one != self.world.spare] if name == "all" else [name]:
                self.record.write(Action(at_s, "restart", {"server": server}))
        elif head == "send":
            self.look("shares")
        elif head == "kill":
            self.record.write(Action(at_s, "kill", {"server": name}))
