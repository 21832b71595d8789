"""The story of a shift on call: what was changed before it, which change was the cause, who asks, and when.

A lab says in ``world.toml`` what may happen; the text ``world`` of its checks, which differs between students, says
what did: the cause, the good changes around it, and the time at which the pager fires.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from autograder.errors import ManyHandsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.labs.lab import Lab

FILE: Final = "world.toml"
LAST_S: Final = 7200.0
"""Seconds of the story that a shift has, from the pager on."""
_BEFORE: Final = 2
"""Good changes that came before the cause; the others came after it."""
_DIGITS: Final = 7


class ShiftError(ManyHandsError):
    """Something that cannot be done on this shift; nothing was done."""


@dataclass(frozen=True)
class Change:
    """One version in the history: the config ``after`` it, and what it exchanged to get there.

    ``at_s`` is when, in seconds from the pager (before it: negative).
    """

    name: str
    author: str
    message: str
    at_s: float
    edits: tuple[tuple[str, str], ...]
    after: str


@dataclass(frozen=True)
class Ask:
    """What somebody asks in the chat, ``at_s`` seconds after the pager."""

    at_s: float
    who: str
    says: str


@dataclass(frozen=True)
class World:
    """One shift. ``wanted`` is the config without the cause and with everything else.

    ``key`` says which world it is; ``began_s`` is the pager's time of day and ``unseen_s`` how long users were hit
    before it, both in seconds; ``rate`` is requests a second of the story.
    """

    key: str
    history: tuple[Change, ...]
    cause: Change
    wanted: str
    pool: str
    spare: str
    servers: tuple[str, ...]
    began_s: float
    unseen_s: float
    rate: float
    asks: tuple[Ask, ...]

    @property
    def last(self) -> str:
        """The config that runs when the pager fires."""
        return self.history[-1].after

    @property
    def alone(self) -> str:
        """The server that everything is sent to: the one whose line the cause leaves in use."""
        return self.servers[0]

    def clock(self, at_s: float) -> str:
        """The time of day, ``10:05``, so many seconds after the pager."""
        minutes = int(self.began_s + at_s) // 60
        return f"{minutes // 60 % 24:02}:{minutes % 60:02}"


def read_world(lab: Lab, key: str) -> World:
    """The world ``key`` of a lab, as its variant has it. Raises what a broken ``world.toml`` raises."""
    data: dict[str, Any] = tomllib.loads(lab.rewriting.text((lab.folder / FILE).read_text(encoding="utf-8")))
    bad, goods, time = (part.strip() for part in key.split("/"))
    order = [*goods.split()[:_BEFORE], bad, *goods.split()[_BEFORE:]]
    rows = [data["changes"][name] for name in order]
    history = [_first(data)]
    wanted = history[0].after
    for name, row, ident, ago in zip(order, rows, data["ids"][1:], data["ago"][1:], strict=True):
        edits = tuple((find, put) for find, put in row["edits"])
        after = exchanged(history[-1].after, edits)
        history.append(Change(ident, row["author"], row["message"], -float(ago), edits, after))
        wanted = wanted if name == bad else exchanged(wanted, edits)
    hours, _, minutes = time.partition(":")
    return World(
        key=key,
        history=tuple(history),
        cause=history[1 + _BEFORE],
        wanted=wanted,
        pool=data["pool"],
        spare=data["spare"],
        servers=tuple(one for one in _named_in(wanted) if one != data["spare"]),
        began_s=60.0 * (60 * int(hours) + int(minutes)),
        unseen_s=60.0 * data["unseen"],
        rate=data["a_minute"] / 60,
        asks=tuple(Ask(60.0 * row["after"], row["who"], row["says"]) for row in data["asks"]),
    )


def _first(data: Mapping[str, Any]) -> Change:
    first = data["first"]
    return Change(data["ids"][0], first["author"], first["message"], -float(data["ago"][0]), (), first["config"])


def exchanged(config: str, edits: tuple[tuple[str, str], ...]) -> str:
    """``config`` with each text exchanged for its other. Raises :class:`ShiftError` where one is not there once."""
    for find, put in edits:
        if config.count(find) != 1:
            words = "lines that it changed were changed since"
            raise ShiftError("this change cannot be taken back by itself", why=words, remedy="mend the file by hand")
        config = config.replace(find, put)
    return config


def _named_in(config: str) -> list[str]:
    rows = (line.split() for line in config.splitlines())
    return [row[1] for row in rows if len(row) > 1 and row[0] == "server"]


@dataclass(frozen=True)
class Repository:
    """The history of the config as it is now: the branch that everybody sees, the newest last."""

    commits: tuple[Change, ...]

    @property
    def config(self) -> str:
        """The newest version."""
        return self.commits[-1].after

    def named(self, name: str) -> Change:
        """The commit whose name begins so. Raises :class:`ShiftError` if there is none, or several."""
        found = [one for one in self.commits if len(name) >= _DIGITS - 3 and one.name.startswith(name)]
        if len(found) != 1:
            known = ", ".join(one.name for one in reversed(self.commits))
            raise ShiftError(f"there is no commit {name!r}", remedy=f"take one of {known}")
        return found[0]

    def reverted(self, name: str, why: str, at_s: float) -> Repository:
        """One more commit, which takes back what ``name`` did, and nothing else."""
        commit = self.named(name)
        if not commit.edits:
            raise ShiftError(f"{commit.name} is the first version", remedy="it cannot be taken back")
        config = exchanged(self.config, tuple((put, find) for find, put in commit.edits))
        return self.committed(config, f"Revert {commit.name} {commit.message!r}: {why}", at_s)

    def gone_back(self, name: str, why: str, at_s: float) -> Repository:
        """One more commit, with the whole file as it was after ``name``."""
        commit = self.named(name)
        return self.committed(commit.after, f"Back to {commit.name} {commit.message!r}: {why}", at_s)

    def reset(self, name: str) -> Repository:
        """The history up to ``name``; what came after it is forgotten."""
        last = self.commits.index(self.named(name))
        return Repository(self.commits[: last + 1])

    def committed(self, config: str, message: str, at_s: float) -> Repository:
        """One more commit with this config. Raises :class:`ShiftError` if nothing would change."""
        if config == self.config:
            raise ShiftError("nothing was changed", why="the newest version is the same")
        name = hashlib.sha256(f"{len(self.commits)}\n{config}".encode()).hexdigest()[:_DIGITS]
        edits = ((self.config, config),) if self.config else ()
        return Repository((*self.commits, Change(name, "you", message, at_s, edits, config)))
