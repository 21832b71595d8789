"""A client's cookies, kept and sent back as browsers do (RFC 6265). Runs on the clients node; standard library only.

What is told apart: name and path, ``Max-Age`` before ``Expires``, deletion by a time that has passed, ``Secure``, and a
``Domain`` that is not the host's own (refused). There is one host, so nothing else is.
"""

from __future__ import annotations

from typing import Any

_FOREVER = float("inf")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LIMIT = 50
"""Cookies a client keeps at most, as many as RFC 6265 asks for; the oldest go first."""


class Jar:
    """The cookies of one client for one host. ``rows`` is what :meth:`rows` of an earlier run returned."""

    __slots__ = ("_host", "_kept", "_secure")

    def __init__(self, host: str, *, secure: bool, rows: list[list[Any]] | None = None) -> None:
        self._host = host.rpartition(":")[0] if host.count(":") == 1 else host
        self._secure = secure
        # name and path → value and the time (epoch, seconds) at which it expires
        self._kept: dict[tuple[str, str], tuple[str, float]] = {
            (name, path): (value, _FOREVER if expires is None else expires) for name, path, value, expires in rows or []
        }

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

    def header(self, path: str, now: float) -> str:
        """The value of the ``Cookie`` header for ``path`` at ``now``; empty if there is none."""
        if not self._kept:
            return ""
        bare = path.partition("?")[0]
        for key in [key for key, (_, expires) in self._kept.items() if expires <= now]:
            del self._kept[key]
        fitting = [key for key in self._kept if _within(bare, key[1])]
        if len(fitting) > 1:
            fitting.sort(key=lambda key: -len(key[1]))  # the longer path first; the sort keeps the rest in order
        return "; ".join(f"{key[0]}={self._kept[key][0]}" for key in fitting)

    def rows(self) -> list[list[Any]]:
        """Everything kept, as plain data: name, path, value, expiry (epoch, or None for a session's)."""
        return [
            [name, path, value, None if expires == _FOREVER else expires]
            for (name, path), (value, expires) in self._kept.items()
        ]


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
