"""Traffic through a twin, counted and judged: every pool under every population, in every state."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from autograder.inspect.pools import pools_of
from autograder.judge.spread import Spread, judge_spread
from autograder.stack.engine import EngineError
from autograder.traffic.clients import population
from autograder.traffic.sample import Sample
from autograder.traffic.send import Cookies, send
from autograder.traffic.states import State, in_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from autograder.inspect.legs import Leg
    from autograder.inspect.pools import Pool
    from autograder.judge.spread import SpreadVerdict
    from autograder.stack.conduct import Conduct
    from autograder.stack.twin.twin import Twin
    from autograder.traffic.clients import Population, Request
    from autograder.traffic.sample import Fate

REQUESTS = 300
MOST = 18_900
"""Requests of one run, at most."""
_AT_ONCE = {"http/1.1": 32, "h2": 32, "tcp": 128}
"""Requests under way, by protocol: what waits to see who speaks first makes each connection take seconds."""
_TIMEOUT_S = 5.0
_PATIENCE_S = 30.0
"""For the answer of servers that are kept busy on purpose."""
_SETTLING_S = 4.0
"""So long a balancer may take, once started, until it knows its servers (those it finds by DNS, say)."""
_PAUSE_S = 0.2
_NEARLY_ALL = 0.9
"""Of all servers that a config knows, one that gets this part of everything gets everything but for a rest."""
_NOT_YET = ("5xx-balancer", "refused")
_HANDICAPPED = ("one-slow", "one-failing-fast", "recovering", "overloaded")
"""States whose victim may get less than its part: a balancer that spares it does well."""


@dataclass(frozen=True)
class Run:
    """One pool (all servers of the config if ``pool`` is empty) under one population in one state.

    Servers are node names. ``fates`` are those of the requests that were, or should have been, for the pool.
    """

    pool: str
    clients: str
    state: State
    fates: tuple[Fate, ...]
    seconds: float
    verdict: SpreadVerdict
    paths: tuple[str, ...] = ()
    """What the requests asked for."""
    first_pages: SpreadVerdict | None = None
    """Of all servers together: how pages were spread that no line sends to a pool of their own."""

    @property
    def failed(self) -> int:
        """How many requests failed."""
        return sum(1 for fate in self.fates if fate.failure)


@dataclass
class Batches:
    """What one run has brought so far: for each leg its fates, and the paths they asked for."""

    fates: dict[Leg, list[Fate]] = field(default_factory=lambda: defaultdict(list))
    paths: dict[Leg, list[str]] = field(default_factory=lambda: defaultdict(list))
    seconds: float = 0.0

    @property
    def sent(self) -> int:
        """How many requests were sent."""
        return sum(map(len, self.fates.values()))


class Measuring:
    """Sends traffic through one twin and judges it. ``capacity`` is what each node can do, against the others."""

    def __init__(self, twin: Twin, legs: Sequence[Leg], capacity: Mapping[str, float]) -> None:
        self.twin = twin
        self.legs = legs
        self.pools = pools_of(twin)
        self.capacity = capacity
        self.switches = twin.needs.switches
        self.inside: tuple[str, ...] = ()
        """The addresses that all clients come from, where the config turns away their own."""
        self._shared = defaultdict[str, list[str]](list)
        for pool in self.pools:
            for node in pool.members:
                self._shared[node].append(pool.name)

    def run(self, clients: str, state_name: str) -> list[Run]:
        """Every pool under one population in one state, then all servers together (a run of the pool ``""``)."""
        people = population(clients)
        with in_state(self.twin.running, state_name, self._victim(), self.legs[0].door) as state:
            batches, cookies, number = Batches(), defaultdict[str, Cookies](Cookies), 0
            legs, count = list(self.legs), REQUESTS
            settled = time.monotonic() + _SETTLING_S
            while True:
                self._send(people, legs, count, number, batches, cookies)
                if not number and self._turned_away(batches) and (inside := self._from_inside(people, legs)):
                    batches = inside
                if not number and _nothing_came(batches) and time.monotonic() < settled:
                    batches = Batches()
                    time.sleep(_PAUSE_S)
                    continue
                runs = [self._judge(pool, people, state, batches) for pool in self.pools]
                legs = self.legs_to(run.pool for run in runs if _more_would_tell(run, self._placed(people)))
                number, count = number + 1, min(2 * count, MOST - batches.sent)
                if not legs or count < REQUESTS:
                    return [*runs, self._together(people, state, batches)]

    def once(
        self,
        people: Population,
        legs: Sequence[Leg],
        *,
        count: int = REQUESTS,
        seed: int = 0,
        concurrency: int = 0,
        checkouts: bool = False,
    ) -> list[Run]:
        """As :meth:`run` where all servers are up, but ``count`` requests alone, for the slow page if ``checkouts``."""
        servers = tuple(server.name for server in self.twin.running.stack.servers)
        state = State("all-up", "all servers up", "", servers)
        batches = Batches()
        people = self._placed(people)
        choose = people.check_out if checkouts else people.browse
        requests = choose(max(count, len(legs)), seed=seed)
        self._deal(people, legs, requests, batches, defaultdict(Cookies), concurrency)
        return [
            *(self._judge(pool, people, state, batches) for pool in self.pools),
            self._together(people, state, batches),
        ]

    def weighed(self, pool: Pool) -> dict[str, float]:
        """The weights that the config gives servers of a pool that should serve; both of one that is listed twice."""
        serving = pool.serving()
        members = self.twin.plan.members
        return {node: sum(u.weight for u in members[node] if u.pool == pool.name) for node in serving}

    def judged_by(self, run: Run, told: Mapping[str, float]) -> SpreadVerdict:
        """The same requests, judged by other parts than those of the capacities; ``told`` need not sum to 1."""
        whole = sum(told.values())
        sample = Sample(run.clients, "", run.fates, 0.0)
        fair = {node: part / whole for node, part in told.items() if part > 0}
        return judge_spread(sample, fair, unit=run.verdict.unit, paths=run.paths)

    def label(self, node: str) -> str:
        """What the config calls a server."""
        return self.twin.labels.get(node, node)

    @contextlib.contextmanager
    def all_conducted(self, conduct: Conduct) -> Iterator[None]:
        """Let every server behave so for a while."""
        running = self.twin.running
        try:
            for server in running.stack.servers:
                running.afflict(server.name, conduct)
            yield
        finally:
            running.bring_back()

    def _turned_away(self, batches: Batches) -> bool:
        """Whether nobody got to a server, although the config lets some networks in."""
        known = bool(self.twin.plan.stack.balancer.around.clients)
        return known and not self.inside and not any(fate.server for fates in batches.fates.values() for fate in fates)

    def _from_inside(self, people: Population, legs: Sequence[Leg]) -> Batches | None:
        """What becomes of the same people if they come from the networks that are let in; None if that is no better."""
        batches = Batches()
        self.inside = self.twin.plan.stack.balancer.around.clients
        try:
            self._send(people, legs, REQUESTS, 0, batches, defaultdict(Cookies))
        except EngineError:  # this engine gives clients no such addresses
            self.inside = ()
            return None
        if any(fate.server for fates in batches.fates.values() for fate in fates):
            return batches
        self.inside = ()
        return None

    def _placed(self, people: Population) -> Population:
        """People who come through an address that is let in say in X-Forwarded-For who they are."""
        if not self.inside:
            return people
        several = len(people.clients) > 1
        pairs = zip(people.clients, self.inside if several else self.inside[:1], strict=False)
        moved = tuple(replace(c, address=at, forwarded_for=c.forwarded_for or c.address) for c, at in pairs)
        return replace(people, clients=moved)

    def _victim(self) -> str:
        """Whom states happen to: the first server of a pool in which another can take over."""
        able = [pool.serving() for pool in self.pools if len(pool.serving()) > 1] or [p.serving() for p in self.pools]
        return next((nodes[0] for nodes in able if nodes), "")

    def _send(
        self,
        people: Population,
        legs: Sequence[Leg],
        count: int,
        seed: int,
        batches: Batches,
        cookies: dict[str, Cookies],
    ) -> None:
        people = self._placed(people)
        self._deal(people, legs, people.browse(max(count, len(legs)), seed=seed), batches, cookies)

    def _deal(
        self,
        people: Population,
        legs: Sequence[Leg],
        requests: Sequence[Request],
        batches: Batches,
        cookies: dict[str, Cookies],
        concurrency: int = 0,
    ) -> None:
        for number, leg in enumerate(legs):
            mine = [type(r)(r.client, leg.path(r.path)) for r in requests[number :: len(legs)]]
            sample = send(
                self.twin.running,
                people,
                mine,
                concurrency=concurrency or _AT_ONCE[leg.door.protocol],
                timeout=_PATIENCE_S if concurrency else _TIMEOUT_S,
                door=leg.door,
                cookies=cookies[leg.door.host],
            )
            batches.fates[leg] += sample.fates
            batches.paths[leg] += [request.path for request in mine]
            batches.seconds += sample.seconds

    def _judge(self, pool: Pool, people: Population, state: State, batches: Batches) -> Run:
        fates: list[Fate] = []
        paths: list[str] = []
        layer_4 = False
        for leg, these in batches.fates.items():
            aimed = self.aimed(leg, pool.name)
            for fate, path in zip(these, batches.paths[leg], strict=True):
                # A server of several pools, and a failure, belong to the pool that the request was meant for.
                rivals = self._shared.get(fate.server, ())
                own = fate.server in pool.members and (
                    pool.name in leg.pools or not any(rival in leg.pools for rival in rivals)
                )
                if own or (aimed and not fate.server and fate.failure and (pool.name in leg.pools or not leg.pools)):
                    fates.append(fate)
                    paths.append(path)
                    layer_4 |= leg.door.protocol == "tcp"
        unit = "request" if len(people.clients) == 1 else "connection" if layer_4 else "auto"
        verdict = self._verdict(pool.serving() or tuple(pool.members), people, state, fates, unit, paths)
        return Run(pool.name, people.name, state, tuple(fates), batches.seconds, verdict, tuple(paths))

    def legs_to(self, pools: Iterable[str]) -> list[Leg]:
        """The legs whose requests may be for one of the pools; to ``""``, all servers together, lead all of them."""
        names = set(pools)
        return [leg for leg in self.legs if "" in names or any(self.aimed(leg, name) for name in names)]

    def aimed(self, leg: Leg, pool: str) -> bool:
        """Whether requests of the leg may be for the pool; all may where reading found no way to it."""
        return pool in leg.pools or not any(pool in other.pools for other in self.legs)

    def _verdict(
        self,
        nodes: Iterable[str],
        people: Population,
        state: State,
        fates: Sequence[Fate],
        unit: str,
        paths: Sequence[str],
    ) -> SpreadVerdict:
        sample = Sample(people.name, people.described, tuple(fates), 0.0)
        nodes = tuple(nodes)
        up = tuple(node for node in nodes if node in state.serving) or nodes
        verdict = judge_spread(sample, self._fair(up), unit=unit, paths=paths)
        if state.name in _HANDICAPPED and verdict.hottest != state.victim and len(up) > 1:
            others = tuple(node for node in up if node != state.victim)
            verdict = judge_spread(sample, self._fair(others), unit=unit, paths=paths)
        return verdict

    def _fair(self, nodes: Sequence[str]) -> dict[str, float]:
        total = sum(self.capacity.get(node, 1.0) for node in nodes)
        return {node: self.capacity.get(node, 1.0) / total for node in nodes}

    def _together(self, people: Population, state: State, batches: Batches) -> Run:
        """All servers that should serve, whichever pool they are in: is everything on one of them?"""
        nodes = tuple(dict.fromkeys(node for pool in self.pools for node in pool.serving()))
        fates = [fate for these in batches.fates.values() for fate in these]
        unit = "request" if len(people.clients) == 1 else "auto"
        verdict = self._verdict(nodes, people, state, fates, unit, ())
        usual = [fate for leg, these in batches.fates.items() if not leg.prefix for fate in these]
        first = self._verdict(nodes, people, state, usual, unit, ())
        paths = tuple(path for these in batches.paths.values() for path in these)
        hot = _on_one_only(verdict)
        return Run("", people.name, state, tuple(fates), batches.seconds, hot, paths, _on_one_only(first))


def _nothing_came(batches: Batches) -> bool:
    """Whether the balancer failed every request of a kind that may pass: those it refuses or loses at once."""
    return all(fate.failure in _NOT_YET for fates in batches.fates.values() for fate in fates)


def _on_one_only(verdict: SpreadVerdict) -> SpreadVerdict:
    """Of several pools, each gets what its pages bring: too much is only nearly everything on one server."""
    nearly = verdict.share.get(verdict.hottest, 0.0) >= _NEARLY_ALL
    if verdict.spread in (Spread.CONCENTRATED, Spread.UNDECIDED) and not nearly:
        return replace(verdict, spread=Spread.EVEN)
    return verdict


def _more_would_tell(run: Run, people: Population) -> bool:
    if run.verdict.spread is not Spread.UNDECIDED:
        return False
    return run.verdict.unit != "client" or run.verdict.units < len(people.clients)
