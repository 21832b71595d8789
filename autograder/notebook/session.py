"""A lab that is open: its stack runs, and everything a learner does with it is a method.

>>> lab = open_lab("spread-the-load")                                              # doctest: +SKIP
>>> lab.send(clients="office")                                                     # doctest: +SKIP
>>> lab.apply(); lab.check("spread"); lab.roll_back()                              # doctest: +SKIP
"""

from __future__ import annotations

import atexit
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from autograder.labs.catalogue import LabError
from autograder.labs.examiner import apply_everywhere, examine
from autograder.notebook.alone import Alone
from autograder.notebook.asking import ask
from autograder.notebook.choice import choose
from autograder.notebook.happened import Happened
from autograder.notebook.logbook import Logbook
from autograder.notebook.own_files import config_in, give_missing, put_config, start_over
from autograder.notebook.ran import read_ran, write_ran
from autograder.notebook.spare import Spare
from autograder.notebook.views import (
    AppliedView,
    DiffView,
    HintView,
    HistoryView,
    Said,
    TrafficView,
    VerdictsView,
    VerdictView,
    Welcome,
)
from autograder.stack.balancing import config_digest
from autograder.stack.conduct import Conduct
from autograder.stack.engine import EngineError
from autograder.stack.running import open_stack
from autograder.traffic.send import send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autograder.labs.lab import Lab
    from autograder.notebook.room import Room
    from autograder.notebook.shift import Shift
    from autograder.stack.proxies.proxy import ConfigFault
    from autograder.traffic.sample import Sample

SLOW = Conduct(slowness=10.0)
PEOPLE = 125
"""Who check out at once in a lab that has no peak of its own."""


