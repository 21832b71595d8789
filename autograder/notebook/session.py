"""A lab that is open: its stack runs, and everything a learner does with it is a method.

>>> lab = open_lab("spread-the-load")                                              # doctest: +SKIP
>>> lab.send(clients="office")                                                     # doctest: +SKIP
>>> lab.apply(); lab.check("spread"); lab.roll_back()                              # doctest: +SKIP
"""

from __future__ import annotations

import atexit
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.errors import ManyHandsError, nearest
from autograder.grading.own_copy import make_own
from autograder.labs.catalogue import LabError, load_lab
from autograder.labs.examiner import CONFIG_FOLDER, apply_everywhere, examine
from autograder.notebook.logbook import Logbook
from autograder.notebook.views import AppliedView, HistoryView, TrafficView, VerdictView, Welcome
from autograder.stack.running import open_stack
from autograder.traffic.clients import POPULATIONS, population
from autograder.traffic.send import send

if TYPE_CHECKING:
    from autograder.labs.lab import Lab

MAX_REQUESTS = 5000
PEOPLE = 125
"""Who check out at once in a lab that has no peak of its own."""


class LabSession:
    """One open lab. Made by :func:`open_lab`."""

    def __init__(self, lab: Lab, folder: Path, engine: str) -> None:
        self.lab = lab
        self.folder = folder
        self._engine = engine
        self._logbook = Logbook(folder)
        self._peak = max((check.concurrency for check in lab.checks if check.kind == "peak"), default=PEOPLE)
        for name in lab.files:
            if not (folder / name).exists():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(lab.read(lab.start)[name])
        self._running = open_stack(lab.stack, engine)
        atexit.register(self.close)
        self.apply()

    def send(self, clients: str = "many", requests: int = 300, *, checkout: bool = False) -> TrafficView:
        """Send traffic and see where it went.

        ``clients`` is who sends: many, office, subnet, few, behind-cdn or kept-alive. With ``checkout=True`` they ask
        for the expensive page, all at once as far as the lab's peak allows.
        """
        if clients not in POPULATIONS:
            raise _choose(clients, POPULATIONS, "population of clients")
        if not 1 <= requests <= MAX_REQUESTS:
            raise LabError(f"{requests} requests are out of range", remedy=f"send from 1 to {MAX_REQUESTS}")
        crowd = population(clients)
        plan = crowd.check_out(requests) if checkout else crowd.browse(requests)
        sample = send(self._running, crowd, plan, concurrency=self._peak if checkout else 32, timeout=10.0)
        down = tuple(name for name, state in self._running.servers().items() if not state.up)
        shares = " ".join(f"{name} {part:.0%}" for name, part in sorted(sample.shares().items()))
        self._logbook.write(f"send {clients}", f"{shares}, {sample.failed} failed")
        predicted = self._logbook.predictions().get("shares", {})
        return TrafficView(sample, self.lab.stack.fair_shares(), self.lab.stack.balancer.proxy, down, predicted)

    def predict(self, **shares: float) -> str:
        """Write down what you expect before you look: ``lab.predict(app1=25, app2=25, …)``, in per cent."""
        names = [server.name for server in self.lab.stack.servers]
        for name in shares:
            if name not in names:
                raise _choose(name, names, "server")
        total = sum(shares.values())
        if set(shares) != set(names) or not 99 <= total <= 101 or min(shares.values()) < 0:
            raise LabError(
                f"the shares you predict for {', '.join(shares) or 'no server'} make {total:g} %",
                remedy=f"give one for each of {', '.join(names)}; together they make 100",
            )
        self._logbook.predict("shares", {name: part / 100 for name, part in shares.items()})
        self._logbook.write("predict", " ".join(f"{name} {part:g}%" for name, part in shares.items()))
        return "Written down. Now send traffic and compare: lab.send()"

    def apply(self) -> AppliedView:
        """Check the config as it is saved, reload the balancer with it, and wait until that is what runs."""
        applied = apply_everywhere(self._running, self._config())
        self._logbook.write("apply", applied.digest if applied.ok else str(applied.faults[0]))
        return AppliedView(applied, self.lab.stack.balancer.proxy)

    def check_syntax(self) -> str:
        """Ask the balancer whether the config as it is saved is valid. Changes nothing that runs."""
        faults = [fault for one in self.lab.stack.balancers for fault in self._running.check(self._config(), one.name)]
        return "\n".join(map(str, faults)) or "valid: it would load. Whether it does what you mean, only traffic tells."

    def check(self, name: str) -> VerdictView:
        """Run one check on a fresh copy of the stack with the config as it is saved, as grading does."""
        names = [check.name for check in self.lab.checks]
        if name not in names:
            raise _choose(name, names, "check")
        tried = {name: self._logbook.attempts(name)}
        (verdict,) = examine(
            self.lab, self.lab.read(self.folder), engine=self._engine, checks=[name], hidden=False, attempts=tried
        )
        self._logbook.write(f"check {name}", str(verdict.outcome), observed=verdict.observed, points=verdict.points)
        check = self.lab.check(name)
        return VerdictView(verdict, check.title, check.page)

    def roll_back(self) -> AppliedView:
        """Load the last config that ran before this one, and put it back in the file."""
        applied = self._running.roll_back()
        for name, content in (self._running.running or {}).items():
            (self.folder / CONFIG_FOLDER / name).write_bytes(content)
        self._logbook.write("roll back", applied.digest)
        return AppliedView(applied, self.lab.stack.balancer.proxy)

    rollback = roll_back

    def kill(self, server: str) -> str:
        """End a server's process, as a power cut would."""
        self._running.kill(server)
        self._logbook.write(f"kill {server}", "done")
        return f"{server} is down; lab.restart({server!r}) starts it again"

    def restart(self, server: str) -> str:
        """Start a server's process anew."""
        self._running.restart(server)
        self._logbook.write(f"restart {server}", "done")
        return f"{server} is up"

    def servers(self) -> dict[str, str]:
        """Which servers run."""
        states = self._running.servers()
        return {n: "up" if s.up else f"down (exit code {s.exit_code}, started {s.starts} ×)" for n, s in states.items()}

    def logs(self, node: str = "lb") -> str:
        """What the balancer (``lb``) or a server wrote."""
        if node not in self.lab.stack.nodes:
            raise _choose(node, self.lab.stack.nodes, "node")
        return self._running.machines.logs(node)

    def reset(self) -> AppliedView:
        """Start over: the config as it was given, all servers up. Your config is kept beside it, as ``….mine``."""
        for name in self.lab.files:
            mine = self.folder / name
            if mine.exists():
                shutil.copyfile(mine, mine.with_name(mine.name + ".mine"))
            mine.write_bytes(self.lab.read(self.lab.start)[name])
        self._running.bring_back()
        self._logbook.write("reset", "the config as it was given")
        return self.apply()

    def history(self) -> HistoryView:
        """Everything that was done in this lab."""
        return HistoryView(self._logbook.entries())

    def close(self) -> None:
        """Stop the stack. Your files stay."""
        atexit.unregister(self.close)
        self._running.close()

    def __repr__(self) -> str:
        """The lab in words."""
        return repr(Welcome(self.lab, self.lab.files))

    def _repr_html_(self) -> str:
        return Welcome(self.lab, self.lab.files)._repr_html_()

    def _config(self) -> dict[str, bytes]:
        files = self.lab.read(self.folder)
        return {n.removeprefix(CONFIG_FOLDER): content for n, content in files.items() if n.startswith(CONFIG_FOLDER)}


