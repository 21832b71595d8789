"""Variables of an nginx config that choose where requests go: ``map``, ``geo``, ``split_clients`` and ``set``."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.nginx_config import NginxConfig, Pass
    from autograder.stack.proxies.nginx_syntax import Statement, Word

_BLOCKS = ("map", "geo", "split_clients")
_NO_ENTRY = ("hostnames", "volatile", "include", "ranges", "proxy", "delete", "proxy_recursive")
_ANYTHING = frozenset(("default", "*", "0.0.0.0/0", "::/0", "~.", "~.*", "~*.*", "~^", "~*^", "~^.*$", "~^.*"))


@dataclass(frozen=True)
class Entry:
    """One line of a choice: ``pattern`` is what must fit, ``value`` what the variable is then."""

    pattern: Word
    value: Word

    @property
    def host(self) -> str:
        """The host or pool the value names, in lower case; empty if it has variables in it, or is empty."""
        if "$" in self.value.text:
            return ""
        address = self.value.text.partition("://")[2] or self.value.text
        return address if address.startswith("unix:") else address.partition("/")[0].lower()

    @property
    def fits_all(self) -> bool:
        """Whether every request that no other line fits comes here."""
        return self.pattern.text in _ANYTHING

    @property
    def percent(self) -> float | None:
        """The part of the requests in ``split_clients``; None for the rest (``*``)."""
        number = self.pattern.text.removesuffix("%")
        return float(number) if re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,2})?", number) else None


@dataclass(frozen=True)
class Choice:
    """What one ``map``, ``geo``, ``split_clients`` or ``set`` makes of a variable."""

    statement: Statement
    variable: str
    """Without its dollar sign."""
    source: Word | None
    """What it looks at; None for ``set`` and for a ``geo`` of the client's address."""
    entries: tuple[Entry, ...]

    @property
    def kind(self) -> str:
        """The directive."""
        return self.statement.name


def choices(config: NginxConfig) -> dict[str, tuple[Choice, ...]]:
    """Variable (without its dollar sign) → everything that gives it a value, in the order of the config."""
    found: defaultdict[str, list[Choice]] = defaultdict(list)
    for choice in _read(config):
        found[choice.variable].append(choice)
    return {name: tuple(all_of_it) for name, all_of_it in found.items()}


def routing(config: NginxConfig) -> Iterator[tuple[tuple[Choice, ...], tuple[Pass, ...]]]:
    """For each variable that alone says where lines send requests: what gives it its value, and those lines."""
    by_variable: defaultdict[str, list[Pass]] = defaultdict(list)
    for line in config.passes:
        address = line.target.text.partition("://")[2] or line.target.text
        if len(line.variables) == 1 and re.fullmatch(r"\$(\w+|\{\w+\})", address.partition("/")[0]):
            by_variable[line.variables[0]].append(line)
    known = choices(config) if by_variable else {}
    for name, lines in by_variable.items():
        yield known.get(name, ()), tuple(lines)


def _read(config: NginxConfig) -> Iterator[Choice]:
    for statement in config.settings("set", *_BLOCKS):
        args = statement.args
        if statement.name == "set" and len(args) == 2 and args[0].text.startswith("$"):
            yield Choice(statement, args[0].text[1:], None, (Entry(args[0], args[1]),))
        elif statement.block is not None and args and args[-1].text.startswith("$"):
            entries = tuple(
                Entry(inner.word, inner.args[0])
                for inner in statement.block
                if len(inner.args) == 1 and inner.block is None and inner.name not in _NO_ENTRY
            )
            yield Choice(statement, args[-1].text[1:], args[0] if len(args) == 2 else None, entries)
