"""Plays an episode on a running stack, and tells what was seen afterwards.

>>> play(running, episode).verdict.outcome.value        # doctest: +SKIP
'state-outlives'
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autograder.judge.rollback import Aftermath, Failures, RollbackVerdict, judge_rollback
from autograder.judge.spread import judge_spread
from autograder.mistakes.episode import Apply, During, Reloading, Restart, SaveState, Say, Signal, Visit, Write
from autograder.stack.balancing import config_digest
from autograder.stack.engine import EngineError
from autograder.stack.model import Door
from autograder.stack.procfs import wait_until
from autograder.stack.proxies.haproxy import HAProxy
from autograder.stack.proxies.proxy import MARKER_FOLDER, proxy_named
from autograder.traffic.clients import population
from autograder.traffic.sample import Sample, merged
from autograder.traffic.send import Cookies, send

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from autograder.judge.spread import SpreadVerdict
    from autograder.mistakes.episode import Deed, Episode
    from autograder.stack.running import RunningStack
    from autograder.traffic.clients import Population

REQUESTS = 300
_BATCH = 60
_AT_ONCE = 12
_PATIENCE_S = 20.0
_RELOAD = {"nginx": "HUP", "haproxy": "USR2"}
_REFUSED = "[ALERT]"
_KEPT_S = 6.0
"""So long clients go on sending over connections that they keep, while deeds are done beside them."""
_KEPT_RATE = 100.0
_SETTLED_S = 0.3
_DRAINED_S = 2.0
"""Old workers that end soon have ended after this; those that have not by then serve on."""


@dataclass(frozen=True)
class Played:
    """What an episode came to. ``kept`` are the parts of what went over kept connections after the deeds."""

    aftermath: Aftermath
    verdict: RollbackVerdict
    arriving: Mapping[str, float]
    returning: Mapping[str, float]
    kept: Mapping[str, float]


def play(running: RunningStack, episode: Episode, fair: Mapping[str, float] | None = None) -> Played:
    """Do the deeds of ``episode`` from a fresh start on, and look.

    ``fair`` are the shares the servers should have; equal ones of all servers if it is not given. Raises
    :class:`EngineError` if a deed cannot be done: a config to apply is refused, or the program does not end.
    """
    player = _Player(running, episode, fair or _equal([server.name for server in running.stack.servers]))
    player.begin()
    for deed in episode.deeds:
        player.do(deed)
    return player.look()


def _equal(names: Sequence[str]) -> dict[str, float]:
    return dict.fromkeys(names, 1 / len(names))


def _shares(counts: Mapping[str, int]) -> dict[str, float]:
    total = sum(counts.values())
    return {name: count / total for name, count in counts.items()} if total else {}


@dataclass
class _Player:
    running: RunningStack
    episode: Episode
    fair: Mapping[str, float]
    cookies: Cookies = field(default_factory=Cookies)
    disk: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """Balancer → what we put into its folder."""
    before: Failures = field(default_factory=Failures)
    during: Failures = field(default_factory=Failures)
    kept: dict[str, float] = field(default_factory=dict)
    old_workers: int = 0
    held: int = 0
    asked: float = 0.0
    visited: bool = False
    met: Sample | None = None
    """What the first clients after each of many reloads met."""

    def __post_init__(self) -> None:
        self._words = (f"e{number}" for number in itertools.count(1))
        people = population(next(iter(self.episode.share), "many"))
        half = len(people.clients) // 2 if len(people.clients) > 1 else 0
        self._first: Population = dataclasses.replace(people, clients=people.clients[:half] or people.clients)
        self._second: Population = dataclasses.replace(people, clients=people.clients[half:])

    def begin(self) -> None:
        self.running.bring_back()
        for balancer in self.running.stack.balancers:
            self.running.machines.kill(balancer.name)

    def do(self, deed: Deed) -> None:
        self.asked = time.monotonic()
        match deed:
            case Apply():
                self._apply(deed)
            case Write():
                self._write(deed.at, deed.config, deed.files)
            case Signal():
                self._signal(deed.at)
            case Restart():
                self._restart(deed.at)
            case Say():
                self._say(deed)
            case SaveState():
                self._save(deed)
            case Visit():
                self.visited = True
                self._send(self._first, self.cookies)
            case Reloading():
                self.met = merged([self._freshly_met(number) for number in range(deed.times)])
            case During():
                (self._keeping if deed.connections else self._sending)(deed)

    def _node(self, at: int) -> str:
        return self.running.stack.balancers[at].name

    def _files(self, at: int, config: str, files: Mapping[str, str]) -> dict[str, bytes]:
        main = self.running.stack.balancers[at].config
        return {main: config.encode(), **{path: text.encode() for path, text in files.items()}}

    def _apply(self, deed: Apply) -> None:
        files = self._files(deed.at, deed.config, deed.files)
        applied = self.running.apply(files, self._node(deed.at))
        if not applied.ok:
            raise EngineError(f"{self.episode.name}: {applied.faults[0]}")
        self.disk[self._node(deed.at)] = files

    def _write(self, at: int, config: str, files: Mapping[str, str]) -> None:
        self._put(self._node(at), self._files(at, config, files))

    def _put(self, node: str, files: dict[str, bytes]) -> None:
        proxy = self.running.stack.balancers[self._at(node)].proxy
        self.running.machines.put(node, proxy_named(proxy).folder, files)
        self.disk[node] = files

    def _at(self, node: str) -> int:
        return [balancer.name for balancer in self.running.stack.balancers].index(node)

    def _mark(self, node: str) -> str:
        """Let whatever is loaded from now on carry the digest of what lies on disk."""
        word = f"{next(self._words)}-{config_digest(self.disk[node])}"
        proxy = proxy_named(self.running.stack.balancers[self._at(node)].proxy)
        self.running.machines.put(node, MARKER_FOLDER, proxy.marker(word))
        return word

    def _signal(self, at: int) -> None:
        node, machines = self._node(at), self.running.machines
        proxy = proxy_named(self.running.stack.balancers[at].proxy)
        word, said = self._mark(node), len(machines.logs(node))
        machines.kill(node, _RELOAD[proxy.name])
        if proxy.name == "nginx":
            proxy.wait_loaded(machines, node, word, _PATIENCE_S)
            return

        def over() -> bool:
            return proxy.loaded(machines, node).markers == (word,) or _REFUSED in machines.logs(node)[said:]

        wait_until(over, _PATIENCE_S)

    def _restart(self, at: int) -> None:
        node, machines = self._node(at), self.running.machines
        proxy = proxy_named(self.running.stack.balancers[at].proxy)
        word = self._mark(node)
        machines.kill(node, "TERM")
        if not wait_until(lambda: not machines.state(node).up, _PATIENCE_S):
            raise EngineError(f"{node} does not end")
        machines.start(node)
        proxy.wait_loaded(machines, node, word, _PATIENCE_S)

    def _say(self, deed: Say) -> None:
        def done() -> bool:
            answer = HAProxy().ask(self.running.machines, self._node(deed.at), deed.command)
            return re.search(deed.until, answer) is not None

        if not wait_until(done, _PATIENCE_S):
            raise EngineError(f"HAProxy never answers {deed.until!r} to {deed.command!r}")

    def _save(self, deed: SaveState) -> None:
        node = self._node(deed.at)
        state = HAProxy().ask(self.running.machines, node, "show servers state")
        self._put(node, {**self.disk[node], deed.file: f"{state}\n".encode()})

    def _send(self, people: Population, cookies: Cookies | None = None, requests: int = REQUESTS) -> Sample:
        """From ``people`` through every balancer in turn, as names with several addresses lead them."""
        doors = self._doors()
        asked = people.browse(requests)
        return merged(
            [
                send(
                    self.running,
                    people,
                    asked[number :: len(doors)],
                    concurrency=self.episode.concurrency,
                    door=door,
                    cookies=cookies,
                )
                for number, door in enumerate(doors)
            ]
        )

    def _freshly_met(self, number: int) -> Sample:
        first = self._node(0)
        self.running.apply(self.disk[first], first)
        return send(self.running, self._second, self._second.browse(1, seed=number))

    def _doors(self) -> list[Door]:
        used = self.running.stack.balancers[: self.episode.balancers]
        return [Door(self.running.machines.address(one.name), one.port, self.episode.host) for one in used]

    def _sending(self, deed: During) -> None:
        sample = self._send(self._first)
        self.before = Failures(sample.requests, sample.failed)
        over, begun, results = threading.Event(), threading.Event(), list[Sample]()

        def press() -> None:
            try:
                while not over.is_set():
                    requests = self._first.check_out(_BATCH, seed=len(results))
                    results.append(send(self.running, self._first, requests, concurrency=_AT_ONCE))
                    begun.set()
            finally:
                begun.set()

        self._beside(press, begun, over, deed)
        self.during = Failures(sum(one.requests for one in results), sum(one.failed for one in results))

    def _beside(self, work: Callable[[], None], begun: threading.Event, over: threading.Event, deed: During) -> None:
        with ThreadPoolExecutor(1, "traffic") as pool:
            sending = pool.submit(work)
            try:
                begun.wait()
                for one in deed.deeds:
                    self.do(one)
            finally:
                over.set()
            sending.result()

    def _keeping(self, deed: During) -> None:
        people = population("kept-alive")
        people = dataclasses.replace(people, clients=people.clients[: deed.connections])
        start = time.monotonic() + _SETTLED_S
        requests = people.browse(math.ceil(_KEPT_S * _KEPT_RATE))
        with ThreadPoolExecutor(1, "traffic") as pool:
            sending = pool.submit(send, self.running, people, requests, rate=_KEPT_RATE, start=start)
            connected = start + 2 * deed.connections / _KEPT_RATE
            time.sleep(max(0.0, connected - time.monotonic()))
            for one in deed.deeds:
                self.do(one)
            self.running.balancer().wait_drained(_DRAINED_S)
            done = time.monotonic()
            workers = [worker for worker in self.running.runtime().workers if worker.draining]
            self.old_workers, self.held = len(workers), sum(worker.connections for worker in workers)
            if time.monotonic() > start + _KEPT_S - 1:
                raise EngineError("the machine is too busy: the deeds took longer than the traffic beside them")
            fates = sending.result().fates
        late = math.ceil((done - start + _SETTLED_S) * _KEPT_RATE)
        self.kept = _shares(Counter(fate.server for fate in fates[late:] if fate.server))

    def look(self) -> Played:
        first = self.running.stack.balancers[0]
        wanted = self.disk[first.name] | ({first.config: self.episode.wanted.encode()} if self.episode.wanted else {})
        used = self.running.stack.balancers[: self.episode.balancers]
        markers = [marker for one in used for marker in self.running.loaded(one.name).markers]
        arriving = self.met or self._send(self._second)
        returning = self._send(self._first, self.cookies) if self.visited else None
        aftermath = Aftermath(
            wanted=config_digest(wanted),
            running=tuple(marker.rpartition("-")[2] for marker in markers),
            on_disk=tuple(config_digest(self._on_disk(one.name)) for one in used),
            old_workers=self.old_workers,
            held=self.held,
            seconds=time.monotonic() - self.asked,
            arriving=self._judged(arriving),
            returning=self._judged(returning) if returning else None,
            before=self.before,
            during=self.during,
        )
        back = _shares(returning.counts()) if returning else {}
        return Played(aftermath, judge_rollback(aftermath), _shares(arriving.counts()), back, self.kept)

    def _judged(self, sample: Sample) -> SpreadVerdict:
        return judge_spread(sample, self.fair, unit="request")

    def _on_disk(self, node: str) -> dict[str, bytes]:
        """What lies in a balancer's folder, read there."""
        folder = proxy_named(self.running.stack.balancers[self._at(node)].proxy).folder
        found = {}
        for name in self.disk[node]:
            ran = self.running.machines.run(node, ("cat", f"{folder}/{name}"))
            found[name] = ran.out.encode()
        return found
