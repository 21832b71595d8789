"""Host names that clients can ask for, from the names that a config answers to as it writes them."""

from __future__ import annotations

import itertools
import random
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

ANY = "shop.example"
"""What is asked for where any name will do."""
_LONGEST_PATTERN = 400
_MOST_DRAWS = 20
"""Texts drawn for one pattern in a row without a new host name among them; then there is none, or none we can see."""
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_NAMED_GROUP = re.compile(r"\(\?<(?![=!])")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9_.-]{0,250}[a-z0-9])?")


def host_of(names: Iterable[str]) -> str:
    """A host name that clients can ask for and one of ``names`` (as nginx or HAProxy write them) answers to."""
    said = sorted((name.strip('"').lower() for name in names), key=lambda name: name[:1] in ("~", "^"))
    return next(itertools.chain.from_iterable(map(_answered, said)), ANY)


def hosts_of(names: Sequence[str], count: int) -> tuple[str, ...]:
    """At most ``count`` different host names that ``names`` answer to, the same each time; any names if it is empty."""
    said = [name.strip('"').lower() for name in names]
    made = [_answered(name) for name in said if name != "_"]
    if not names or "_" in said:
        made.append(iter([ANY, *_numbered("", ".example", count)]))
    found: dict[str, None] = {}
    while made and len(found) < count:
        # In turn: each listed name before a second one of any pattern.
        for one in tuple(made):
            host = next(one, None)
            if host is None:
                made.remove(one)
            elif len(found) < count:
                found[host] = None
    return tuple(found)


def are_open(names: Sequence[str]) -> bool:
    """Whether more names are answered to than are listed: any at all, or all that a wildcard or a pattern takes."""
    said = [name.strip('"') for name in names]
    return not said or any(name[:1] in ("*", "~", ".", "^", "_") or name.endswith(".*") for name in said)


def _answered(name: str) -> Iterator[str]:
    """Host names for one name as it is written (small letters)."""
    if name in ("", "_") or name[0] == "!":
        return
    if name[0] in "~^":
        yield from _matching(name.removeprefix("~").removeprefix("*"))
    elif "$" not in name:
        if name[0] == "*":
            yield f"www{name[1:]}"
            yield from _numbered("", name[1:])
        elif name[0] == "." or name.endswith(".*"):
            base = name.removeprefix(".").removesuffix(".*")
            yield base
            yield from _numbered("", f".{base}") if name[0] == "." else _numbered(f"{base}.", "")
        else:
            yield name


def _numbered(before: str, after: str, count: int = 100_000) -> Iterator[str]:
    return (f"{before}site-{number}{after}" for number in range(count))


def _matching(pattern: str) -> Iterator[str]:
    """Host names that a regular expression is found in; none if it is beyond us."""
    python = _NAMED_GROUP.sub("(?P<", pattern)
    if len(python) > _LONGEST_PATTERN:
        return
    try:
        wanted = re.compile(python, re.IGNORECASE)
        draw = _drawing(python)
        dice = random.Random(python)
        seen: set[str] = set()
        since = 0
        while since < _MOST_DRAWS:
            since += 1
            text = draw(dice).lower()
            host = f"{f'site-{len(seen)}' if seen else 'www'}{text}" if text[:1] == "." else text
            if host not in seen and _HOST.fullmatch(host) and wanted.search(host):
                seen.add(host)
                since = 0
                yield host
    except (re.error, ImportError, NotImplementedError, RecursionError):
        return


def _drawing(pattern: str) -> Callable[[random.Random], str]:
    """What draws texts for a pattern: most of them are found by it."""
    # The tree of a regular expression is Python's own affair; where it has moved, there are no names for patterns.
    from re import _parser  # type: ignore[attr-defined]  # not in the stubs

    tree: Any = _parser.parse(pattern)
    return lambda dice: "".join(_part(str(kind), told, dice) for kind, told in tree)


def _part(kind: str, told: Any, dice: random.Random) -> str:
    def of(tree: Any) -> str:
        return "".join(_part(str(kind), told, dice) for kind, told in tree)

    if kind == "LITERAL":
        return chr(told)
    if kind in ("ANY", "NOT_LITERAL", "CATEGORY"):
        letters = _LETTERS if kind != "CATEGORY" or "DIGIT" not in str(told) else "0123456789"
        return dice.choice([letter for letter in letters if kind != "NOT_LITERAL" or ord(letter) != told])
    if kind == "IN":
        return _one_of(told, dice)
    if kind in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        least, most, tree = told
        return "".join(of(tree) for _ in range(dice.randint(least, max(least, min(int(most), least + 6)))))
    if kind == "SUBPATTERN":
        return of(told[3])
    if kind == "BRANCH":
        return of(dice.choice(told[1]))
    if kind in ("AT", "ASSERT", "ASSERT_NOT"):
        return ""  # whether they hold is seen when the whole is looked for
    raise NotImplementedError(kind)


def _one_of(told: Any, dice: random.Random) -> str:
    """One of a class of characters: those of host names in it, else any."""
    negated = str(told[0][0]) == "NEGATE"
    letters: set[str] = set()
    for kind, what in told:
        if str(kind) == "LITERAL":
            letters.add(chr(what))
        elif str(kind) == "RANGE":
            letters |= {chr(code) for code in range(what[0], min(what[1], what[0] + 127) + 1)}
        elif str(kind) == "CATEGORY":
            letters |= set("0123456789" if "DIGIT" in str(what) else _LETTERS)
    plain = [letter for letter in _LETTERS if (letter in letters) != negated]
    return dice.choice(plain or sorted(letters))
