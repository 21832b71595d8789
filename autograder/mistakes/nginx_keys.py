"""What the key of an nginx hash is made of, also where ``set``, ``map`` and the like hand a value on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autograder.mistakes.nginx_choices import choices
from autograder.mistakes.nginx_config import variables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from autograder.mistakes.nginx_choices import Choice
    from autograder.mistakes.nginx_config import NginxConfig, Upstream
    from autograder.stack.proxies.nginx_syntax import Word

ENOUGH = 20
"""With this many values or more a hash begins to spread."""
_ONE = re.compile(r"\$(?:\w+|\{\w+\})")
_OTHER_SETTERS = re.compile(r"\w+_set|set_\w+|keyval")
_CAPTURE = re.compile(r"\?P?[<'](\w+)[>']")


@dataclass(frozen=True)
class Key:
    """A key as far as it can be followed. ``names`` are its variables, without dollar signs.

    ``literal`` tells that there is text beside them; ``several`` that a variable of this config stands for one of a
    few values, so that even without any names there is more than one key.
    """

    names: frozenset[str]
    literal: bool
    several: bool


@dataclass(frozen=True)
class Hashed:
    """A pool of several servers that deals requests out by ``hash``, and its key. ``words`` are what says so."""

    upstream: Upstream
    words: tuple[Word, ...]
    key: Key

    @property
    def written(self) -> str:
        """The key as it is written."""
        return self.words[1].text


def hashed(config: NginxConfig) -> Iterator[Hashed]:
    """Every pool in use that goes by ``hash``."""
    found = [
        (upstream, upstream.method)
        for upstream in config.upstreams
        if upstream.used and upstream.method and upstream.method.name == "hash" and len(upstream.serving) > 1
    ]
    known = followed(config) if any(upstream.key for upstream, _ in found) else {}
    for upstream, method in found:
        if method.args:
            yield Hashed(upstream, (method.word, method.args[0]), made_of(method.args[0].text, known))


def followed(config: NginxConfig) -> dict[str, tuple[Choice, ...]]:
    """Variable → everything that gives it a value, of those variables that nothing else gives one."""
    elsewhere: set[str] = set()
    for statement in config.every():
        elsewhere.update(name for arg in statement.args for name in _CAPTURE.findall(arg.text))
        if _OTHER_SETTERS.fullmatch(statement.name):
            elsewhere.update(name for arg in statement.args for name in variables(arg.text))
    return {name: all_of_it for name, all_of_it in choices(config).items() if name not in elsewhere}


def made_of(text: str, known: Mapping[str, tuple[Choice, ...]]) -> Key:
    """What a text with variables is made of; those that ``known`` gives a few values are followed."""
    literal, several = _has_literal(text), False
    names: set[str] = set()
    reached = set(variables(text))
    waiting = list(reached)
    while waiting:
        name = waiting.pop()
        values = _values(known.get(name, ()))
        if not values or len(values) >= ENOUGH:
            names.add(name)
            continue
        several = several or len(values) > 1
        literal = literal or any(_has_literal(value) for value in values)
        within = frozenset[str]().union(*(variables(value) for value in values))
        names |= within & {name}  # `set $args $args&more`: what nginx itself knows by that name
        waiting += within - reached
        reached |= within
    return Key(frozenset(names), literal, several)


def _values(given: tuple[Choice, ...]) -> set[str]:
    """Everything that a variable may be; empty among it where what looks at something finds nothing that fits."""
    values = {entry.value.text for choice in given for entry in choice.entries}
    open_ended = (choice for choice in given if choice.kind != "set" and not any(e.fits_all for e in choice.entries))
    return values | {"" for _ in open_ended}


def _has_literal(text: str) -> bool:
    return bool(_ONE.sub("", text))
