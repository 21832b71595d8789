"""The control room: what goes on in an open lab, five times a second, and a desk that takes commands.

Nothing here draws. A panel in a notebook and a terminal both ask for frames (:mod:`autograder.notebook.frame`) and give
commands; what a notebook cell does meanwhile shows in the same frames.

>>> room = open_lab("spread-the-load").room                                        # doctest: +SKIP
>>> room.do("set_load", rate=200); room.frame().verdict                            # doctest: +SKIP
'concentrated: 98% on one of four servers'
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from autograder.errors import ManyHandsError
from autograder.notebook.choice import choose
from autograder.notebook.frame import KEPT_S, Frame, LookNow, Mark
from autograder.notebook.room_checks import Checks
from autograder.notebook.room_config import Configs
from autograder.notebook.room_looks import look_at
from autograder.notebook.room_servers import Health, Look, balancers_now, look, servers_now, serving
from autograder.notebook.room_stream import Stream, most
from autograder.notebook.room_traffic import NOW_S, Judged, Tally
from autograder.stack.engine import EngineError
from autograder.traffic.clients import POPULATIONS, population

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

    from autograder.notebook.happened import Happened
    from autograder.notebook.session import LabSession
    from autograder.traffic.clients import Population
    from autograder.traffic.sample import Sample

COMMANDS = (
    *("apply", "check_syntax", "roll_back", "check", "check_all", "set_load", "set_clients", "kill", "slow"),
    *("cut_off", "bring_back", "predict", "reset", "hint", "on_call", "look"),
)
_LOOKS_LOST = 3
_LOG_KEPT = 300
_REMEMBERED = 50
"""Lines of the log that are of earlier days."""
_MARKS_KEPT = 200
_ONE_MOVE_S = 2.0
_SPARE_AFTER_S = 3.0
"""When a stack is started for the first check: after the picture, which is waited for."""
_ENDS_S = 30.0
"""How long a room waits for its threads: for a check that runs, at most."""


class Room:
    """The control room of a session; ask :attr:`LabSession.room` for it. Its threads end with :meth:`close`."""

    def __init__(self, session: LabSession) -> None:
        self._session = session
        self._zero = time.monotonic()
        self._tally = Tally(self._zero)
        self._stream = Stream(session.lab.stack, self._tally)
        self.most = most(session.lab.stack)
        self._health = Health()
        self._checks = Checks(session)
        self._configs = Configs(session)
        self._marks: deque[Mark] = deque(maxlen=_MARKS_KEPT)
        self._log: deque[str] = deque(maxlen=_LOG_KEPT)
        self._log.extend(str(entry) for entry in session.logbook.entries()[-_REMEMBERED:])
        self._look: Look | None = None
        self._looked: LookNow | None = None
        self._doing = self._trouble = self._broken = ""
        self._predicted = session.predicted()
        self._hearers: dict[object, Callable[[Frame], object]] = {}
        self._ending = threading.Event()
        self._publishing = threading.RLock()
        self._orders: queue.Queue[tuple[str, dict[str, Any]] | None] = queue.Queue()
        self._exams: queue.Queue[str | None] = queue.Queue()
        self._number = 0
        self._stream.begin(session.running)
        session.hear(self._happened)
        self._newest = self._made()
        jobs = {"frames": self._make_frames, "looks": self._keep_looking, "orders": self._obey, "checks": self._examine}
        self._threads = [threading.Thread(target=job, name=f"room-{name}", daemon=True) for name, job in jobs.items()]
        for thread in self._threads:
            thread.start()

    @property
    def rate(self) -> float:
        """Requests a second that are asked for."""
        return self._stream.rate

    @property
    def clients(self) -> Population:
        """Who sends."""
        return self._stream.clients

    def frame(self) -> Frame:
        """The newest frame. Never waits. Who asks is somebody who looks."""
        self._stream.attend()
        return self._newest

    def hear(self, callback: Callable[[Frame], object]) -> Callable[[], None]:
        """Have ``callback`` called, from a thread, with every new frame; returns what ends that.

        It may return False: then nobody looks at what it was told. While nobody does, the traffic rests.
        """
        key = object()
        self._hearers[key] = callback

        def leave() -> None:
            self._hearers.pop(key, None)

        return leave

    def do(self, command: str, **words: Any) -> None:
        """Give one of :data:`COMMANDS`. Returns at once; what came of it shows in frames.

        Commands are carried out in order; checks run beside them, in an order of their own.
        """
        self._stream.attend()
        self._orders.put((command, words))

    def set_load(self, rate: float) -> None:
        """Ask for so many requests a second, up to :attr:`most`; 0 for none."""
        self._stream.set_rate(min(max(0.0, float(rate)), self.most))
        self._say(f"load: {self.rate:g} requests a second")
        self._mark("load", f"{self.rate:g} requests a second")

    def set_clients(self, name: str) -> None:
        """Have another population send. Raises :class:`ManyHandsError` if there is none of that name."""
        if name not in POPULATIONS:
            raise choose(name, POPULATIONS, "population of clients")
        self._stream.set_clients(population(name))
        self._say(f"clients: {name}, {self.clients.described}")
        self._mark("load", f"clients: {name}")

    @contextmanager
    def quiet(self) -> Iterator[Callable[[float, Sample], None]]:
        """While the block lasts the room sends nothing, so that others can send and count alone.

        They may have it shown: by calling what this gives with the start (:func:`time.monotonic`) and the sample.
        """
        with self._stream.quiet():
            yield lambda start, sample: self._tally.add(start, sample, sample.seconds)

    def close(self) -> None:
        """End all threads and the traffic. Safe to call twice."""
        if self._ending.is_set():
            return
        self._ending.set()
        self._publish()  # at once: whoever shuts a kernel down may not wait for the rest of this
        self._orders.put(None)
        self._exams.put(None)
        self._stream.stop()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(_ENDS_S)
        self._stream.close()

    def __enter__(self) -> Self:
        """The room itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    # What runs in threads.

    def _make_frames(self) -> None:
        due = time.monotonic()
        while not self._ending.is_set():
            self._publish()
            due = max(due + self._stream.every_s, time.monotonic())
            self._ending.wait(due - time.monotonic())

    def _publish(self) -> None:
        with self._publishing:
            self._number += 1
            try:
                frame = self._made()
            except Exception as error:  # as a file that cannot be read: the room goes on
                trouble = f"What goes on cannot be told: {type(error).__name__}: {error}"
                frame = replace(self._newest, number=self._number, trouble=trouble)
            self._newest = frame
            for callback in tuple(self._hearers.values()):
                with contextlib.suppress(Exception):  # who listens badly hears the next frame, and others hear this one
                    if callback(frame) is not False:
                        self._stream.attend()

    def _keep_looking(self) -> None:
        lost, warmed = 0, False
        while not self._ending.is_set():
            began = time.monotonic()
            running = self._session.running
            try:
                self._look = look(running, self._look)
                lost = 0
                if running is not self._stream.into:
                    self._stream.begin(running)
                self._broken = ""
                if said := self._stream.rest_or_go_on(on_call=self._session.shift is not None):
                    self._say(said)
                self._tell_health()
                if not warmed and self._now() > _SPARE_AFTER_S:
                    warmed = True
                    self._session.spare.prepare()
            except EngineError as error:
                lost += 1
                if lost == _LOOKS_LOST and running is self._session.running and not self._ending.is_set():
                    self._break_off(error)
            except Exception as error:
                self._trouble = f"A look at the stack failed: {type(error).__name__}: {error}"
            # A look that takes long, as in containers, is not taken as often.
            took = time.monotonic() - began
            self._ending.wait(max(self._stream.every_s - took, took))

    def _tell_health(self) -> None:
        if self._look is None:
            return
        for name, code in self._health.crashes(self._session.running, self._look):
            if self._session.killed.get(name) != self._look.states[name].starts:
                self._say(f"{name} crashed (exit code {code})")
                self._mark("crash", f"{name} crashed")
        for name, since in self._health.healed().items():
            if self._tally.answered_since(since)[name]:
                self._health.recovered(name)
                self._say(f"{name} answers again")
                self._mark("recovery", f"{name} answers again")

    def _break_off(self, error: EngineError) -> None:
        self._broken = f"The stack is gone: {error.what}. Press Reset, or open the lab again, to start a new one."
        self._say(self._broken)
        self._stream.stop()

    def _obey(self) -> None:
        while (order := self._orders.get()) is not None:
            command, words = order
            try:
                self._doing = str(words.get("verb", command)).replace("_", " ")
                self._trouble = ""
                self._carry_out(command, words)
            except ManyHandsError as error:
                self._in_trouble(error)
            except TypeError as error:  # words that the command does not take
                self._in_trouble(ManyHandsError(f"{command}: {error}"))
            except Exception as error:
                self._in_trouble(ManyHandsError(f"{command} did not work: {type(error).__name__}: {error}"))
            finally:
                self._doing = ""

    def _carry_out(self, command: str, words: dict[str, Any]) -> None:
        if command not in COMMANDS:
            raise choose(command, COMMANDS, "command")
        if command in ("set_load", "set_clients"):
            getattr(self, command)(**words)
        elif command == "check":
            self._queue_check(**words)
        elif command == "check_all":
            for check in self._session.lab.checks:
                self._queue_check(check.name)
        elif command == "predict":
            self._predict(**words)
        elif command == "on_call":
            self._on_call(**words)
        elif command == "look":
            self._look_at(**words)
        else:
            getattr(self._session, command)(**words)

    def _queue_check(self, name: str) -> None:
        self._checks.begin(name)
        self._exams.put(name)

    def _predict(self, shares: Mapping[str, float]) -> None:
        """Shares in per cent, or in parts of 1."""
        parts = sum(shares.values()) <= 2
        self._session.predict(**{name: part * 100 if parts else part for name, part in shares.items()})

    def _on_call(self, verb: str, **words: Any) -> None:
        if self._session.shift is None:
            raise ManyHandsError("nobody is on call", remedy="run the cell that takes the shift: take_shift(lab)")
        self._session.shift.do(verb, **words)

    def _look_at(self, what: str, of: str = "") -> None:
        looked = look_at(self._session, what, of)
        self._say(f"looked at {looked.title}\n{looked.text}")
        self._looked = looked

    def _examine(self) -> None:
        while (name := self._exams.get()) is not None:
            if self._ending.is_set():
                return
            try:
                self._session.check(name)
            except Exception as error:
                told = (
                    error if isinstance(error, ManyHandsError) else ManyHandsError(f"{type(error).__name__}: {error}")
                )
                self._in_trouble(told)
            finally:
                self._checks.end(name)

    # What they tell.

    def _happened(self, happened: Happened) -> None:
        self._stream.attend()
        self._say(f"{happened.what}: {happened.result}{f'. {happened.observed}' if happened.observed else ''}")
        if happened.kind:
            self._mark(happened.kind, happened.text)
        if happened.kind in ("apply", "rollback", "fault", "heal"):
            self._tally.forget_judged()
        if happened.kind == "prediction":
            self._predicted = self._session.predicted()
        self._checks.changed()
        self._configs.changed()
        if self._now() > _SPARE_AFTER_S:
            self._session.spare.prepare()

    def _in_trouble(self, error: ManyHandsError) -> None:
        self._say(str(error))
        self._trouble = str(error)

    def _say(self, text: str) -> None:
        self._log.append(f"{datetime.now().astimezone():%H:%M:%S} {text}")

    def _mark(self, kind: str, text: str) -> None:
        last = self._marks[-1] if self._marks else None
        if last is not None and last.kind == kind == "load" and last.at > self._now() - _ONE_MOVE_S:
            self._marks.pop()  # a slider on its way
        self._marks.append(Mark(round(self._now(), 1), kind, text))

    def _unsent(self) -> str:
        """What to say where nothing could be sent for a while."""
        if self._tally.fresh or not self._stream.trouble:
            return ""
        return f"No traffic can be sent: {self._stream.trouble}. If this stays, press Reset, or open the lab again."

    def _now(self) -> float:
        return time.monotonic() - self._zero

    def _made(self) -> Frame:
        running = self._session.running
        now = self._tally.now()
        seen = self._look
        judged = self._tally.judged(running.stack.fair_shares(), serving(running, seen), sending=self._stream.sending)
        if self._broken:
            judged = Judged("broken: the stack is gone", alarm=True, shares={})
        at = self._now()
        phase = "running" if seen is not None else "starting"
        if self._doing:
            phase = "busy"
        if self._broken:
            phase = "broken"
        if self._ending.is_set():
            phase = "closed"
        # What happened is said first, marked next, and shows then: so it is read the other way round, and a frame that
        # shows something has its mark and its line in the log.
        looked = self._looked
        trouble = self._broken or self._trouble or self._unsent()
        config, checks = self._configs.now(), self._checks.now()
        marks = tuple(mark for mark in tuple(self._marks) if mark.at >= at - KEPT_S)
        log = tuple(self._log)
        return Frame(
            number=self._number,
            at=at,
            phase=phase,
            doing=self._doing,
            trouble=trouble,
            title=self._session.lab.title,
            clients=self.clients.name,
            populations=tuple((name, population(name).described) for name in POPULATIONS),
            rate=self.rate,
            most=self.most,
            verdict=judged.words,
            alarm=judged.alarm,
            throughput=now.throughput,
            failing=now.failing,
            p50_ms=now.p50_ms,
            p99_ms=now.p99_ms,
            balancers=balancers_now(running, seen),
            servers=servers_now(running, seen, now, NOW_S, gone=bool(self._broken)),
            seconds=self._tally.seconds(),
            marks=marks,
            config=config,
            checks=checks,
            predicted=self._predicted,
            observed=dict(judged.shares),
            log=log,
            shift=self._session.shift.now() if self._session.shift else None,
            looked=looked,
        )
