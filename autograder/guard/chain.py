"""A log that shows what was done to it: append-only JSON lines, each with the digest of the line before it.

``audit.jsonl`` holds the lines, ``audit.head`` how many there should be and the last digest: a line that was edited,
taken out or put elsewhere breaks the chain, and one that was cut from the end is missed by the head. The head is there
before the first line, so it never lacks by itself. A log that does not hold is gone on with where the head says, which
leaves the break to be seen for good.

The guard's log is one (:mod:`autograder.guard.audit`), and so is that of the grades that change.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from autograder.durable import write_durably
from autograder.errors import ManyHandsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_FIRST = "0" * 64


@dataclass(frozen=True)
class Event:
    """One line of the log. ``at`` is UTC (ISO 8601); ``change`` a commit, empty where it is about none.

    ``kind`` is a word of whose log it is; ``step`` the step it happened in; ``said`` a sentence for people; ``data``
    numbers and names; ``previous`` and ``digest`` are SHA-256 in hex.
    """

    number: int
    at: str
    kind: str
    change: str
    step: str
    said: str
    data: Mapping[str, Any] = field(default_factory=dict)
    previous: str = _FIRST
    digest: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As in the log."""
        return asdict(self)


class ChainError(ManyHandsError):
    """The log cannot be written or read."""


class Chain:
    """The log in one folder. One writer at a time: whoever holds the folder's lock."""

    remedy = ""
    """The command that tells what is wrong with a log of this kind."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "audit.jsonl"
        self._head = folder / "audit.head"
        self._last: tuple[int, str] | None = None
        self._size = -1
        """How long the log was after our last line: it is longer if somebody else wrote since."""

    def append(
        self, kind: str, said: str, *, change: str = "", step: str = "", data: Mapping[str, Any] | None = None
    ) -> Event:
        """Write one line; it is on disk when this returns. Raises :class:`ChainError` if it cannot be written."""
        try:
            if self._last is None or self._length() != self._size:
                torn = self._mend()
                self._last, self._size = self._end(), self._length()
                if torn:
                    self.append("torn", f"{torn} bytes of a half-written line were taken away", data={"bytes": torn})
            number, previous = self._last
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            event = sealed(Event(number + 1, now, kind, change, step, said, dict(data or {}), previous))
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
            try:
                os.write(descriptor, _line(event) + b"\n")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            self._write_head(event.number, event.digest)
        except OSError as error:
            raise ChainError(
                "the audit log cannot be written", where=str(self._path), why=error.strerror or ""
            ) from None
        self._last, self._size = (event.number, event.digest), self._length()
        return event

    def _length(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    def events(self) -> tuple[Event, ...]:
        """Every whole line, oldest first. Raises :class:`ChainError` for one that cannot be read."""
        found = []
        for number, line in enumerate(self._lines(), 1):
            try:
                found.append(Event(**json.loads(line)))
            except (ValueError, TypeError, RecursionError):
                raise ChainError(
                    "this line of the audit log cannot be read",
                    where=f"{self._path}:{number}",
                    remedy=self.remedy,
                    exit_code=1,
                ) from None
        return tuple(found)

    def verify(self) -> tuple[str, ...]:
        """What is wrong with the log, the first broken line first; empty if nothing is."""
        previous = _FIRST
        lines = self._lines()
        for count, line in enumerate(lines, 1):
            where = f"{self._path}:{count}"
            try:
                event = Event(**json.loads(line))
            except (ValueError, TypeError, RecursionError):
                return (f"{where}: this line cannot be read",)
            if sealed(event).digest != event.digest or _line(event) != line:
                return (f"{where}: this line was edited: it does not have the digest it says",)
            if event.previous != previous or event.number != count:
                return (f"{where}: a line before this one was taken out, put in or moved",)
            previous = event.digest
        lost = self._against_head(lines)
        return (lost,) if lost else ()

    def lost(self, worked: bool = False) -> str:
        """What the log lacks at its end, in words; empty if nothing. ``worked``: a guard has surely written here.

        For a guard that begins: what is written next hides a cut from the head, and leaves it in the chain.
        """
        lines = self._lines()
        if worked and not lines and self._read_head() is None:
            return f"{self._path}: the log is gone, with all that earlier guards wrote"
        return self._against_head(lines)

    def _against_head(self, lines: Sequence[bytes]) -> str:
        head = self._read_head()
        if head is None:
            said = "the head of the log is gone, so nobody can tell whether lines were cut off"
            return f"{self._head}: {said}" if lines else ""
        (number, digest), written = head, dict(_named(line) for line in lines)
        if number and number not in written:
            last = max(written, default=0)
            return f"{self._path}:{len(lines) + 1}: lines were cut off: {number} were written, the last is {last}"
        if number and written[number] != digest:
            return f"{self._path}:{number}: this is not the line that was written here"
        return ""

    def _lines(self) -> list[bytes]:
        try:
            return self._path.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ChainError("the audit log cannot be read", where=str(self._path), why=error.strerror or "") from None

    def _end(self) -> tuple[int, str]:
        """Number and digest of what the next line follows: the last line, or what the head says should be the last."""
        lines, head = self._lines(), self._read_head()
        if head is None:
            if not lines:
                self._write_head(0, _FIRST)
            return len(lines), _FIRST
        return _named(lines[-1]) if lines and not self._against_head(lines) else head

    def _mend(self) -> int:
        """Take away a last line that was not written to its end; how many bytes that were."""
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return 0
        whole = content.rfind(b"\n") + 1
        torn = len(content) - whole
        if torn:
            os.truncate(self._path, whole)
        return torn

    def _read_head(self) -> tuple[int, str] | None:
        try:
            data = json.loads(self._head.read_bytes())
            return int(data["number"]), str(data["digest"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _write_head(self, number: int, digest: str) -> None:
        write_durably(self._head, json.dumps({"number": number, "digest": digest}).encode())


def _line(event: Event) -> bytes:
    return json.dumps(event.to_dict(), ensure_ascii=False).encode("utf-8", "backslashreplace")


def _named(line: bytes) -> tuple[int, str]:
    """Number and digest that a line gives itself; zero and none if it cannot be read."""
    try:
        data = json.loads(line)
        return int(data["number"]), str(data["digest"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return 0, ""


def sealed(event: Event) -> Event:
    """The event with the digest of all that it says, which is SHA-256 of its fields as sorted JSON."""
    fields = {**event.to_dict(), "digest": ""}
    text = json.dumps(fields, sort_keys=True, ensure_ascii=True)
    return replace(event, digest=hashlib.sha256(text.encode()).hexdigest())