class LabSession:
    """One open lab. Made by :func:`autograder.notebook.opening.open_lab`.

    What can be done with it may be done from several threads: a cell and a button wait for each other.
    """

    def __init__(self, lab: Lab, folder: Path, engine: str, where: str = "a notebook") -> None:
        self.lab = lab
        self.folder = folder
        self.logbook = Logbook(folder)
        self._alone_here = Alone(folder, where)
        self.lock = threading.RLock()
        """Held by whoever changes what runs."""
        self.refused: tuple[dict[str, bytes], tuple[ConfigFault, ...]] = ({}, ())
        """The config that was refused last, and why."""
        self.rolled_back: dict[str, bytes] | None = None
        """The config that runs, if it came by rolling back."""
        self.killed: dict[str, int] = {}
        """Server → which start of its process (from 1) ended, or is about to end, because somebody said so here."""
        self._engine = engine
        self._listeners: list[Callable[[Happened], None]] = []
        self._room: Room | None = None
        self.shift: Shift | None = None
        """The shift on call, once it was taken."""
        crowds = {"peak": "concurrency", "surge": "requests"}
        at_once = (getattr(check, crowds[check.kind]) for check in lab.checks if check.kind in crowds)
        self._peak = max(at_once, default=PEOPLE)
        self.spare = Spare(lab.stack, engine)
        """A stack ahead, for the next check."""
        try:
            give_missing(lab, folder)
            self.ran = read_ran(folder, frozenset(self.config()))
            self.running = open_stack(lab.stack, engine)
        except BaseException:
            self._alone_here.end()
            raise
        atexit.register(self.close)
        try:
            self.apply()
        except BaseException:
            self.close()
            raise

    @property
    def room(self) -> Room:
        """The control room: what can be seen of this lab, five times a second. It begins when it is first asked for."""
        with self.lock:
            if self._room is None:
                from autograder.notebook.room import Room

                self._room = Room(self)
            return self._room

    def hear(self, listener: Callable[[Happened], None]) -> None:
        """Have ``listener`` called with everything that is done from now on."""
        self._listeners.append(listener)

    def send(
        self, clients: str = "many", requests: int = 300, *, checkout: bool = False, through: str = ""
    ) -> TrafficView:
        """Send traffic and see where it went.

        ``clients`` is who sends: many, office, subnet, few, behind-cdn or kept-alive. With ``checkout=True`` they ask
        for the expensive page, all at once as far as the lab's peak allows. Where a lab has several balancers,
        ``through`` names the one that is sent to, if it is not the first.
        """
        wish = ask(self.running, clients, requests, through, checkout=checkout)
        at_once = self._peak if checkout else 32
        with self.quietly() as show:
            began = time.monotonic()
            sample = send(self.running, wish.crowd, wish.plan, concurrency=at_once, timeout=10.0, door=wish.door)
            show(began, sample)
        down = tuple(name for name, state in self.running.servers().items() if not state.up)
        shares = " ".join(f"{name} {part:.0%}" for name, part in sorted(sample.shares().items()))
        self.note(f"send {wish.words}", f"{shares}, {sample.failed} failed")
        predicted = self.predicted()
        return TrafficView(sample, self.lab.stack.fair_shares(), wish.proxy, down, predicted)

    def predict(self, **shares: float) -> Said:
        """Write down what you expect before you look: ``lab.predict(app1=25, app2=25, …)``, in per cent."""
        names = [server.name for server in self.lab.stack.servers]
        for name in shares:
            if name not in names:
                raise choose(name, names, "server")
        total = sum(shares.values())
        if set(shares) != set(names) or not 99 <= total <= 101 or min(shares.values()) < 0:
            raise LabError(
                f"the shares you predict for {', '.join(shares) or 'no server'} make {total:g} %",
                remedy=f"give one for each of {', '.join(names)}; together they make 100",
            )
        with self.lock:
            aside = self.logbook.predict("shares", {name: part / 100 for name, part in shares.items()})
            words = " ".join(f"{name} {part:g}%" for name, part in shares.items())
            self.note("predict", words, kind="prediction", text="predicted")
        return Said(f"{f'{aside}. ' if aside else ''}Written down. Now send traffic and compare: lab.send()")

    def predicted(self) -> dict[str, float]:
        """The shares that were predicted (0 to 1); empty before that, or if what was written is no shares."""
        shares = self.logbook.predictions().get("shares", {})
        if not isinstance(shares, dict):
            return {}
        return {str(name): float(part) for name, part in shares.items() if isinstance(part, int | float)}

    def apply(self) -> AppliedView:
        """Check the config as it is saved, reload the balancer with it, and wait until that is what runs."""
        with self.lock:
            config = self.config()
            applied = apply_everywhere(self.running, config)
            if applied.ok:
                self.rolled_back = None
                self.refused = ({}, ())
                self.ran = self.ran.applied(config)
                write_ran(self.folder, self.ran)
                self.note("apply", applied.digest, kind="apply", text=f"applied {applied.digest[:4]}")
            else:
                self.refused = (config, applied.faults)
                self.note("apply", str(applied.faults[0]), kind="refused", text="refused")
        return AppliedView(applied, self.lab.stack.balancer.proxy)

    def check_syntax(self) -> Said:
        """Ask the balancer whether the config as it is saved is valid. Changes nothing that runs."""
        with self.lock:
            config = self.config()
            every = [fault for one in self.lab.stack.balancers for fault in self.running.check(config, one.name)]
            faults = tuple(dict.fromkeys(every))
            self.refused = (config, faults)
            self.note("check syntax", str(faults[0]) if faults else "valid")
        said = "\n".join(map(str, faults))
        return Said(said or "valid: it would load. Whether it does what you mean, only traffic tells.")

    @overload
    def check(self, name: str) -> VerdictView: ...

    @overload
    def check(self) -> VerdictsView: ...

    def check(self, name: str | None = None) -> VerdictView | VerdictsView:
        """Run one check on a fresh copy of the stack with the files as they are saved, as grading does; or all."""
        names = [check.name for check in self.lab.checks]
        if name is not None and name not in names:
            raise choose(name, names, "check")
        views = self._examined(names if name is None else [name])
        return VerdictsView(views) if name is None else views[0]

    def _examined(self, names: list[str]) -> tuple[VerdictView, ...]:
        files = self.lab.read(self.folder)
        seen = {name: self.logbook.hints_seen(name) for name in names}
        verdicts = examine(
            self.lab, files, engine=self._engine, checks=names, hidden=False, attempts=seen, opened=self.spare.take
        )
        for verdict in verdicts:
            with self.lock:
                self.note(
                    f"check {verdict.check}",
                    str(verdict.outcome),
                    kind="check",
                    text=f"{verdict.check} {verdict.outcome}",
                    observed=verdict.observed,
                    points=verdict.points,
                    why=verdict.why,
                    next=verdict.next,
                    files=config_digest(files),
                )
        checks = [self.lab.check(verdict.check) for verdict in verdicts]
        views = (VerdictView(one, of.title, of.page) for one, of in zip(verdicts, checks, strict=True))
        return tuple(views)

    def hint(self, name: str) -> HintView:
        """The next hint for a check: where to look, then what to compare, then an example from elsewhere."""
        names = [check.name for check in self.lab.checks]
        if name not in names:
            raise choose(name, names, "check")
        check = self.lab.check(name)
        with self.lock:
            seen = self.logbook.hints_seen(name)
            if seen < len(check.hints):
                self.note(f"hint {name}", f"{seen + 1} of {len(check.hints)}")
        number = min(seen + 1, len(check.hints))
        return HintView(name, check.hints[number - 1] if check.hints else "", number, len(check.hints))

    def roll_back(self) -> AppliedView:
        """Load the last config that ran before this one, and put it back in the file.

        That one is the last known good from then on. Where the file has something else that did not run, it is kept
        beside it, as ``….mine``.
        """
        with self.lock:
            earlier = self.ran.before(self.running.running)
            if earlier is None:
                raise LabError("there is no earlier config to roll back to", remedy="apply a config first")
            never_ran = self.config() not in self.ran.configs
            applied = apply_everywhere(self.running, earlier)
            if applied.ok:
                put_config(self.folder, earlier, keep=never_ran)
                self.rolled_back, self.refused = dict(earlier), ({}, ())
                self.ran = self.ran.rolled_back(earlier)
                write_ran(self.folder, self.ran)
                text = f"rolled back to {applied.digest[:4]}"
                self.note("roll back", applied.digest, kind="rollback", text=text)
            else:
                self.note("roll back", str(applied.faults[0]), kind="refused", text="refused")
        return AppliedView(applied, self.lab.stack.balancer.proxy)

    rollback = roll_back

    def diff(self) -> DiffView:
        """The config as it is saved against the last known good one, or against what runs if there is none."""
        good, runs = self.ran.good, self.running.running
        return DiffView(self.config(), dict(good or runs or {}), "the last known good" if good else "what runs")

    def kill(self, server: str) -> Said:
        """End a server's process, as a power cut would."""
        with self.lock:
            self.about_to_end(server)
            self.running.kill(server)
            self.note(f"kill {server}", "done", kind="fault", text=f"killed {server}")
        return Said(f"{server} is down; lab.bring_back({server!r}) starts it again")

    def slow(self, server: str) -> Said:
        """Make a server work ten times as slowly, as one does whose disk is failing."""
        with self.lock:
            self.running.afflict(server, SLOW)
            self.note(f"slow {server}", "done", kind="fault", text=f"slowed {server}")
        return Said(f"{server} takes {SLOW.slowness:g} times as long; lab.bring_back({server!r}) heals it")

    def cut_off(self, server: str) -> Said:
        """Pull a server's network cable: nothing arrives and nothing leaves."""
        with self.lock:
            self.running.afflict(server, Conduct(cut_off=True))
            self.note(f"cut off {server}", "done", kind="fault", text=f"cut off {server}")
        return Said(f"{server} hears and says nothing; lab.bring_back({server!r}) puts the cable back")

    def bring_back(self, server: str = "all") -> Said:
        """Heal a server and start it if it is down; or all of them."""
        with self.lock:
            if server == "all":
                self.running.bring_back()
            else:
                self.running.heal(server)
                self.running.start(server)
            self.note(f"bring back {server}", "done", kind="heal", text=f"brought back {server}")
        return Said("all servers are up" if server == "all" else f"{server} is up")

    def restart(self, server: str) -> Said:
        """Start a server's process anew."""
        with self.lock:
            self.about_to_end(server)
            self.running.restart(server)
            self.note(f"restart {server}", "done", kind="heal", text=f"restarted {server}")
        return Said(f"{server} is up")

    def load(self, rate: float, clients: str = "") -> Said:
        """Change the traffic of the control room: ``rate`` requests a second (0: none), from other clients."""
        if clients:
            self.room.set_clients(clients)
        self.room.set_load(rate)
        return Said(f"{self.room.rate:g} requests a second from {self.room.clients.described}")

    def servers(self) -> dict[str, str]:
        """Which servers run."""
        states = self.running.servers()
        return {n: "up" if s.up else f"down (exit code {s.exit_code}, started {s.starts} ×)" for n, s in states.items()}

    def logs(self, node: str = "lb") -> Said:
        """What the balancer (``lb``) or a server wrote."""
        if node not in self.lab.stack.nodes:
            raise choose(node, self.lab.stack.nodes, "node")
        return Said(self.running.machines.logs(node))

    def reset(self) -> AppliedView:
        """Start over: the config as it was given, all servers up. Your config is kept beside it, as ``….mine``.

        Where the stack is gone, a new one is started.
        """
        with self.lock:
            start_over(self.lab, self.folder)
            try:
                self.running.bring_back()
            except EngineError:
                self.running.close()
                self.running = open_stack(self.lab.stack, self._engine)
                self.killed.clear()
            self.note("reset", "the config as it was given", kind="heal", text="started over")
            return self.apply()

    def history(self) -> HistoryView:
        """Everything that was done in this lab."""
        return HistoryView(self.logbook.entries())

    def log(self) -> Said:
        """The same as plain text, to copy."""
        return Said(repr(self.history()))

    def config(self) -> dict[str, bytes]:
        """The config folder of the balancer as it is saved."""
        return config_in(self.lab, self.folder)

    def close(self) -> None:
        """Stop the stack and the control room. Your files stay."""
        atexit.unregister(self.close)
        if self.shift is not None:
            self.shift.close()
        with self.lock:
            room, self._room = self._room, None
        if room is not None:
            room.close()
        self.spare.close()
        self.running.close()
        self._alone_here.end()

    def __repr__(self) -> str:
        """The lab in words."""
        return repr(Welcome(self.lab, self.lab.files))

    def _repr_html_(self) -> str:
        return Welcome(self.lab, self.lab.files)._repr_html_()

    def about_to_end(self, server: str) -> None:
        """Say that a server's process is ended on purpose: it is no crash."""
        self.killed[server] = self.running.machines.state(self.lab.stack.server(server).name).starts

    @contextmanager
    def quietly(self) -> Iterator[Callable[[float, Sample], None]]:
        """While the block lasts only this cell sends; it is given what shows its traffic in the room, if one is open.

        Both together could be more than a server holds, and a count would be of both.
        """
        with self.lock:
            room = self._room
        if room is None:
            yield lambda _start, _sample: None
        else:
            with room.quiet() as show:
                yield show

    def note(self, what: str, result: str, *, kind: str = "", text: str = "", **details: Any) -> None:
        """Write down what was done, and tell those who listen; ``kind`` and ``text`` as in a mark."""
        self.logbook.write(what, result, **details)
        happened = Happened(what, result, kind, text, str(details.get("observed", "")))
        for listener in self._listeners:
            listener(happened)
