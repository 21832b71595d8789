"""In which order tests are handed to the workers: the long groups first.

By itself pytest-xdist begins with the groups of the most tests; told not to (in ``conftest.py``), it hands groups and
single tests out as they come. A group that is long and comes last keeps one worker busy while the others wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pytest

MINUTES = {
    "machine": 15.0,
    "programs": 2.4,
    "when-a-server-dies": 1.6,
    "hostile-programs": 1.5,
    "set-up": 1.1,
    "too-much": 0.8,
    "sign-in": 0.7,
}
"""How long those groups take that do not fit into the end of a run: pytest's times on two processors, to a third."""


def in_turn(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The same tests, those of :data:`MINUTES` first, the longest group before all; all others keep their order."""
    return sorted(items, key=lambda item: min((-MINUTES[name] for name in groups(item) if name in MINUTES), default=0))


def groups(item: pytest.Item) -> tuple[str, ...]:
    """The names of the groups that an item is in, as pytest-xdist reads them."""
    return tuple(sorted(set(_names(item))))


def _names(item: pytest.Item) -> Iterator[str]:
    for mark in item.iter_markers("xdist_group"):
        yield str(mark.args[0] if mark.args else mark.kwargs["name"])
