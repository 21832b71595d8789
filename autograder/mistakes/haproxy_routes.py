"""Which backends a HAProxy config sends requests to, and under what conditions.

A condition is read only as far as the catalogue asks: whether it holds for every request, and whether it is about
pages for the people who run the site.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from autograder.stack.proxies.haproxy_syntax import Config, Line, Section
    from autograder.stack.proxies.nginx_syntax import Word

_OPERATIONS = re.compile(
    r"health|alive|export|grafana|prometheus|\blive|ready|\bping\b|stat(?:s|us)\b|metrics|admin|monitor|maintenance|\.well-known|acme|letsencrypt",
    re.I,
)
_EVERY_PATH = re.compile(r"(?:path|base|url)(?:_beg|_sub|_dir)? /|path(?:_reg)? \^?/?(?:\.\*?)?\$?")
_EVERY_HOST = re.compile(r"(?:req\.)?(?:f?hdr|hdr_reg|fhdr_reg|req\.f?hdr)\(host\) \^?\.[*+]?\$?", re.I)
_EVERY_ADDRESS = re.compile(r"src (?:0\.0\.0\.0/0|::/0)(?: (?:0\.0\.0\.0/0|::/0))?")
_MAP = re.compile(r"map(?:_\w+)?\(([^,)]+)(?:,([^)]*))?\)")


@dataclass(frozen=True)
class Term:
    """One test of a condition, with the samples and patterns it compares: any of ``tests`` makes it true."""

    negated: bool
    tests: tuple[tuple[str, ...], ...]

    @property
    def holds_always(self) -> bool:
        """Whether it is true for (nearly) every request."""
        always = any(_catches_all(test) for test in self.tests)
        never = bool(self.tests) and all(test in (("always_false",), ("FALSE",)) for test in self.tests)
        return never if self.negated else always


@dataclass(frozen=True)
class Condition:
    """``if`` or ``unless`` with its tests: true if all terms of one of ``either`` are true (``unless``: if not)."""

    either: tuple[tuple[Term, ...], ...]
    unless: bool = False

    @property
    def holds_always(self) -> bool:
        """Whether it is true for (nearly) every request."""
        if self.unless:
            return all(
                any(term.holds_always for term in (Term(not t.negated, t.tests) for t in terms))
                for terms in self.either
            )
        return any(all(term.holds_always for term in terms) for terms in self.either)

    @property
    def leaves_out(self) -> bool:
        """Whether it says only what it is not for: all requests but those."""
        if self.unless:
            return all(not term.negated for terms in self.either for term in terms)
        return any(all(term.negated for term in terms) for terms in self.either)

    @property
    def words(self) -> Iterator[str]:
        """Every word that is compared."""
        return (word for terms in self.either for term in terms for test in term.tests for word in test)

    @property
    def tests(self) -> Iterator[tuple[str, ...]]:
        """Every test, whatever it stands between."""
        return (test for terms in self.either for term in terms for test in term.tests)


@dataclass(frozen=True)
class Route:
    """A line that sends requests to a pool: ``default_backend``, ``use_backend``, or the ``listen`` that it is in.

    ``condition`` is None where there is none. ``named`` is false where an expression chooses among pools.
    """

    front: Section
    line: Line
    pool: str
    condition: Condition | None
    named: bool = True

    @property
    def always(self) -> bool:
        """Whether every request that comes to this line takes it."""
        return self.named and (self.condition is None or self.condition.holds_always)

    @property
    def for_operations(self) -> bool:
        """Whether only pages for the people who run the site (health, metrics, certificates) take it."""
        named = self.front.name if self.front.kind == "listen" else self.pool
        words = (named, *(self.condition.words if self.condition else ()))
        return any(_OPERATIONS.search(word) for word in words)


def read_routes(config: Config, files: Mapping[str, bytes]) -> tuple[Route, ...]:
    """Every line that sends requests on, in the order HAProxy asks them: rules first, the default last."""
    routes: list[Route] = []
    for front in config.of_kind("frontend", "listen"):
        if front.named("disabled"):
            continue
        acls = read_acls(front)
        for line in front.named("use_backend"):
            if line.values:
                condition = read_condition(line.words[2:], acls)
                for name in _targets(line.values[0], files):
                    routes.append(Route(front, line, name, condition, named="%[" not in line.values[0]))
        defaults = [line for line in front.inherited("default_backend") if line.values]
        if defaults and not any(r.front is front and r.always for r in routes):
            routes += [Route(front, defaults[-1], name, None) for name in _targets(defaults[-1].values[0], files)]
        if front.kind == "listen":
            routes.append(Route(front, front.head, front.name, None))
    return tuple(routes)


def read_acls(section: Section) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Names of a section's ACLs, each with what its lines compare: lines of one name are alternatives."""
    found: dict[str, tuple[tuple[str, ...], ...]] = {}
    for line in section.inherited("acl"):
        if len(line.values) >= 2:
            found[line.values[0]] = (*found.get(line.values[0], ()), line.values[1:])
    return found


