"""What a submitted config may ask of the machine that grades it.

A config can ask for ten thousand processes, or for tables larger than the machine's memory. That would harm others'
gradings, and tells nothing about a learner's understanding. So it is read before it is run; the sandbox's own limits
are for what cannot be read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.stack.proxies.nginx_syntax import TooLargeError, read_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from autograder.stack.proxies.nginx_syntax import Statement

MOST_PROCESSES = 32
MOST_CONNECTIONS = 65_536
MOST_THREADS = 64


def over_limit(proxy: str, files: Mapping[str, bytes], main: str) -> str:
    """Why this config is not run here, or nothing. ``main`` is its first file; other files' names are relative to it.

    >>> over_limit("nginx", {"nginx.conf": b"worker_processes 10000;"}, "nginx.conf")
    'line 1 asks for 10000 worker processes; at most 32 are run here.'
    """
    if proxy != "nginx" or main not in files:  # HAProxy has bounds of its own
        return ""
    try:
        statements = read_text(files, main).statements
    except TooLargeError as error:
        return f"It is too large to be run here: {error}."
    for statement, asked, most, what in _asked(statements):
        if asked > most:
            return f"line {statement.word.line} asks for {asked} {what}; at most {most} are run here."
    return ""


def _asked(statements: Sequence[Statement]) -> Iterator[tuple[Statement, int, int, str]]:
    for statement in statements:
        values = statement.values
        if statement.name == "worker_processes" and values:
            yield statement, _number(values[0]), MOST_PROCESSES, "worker processes"
        elif statement.name == "worker_connections" and values:
            yield statement, _number(values[0]), MOST_CONNECTIONS, "connections"
        elif statement.name == "thread_pool":
            threads = sum(_number(value.removeprefix("threads=")) for value in values if value.startswith("threads="))
            yield statement, threads, MOST_THREADS, "threads"
        elif statement.block:
            yield from _asked(statement.block)


def _number(text: str) -> int:
    """The number, as far as there is one and it is of this world; nginx refuses the rest itself."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0
