"""``./manyhands run``: start a stack, send it traffic, show what becomes of it, and let a person break and mend it."""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.errors import ManyHandsError
from autograder.launch.keys import single_keys
from autograder.launch.live_table import Look, look_at, table
from autograder.stack.conduct import WELL, Conduct
from autograder.stack.folder import read_folder
from autograder.stack.model import Clients, Stack, load_stack
from autograder.stack.running import RunningStack, open_stack
from autograder.traffic.clients import population
from autograder.traffic.flow import SLICE_S, Flow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rich.console import RenderableType

    from autograder.traffic.sample import Sample

_KEY_S = 0.1
_EVERY_S = 1.0
_FASTER = 1.5
_REMEMBERED = 600
"""Seconds of traffic that the end of it sums up."""
_WRONGS = {
    "s": Conduct(slowness=10),
    "f": Conduct(failing=True),
    "l": Conduct(latency_ms=100, jitter_ms=50, loss=0.05),
    "x": Conduct(cut_off=True),
    "d": Conduct(disk_full=True),
    "t": Conduct(clock_s=7200),
}
KEYS = (*"kbph", *_WRONGS, *"+-uq")
"""Every key that does something, besides the digits."""
_HELP = (
    "1…9 choose a server   k kill   b bring all back   p pause / go on   h heal",
    "s slow   f answers 500   l bad network   x cable pulled   d disk full   t clock 2 h ahead",
    "+ - rate   u roll the config back   q stop        A config that you save is applied at once.",
)


@dataclass(frozen=True)
class Scene:
    """A stack, and the folder in which its balancers' config folders are."""

    stack: Stack
    folder: Path

    def files(self) -> dict[str, dict[str, bytes]]:
        """Each balancer's config files as they are on disk now."""
        return {one.name: read_folder(self.folder / one.files) for one in self.stack.balancers}


@dataclass(frozen=True)
class Wishes:
    """What was asked for: ``seconds`` to run (0: until ``q``), other traffic than the stack file says, programs."""

    engine: str = "local"
    seconds: float = 0.0
    clients: str = ""
    rate: float = 0.0
    programs: Mapping[str, Path] = field(default_factory=dict)


def find(word: str, config: Path | None) -> Scene:
    """The stack that ``word`` names: a stack file, a folder with one, or a lab. Raises :class:`ManyHandsError`.

    A lab runs with the learner's own files if there are any, else with those it starts from.
    """
    path = Path(word)
    if path.is_dir():
        path /= "stack.toml"
    if path.is_file():
        return Scene(load_stack(path), config or path.parent)
    if "/" in word or word.endswith(".toml"):
        remedy = "name a stack file, a folder with one, or a lab (./manyhands labs)"
        raise ManyHandsError(f"there is no stack at {word}", remedy=remedy)
    from autograder.labs.catalogue import load_lab
    from autograder.labs.handed_out import variant_in
    from autograder.launch.places import home

    own = home() / "labs" / word
    if config is None and own.is_dir():
        return Scene(load_lab(word, variant_in(own)).stack, own)
    lab = load_lab(word)
    return Scene(lab.stack, config or lab.start)


class Player:
    """One stack that somebody plays with."""

    def __init__(self, scene: Scene, running: RunningStack, clients: Sequence[Clients]) -> None:
        self.scene = scene
        self.running = running
        self.rate = 1.0
        self.selected = scene.stack.servers[0].name if scene.stack.servers else ""
        self.said = ""
        self.flows = [Flow(running, population(one.population), one.rate, one.checkouts) for one in clients]
        self._clients = clients
        self._files = scene.files()
        self._paused: set[str] = set()

    def begin(self) -> None:
        """Apply every balancer's config, those behind first. Raises :class:`ManyHandsError` with the line at fault."""
        for balancer in reversed(self.scene.stack.balancers):
            applied = self.running.apply(self._files[balancer.name], balancer.name)
            if not applied.ok:
                where = f"{self.scene.folder / balancer.files}/{applied.faults[0]}"
                raise ManyHandsError(
                    f"{balancer.proxy} does not run this config", where=where, remedy="mend the line it names"
                )

    def look(self, samples: Sequence[Sample]) -> Look:
        """What came back, joined with the servers' states."""
        states = {name: "up" if state.up else "down" for name, state in self.running.servers().items()}
        states |= {name: "paused" for name in self._paused if states[name] == "up"}
        conducts = {name: self.running.conduct(name) for name in states}
        seconds = len(samples) / len(self.flows) * SLICE_S
        return look_at(samples, seconds, self.scene.stack.fair_shares(), states, conducts)

    def picture(self, look: Look) -> RenderableType:
        """The whole screen."""
        who = " + ".join(f"{one.rate * self.rate:g}/s {one.population}" for one in self._clients)
        balancers = " → ".join(f"{one.name} ({one.proxy})" for one in self.scene.stack.balancers)
        title = f"{self.scene.stack.name}: {who} → {balancers}   config: {self.scene.folder}"
        return table(look, title, self.selected, (self.said, "", *_HELP))

    def apply_what_was_saved(self) -> None:
        """Apply configs that changed on disk since the last look."""
        try:
            now = self.scene.files()
        except ManyHandsError as error:
            self.said = str(error).partition("\n")[0]
            return
        for balancer, files in now.items():
            if files == self._files[balancer]:
                continue
            self._files[balancer] = files
            applied = self.running.apply(files, balancer)
            said = f"loaded in {applied.seconds:.2f} s" if applied.ok else f"refused: {applied.faults[0]}"
            self.said = f"{balancer}: the saved config is {said}"

    def press(self, key: str) -> bool:
        """Do what a key asks for; False when it asks to stop."""
        servers = [server.name for server in self.scene.stack.servers]
        if key == "q":
            return False
        if key.isdigit() and 0 < int(key) <= len(servers):
            self.selected = servers[int(key) - 1]
        elif key and key in "+-":
            self.rate *= _FASTER if key == "+" else 1 / _FASTER
            for flow, one in zip(self.flows, self._clients, strict=True):
                flow.rate = one.rate * self.rate
        elif key == "b":
            self.running.bring_back()
            self._paused.clear()
            self.said = "all servers are up and well"
        elif key == "u":
            self._roll_back()
        elif self.selected:
            self._hit(key)
        return True

    def _hit(self, key: str) -> None:
        if key == "k":
            self.running.kill(self.selected)
            self.said = f"{self.selected} was killed"
        elif key == "h":
            self.running.heal(self.selected)
            self.said = f"{self.selected} is well"
        elif key == "p" and self.selected in self._paused:
            self.running.resume(self.selected)
            self._paused.discard(self.selected)
        elif key == "p":
            self.running.pause(self.selected)
            self._paused.add(self.selected)
        elif key in _WRONGS:
            # Pressed again it is undone, and several can be wrong at once.
            now, wrong = self.running.conduct(self.selected), _WRONGS[key]
            changed = {name: value for name, value in vars(wrong).items() if value != getattr(WELL, name)}
            undo = all(getattr(now, name) == value for name, value in changed.items())
            self.running.afflict(
                self.selected, replace(now, **{n: getattr(WELL, n) for n in changed} if undo else changed)
            )

    def _roll_back(self) -> None:
        if self.running.last_known_good is None:
            self.said = "there is no earlier config to roll back to"
            return
        applied = self.running.roll_back()
        self.said = f"rolled back in {applied.seconds:.2f} s; the file on disk is as you saved it"


