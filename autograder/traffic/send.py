"""Send traffic through a running stack and learn what became of every request."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from autograder.stack.model import CLIENTS
from autograder.traffic.sample import Fate, Sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autograder.stack.running import RunningStack
    from autograder.traffic.clients import Population, Request

_FUNCTION = "autograder.traffic.load:run"


def send(
    running: RunningStack,
    population: Population,
    requests: Sequence[Request],
    *,
    concurrency: int = 32,
    rate: float | None = None,
    timeout: float = 5.0,
    host: str = "shop.example",
) -> Sample:
    """Send ``requests`` from the clients node to the balancer.

    Closed loop by default: ``concurrency`` requests in flight, the next when one ends. With ``rate`` (requests a
    second) open loop: each starts at its time whether or not earlier ones have ended, and latency counts from then,
    so a slow stack cannot hide behind a generator that waits for it. ``timeout`` seconds a request.
    """
    balancer = running.stack.balancer
    run = secrets.token_hex(6)
    payload = {
        "address": running.machines.address(balancer.name),
        "port": balancer.port,
        "host": host,
        "run": run,
        "clients": [[c.address, c.keep_alive, c.agent, c.forwarded_for] for c in population.clients],
        "requests": [[r.client, r.path] for r in requests],
        "concurrency": concurrency,
        "rate": rate,
        "timeout": timeout,
    }
    patience = timeout * 2 + (len(requests) / rate if rate else len(requests) * timeout / concurrency)
    reply = running.machines.call(CLIENTS, _FUNCTION, payload, timeout=patience)
    journal: dict[str, list[list[str]]] = reply["journal"]
    fates = []
    extra = 0
    for number, (client, status, failure, latency_ms, receipt) in enumerate(reply["outcomes"]):
        entries = journal.get(f"{run}-{number}", [])
        server = next((name for name, given in entries if receipt and given == receipt), "")
        extra += len(entries) - bool(server)
        if not failure and not server and status < 500:
            # Redirects and refusals are the balancer's own to give; a page of the shop is not.
            failure = "forged" if status == 200 else ""
        address = population.clients[client].address
        fates.append(Fate(client, address, status, failure, latency_ms, server))
    return Sample(population.name, population.described, tuple(fates), reply["seconds"], extra)
