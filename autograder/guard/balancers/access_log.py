"""nginx's access log as a counter: JSON lines, read on from where we were, whatever log rotation does to the file.

The line for the ``http`` block of a config is :data:`LOG_FORMAT`; then ``access_log /var/log/nginx/guard.log guard;``.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from autograder.guard.tally import Tally

LOG_FORMAT = (
    'log_format guard escape=json \'{"pool":"$proxy_host","to":"$upstream_addr","status":"$status",'
    '"took":"$request_time"}\';'
)
"""Holds for nginx 1.11.8 and newer (escape=json)."""
_CHUNK = 1 << 20
_FAILED = 500


class AccessLog:
    """One log. What was in it before the first look does not count."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1
        self._at = 0
        self._rest = b""
        self._started = False

    def read(self, tally: Tally) -> None:
        """Add every line that is new. Raises :class:`OSError` if there is no log, or it cannot be read."""
        if self._file >= 0:
            self._drain(tally)
            if not self._moved():
                return
            # Its old name is another file now; what nginx still wrote to the old one was read above.
            self._close()
        try:
            self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            if self._started:
                return  # between rename and reopening there is none
            raise
        self._at = 0 if self._started else os.fstat(self._file).st_size
        self._started, self._rest = True, b""
        self._drain(tally)

    def _moved(self) -> bool:
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False
        here = os.fstat(self._file)
        return (there.st_ino, there.st_dev) != (here.st_ino, here.st_dev)

    def _drain(self, tally: Tally) -> None:
        if os.fstat(self._file).st_size < self._at:
            self._at, self._rest = 0, b""  # it was emptied in place (copytruncate)
        while data := os.pread(self._file, _CHUNK, self._at):
            self._at += len(data)
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                count_line(line, tally)

    def _close(self) -> None:
        os.close(self._file)
        self._file = -1

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            self._close()


def count_line(line: bytes, tally: Tally) -> None:
    """Add what one line says; one that is somebody else's says nothing."""
    try:
        said = json.loads(line)
        pool, to, status, took = said["pool"], said["to"], int(said["status"]), float(said["took"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return  # somebody else's line
    # "10.0.0.11:80, 10.0.0.12:80 : 10.0.0.13:80": tried one after another, and after an internal redirect
    last = str(to).replace(" : ", ", ").rpartition(", ")[2].strip()
    if not pool:
        return  # nginx answered by itself
    if not last or last == pool:
        # no server was left to try: then nginx names the pool instead
        tally.add_unserved(int(status >= _FAILED))
        return
    tally.add(str(pool), last, 1, int(status >= _FAILED), took * 1000)
