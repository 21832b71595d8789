"""What an entry of the catalogue is: the words about a mistake, how to see it, and examples that prove both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from autograder.mistakes.finding import Finding
from autograder.mistakes.nginx_config import plain
from autograder.stack.model import POPULATIONS
from autograder.traffic.states import STATES as STATES

if TYPE_CHECKING:
    from autograder.stack.proxies.nginx_syntax import Word

CLIENTS = POPULATIONS
"""The populations a mistake may show under; :mod:`autograder.traffic.clients` says who they are."""
ANY_ONE = "any one"
"""In a claimed share: whichever server the key chooses."""
MAX_QUOTE = 200
THREE = "server app1:8080;\nserver app2:8080;\nserver app3:8080;"
"""Three servers of an nginx pool."""
EVEN = {"app1": 1 / 3, "app2": 1 / 3, "app3": 1 / 3}
PAIRS = "upstream shop { server app1:8080; server app2:8080; }\nupstream old { server app3:8080; server app4:8080; }"
"""Two nginx pools of two servers each."""

Capacity = Mapping[str, float]
"""Server name (host, or host:port) → relative capacity, of the servers that should be serving."""
Reader = Callable[[Any, Capacity | None], Iterable[Finding]]
"""Parsed config and declared capacity (None: not known) → findings."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """The traffic that a config is judged under, and by which balancer: tests run it on the real one."""

    state: str = "all-up"
    """One of ``STATES``; what happens in it happens to ``victim``."""
    victim: str = "app2"
    proxy: str = "nginx"
    """The balancer that the config is for."""
    pages: str = "varied"
    """What the clients ask for: ``varied`` pages, all the ``checkout`` with arguments of its own, or one path."""
    host: str = "shop.example"
    """The name of the site that the clients ask for."""
    concurrency: int = 4
    """Requests in flight."""
    within: float = 0.0
    """How far claimed parts may be off beyond what chance and the numbers sent explain: for what hangs on timing."""
    crowd: int = 0
    """How many clients of the population come; 0 for all of them."""
    acquainted: bool = False
    """Whether the same clients were here before the state came about, and kept the cookies they were given."""
    capacity: Capacity | None = None


@dataclass(frozen=True)
class Example(Case):
    """A config with the mistake, and the traffic it claims."""

    name: str
    config: str
    guilty: str
    """The words a finding must point at."""
    share: Mapping[str, Mapping[str, float]]
    """Clients → server (or :data:`ANY_ONE`) → part of all requests that it answers; the others are not told."""
    failed: float = 0.0
    """Part of all requests that the clients see fail."""
    also: tuple[str, ...] = ()
    """Slugs of other mistakes that come with it."""


@dataclass(frozen=True)
class LookAlike(Case):
    """A config that looks like the mistake and is right; ``share`` is what it does, where that is worth proving."""

    name: str
    config: str
    why: str
    share: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Mistake:
    """An entry of the catalogue. Its page in the course, the feedback of a check and a review say these words."""

    slug: str
    title: str
    what: str
    """What it is: a sentence or two."""
    why: str
    """Why it hurts."""
    clients: tuple[str, ...]
    """Populations it shows under, of :data:`CLIENTS`."""
    states: tuple[str, ...]
    """States it shows in, of :data:`STATES`."""
    seen: str
    """How to see it, with tools an engineer has."""
    mend: str
    """The direction of the mend, for an engineer at work; labs do not show it."""
    instead: str
    """A whole config that does it right."""
    versions: str
    """The versions this holds for."""
    sources: tuple[str, ...]
    """Documentation (URLs), or ids of the measurements this rests on."""
    readers: Mapping[str, Reader]
    """Balancer → the function that finds it in a config."""
    examples: tuple[Example, ...]
    look_alikes: tuple[LookAlike, ...]

    @property
    def proxy(self) -> str:
        """The balancer that ``instead`` is for: the first of the readers'."""
        return next(iter(self.readers))


def finding(mistake: str, pool: str, words: tuple[Word, ...], message: str, mend: str) -> Finding:
    """A finding that points at ``words``, from the first to the last of those on the first one's line."""
    first = words[0]
    line = "".join(c if c.isprintable() else " " for c in first.source)
    indent = len(line) - len(line.lstrip())
    text = line.strip()
    places = [(w.column, w.column + w.width) for w in words if w.column is not None and w.line == first.line]
    start, end = (places[0][0] - indent, places[-1][1] - indent) if places else (0, len(text))
    cut = max(0, min(end, len(text)) - MAX_QUOTE) if end > MAX_QUOTE else 0
    cut = min(cut, start)
    quote = text[cut : cut + MAX_QUOTE]
    column = (min(start - cut, len(quote)), min(end - cut, len(quote)))
    return Finding(mistake, plain(pool), first.file, first.line, quote, column, message, mend)


def nginx(upstream: str, location: str = "proxy_pass http://shop;", *, http: str = "", server: str = "") -> str:
    """A whole small nginx config around the lines an example is about; ``shop`` is the pool."""
    inner = "\n".join(f"        {line}" for line in upstream.strip().splitlines())
    return (
        "events {}\nhttp {\n"
        + (f"    {http}\n" if http else "")
        + f"    upstream shop {{\n{inner}\n    }}\n"
        + "    server {\n        listen 80;\n"
        + (f"        {server}\n" if server else "")
        + f"        location / {{\n            {location}\n        }}\n    }}\n}}\n"
    )


def whole(http: str) -> str:
    """A whole nginx config around the lines of its ``http`` block."""
    inner = "\n".join(f"    {line}" if line else "" for line in http.strip().splitlines())
    return f"events {{}}\nhttp {{\n{inner}\n}}\n"
