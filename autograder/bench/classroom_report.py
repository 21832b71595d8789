"""What was found when a whole class came at once, as data and for people."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Measured:
    """What a class met. Seconds, megabytes (2**20 bytes), seconds of one processor.

    ``seconds`` has, for each thing that everybody did at once, p50, p95 and the slowest; ``alone`` the same for the one
    who came first. ``refused`` is about whoever came when all rooms were taken, ``restart`` about the hub's.
    """

    learners: int
    processors: int
    succeeded: int
    seconds: dict[str, dict[str, float]]
    alone: dict[str, dict[str, float]]
    room: dict[str, float]
    services: dict[str, dict[str, float]]
    disk: dict[str, float]
    refused: dict[str, Any]
    restart: dict[str, Any]
    waited_behind: int
    failed: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0 if everybody got what they came for, and kept it; else 1."""
        return 1 if self.failed or self.succeeded < self.learners else 0

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def quantile(values: Sequence[float], part: float) -> float:
    """The value that ``part`` of them do not exceed (nearest rank); 0 of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)] if ordered else 0.0


def open_lab_share(found: Measured) -> float:
    """The part of a processor that a lab takes which is open, and whose own gentle traffic flows."""
    look = found.alone.get("a look", {})
    return round(look["processor_s"] / look["seconds"], 3) if look else 0.0


def report(found: Measured) -> str:
    """For people."""
    lines = [f"{found.succeeded} of {found.learners} learners did all of it and kept their work", ""]
    lines += [f"{'seconds':<32}{'alone':>8}{'p50':>8}{'p95':>8}{'most':>8}"]
    for what, took in found.seconds.items():
        alone = found.alone.get(what, {}).get("seconds")
        if what == "open the lab" and alone is not None:
            alone += found.alone["kernel"]["seconds"]
        first = f"{alone:>8.1f}" if alone is not None else f"{'':>8}"
        lines.append(f"  {what:<30}{first}{took['p50']:>8.1f}{took['p95']:>8.1f}{took['most']:>8.1f}")
    lines += ["", f"{'one room, alone':<32}{'MB':>8}{'processor s':>14}"]
    for what, cost in found.alone.items():
        if "memory_mb" in cost:
            lines.append(f"  {'after: ' + what:<30}{cost['memory_mb']:>8.0f}{cost['processor_s']:>14.1f}")
    lines += [
        f"rooms with a lab open: {found.room['memory_mb_median']:.0f} MB (median), "
        f"{found.room['memory_mb_most']:.0f} at most; {found.room['processor_s_median']:.1f} s of a processor each",
        f"a lab that is only open: {open_lab_share(found):.1%} of a processor",
        *_of_services(found),
        f"disk: {found.disk.get('images_mb', 0):.0f} MB of images, {found.disk.get('work_mb', 0):.1f} MB a person",
        f"in line for a room: at most {found.waited_behind} others before one",
        f"one too many: {found.refused.get('status')}, let in later: {found.refused.get('let_in_later', False)}",
        f"  {found.refused.get('words', '')!r}",
        f"hub restarted: {found.restart}",
    ]
    return "\n".join((*lines, *(f"FAILED {why}" for why in found.failed)))


def _of_services(found: Measured) -> list[str]:
    if not found.services:
        return []
    one, all_ = (found.services[key] for key in ("with_one_room", "with_all"))
    mb = [sum(value for key, value in told.items() if key.endswith("_mb")) for told in (one, all_)]
    each = (all_["processor_s"] - one["processor_s"]) / (found.learners - 1)
    return [
        f"services: {mb[0]:.0f} MB with one room, {mb[1]:.0f} with all; {each:.2f} s of a processor for each learner"
    ]
