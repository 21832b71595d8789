"""What the catalogue claims of its examples, beside what the real balancers do with traffic."""

from __future__ import annotations

import contextlib
import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from autograder.mistakes.mistake import ANY_ONE
from autograder.stack.model import Balancer, Server, Stack
from autograder.stack.running import open_stack
from autograder.traffic.clients import population
from autograder.traffic.send import Cookies, send
from autograder.traffic.states import in_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from autograder.mistakes.mistake import Example, LookAlike
    from autograder.stack.running import RunningStack
    from autograder.traffic.clients import Population, Request
    from autograder.traffic.sample import Sample

REQUESTS = 400
_SERVERS = tuple(Server(f"app{n}", workers=8, service_ms=10.0, page_ms=2.0) for n in range(1, 5))
_CHANCE = {
    "nginx": re.compile(r"hash|random|split_clients|sticky"),
    "haproxy": re.compile(r"balance (?!roundrobin|static-rr|leastconn|first)|stick|cookie"),
}
"""Words of configs that leave something to chance."""
_EACH_REQUEST = re.compile(r"\$request_id|\brandom\b|%\[rand|\buuid\b")


@dataclass(frozen=True)
class Claim:
    """Parts of all requests, from 0 to 1, by server; ``ANY_ONE`` is the server that got most.

    ``off`` is the largest difference between the two, and ``allowed`` what chance and the numbers sent explain of it.
    """

    clients: str
    claimed: Mapping[str, float]
    measured: Mapping[str, float]
    failed: float
    off: float
    allowed: float

    @property
    def holds(self) -> bool:
        """Whether traffic showed what is claimed."""
        return self.off <= self.allowed


class Prover:
    """Sends cases their traffic on stacks of its own, a running one for each balancer. A context manager."""

    def __init__(self) -> None:
        self._open = contextlib.ExitStack()
        self._stacks: dict[str, RunningStack] = {}

    def __enter__(self) -> Prover:
        """The prover itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End its stacks."""
        self._open.close()

    def stack(self, proxy: str) -> RunningStack:
        """The running stack behind that balancer, started when it is asked for."""
        if proxy not in self._stacks:
            plan = Stack(f"claims-{proxy}", (Balancer("balancer", proxy),), _SERVERS)
            self._stacks[proxy] = self._open.enter_context(open_stack(plan))
        return self._stacks[proxy]

    def sample(self, case: Example | LookAlike, clients: str) -> Sample:
        """What becomes of :data:`REQUESTS` requests of a case's traffic, in its state."""
        running = self.stack(case.proxy)
        applied = running.apply(folder(running, case))
        assert applied.ok, applied.faults
        people, cookies = _crowd(case, clients), Cookies()
        requests = _asked(case, people)
        if case.acquainted:
            send(running, people, requests, concurrency=case.concurrency, host=case.host, cookies=cookies)
        with in_state(running, case.state, case.victim):
            return send(running, people, requests, concurrency=case.concurrency, host=case.host, cookies=cookies)

    def claims(self, example: Example, tries: int = 3) -> Iterator[Claim]:
        """Every claim of an example. What hangs on a balancer's own clock is tried again if it does not show."""
        for clients in example.share:
            for left in reversed(range(tries if example.state != "all-up" else 1)):
                claim = self._measured(example, clients)
                if claim.holds or not left:
                    yield claim
                    break

    def _measured(self, example: Example, clients: str) -> Claim:
        sample = self.sample(example, clients)
        got = {server: count / REQUESTS for server, count in sorted(sample.counts().items())}
        claimed = example.share[clients]
        seen = {one: max(got.values(), default=0.0) if one == ANY_ONE else got.get(one, 0.0) for one in claimed}
        failed = sample.failed / REQUESTS
        worst = max(claimed, key=lambda one: abs(seen[one] - claimed[one]) - allowed(example, clients, claimed[one]))
        return Claim(
            clients,
            claimed,
            {**got, **{one: part for one, part in seen.items() if one != ANY_ONE}},
            failed,
            abs(seen[worst] - claimed[worst]),
            allowed(example, clients, claimed[worst]),
        )


def folder(running: RunningStack, case: Example | LookAlike) -> dict[str, bytes]:
    """A case's config folder."""
    files = {path: text.encode() for path, text in case.files.items()}
    return {running.stack.balancer.config: case.config.encode(), **files}


def _crowd(case: Example | LookAlike, clients: str) -> Population:
    people = population(clients)
    return replace(people, clients=people.clients[: case.crowd or None])


def _asked(case: Example | LookAlike, people: Population) -> tuple[Request, ...]:
    if case.pages == "checkout":
        return people.check_out(REQUESTS)
    if case.pages.startswith("/"):
        return replace(people, stream=case.pages).browse(REQUESTS)
    return people.browse(REQUESTS)


def allowed(case: Example | LookAlike, clients: str, part: float) -> float:
    """How far chance moves a share that is claimed to be ``part``: 4.5 standard deviations, once in 150,000 claims.

    Round robin leaves nothing to chance but where it begins; a hash deals clients out, or requests if each is a key.
    """
    edge = 2 * case.concurrency / REQUESTS + case.within
    if not _CHANCE[case.proxy].search(case.config):
        return edge
    per_request = _EACH_REQUEST.search(case.config) or case.pages == "checkout"
    units = REQUESTS if per_request else len(_crowd(case, clients).clients)
    return edge + 4.5 * math.sqrt(part * (1 - part) / units)
