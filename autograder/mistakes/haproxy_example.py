"""Small whole HAProxy configs around the lines that an example of the catalogue is about."""

from __future__ import annotations

CHECKED = "check inter 100ms fall 1 rise 1"
"""Checks quick enough for a test: three servers with this and no other words are what other examples differ from."""


def haproxy(
    backend: str, frontend: str = "default_backend shop", *, defaults: str = "", extra: str = "", mode: str = "http"
) -> str:
    """A config whose pool ``shop`` has the lines ``backend``; lines of all arguments are separated by newlines.

    ``extra`` stands at the end: further sections, with their own indentation. Connects give up soon, so that what a
    dead server costs is a matter of moments.
    """
    common = f"mode {mode}\ntimeout connect 50ms\ntimeout client 10s\ntimeout server 10s\ntimeout queue 10s\n{defaults}"
    sections = (("defaults", common), ("frontend web", f"bind :80\n{frontend}"), ("backend shop", backend))
    return "\n".join(f"{head}\n{_indented(lines)}" for head, lines in sections) + (
        f"\n{extra.rstrip()}\n" if extra else ""
    )


def servers(*settings: str, option: str = "option redispatch") -> str:
    """Lines of servers app1, app2, … with these settings, below a line that lets requests try another server."""
    lines = [f"server web{n} app{n}:8080 {words}".rstrip() for n, words in enumerate(settings, 1)]
    return "\n".join([option, *lines] if option else lines)


THREE = servers(CHECKED, CHECKED, CHECKED)
"""Three servers, each checked, and a second try elsewhere."""
EVEN = {"app1": 1 / 3, "app2": 1 / 3, "app3": 1 / 3}


def _indented(lines: str) -> str:
    return "".join(f"    {line.strip()}\n" for line in lines.strip().splitlines())
