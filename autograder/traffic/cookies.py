"""A client's cookies, kept and sent back as browsers do (RFC 6265). Runs on the clients node; standard library only.

What is told apart: name and path, ``Max-Age`` before ``Expires``, deletion by a time that has passed, ``Secure``, and a
``Domain`` that is not the host's own (refused). There is one host, so nothing else is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_FOREVER = float("inf")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LIMIT = 50
"""Cookies a client keeps at most, as many as RFC 6265 asks for; the oldest go first."""


class Jar:
    """The cookies of one client for one host. ``rows`` is what :meth:`rows` of an earlier run returned."""

    __slots__ = ("_everywhere", "_host", "_kept", "_secure", "_until")

    def __init__(self, host: str, *, secure: bool, rows: list[list[Any]] | None = None) -> None:
        self._host = host.rpartition(":")[0] if host.count(":") == 1 else host
        self._secure = secure
        # name and path → value and the time (epoch, seconds) at which it expires
        self._kept: dict[tuple[str, str], tuple[str, float]] = {
            (name, path): (value, _FOREVER if expires is None else expires) for name, path, value, expires in rows or []
        }
        self._changed()

    def take(self, header: str, path: str, now: float) -> None:
        """Heed one ``Set-Cookie`` header of the answer to a request for ``path``, at ``now`` (epoch, seconds)."""
        pair, *attributes = header.split(";")
        name, equals, value = pair.partition("=")
        name = name.strip()
        if not equals or not name:
            return
        words = {key.strip().lower(): word.strip() for key, _, word in (text.partition("=") for text in attributes)}
        domain = words.get("domain", "").lstrip(".").lower()
        if domain and self._host.lower() != domain and not self._host.lower().endswith(f".{domain}"):
            return
        if "secure" in words and not self._secure:
            return
        within = words.get("path", "")
        key = (name, within if within.startswith("/") else _folder(path))
        expires = _expiry(words, now)
        self._kept.pop(key, None)
        if expires > now:
            self._kept[key] = (value.strip(), expires)
            if len(self._kept) > _LIMIT:
                del self._kept[next(iter(self._kept))]
        self._changed()

    def header(self, path: str, now: float) -> str:
        """The value of the ``Cookie`` header for ``path`` at ``now``; empty if there is none."""
        if self._until <= now:
            self._kept = {key: kept for key, kept in self._kept.items() if kept[1] > now}
            self._changed()
        if self._everywhere is not None:
            return self._everywhere
        bare = path.partition("?")[0]
        fitting = sorted((key for key in self._kept if _within(bare, key[1])), key=lambda key: -len(key[1]))
        return self._joined(fitting)

    def rows(self) -> list[list[Any]]:
        """Everything kept, as plain data: name, path, value, expiry (epoch, or None for a session's)."""
        return [
            [name, path, value, None if expires == _FOREVER else expires]
            for (name, path), (value, expires) in self._kept.items()
        ]

    def _changed(self) -> None:
        self._until = min((expires for _, expires in self._kept.values()), default=_FOREVER)
        # Most cookies are for every path: what is sent back is then made once, not for each request.
        everywhere = all(path == "/" for _, path in self._kept)
        self._everywhere: str | None = self._joined(self._kept) if everywhere else None

    def _joined(self, keys: Iterable[tuple[str, str]]) -> str:
        return "; ".join(f"{key[0]}={self._kept[key][0]}" for key in keys)


def _folder(path: str) -> str:
    bare = path.partition("?")[0]
    return bare[: bare.rfind("/")] or "/"


def _within(path: str, folder: str) -> bool:
    if folder == "/" or path == folder:
        return True
    return path.startswith(folder) and (folder.endswith("/") or path[len(folder)] == "/")


def _expiry(words: dict[str, str], now: float) -> float:
    age = words.get("max-age", "")
    if age.removeprefix("-").isdecimal():
        return now + int(age[:12]) if not age.startswith("-") else 0.0
    return _moment(words["expires"]) if "expires" in words else _FOREVER


def _moment(text: str) -> float:
    """``Wed, 21 Oct 2026 07:28:00 GMT`` as epoch; for ever if it is no date, as browsers take it."""
    day = month = year = clock = None
    for word in text.replace("-", " ").replace(",", " ").split():
        if word.count(":") == 2:
            clock = word.split(":")
        elif word[:3].lower() in _MONTHS:
            month = _MONTHS.index(word[:3].lower()) + 1
        elif word.isdecimal() and day is None and len(word) <= 2:
            day = int(word)
        elif word.isdecimal() and len(word) in (2, 4):
            year = int(word) + (0 if len(word) == 4 else 2000 if int(word) < 70 else 1900)
    if day is None or month is None or year is None or clock is None:
        return _FOREVER
    try:
        from calendar import timegm  # seldom needed: what sets cookies says Max-Age as well

        hour, minute, second = (int(part) for part in clock)
        return float(timegm((year, month, day, hour, minute, second)))
    except ValueError:
        return _FOREVER
