"""What a learner asks to be sent: who sends how many requests of which page, and through which balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autograder.labs.catalogue import LabError
from autograder.notebook.choice import choose
from autograder.stack.model import Door
from autograder.traffic.clients import POPULATIONS, population

if TYPE_CHECKING:
    from autograder.stack.running import RunningStack
    from autograder.traffic.clients import Population, Request

MAX_REQUESTS = 5000


@dataclass(frozen=True)
class Asked:
    """Requests of a population through a door of a ``proxy``; ``words`` say who, and through what if that was said."""

    crowd: Population
    plan: tuple[Request, ...]
    door: Door | None
    proxy: str
    words: str


def ask(running: RunningStack, clients: str, requests: int, through: str, *, checkout: bool) -> Asked:
    """Take a wish as it was given. Raises :class:`LabError` that says what there is to choose from.

    ``through`` is the name of a balancer; empty for the first.
    """
    if clients not in POPULATIONS:
        raise choose(clients, POPULATIONS, "population of clients")
    if not 1 <= requests <= MAX_REQUESTS:
        raise LabError(f"{requests} requests are out of range", remedy=f"send from 1 to {MAX_REQUESTS}")
    crowd = population(clients)
    plan = crowd.check_out(requests) if checkout else crowd.browse(requests)
    if not through:
        return Asked(crowd, plan, None, running.stack.balancer.proxy, clients)
    known = {one.name: one for one in running.stack.balancers}
    if through not in known:
        raise choose(through, tuple(known), "balancer")
    door = Door(running.machines.address(through), known[through].port)
    return Asked(crowd, plan, door, known[through].proxy, f"{clients} through {through}")
