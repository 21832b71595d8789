"""Client populations: who sends, from which address, which pages, over which connections.

The addresses are real: every client sends from its own source address in 198.19.0.0/16, which belongs to the clients
node. What a balancer that hashes addresses sees therefore depends on the population, as it does in production.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from autograder.errors import ManyHandsError, suggestion

_PAGES = ("/", "/search?q=lamp", "/basket", "/help", "/login")
_AGENTS = ("Firefox/145.0", "Chrome/142.0", "Safari/26.1", "ManyHandsPhone/3.2")


@dataclass(frozen=True)
class Client:
    """One client: its source address, whether it keeps its connection open, and its browser's name.

    ``forwarded_for`` is what a CDN in front says about the person behind it; empty without one. ``cookies`` tells
    whether it keeps the cookies it is given. ``weight`` is how often it comes, against the others. ``host`` is the name
    it asks for, where that is another than all the others ask for.
    """

    address: str
    keep_alive: bool
    agent: str
    forwarded_for: str = ""
    cookies: bool = True
    weight: float = 1.0
    host: str = ""


@dataclass(frozen=True)
class Request:
    """One request to send: by which client (index into the population), for which path.

    ``posts`` tells that it is sent as a ``POST`` without a body: something is to be done, and not twice.
    """

    client: int
    path: str
    posts: bool = False


@dataclass(frozen=True)
class Population:
    """Clients, and a sentence about them for reports. ``stream`` is the path they all ask for, if there is only one."""

    name: str
    clients: tuple[Client, ...]
    described: str
    stream: str = ""

    def browse(self, count: int, seed: int = 0) -> tuple[Request, ...]:
        """``count`` requests for varied pages."""
        dice = random.Random(seed)
        return tuple(Request(client, self._page(dice)) for client in self._turns(count, dice))

    def check_out(self, count: int, seed: int = 0) -> tuple[Request, ...]:
        """``count`` requests for the expensive page."""
        dice = random.Random(seed)
        return tuple(Request(client, _checkout(dice)) for client in self._turns(count, dice))

    def shop(self, count: int, seed: int = 0, checkouts: float = 0.1) -> tuple[Request, ...]:
        """``count`` requests, of which the part ``checkouts`` (0 to 1, by chance) is for the expensive page."""
        dice = random.Random(seed)
        return tuple(
            Request(client, _checkout(dice) if dice.random() < checkouts else self._page(dice))
            for client in self._turns(count, dice)
        )

    def _page(self, dice: random.Random) -> str:
        return self.stream or dice.choice((*_PAGES, f"/item/{dice.randrange(10_000)}"))

    def _turns(self, count: int, dice: random.Random) -> list[int]:
        weights = [client.weight for client in self.clients]
        if len(set(weights)) > 1:
            return dice.choices(range(len(weights)), weights, k=count)
        # Every client once before any comes again, each round in another order: clients that took turns in a fixed
        # order would meet the same server again and again under plain round robin, and look sticky.
        turns: list[int] = []
        while len(turns) < count:
            turns += dice.sample(range(len(self.clients)), len(self.clients))
        return turns[:count]


def population(name: str) -> Population:
    """The population of that name, one of :data:`POPULATIONS`. Raises :class:`ManyHandsError` for any other."""
    if name not in _KINDS:
        raise ManyHandsError(f"there are no clients called {name!r}", remedy=suggestion(name, POPULATIONS))
    return _KINDS[name]


def _checkout(dice: random.Random) -> str:
    return f"/checkout?order={dice.randrange(10**9)}"


def _clients(addresses: list[str], *, keep_alive: bool = False, cookies: bool = True) -> tuple[Client, ...]:
    return tuple(Client(address, keep_alive, _AGENTS[n % 4], cookies=cookies) for n, address in enumerate(addresses))


_NETWORKS = [f"198.19.{n}.{10 + n * 7 % 200}" for n in range(1, 251)]
# 1,000 clients: at three batches of 600 requests every server's share of them is known to a few per cent, so that a
# hash over clients can be called even (see judge.spread).
_CROWD = [f"198.19.{n}.{10 + n * 7 % 200 + 11 * k}" for k in range(4) for n in range(1, 251)]
_EDGE = "198.19.77.5"
_BEHIND_CDN = tuple(Client(_EDGE, False, _AGENTS[n % 4], f"203.0.{n}.{n * 7 % 250 + 1}") for n in range(250))
_ZIPF = tuple(
    Client(address, False, _AGENTS[n % 4], weight=(n + 1) ** -1.2) for n, address in enumerate(_NETWORKS[::5])
)
_KINDS = {
    kind.name: kind
    for kind in (
        Population("many", _clients(_CROWD), "1,000 clients in 250 networks"),
        # One address stands for many people, who do not share their cookies: it keeps none.
        Population("office", _clients([_EDGE], cookies=False), "everybody behind one office address"),
        Population("subnet", _clients([f"198.19.42.{n}" for n in range(2, 252)]), "250 clients of one /24 network"),
        Population("few", _clients(_NETWORKS[::50]), "5 clients in 5 networks"),
        Population("behind-cdn", _BEHIND_CDN, "250 clients behind one address of a CDN"),
        Population("kept-alive", _clients(_NETWORKS, keep_alive=True), "250 clients that keep their connections open"),
        # The busiest address sends a third of all requests, the ten busiest almost four fifths.
        Population("zipf", _ZIPF, "50 clients in 50 networks, a few of which send most"),
        Population(
            "streaming", _clients(_NETWORKS, keep_alive=True), "250 clients that watch slow streams", stream="/stream"
        ),
    )
}
POPULATIONS = tuple(_KINDS)