def read_condition(words: Sequence[Word], acls: Mapping[str, tuple[tuple[str, ...], ...]]) -> Condition | None:
    """The condition that ``words`` begin with, or None if they begin with neither ``if`` nor ``unless``."""
    texts = [word.text for word in words]
    if texts[:1] not in (["if"], ["unless"]):
        return None
    either: list[tuple[Term, ...]] = []
    terms: list[Term] = []
    negated = False
    rest = iter(texts[1:])
    for text in rest:
        if text in ("or", "||"):
            either.append(tuple(terms))
            terms = []
            continue
        while text.startswith("!"):
            negated, text = not negated, text[1:]
        if not text:
            continue
        test = ((*_until_closed(rest),),) if text == "{" else acls.get(text, ((text,),))
        terms.append(Term(negated, test))
        negated = False
    return Condition((*either, tuple(terms)), unless=texts[0] == "unless")


def _until_closed(rest: Iterable[str]) -> Iterator[str]:
    for text in rest:
        if text == "}":
            return
        yield text


def _catches_all(test: tuple[str, ...]) -> bool:
    if test in (("always_true",), ("TRUE",)):
        return True
    # `-i` does not change that; `-m beg` says in two words what `_beg` says in one.
    words = [word for word in test if word not in ("-i", "--")]
    if "-m" in words[1:-1]:
        at = words.index("-m")
        if words[at + 1] == "found" and words[0] in ("path", "req.hdr(host)", "hdr(host)"):
            return True
        words = [f"{words[0]}_{words[at + 1]}", *words[1:at], *words[at + 2 :]]
        words[0] = re.sub(r"^((?:req\.)?f?hdr)(\(.*\))_reg$", r"\1_reg\2", words[0])
    if len(words) < 2:
        return False
    if words[0] in ("path", "base", "url"):
        return False  # `path /` is the front page and no other
    # Several patterns are alternatives: one that always matches is enough.
    one_by_one = (f"{words[0]} {word}" for word in words[1:])
    every = (_EVERY_PATH, _EVERY_HOST, _EVERY_ADDRESS)
    return any(pattern.fullmatch(text) for text in one_by_one for pattern in every)


def _targets(target: str, files: Mapping[str, bytes]) -> tuple[str, ...]:
    """A pool's name; for an expression, the names that its maps give, as far as the maps are among the files."""
    if "%[" not in target:
        return (target,)
    names: dict[str, None] = {}
    for path, default in _MAP.findall(target):
        names[default.strip()] = None
        ends = [data for name, data in files.items() if path.rpartition("/")[2] == name.rpartition("/")[2]]
        for row in b"\n".join(ends).decode(errors="replace").splitlines():
            pair = row.split()
            if len(pair) > 1 and not pair[0].startswith("#"):
                names[pair[1]] = None
    return tuple(name for name in names if name)
