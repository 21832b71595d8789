"""In which order tests are handed to the workers: the long groups first, no container while JupyterLab is tried.

By itself pytest-xdist begins with the groups of the most tests; told not to (in ``conftest.py``), it hands groups and
single tests out as they come. A group that is long and comes last keeps one worker busy while the others wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pytest

MINUTES = {"machine": 15.0, "programs": 2.4, "hostile-programs": 1.5, "set-up": 1.1, "sign-in": 0.7}
"""How long those groups take that do not fit into the end of a run: pytest's times on two processors, to a third."""
LATER = 1 / 3
"""How much of a run is over before containers come, but for those of the group that tries JupyterLab first."""


def in_turn(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The same tests, the long groups first; all others keep their order, but containers come :data:`LATER`.

    What shares a module stays together, and so do groups. Tests in JupyterLab are the first of their group: they wait
    until no other test has a container, and all that need one wait for them.
    """
    chunks: dict[object, list[pytest.Item]] = {}
    for item in items:
        long = any(name in MINUTES for name in groups(item))
        chunks.setdefault(groups(item) if long else (item.path, _has(item, "docker")), []).append(item)
    for chunk in chunks.values():
        chunk.sort(key=lambda item: not _has(item, "jupyterlab"))
    turns = sorted(zip(_places([*chunks.values()]), chunks.values(), strict=True), key=lambda turn: turn[0])
    return [item for _, chunk in turns for item in chunk]


def _places(chunks: Sequence[Sequence[pytest.Item]]) -> list[tuple[float, float]]:
    """Where in a run each chunk begins, from 0 to 1; and among those that begin there, less the minutes it takes."""
    docker = [any(_has(item, "docker") for item in chunk) and not _has(chunk[0], "jupyterlab") for chunk in chunks]
    minutes = [max((MINUTES.get(name, 0.0) for name in groups(chunk[0])), default=0.0) for chunk in chunks]
    total, before = {True: 0, False: 0}, {True: 0, False: 0}
    for needs, long, chunk in zip(docker, minutes, chunks, strict=True):
        total[needs] += 0 if long else len(chunk)
    places = []
    for needs, long, chunk in zip(docker, minutes, chunks, strict=True):
        place = 0.0 if long else before[needs] / total[needs]
        places.append((LATER + (1 - LATER) * place if needs else place, -long))
        before[needs] += 0 if long else len(chunk)
    return places


def groups(item: pytest.Item) -> tuple[str, ...]:
    """The names of the groups that an item is in, as pytest-xdist reads them."""
    return tuple(sorted(set(_names(item))))


def _names(item: pytest.Item) -> Iterator[str]:
    for mark in item.iter_markers("xdist_group"):
        yield str(mark.args[0] if mark.args else mark.kwargs["name"])


def _has(item: pytest.Item, marker: str) -> bool:
    return item.get_closest_marker(marker) is not None
