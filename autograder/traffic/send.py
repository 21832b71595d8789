"""Send traffic through a running stack and learn what became of every request."""

from __future__ import annotations

import secrets
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from autograder.stack.model import CLIENTS, Door
from autograder.stack.shop_spec import CHECKOUT_MARK
from autograder.traffic import load
from autograder.traffic.sample import Fate, Sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autograder.stack.running import RunningStack
    from autograder.traffic.clients import Population, Request

_BEGINS_S = 20.0
"""How long the clients node may take to begin, on a busy machine: on some engines it needs a new interpreter."""

# Named by import, not by word: so it is compiled here, where the outcome can be kept, and not anew at every call.
_FUNCTION = f"{load.__name__}:{load.run.__name__}"


class Cookies:
    """What the clients of a population keep between one :func:`send` and the next, as browsers do."""

    def __init__(self) -> None:
        self.jars: dict[int, list[list[Any]]] = {}
        """Client (index into its population) → rows of name, path, value and expiry (epoch, or None)."""


def send(
    running: RunningStack,
    population: Population,
    requests: Sequence[Request],
    *,
    concurrency: int = 32,
    rate: float | None = None,
    timeout: float = 5.0,
    host: str = "shop.example",
    door: Door | None = None,
    cookies: Cookies | None = None,
    start: float | None = None,
) -> Sample:
    """Send ``requests`` from the clients node through a door; the first balancer's port, unless one is given.

    Closed loop by default: ``concurrency`` requests in flight, the next when one ends. With ``rate`` (requests a
    second) open loop: each starts at its time whether or not earlier ones have ended, and latency counts from then,
    so a slow stack cannot hide behind a generator that waits for it. The first starts at once, or at ``start``
    (:func:`time.monotonic`). ``timeout`` seconds a request.

    Clients keep the cookies they are given until the end, or in ``cookies`` for the next time. ``host`` is the name
    asked for at the default door. Raises :class:`~autograder.stack.engine.EngineError` if the node cannot send, and
    ``ValueError`` for a door that is a unix socket, which no client can reach.
    """
    if door is None:
        balancer = running.stack.balancer
        door = Door(running.machines.address(balancer.name), balancer.port, host)
    if door.address.startswith("unix:"):
        raise ValueError(f"no client can reach the unix socket {door.address}")
    run = secrets.token_hex(6)
    used = sorted({request.client for request in requests})
    place = {client: number for number, client in enumerate(used)}
    kept = dict(cookies.jars) if cookies is not None else {}
    payload = {
        "door": asdict(door),
        "run": run,
        "clients": [
            [c.address, c.keep_alive, c.agent, c.forwarded_for, c.cookies, c.host or door.host]
            for c in (population.clients[client] for client in used)
        ],
        "jars": {str(place[client]): rows for client, rows in kept.items() if client in place},
        "requests": [[place[request.client], request.path] for request in requests],
        "posts": [number for number, request in enumerate(requests) if request.posts],
        "concurrency": concurrency,
        "rate": rate,
        "start": start,
        "timeout": timeout,
    }
    patience = _BEGINS_S + timeout * 2 + (len(requests) / rate if rate else len(requests) * timeout / concurrency)
    reply = running.machines.call(CLIENTS, _FUNCTION, payload, timeout=patience)
    if cookies is not None:
        for client in used:
            # Of two that send at the same time, the first to change a client's cookies is believed.
            if cookies.jars.get(client) is kept.get(client):
                cookies.jars[client] = reply["jars"].get(str(place[client]), [])
    journal: dict[str, list[list[str]]] = reply["journal"]
    fates = []
    extra = 0
    for number, (client, status, failure, latency_us, receipt) in enumerate(reply["outcomes"]):
        entries = journal.get(f"{run}-{number}", [])
        server = next((name for name, given in entries if receipt and given == receipt), "")
        extra += len(entries) - bool(server)
        who = population.clients[used[client]].address
        kind = failure or _judged(status, server)
        checkout = bool(server) and receipt.endswith(CHECKOUT_MARK)
        fates.append(Fate(used[client], who, status, kind, latency_us / 1000, server, checkout))
    return Sample(population.name, population.described, tuple(fates), reply["seconds"], extra)


def _judged(status: int, server: str) -> str:
    """The failure that an answer is, if it is one; ``server`` gave it, if any did."""
    if status >= 500:
        return "5xx-server" if server else "5xx-balancer"
    # Redirects and refusals are the balancer's own to give; a page of the shop is not.
    return "forged" if status == 200 and not server else ""
