"""HAProxy's Runtime API: its counters, its sticky tables, and which worker answers (management guide 9.3).

Holds for HAProxy 2.2 and newer. Time spans are the means of a server's last 1,024 requests: HAProxy keeps no others.
"""

from __future__ import annotations

import contextlib
import csv
import socket
from typing import TYPE_CHECKING

from autograder.guard.balancer import BalancerError
from autograder.guard.tally import Growing, Tally

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENCE_S = 10.0
_LONGEST = 64 << 20


def ask(address: str, words: str, patience: float = _PATIENCE_S) -> str:
    """One line of commands to a socket (a path, or ``host:port``), and all that is answered.

    Raises :class:`BalancerError` if nobody answers.
    """
    try:
        with _connection(address) as connection:
            connection.settimeout(patience)
            connection.sendall(words.encode() + b"\n")
            # else a master (2.8) waits for another line, and nobody knows that this was all
            with contextlib.suppress(OSError):  # it may have answered and gone by now
                connection.shutdown(socket.SHUT_WR)
            answer = bytearray()
            while data := connection.recv(65536):
                answer += data
                if len(answer) > _LONGEST:
                    break
    except (OSError, ValueError) as error:
        raise BalancerError(
            "HAProxy's socket does not answer",
            where=address,
            why=str(getattr(error, "strerror", "") or error),
            remedy="is it up, and does its config have such a `stats socket` with `level admin`?",
        ) from None
    return answer.decode(errors="replace")


def _connection(address: str) -> socket.socket:
    host, colon, port = address.rpartition(":")
    if colon and port.isdecimal() and not address.startswith("/"):
        return socket.create_connection((host.strip("[]"), int(port)), _PATIENCE_S)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(_PATIENCE_S)
    try:
        connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection


def worker(say: Callable[[str], str]) -> str:
    """The process that answers, by its pid."""
    facts = dict(line.partition(": ")[::2] for line in say("show info").splitlines())
    return facts.get("Pid", "").strip()


def clear_tables(say: Callable[[str], str]) -> tuple[str, ...]:
    """Empty every sticky table that holds anything; their names."""
    found = []
    for line in say("show table").splitlines():
        # a line of each table: its name, its type, its size and how much of it is used
        if not line.startswith("# table:"):
            continue
        name, _, rest = line.removeprefix("# table:").partition(",")
        used = rest.rpartition("used:")[2].strip()
        if used not in ("", "0"):
            say(f"clear table {name.strip()}")
            found.append(name.strip())
    return tuple(found)


class StatsReader:
    """Adds what HAProxy counts to a tally."""

    def __init__(self, say: Callable[[str], str]) -> None:
        self._say = say
        self._growing = Growing()

    def read(self, tally: Tally) -> None:
        """Ask it once. A request that a server answered with 5xx has failed; so has one that HAProxy gave up.

        Connections that failed and were tried elsewhere are no failures. The failures that no server is to blame for
        are the frontends' 5xx less those of the servers.
        """
        # One connection, so both are of one worker.
        told = self._say("show info;show stat")
        facts, _, table = told.partition("# pxname")
        pid = next((line for line in facts.splitlines() if line.startswith("Pid:")), "")
        rows = [row for row in csv.DictReader(("pxname" + table).splitlines()) if row.get("svname")]
        counters: dict[str, int] = {}
        servers, doors = [], []
        for row in rows:
            pool, name, key = row["pxname"], row["svname"], f"{row['pxname']}/{row['svname']}"
            if name == "FRONTEND":
                counters[key] = _number(row, "hrsp_5xx")
                doors.append(key)
            elif name != "BACKEND":
                counters[f"{key} requests"] = _number(row, "stot")
                counters[f"{key} failed"] = _number(row, "hrsp_5xx")
                servers.append((pool, name, key, row))
        added = self._growing.added(counters, pid)
        by_servers = 0
        for pool, name, key, row in servers:
            requests, failed = added[f"{key} requests"], added[f"{key} failed"]
            by_servers += failed
            took = _number(row, "ttime")
            # a failure may be told before the session that it ends is counted
            tally.add(pool, name, max(requests, failed), failed, float(took) if took else None)
            up = row["status"].startswith(("UP", "no check", "DRAIN"))
            tally.mark(pool, name, up=up, queued=_number(row, "qcur"))
        tally.add_unserved(max(0, sum(added[key] for key in doors) - by_servers))


def _number(row: dict[str, str], key: str) -> int:
    text = row.get(key) or "0"
    return int(text) if text.isdecimal() else 0
