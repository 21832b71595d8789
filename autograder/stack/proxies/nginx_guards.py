"""Where an nginx config lets in only clients that ours are not: with a password, a certificate, from some network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.stack.proxies.nginx_scopes import place
from autograder.stack.proxies.reading import Unmet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autograder.stack.proxies.nginx_scopes import Said

_GUARDS = {
    "auth_basic": "clients send no password, so these pages are answered 401",
    "auth_jwt": "clients send no token, so these pages are answered 401",
    "ssl_verify_client": "clients have no certificate, so they are answered 400",
    "deny": "clients come from other networks, so these pages are answered 403",
}


def guarded(said: Sequence[Said], folder: str) -> list[Unmet]:
    """A line for each guard that keeps traffic from servers."""
    passing = {one.scope for one in said if one.name.endswith("_pass")}
    found = []
    for one in said:
        if one.name not in _GUARDS or not one.values or one.values[0] in ("off", "optional", "optional_no_ca"):
            continue
        # A location may well be closed to everybody, unless it passes to servers.
        closed = one.blocks[-1:] == ("location",) and one.scope not in passing
        if one.name == "deny" and (one.values[0] != "all" or closed):
            continue
        where = place(one.statement.word, folder)
        found.append(Unmet(where, f"{one.name} {one.values[0]}", _GUARDS[one.name], fails=True))
    return found
