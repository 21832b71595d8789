"""What a classroom of some size needs: plain arithmetic over what one room was measured to cost.

Memory is what people hold while they are there, so it counts heads. Processors are what they do, so they count events:
a room that opens, a check, a submission that is judged; and labs that are open, whose traffic goes on. Nobody is
promised that a check is quick when all of a class checks at the same second; they share the processors then, and wait.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Final

from autograder.errors import ManyHandsError

_GIGA: Final = 1024
MOST: Final = 20_000


@dataclass(frozen=True)
class Cost:
    """Megabytes, and seconds of one processor, as ``bench classroom`` counted them; guesses say that they are.

    Counted on two processors (x86-64), with Docker 20.10, 3 and 10 rooms and all labs released.
    """

    room_mb: float = 155.0
    """A room at rest: JupyterLab, 113 to 119, and a kernel, 38."""
    stack_mb: float = 75.0
    """What a running stack and checks add to it: the median room had 224 to 239 in all."""
    services_mb: float = 350.0
    """Front, proxy, hub, database, exchange, Prometheus: 263 to 296. The cluster's scheduler: a guess."""
    hub_mb_each: float = 1.0
    """What the hub, the proxy and the front keep for each room: 0.9."""
    open_seconds: float = 5.0
    """To open a room and a kernel: 2.3 to 3.6 in the room. What Docker and the hub work for it: a guess."""
    lab_share: float = 0.15
    """The part of a processor that an open lab takes for its own traffic, 40 or 50 requests a second, and its panel."""
    check_seconds: float = 2.0
    """To check one's work once: 0.3 to 0.4 for each of five checks."""
    judge_seconds: float = 6.0
    """To judge one submission of one lab in full: a guess on the safe side."""
    images_mb: float = 1_800.0
    """Rooms and services: 1,260. The graders': a guess."""
    work_mb: float = 10.0
    """A person's files: 0.5 after one lab. What all labs and people's own files make of it: a guess."""


@dataclass(frozen=True)
class Habits:
    """What a class is taken to do. All of it is a guess that you may replace."""

    present: float = 1.0
    """The share of the class that is there at once: 1 for a lesson, less for a course of weeks."""
    busy: float = 0.25
    """The share of rooms in which a stack runs at one time."""
    open_within_minutes: float = 10.0
    """In which time everybody comes."""
    checks_each_hour: float = 12.0
    judged_within_minutes: float = 30.0
    """In which time one lab of the whole class is to be graded."""
    headroom: float = 1.3


@dataclass(frozen=True)
class Node:
    """One machine of a cluster."""

    processors: int = 16
    memory_gb: int = 64


@dataclass(frozen=True)
class Plan:
    """What it comes to. ``nodes`` is 0 where one machine does; a grader is a Dask worker of one processor and 2 GB."""

    learners: int
    rooms: int
    memory_gb: int
    processors: int
    disk_gb: int
    graders: int
    nodes: int
    concurrent_spawns: int

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def plan(learners: int, cost: Cost | None = None, habits: Habits | None = None, node: Node | None = None) -> Plan:
    """What ``learners`` people need.

    Raises:
        ManyHandsError: nobody, or more than this arithmetic was ever meant for.
    """
    if not 1 <= learners <= MOST:
        raise ManyHandsError(
            f"a classroom for {learners}?", why=f"it has to be from 1 to {MOST}", remedy="classroom plan --learners 300"
        )
    cost, habits, node = cost or Cost(), habits or Habits(), node or Node()
    rooms = math.ceil(learners * habits.present)
    each = cost.room_mb + habits.busy * cost.stack_mb + cost.hub_mb_each
    memory = (cost.services_mb + rooms * each) * habits.headroom / _GIGA
    coming = rooms * cost.open_seconds / (60 * habits.open_within_minutes)
    working = rooms * (habits.busy * cost.lab_share + habits.checks_each_hour * cost.check_seconds / 3600)
    graders = max(1, math.ceil(learners * cost.judge_seconds / (60 * habits.judged_within_minutes)))
    # People come before they work, and are graded when they have gone: never all of it at once.
    processors = max(2, math.ceil(max(coming, working, graders) * habits.headroom))
    memory_gb = math.ceil(max(memory, graders * 2 * habits.headroom))
    nodes = max(math.ceil(processors / node.processors), math.ceil(memory_gb / node.memory_gb))
    disk = (cost.images_mb + learners * cost.work_mb) * habits.headroom / _GIGA
    spawns = max(1, min(64, math.ceil(coming * habits.headroom)))
    return Plan(learners, rooms, memory_gb, processors, math.ceil(disk), graders, nodes if nodes > 1 else 0, spawns)


def as_text(made: Plan, cost: Cost | None = None, habits: Habits | None = None) -> str:
    """For a terminal: what is needed, and what that stands on."""
    c, h = cost or Cost(), habits or Habits()
    where = (
        f"{made.nodes} machines of 16 processors and 64 GB (a cluster)"
        if made.nodes
        else "one machine (./manyhands classroom up)"
    )
    lines = [
        f"{made.learners} learners, {made.rooms} rooms open at once: {where}",
        "",
        f"  memory        {made.memory_gb} GB",
        f"  processors    {made.processors}",
        f"  disk          {made.disk_gb} GB for images and everybody's files",
        f"  graders       {made.graders}, to judge a lab of the class within {h.judged_within_minutes:g} minutes",
        f"  starting      {made.concurrent_spawns} rooms at a time",
        "",
        f"What it stands on: a room takes {c.room_mb:g} MB at rest, {c.stack_mb:g} MB more while a stack runs. Opening",
        f"one takes {c.open_seconds:g} s of a processor, a check {c.check_seconds:g} s, judging a submission"
        f" {c.judge_seconds:g} s.",
        f"A lab that is open takes {c.lab_share:.0%} of a processor for its traffic.",
        f"Everybody comes within {h.open_within_minutes:g} minutes, and checks {h.checks_each_hour:g} times an hour.",
        f"A stack runs in {h.busy:.0%} of the rooms at one time. {h.headroom - 1:.0%} is added to it all.",
    ]
    return "\n".join(lines)