def play(scene: Scene, wishes: Wishes, say: Callable[[str], None]) -> Look:
    """Run a scene until ``q``, Ctrl-C or the end of the time; what the traffic of the last ten minutes came to.

    On a terminal a table is redrawn every second; in a pipe a line a second goes to ``say``.
    """
    clients = scene.stack.clients or (Clients(),)
    if wishes.clients:
        clients = (replace(clients[0], population=wishes.clients),)
    if wishes.rate:
        clients = tuple(replace(one, rate=wishes.rate / len(clients)) for one in clients)
    with open_stack(scene.stack, wishes.engine, wishes.programs) as running:
        player = Player(scene, running, clients)
        player.begin()
        if running.machines.published is not None:
            say("in a browser: http://{}:{}/".format(*running.machines.published))
        arrived: queue.SimpleQueue[Sample | Exception] = queue.SimpleQueue()
        lately: deque[Sample] = deque(maxlen=_REMEMBERED * len(player.flows))
        collectors = [threading.Thread(target=_collect, args=(flow, arrived), name="run") for flow in player.flows]
        with contextlib.ExitStack() as stack, contextlib.suppress(KeyboardInterrupt):
            for flow, collector in zip(player.flows, collectors, strict=True):
                stack.callback(collector.join)
                stack.enter_context(flow)
                collector.start()
            draw = stack.enter_context(_drawing(player, say))
            key = stack.enter_context(single_keys())
            ends = time.monotonic() + wishes.seconds if wishes.seconds else float("inf")
            taken: list[Sample] = []
            drawn = 0.0
            while (now := time.monotonic()) < ends and player.press(key(min(_KEY_S, ends - now))):
                new = _take(arrived, lately)
                if new or now - drawn > _EVERY_S:
                    player.apply_what_was_saved()
                    taken = new or taken  # who is slow to answer is told late; until then the last that is known stays
                    draw(player.look(taken), bool(new))
                    drawn = now
        _take(arrived, lately)
        return player.look(tuple(lately))


def _collect(flow: Flow, arrived: queue.SimpleQueue[Sample | Exception]) -> None:
    try:
        for sample in flow:
            arrived.put(sample)
    except Exception as error:
        arrived.put(error)


def _take(arrived: queue.SimpleQueue[Sample | Exception], lately: deque[Sample]) -> list[Sample]:
    """What has arrived since the last time."""
    taken = []
    with contextlib.suppress(queue.Empty):
        while True:
            one = arrived.get_nowait()
            if isinstance(one, Exception):
                raise one
            taken.append(one)
    lately += taken
    return taken


@contextlib.contextmanager
def _drawing(player: Player, say: Callable[[str], None]) -> Iterator[Callable[[Look, bool], None]]:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        yield lambda look, new: say(_line(look)) if new else None
        return
    from rich.live import Live

    nothing = player.look(())
    with Live(player.picture(nothing), screen=True, auto_refresh=False) as live:
        yield lambda look, _new: live.update(player.picture(look), refresh=True)


def _line(look: Look) -> str:
    shares = "  ".join(
        f"{row.server} {row.share:.0%}{'' if row.state == 'up' else ' ' + row.state}" for row in look.rows
    )
    failed = sum(look.failures.values())
    return f"{shares}   {look.requests} requests, {failed} failed, median {look.median_ms:.0f} ms"