_OPEN: dict[Path, LabSession] = {}


def open_lab(slug: str | None = None, *, folder: str | Path | None = None, engine: str = "local") -> LabSession:
    """Open a lab: start its stack with the config in the lab's folder.

    ``slug`` defaults to the name of the current folder, which is the lab's name when its notebook runs. Opening the
    same folder again closes what was open. In a notebook a problem is told in words, without a traceback.
    """
    place = Path(folder or Path.cwd()).resolve()
    _speak_plainly()
    lab = load_lab(slug or place.name, make_own(place, slug or place.name))
    if (earlier := _OPEN.pop(place, None)) is not None:
        earlier.close()
    print(f"Starting the stack of {lab.title!r} …", flush=True)
    _OPEN[place] = LabSession(lab, place, engine)
    return _OPEN[place]


def _choose(word: str, known: tuple[str, ...] | list[str], kind: str) -> LabError:
    close = nearest(word, known)
    hint = f"did you mean {close!r}?" if close else f"choose one of: {', '.join(known)}"
    return LabError(f"there is no {kind} called {word!r}", remedy=hint)


def _speak_plainly() -> None:
    """In IPython, show our own errors as the sentences they are."""
    if "IPython" not in sys.modules:
        return
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        return

    def tell(_shell: object, _kind: type[BaseException], error: BaseException, _trace: object, **_: object) -> None:
        print(error, file=sys.stderr)

    shell.set_custom_exc((ManyHandsError,), tell)
