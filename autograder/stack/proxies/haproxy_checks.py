"""What a backend's health checks ask for, and whether the stand-ins of a twin give it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.stack.proxies.haproxy_syntax import Line, Section

PAGE = "Welcome to the shop. You were served by"
"""How the page of every stand-in begins."""
_LINES = {"+PONG", "role:master", "+OK", "220", "250"}
"""What the stand-ins of databases and mail say when they are asked (``dialects/tcp.py``)."""
_SPEAKS = {"mysql-check": "mysql", "smtpchk": "smtp", "httpchk": "http"}
_CLIENT_FIRST = ("pgsql-check", "redis-check", "ldap-check", "tcp-check")
_ALL_DOWN = "the stand-ins do not give this answer: HAProxy holds every server of {} for down, and none gets traffic"


@dataclass(frozen=True)
class Checks:
    """How a backend looks whether its servers are there.

    ``speaks`` is what a server must speak for that (empty if anything will do), ``hello`` that it must answer a TLS
    hello, ``ports`` are those that checks connect to where they say so themselves.
    """

    speaks: str = ""
    hello: bool = False
    ports: tuple[int, ...] = ()


def checks_of(section: Section) -> Checks:
    """Read a backend's ``option …-check``; the last one holds."""
    speaks, hello, kind = "", False, ""
    for line in section.inherited("option"):
        name = line.values[0] if line.values else ""
        if name in _SPEAKS or name in _CLIENT_FIRST or name == "ssl-hello-chk":
            speaks, hello = _SPEAKS.get(name, "tcp" if name in _CLIENT_FIRST else ""), name == "ssl-hello-chk"
            kind = {"httpchk": "http-check", "tcp-check": "tcp-check"}.get(name, "")
    if speaks == "http" and _over_tls(section):
        speaks, hello = "", True
    return Checks(speaks, hello, tuple(_ports(section, kind)) if kind else ())


def _ports(section: Section, kind: str) -> Iterator[int]:
    """Ports that lines like ``http-check connect port 8081`` name."""
    for line in section.inherited(kind):
        words = line.values
        if words[:1] == ("connect",) and "port" in words[:-1]:
            text = words[words.index("port") + 1]
            if text.isascii() and text.isdecimal() and 0 < int(text[:6]) <= 65535:
                yield int(text)


def _over_tls(section: Section) -> bool:
    lines = [line.values for line in (*section.inherited("default-server"), *section.named("server"))]
    connects = [line.values for line in section.inherited("http-check") if line.values[:1] == ("connect",)]
    return any("check-ssl" in values for values in lines) or any("ssl" in values for values in connects)


@dataclass(frozen=True)
class Demands:
    """What checks look for: ``says`` is what a stand-in has to say, ``beyond`` lines that none can satisfy, and why."""

    says: str
    beyond: tuple[tuple[Line, str], ...]


def demands_of(section: Section) -> Demands:
    """Read what the checks of a backend expect of an answer."""
    down = _ALL_DOWN.format(section.name)
    says: dict[str, None] = {}
    beyond: list[tuple[Line, str]] = []
    if (line := section.option("external-check")) is not None:
        beyond.append((line, "the program that looks whether servers are there is not in the twin"))
    web = section.option("httpchk") is not None
    plain = section.option("tcp-check") is not None
    for line in section.inherited("http-check", "tcp-check"):
        words = _expectation(line)
        if not words or not (web if line.name == "http-check" else plain):
            continue
        page = PAGE if line.name == "http-check" else "\n".join(_LINES)
        if _met(words, 200, page):
            continue
        word = _word_for(words)
        if word and _met(words, 200, f"{word}\n{page}"):
            says[word] = None
        else:
            beyond.append((line, down))
    return Demands("\n".join(says), tuple(beyond))


def _expectation(line: Line) -> list[str]:
    """The words after ``expect`` and what may stand between; empty if the line is another."""
    words = list(line.values)
    if words[:1] != ["expect"]:
        return []
    words = words[1:]
    while len(words) > 2 and words[0] in _BEFORE:
        words = words[2:]
    return words


def _word_for(words: list[str]) -> str:
    """A text that an expectation may be met by: the string itself, or the plainest that a regular expression takes."""
    if len(words) < 2 or words[0] not in ("string", "rstring"):
        return ""
    text = words[1] if words[0] == "string" else re.sub(r"\\(.)", r"\1", words[1].split("|")[0].strip("()^$"))
    return text if text.isprintable() and len(text) < 200 else ""


def _met(words: list[str], status: int, page: str) -> bool:
    """Whether an expectation (docs.haproxy.org/2.8/configuration.html, http-check expect) is met by such an answer."""
    negated = words[:1] == ["!"]
    words = words[negated:]
    if len(words) < 2:
        return True  # HAProxy has a word to say about that itself
    kind, wanted = words[0], words[1]
    if kind == "status":
        found = any(_in_range(part, status) for part in wanted.split(","))
    elif kind == "string":
        found = wanted in page
    elif kind in ("rstatus", "rstring"):
        found = _matches(wanted, page if kind == "rstring" else str(status))
    else:
        found = False
    return found != negated


def _matches(pattern: str, text: str) -> bool:
    """Whether a plain regular expression is found; one that could take for ever to answer counts as not."""
    if len(pattern) > _LONGEST_PATTERN or re.search(r"(?<!\\)[*+{]", pattern):
        return False
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return False


_LONGEST_PATTERN = 40
_BEFORE = ("min-recv", "ok-status", "error-status", "tout-status", "on-success", "on-error", "status-code", "comment")


def _in_range(text: str, status: int) -> bool:
    low, _, high = text.partition("-")
    if not (low.isascii() and low.isdecimal() and len(low) < 6):
        return True
    last = int(high) if high.isascii() and high.isdecimal() and len(high) < 6 else int(low)
    return int(low) <= status <= last
