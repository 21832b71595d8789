"""What an entry of the catalogue is: the words about a mistake, how to see it, and examples that prove both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from autograder.mistakes.case import Capacity as Capacity
from autograder.mistakes.case import Case as Case
from autograder.mistakes.episode import Episode
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
_NEARLY_ALL, _FAR_MORE, _HARDLY_ANY = 0.9, 0.45, 0.15
"""Parts of the requests from which on one has them all, or too many; and up to which it has hardly any."""
DECIDES = ("pool", "client", "server", "absence", "size", "failure", "change")
"""For whom a mistake decides: for all requests of a pool, whatever weights and flags say; for those of one client (its
address, its cookie); for the part of one server, or for a server that gets nothing; by the size of machines; about
requests that meet a dead or broken server; or about what a change of the config leaves behind."""
SYMPTOMS = {
    "one-server": "nearly all traffic on one server",
    "skewed": "a server has far more than its part",
    "silent": "a server gets nothing, or hardly anything",
    "errors": "clients see errors",
    "change-undone": "what was changed back goes on",
}
"""What somebody sees who has the mistake, and does not know it."""
THREE = "server app1:8080;\nserver app2:8080;\nserver app3:8080;"
"""Three servers of an nginx pool."""
EVEN = {"app1": 1 / 3, "app2": 1 / 3, "app3": 1 / 3}
PAIRS = "upstream shop { server app1:8080; server app2:8080; }\nupstream old { server app3:8080; server app4:8080; }"
"""Two nginx pools of two servers each."""

Reader = Callable[[Any, Capacity | None], Iterable[Finding]]
"""Parsed config and declared capacity (None: not known) → findings."""


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
    """Balancer → the function that finds it in a config; none where only a running system shows it."""
    examples: tuple[Example, ...]
    look_alikes: tuple[LookAlike, ...]
    decides: str
    """Whose traffic it decides about, one of :data:`DECIDES`: that tells which observations it can explain."""
    directives: tuple[str, ...]
    """The directives it is written with, as the balancers' manuals name them; empty where it is not in the config."""
    episodes: tuple[Episode, ...] = ()
    """What somebody does, and it shows."""
    done_right: tuple[Episode, ...] = ()
    """What looks like it, and is right."""

    @property
    def proxies(self) -> tuple[str, ...]:
        """The balancers it happens to; that of ``instead`` first."""
        return tuple(dict.fromkeys([*self.readers, *(episode.proxy for episode in self.episodes)]))

    @property
    def proxy(self) -> str:
        """The balancer that ``instead`` is for: the first of the readers'."""
        return self.proxies[0]

    @property
    def shown(self) -> tuple[Example | Episode, ...]:
        """What proves it: examples, or episodes where no config alone shows it."""
        return self.examples or self.episodes

    @property
    def symptoms(self) -> dict[str, float]:
        """Of :data:`SYMPTOMS` those that traffic shows → how strong (0 to 1), as its examples and episodes claim."""
        return symptoms_of(self)


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


def symptoms_of(mistake: Mistake) -> dict[str, float]:
    """Symptom → the strongest of what the mistake's examples and episodes claim (parts of all requests)."""
    found: dict[str, float] = {}

    def note(symptom: str, strength: float) -> None:
        found[symptom] = max(found.get(symptom, 0.0), min(strength, 1.0))

    proofs: tuple[Example | Episode, ...] = (*mistake.examples, *mistake.episodes)
    for shown in proofs:
        kept = getattr(shown, "kept", {}), getattr(shown, "returning", {})
        dead = shown.victim if shown.state == "one-down" else ""
        for shares in (*shown.share.values(), *kept):
            parts = [part for server, part in shares.items() if server != dead]
            most, least = max(parts, default=0.0), min(parts, default=1.0)
            if most >= _NEARLY_ALL:
                note("one-server", most)
            if most >= _FAR_MORE:
                note("skewed", most)
            if least <= _HARDLY_ANY:
                note("silent", 1 - least)
        if isinstance(shown, Episode):
            note("errors" if shown.outcome == "traffic-lost" else "change-undone", 1.0)
        elif shown.failed:
            note("errors", shown.failed)
    return found
