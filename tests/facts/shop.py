"""A small shop for claims of the course: a config is applied, clients come, and the servers count."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.stack.model import Balancer, Server, Stack
from autograder.stack.running import RunningStack, open_stack
from autograder.traffic.clients import population
from autograder.traffic.sample import Sample
from autograder.traffic.send import send

SERVERS = tuple(Server(f"app{number}", workers=8, service_ms=10.0, page_ms=2.0) for number in range(1, 5))
ASK = "import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect('/run/manyhands/runtime.sock'); " \
    "s.sendall(sys.argv[1].encode() + b'\\n'); print(s.makefile().read())"  # fmt: skip
"""A program for the balancer's machine: says a line to HAProxy's Runtime API, and prints the answer."""
MAIN = {"nginx": "nginx.conf", "haproxy": "haproxy.cfg"}


def nginx(pool: str, http: str = "", location: str = "proxy_pass http://shop;") -> str:
    """A whole nginx config around the lines of a pool."""
    return (
        f"events {{}}\nhttp {{\n{http}\nupstream shop {{\n{pool}\n}}\n"
        f"server {{ listen 80; location / {{ {location} }} }}\n}}\n"
    )


def haproxy(backend: str, frontend: str = "") -> str:
    """A whole HAProxy config around the lines of a backend."""
    return (
        "defaults\n    mode http\n    timeout connect 1s\n    timeout client 10s\n    timeout server 10s\n"
        f"frontend web\n    bind :80\n{frontend}\n    default_backend shop\nbackend shop\n{backend}\n"
    )


def lines(count: int = 4, settings: str = "") -> str:
    """Nginx ``server`` lines."""
    return "\n".join(f"server app{number}:8080 {settings};" for number in range(1, count + 1))


def haproxy_lines(count: int = 4, settings: str = "") -> str:
    """HAProxy ``server`` lines."""
    return "\n".join(f"    server app{number} app{number}:8080 {settings}" for number in range(1, count + 1))


@dataclass
class Shop:
    """A running stack that takes one config after another."""

    running: RunningStack

    def run(
        self, config: str, clients: str = "many", requests: int = 1000, seed: int = 1, concurrency: int = 8
    ) -> Sample:
        """Apply a config and let clients come; it must be accepted, and nothing may fail."""
        applied = self.running.apply({MAIN[self.running.stack.balancer.proxy]: config.encode()})
        assert applied.ok, applied.faults
        crowd = population(clients)
        sample = send(self.running, crowd, crowd.browse(requests, seed=seed), concurrency=concurrency)
        assert not sample.failed, sample.failures
        return sample


@contextlib.contextmanager
def open_shop(proxy: str) -> Iterator[Shop]:
    """A shop behind ``proxy`` with four servers, gone afterwards."""
    stack = Stack("facts", (Balancer("lb", proxy, 80, MAIN[proxy]),), SERVERS)
    with open_stack(stack) as running:
        yield Shop(running)


def homes(sample: Sample) -> dict[str, str]:
    """Client address → the one server that it met. Fails if a client met several."""
    met: dict[str, set[str]] = {}
    for fate in sample.fates:
        met.setdefault(fate.address, set()).add(fate.server)
    assert all(len(servers) == 1 for servers in met.values())
    return {address: next(iter(servers)) for address, servers in met.items()}


def moved(before: Sample, after: Sample) -> float:
    """Part of the clients seen twice that have another server than before."""
    first, second = homes(before), homes(after)
    both = first.keys() & second.keys()
    return sum(first[address] != second[address] for address in both) / len(both)


def words_of(page: Path) -> str:
    """The text of a page with every run of blanks and line ends as one blank."""
    return " ".join(page.read_text(encoding="utf-8").split())
