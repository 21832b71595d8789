"""A prediction as a person types it: ``app1=25 app2=25 app3=50``, in per cent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from autograder.errors import nearest
from autograder.labs.catalogue import LabError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def typed(shares: Mapping[str, float]) -> str:
    """Shares (0 to 1) in the form that :func:`read` understands."""
    return " ".join(f"{name}={round(share * 100)}" for name, share in shares.items())


def read(line: str, servers: Sequence[str]) -> dict[str, float]:
    """Server → share in per cent. Raises :class:`LabError` telling which word is not understood."""
    found: dict[str, float] = {}
    for word in line.replace(",", " ").split():
        match = re.fullmatch(r"([^=:]+)[=:](\d+(?:\.\d+)?)%?", word)
        if match is None:
            raise LabError(f"{word!r} is not understood", remedy=f"as in {typed(dict.fromkeys(servers, 0.25))}")
        name = match[1]
        if name not in servers:
            close = nearest(name, servers)
            remedy = f"did you mean {close}?" if close else f"the servers are {', '.join(servers)}"
            raise LabError(f"there is no server called {name!r}", remedy=remedy)
        found[name] = float(match[2])
    return found
