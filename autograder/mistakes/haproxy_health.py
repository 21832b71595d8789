"""How a HAProxy pool learns that a server is broken, and what it does with the requests that meet it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autograder.mistakes.haproxy_config import Pool, ServerLine
    from autograder.stack.proxies.haproxy_syntax import Line

_CHECKS = re.compile(r"httpchk|[a-z]+-check|smtpchk|ssl-hello-chk")
_NOT_CHECKS = ("log-health-checks", "external-check")
_BROKEN = ("5", "500", "502", "503", "504", "all-retryable-errors", "response-timeout")
INTERVAL = 2000.0
"""Milliseconds between checks, where none are said."""
FALL, RISE = 3, 2


def checked(server: ServerLine) -> bool:
    """Whether HAProxy looks, by itself, if the server is there."""
    return "check" in server.settings or "track" in server.settings or "agent-check" in server.settings


def check_option(pool: Pool) -> Line | None:
    """The ``option …chk`` that says how it looks; None if a connection that opens is all it wants. The last holds."""
    found: Line | None = None
    for line in pool.section.inherited("option", "no"):
        words = line.values[1:] if line.name == "no" else line.values
        if words and _CHECKS.fullmatch(words[0]) and words[0] not in _NOT_CHECKS:
            if line.name == "option":
                found = line
            elif found is not None and found.values[0] == words[0]:
                found = None
    return found


def asks_the_program(pool: Pool) -> bool:
    """Whether its checks want an answer of the program behind the port, not only that the port is open."""
    option = check_option(pool)
    if pool.section.option("external-check") is not None:
        return True
    if option is None or option.values[0] == "ssl-hello-chk":
        return False
    if option.values[0] == "tcp-check":
        return any(line.values[0] == "expect" for line in pool.lines("tcp-check"))
    return True


def watches_answers(server: ServerLine) -> bool:
    """Whether clients' own answers tell HAProxy that the server is broken."""
    said = server.settings.get("observe")
    return "agent-check" in server.settings or (said is not None and said.value == "layer7")


def redispatches(pool: Pool) -> bool:
    """Whether a request that reaches nobody is tried on another server in the end."""
    if pool.section.option("redispatch") is None:
        return False
    said = pool.lines("retries")
    return not said or said[-1].values[0] != "0"


def retries_broken_answers(pool: Pool) -> bool:
    """Whether a broken answer of one server is asked of another, so that the client does not see it."""
    said = pool.lines("retry-on")
    return bool(said) and any(word in _BROKEN for word in said[-1].values) and redispatches(pool)


def notices_within(server: ServerLine) -> float:
    """Milliseconds, about, from a server's death until its checks take it out."""
    interval = server.milliseconds("inter", INTERVAL)
    failing = server.milliseconds("fastinter", interval)
    return interval + (server.number("fall", FALL) - 1) * failing


def returns_within(server: ServerLine) -> float:
    """Milliseconds, about, from a server's recovery until its checks bring it back."""
    interval = server.milliseconds("inter", INTERVAL)
    first = server.milliseconds("downinter", interval)
    return first + (server.number("rise", RISE) - 1) * server.milliseconds("fastinter", interval)
