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
    hello.
    """

    speaks: str = ""
    hello: bool = False


def checks_of(section: Section) -> Checks:
    """Read a backend's ``option …-check``; the last one holds."""
    found = Checks()
    for line in section.inherited("option"):
        name = line.values[0] if line.values else ""
        if name in _SPEAKS:
            found = Checks(_SPEAKS[name])
        elif name == "ssl-hello-chk":
            found = Checks(hello=True)
        elif name in _CLIENT_FIRST:
            found = Checks("tcp")
    if found.speaks == "http" and _over_tls(section):
        return Checks("", hello=True)
    return found


def _over_tls(section: Section) -> bool:
    lines = [line.values for line in (*section.inherited("default-server"), *section.named("server"))]
    return any("check-ssl" in values for values in lines)


def demands(section: Section, mode: str) -> Iterator[tuple[Line, str]]:
    """Lines that ask the stand-ins for more than they give, each with what comes of it."""
    down = _ALL_DOWN.format(section.name)
    if (line := section.option("external-check")) is not None:
        yield line, "the program that looks whether servers are there is not in the twin: " + down
    web = section.option("httpchk") is not None
    for line in section.inherited("http-check", "tcp-check"):
        values = [value for value in line.values if value]
        if values[:1] != ["expect"]:
            continue
        if line.name == "http-check" and (web or mode == "http") and not _met(values[1:], 200, PAGE):
            yield line, down
        elif line.name == "tcp-check" and section.option("tcp-check") is not None:
            wanted = values[-1]
            if values[-2] != "string" or not any(said.startswith(wanted) or wanted in said for said in _LINES):
                yield line, down


def _met(words: list[str], status: int, page: str) -> bool:
    """Whether an expectation (docs.haproxy.org/2.8/configuration.html, http-check expect) is met by such an answer."""
    while len(words) > 2 and words[0] in _BEFORE:
        words = words[2:]
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
        try:
            found = re.search(wanted, page if kind == "rstring" else str(status)) is not None
        except re.error:
            return True
    else:
        found = False
    return found != negated


_BEFORE = ("min-recv", "ok-status", "error-status", "tout-status", "on-success", "on-error", "status-code", "comment")


def _in_range(text: str, status: int) -> bool:
    low, _, high = text.partition("-")
    if not (low.isascii() and low.isdecimal() and len(low) < 6):
        return True
    last = int(high) if high.isascii() and high.isdecimal() and len(high) < 6 else int(low)
    return int(low) <= status <= last
