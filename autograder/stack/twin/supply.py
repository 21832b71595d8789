"""The files a config names and does not bring along, made or taken from what every installation has."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autograder.stack.proxies.reading import Unmet
from autograder.stack.twin.conjure import FFDHE2048, PASSWORDS, ticket_key
from autograder.stack.twin.plan import mountable
from autograder.stack.twin.standard import standard_files

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.stack.proxies.reading import Expected, Needs
    from autograder.stack.twin.conjure import Authority

_EMPTY = "it is not in the config folder; an empty file stands in for it"


@dataclass(frozen=True)
class Supply:
    """``beside`` go into the config folder (relative path → content), ``elsewhere`` to absolute paths."""

    beside: Mapping[str, bytes]
    elsewhere: Mapping[str, bytes]
    unmet: tuple[Unmet, ...]

    @property
    def folders(self) -> tuple[str, ...]:
        """Folders that ``elsewhere`` needs."""
        return tuple(dict.fromkeys(posixpath.dirname(path) for path in self.elsewhere))


def supply(needs: Needs, files: Mapping[str, bytes], home: str, authority: Authority) -> Supply:
    """Everything that ``needs`` expects as a file; ``files`` is the config folder, which lies at ``home``."""
    made: dict[str, bytes] = {}
    unmet: list[Unmet] = []
    names = [*(name for listening in needs.listens for name in listening.names), "shop.example"]
    for expected in needs.expected:
        content = _content(expected, names, home, authority)
        if expected.kind == "authority":
            # What the config checks servers against must know who made theirs.
            there = files.get(expected.what.removeprefix(f"{home}/"))
            content[expected.what] = (there + b"\n" if there else b"") + authority.certificate
            if there:
                what = "the authority of the stand-ins' certificates is added to it"
                unmet.append(Unmet(expected.place, expected.what, what))
        elif expected.kind == "file" and not content:
            # Who named it may know what must be in it, and what comes of its being empty.
            content[expected.what] = "".join(f"{line}\n" for line in expected.with_).encode()
            if not any(said.what == expected.what for said in needs.unmet):
                unmet.append(Unmet(expected.place, expected.what, _EMPTY))
        made |= content
    beside = {p.removeprefix(f"{home}/"): data for p, data in made.items() if p.startswith(f"{home}/")}
    beside |= _kept(needs, home)
    elsewhere = {p: data for p, data in made.items() if not p.startswith(f"{home}/")}
    for path in [path for path in elsewhere if not mountable(posixpath.dirname(path)) and not _in_etc(path)]:
        place = next(e.place for e in needs.expected if path in (e.what, *e.with_))
        unmet.append(Unmet(place, path, "nothing can be put there: it is a folder of the system"))
        del elsewhere[path]
    return Supply(beside, elsewhere, tuple(dict.fromkeys(unmet)))


def _content(expected: Expected, names: list[str], home: str, authority: Authority) -> dict[str, bytes]:
    kind, what = expected.kind, expected.what
    if kind == "certificate":
        leaf = authority.leaf(names)
        return {what: leaf.chain, **dict.fromkeys(expected.with_[:1], leaf.key)}
    if kind == "certificate-and-key":
        leaf = authority.leaf(names)
        return {what: leaf.chain + leaf.key}
    if kind == "certificate-folder":
        leaf = authority.leaf(names)
        return {f"{what.rstrip('/')}/twin.pem": leaf.chain + leaf.key}
    if kind == "revocations":
        return {what: authority.revocations}
    if kind == "dhparam":
        return {what: FFDHE2048}
    if kind == "ticket-key":
        size, form = expected.with_ if len(expected.with_) == 2 else ("80", "raw")
        return {what: ticket_key(size, form)}
    if kind == "passwords":
        return {what: PASSWORDS}
    if kind == "script":
        return {what: b""}
    if kind == "file":
        return standard_files(what, home) or ({what: FFDHE2048} if "dhparam" in what else {})
    return {}


def _in_etc(path: str) -> bool:
    return posixpath.dirname(path) in ("/etc", "/run", "/srv", "/var")


def _kept(needs: Needs, home: str) -> dict[str, bytes]:
    """Folders below the config folder hold a file, because that folder is made anew with each config."""
    inside = [e.what.removeprefix(f"{home}/") for e in needs.expected if e.kind == "folder"]
    return {f"{folder}/.twin": b"" for folder in inside if not folder.startswith("/")}
