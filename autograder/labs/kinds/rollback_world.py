"""The history of a balancer's config that a rollback is tried on: which changes, in which order, which one was bad.

A lab writes it down once, in ``history.toml``: the first version, and changes that can be made to it in nearly any
order. What a learner sees is the order of ``written``; what is graded is drawn anew, so that a program which knows the
lab's history by heart is of no use.
"""

from __future__ import annotations

import random
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

OUTAGE: Final = "outage"
"""The named change is the cause. Good ones came after it."""
ENTANGLED: Final = "entangled"
"""A later change builds on the named one: without it the config does not hold."""
NO_HELP: Final = "no-help"
"""Undoing the named change does not help: another one is the cause, or a server is dead."""
SCENES: Final = (OUTAGE, ENTANGLED, NO_HELP)
_FIRST_AT: Final = 1_677_484_800
"""Monday, 27 February 2023, 8:00 UTC."""
_APART_S: Final = 9_000
_MOST_GOOD: Final = 4


@dataclass(frozen=True)
class Change:
    """One change: ``edits`` are texts to find and what to put there, ``files`` further files that come with it.

    ``role`` is ``good``, ``needed`` (good, and always there), ``bad`` (all traffic to one server), ``base`` or
    ``builds-on`` (good both; the second does not hold without the first).
    """

    name: str
    author: str
    message: str
    role: str
    edits: tuple[tuple[str, str], ...]
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class World:
    """A history: each commit's change (None for the first) and files, and the number of the one that is to be undone.

    ``wanted`` are the files without that change, and with all others. ``dead`` is a server that will not come back,
    or nothing. ``reason`` is what whoever rolls back is to say. ``taken_out`` and ``drained`` are the servers that
    somebody set so by hand in the outage, and forgot: out of the pool, and to a weight of nothing.
    """

    changes: tuple[Change | None, ...]
    versions: tuple[Mapping[str, bytes], ...]
    named: int
    wanted: Mapping[str, bytes]
    reason: str
    taken_out: str
    drained: str
    dead: str = ""

    @property
    def last(self) -> Mapping[str, bytes]:
        """The files of the last commit: what runs when the outage is noticed."""
        return self.versions[-1]

    @property
    def others(self) -> tuple[Change, ...]:
        """Every change but the one to be undone."""
        return tuple(change for number, change in enumerate(self.changes) if change and number != self.named)

    @property
    def undone(self) -> Change:
        """The change to be undone."""
        change = self.changes[self.named]
        assert change is not None  # the first version is nobody's to undo
        return change

    def stream(self) -> bytes:
        """The history as ``git fast-import`` reads it; the same world has the same commit names everywhere."""
        parts: list[bytes] = []
        for number, (change, files) in enumerate(zip(self.changes, self.versions, strict=True)):
            author = change.author if change else "Ana Ruiz"
            message = f"{change.message if change else 'First version'}\n".encode()
            mail = author.split()[0].lower()
            parts.append(
                f"commit refs/heads/main\ncommitter {author} <{mail}@shop.example> "
                f"{_FIRST_AT + number * _APART_S} +0000\n".encode()
            )
            parts += [_data(message), b"deleteall\n"]
            for path, content in sorted(files.items()):
                parts += [f"M 100644 inline {path}\n".encode(), _data(content)]
        return b"".join(parts)


def _data(content: bytes) -> bytes:
    return b"data %d\n%b\n" % (len(content), content)


@dataclass(frozen=True)
class History:
    """What a lab says: the first version of each file, all changes by name, and the order as it is written.

    ``taken_out`` and ``drained`` are the servers that somebody set so by hand.
    """

    first: Mapping[str, bytes]
    changes: Mapping[str, Change]
    written: tuple[str, ...]
    servers: tuple[str, ...]
    taken_out: str
    drained: str

    def of_role(self, *roles: str) -> list[Change]:
        """Changes with one of these roles, in the order they are written in."""
        return [change for change in self.changes.values() if change.role in roles]


def read_history(text: str, servers: Sequence[str]) -> History:
    """The history that a lab's ``history.toml`` says; ``servers`` are the stack's. Raises what a broken file raises."""
    data: dict[str, Any] = tomllib.loads(text)
    changes = {
        row["name"]: Change(
            row["name"],
            row["author"],
            row["message"],
            row["role"],
            tuple((find, put) for find, put in row.get("edits", [])),
            {name: text.encode() for name, text in row.get("files", {}).items()},
        )
        for row in data["changes"]
    }
    first = {name: text.encode() for name, text in data["first"].items()}
    set_by_hand = data["set-by-hand"]
    return History(
        first, changes, tuple(data["written"]), tuple(servers), set_by_hand["taken-out"], set_by_hand["drained"]
    )


def draw(history: History, scene: str, seed: int) -> World:
    """The world of a scene: for ``seed`` 0 as the lab writes it, else drawn; the same for the same seed."""
    dice = random.Random(f"{seed} {scene}")
    reason = f"nearly all requests reached one server, INC-{dice.randrange(1000, 9999)}"
    if scene == ENTANGLED:
        base, builds_on = history.of_role("base")[0], history.of_role("builds-on")[0]
        others = history.of_role("needed") + _some(history, dice, seed)
        order = [*others[:1], base, *others[1:], builds_on]
        return _world(history, order, base, reason)
    order = _shuffled(history, dice) if seed else [history.changes[name] for name in history.written]
    bad = next(change for change in order if change.role == "bad")
    if scene == OUTAGE:
        return _world(history, order, bad, reason)
    if seed and dice.random() < 0.5:
        return _world(history, order, bad, reason, dice.choice(history.servers))
    harmless = [change for change in order if change.role == "good"]
    return _world(history, order, dice.choice(harmless) if seed else harmless[-1], reason)


def _some(history: History, dice: random.Random, seed: int) -> list[Change]:
    good = history.of_role("good")
    return dice.sample(good, dice.randint(2, min(len(good), _MOST_GOOD))) if seed else good[:2]


def _shuffled(history: History, dice: random.Random) -> list[Change]:
    """A bad change with good ones before and after it."""
    good = _some(history, dice, seed=1) + history.of_role("needed")
    dice.shuffle(good)
    place = dice.randint(1, len(good) - 1)
    return [*good[:place], dice.choice(history.of_role("bad")), *good[place:]]


def _world(history: History, order: Sequence[Change], named: Change, reason: str, dead: str = "") -> World:
    versions = tuple(_versions(history.first, order))
    *_, wanted = _versions(history.first, [change for change in order if change is not named])
    number = order.index(named) + 1
    return World((None, *order), versions, number, wanted, reason, history.taken_out, history.drained, dead)


def _versions(first: Mapping[str, bytes], order: Sequence[Change]) -> Iterator[Mapping[str, bytes]]:
    files = dict(first)
    yield dict(files)
    for change in order:
        for find, put in change.edits:
            (path,) = [path for path, content in files.items() if find.encode() in content] or [""]
            # One that builds on another is also asked what it would be without.
            if path:
                files[path] = files[path].replace(find.encode(), put.encode(), 1)
        files |= change.files
        yield dict(files)
