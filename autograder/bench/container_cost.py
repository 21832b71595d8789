"""What containers take, as Docker's own counters say: memory, processor time, and the size of images."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_MEGA: Final = 2**20


@dataclass(frozen=True)
class Cost:
    """One container now: megabytes that it cannot give back, and seconds of a processor since it was started."""

    memory_mb: float
    processor_s: float


def costs(containers: Sequence[str]) -> list[Cost]:
    """The cost of each, in their order. Raises ``docker.errors.APIError`` if one does not run."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(_cost, containers))


def _cost(container: str) -> Cost:
    told = _api().stats(container, stream=False, one_shot=True)
    memory, counted = told["memory_stats"], told["memory_stats"]["stats"]
    # what was read from files and is not in use goes as soon as memory is short
    idle = counted.get("total_inactive_file", counted.get("inactive_file", 0))
    return Cost(round((memory["usage"] - idle) / _MEGA, 1), told["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9)


def image_mb(image: str) -> float:
    """Size of an image, with what it shares with others."""
    return float(_api().inspect_image(image)["Size"]) / _MEGA


@cache
def _api() -> Any:
    import docker

    return docker.from_env(timeout=300).api
