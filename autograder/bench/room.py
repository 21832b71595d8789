"""How soon an open lab can be seen, how long a check takes beside its traffic, and what looking costs."""

from __future__ import annotations

import contextlib
import io
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.labs.catalogue import load_lab
from autograder.notebook.opening import open_lab

if TYPE_CHECKING:
    from collections.abc import Callable

    from autograder.notebook.frame import Frame
    from autograder.notebook.room import Room
    from autograder.notebook.session import LabSession

LAB = "spread-the-load"
RATE = 200.0
"""Requests a second while costs are measured."""
CHECKS = 9
_PATIENCE_S = 120.0


def measure(say: Callable[[str], None], seconds: float = 20.0, checks: int = CHECKS) -> dict[str, Any]:
    """Everything, as plain data: seconds, and processor time as a part of one core.

    ``kernel_core`` is what the process takes that holds the lab, with the traffic's part in it; ``stack_core`` what
    balancer, servers and clients take.
    """
    lab = load_lab(LAB)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in lab.read(lab.reference).items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        began = time.monotonic()
        with contextlib.redirect_stdout(io.StringIO()):
            session = open_lab(LAB, folder=folder)
        try:
            stack_s = time.monotonic() - began
            first = until(session.room, lambda frame: frame.throughput > 0)
            found: dict[str, Any] = {
                "stack_s": round(stack_s, 3),
                "first_frame_s": round(time.monotonic() - began, 3),
                "first_frame": first.number,
            }
            say(f"{checks} checks of 'spread', with the lab's gentle traffic beside them")
            found["check_s"] = round(statistics.median(_check(session) for _ in range(checks)), 3)
            say(f"{RATE:g} requests a second for {seconds:g} s")
            found |= _costs(session, seconds)
        finally:
            session.close()
    return found


def until(room: Room, true: Callable[[Frame], bool]) -> Frame:
    """The first frame of which something is true; the newest one if there is none for two minutes."""
    found: list[Frame] = []
    there = threading.Event()

    def look(frame: Frame) -> None:
        if true(frame):
            found.append(frame)
            there.set()

    leave = room.hear(look)
    there.wait(_PATIENCE_S)
    leave()
    return found[0] if found else room.frame()


def _check(session: LabSession) -> float:
    """From the click to the verdict in a frame."""
    room, tried = session.room, len(session.history().entries)
    until(room, lambda _: session.spare.ready)  # as it is for who thinks before they check
    began = time.monotonic()
    room.do("check", name="spread")
    until(
        room, lambda frame: len(session.history().entries) > tried and all(c.outcome != "running" for c in frame.checks)
    )
    return time.monotonic() - began


def _costs(session: LabSession, seconds: float) -> dict[str, Any]:
    room = session.room
    until(room, lambda _: session.spare.ready)
    room.do("set_load", rate=RATE)
    until(room, lambda frame: frame.throughput > RATE * 0.9)
    before = room.frame()
    began, own, stack = time.monotonic(), time.process_time(), _children_s()
    until(room, lambda _: time.monotonic() >= began + seconds)
    took = time.monotonic() - began
    frames = room.frame().number - before.number
    return {
        "kernel_core": round((time.process_time() - own) / took, 3),
        "stack_core": round((_children_s() - stack) / took, 3),
        "frames_a_second": round(frames / took, 1),
    }


def _children_s() -> float:
    """Processor time (s) of all processes below this one, with that of their children that have ended."""
    tick = os.sysconf("SC_CLK_TCK")
    used: dict[int, float] = {}
    below: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                words = (entry / "stat").read_text().rpartition(")")[2].split()
                used[int(entry.name)] = sum(map(int, words[11:15])) / tick
                below.setdefault(int(words[1]), []).append(int(entry.name))
    total, todo = 0.0, list(below.get(os.getpid(), ()))
    while todo:
        pid = todo.pop()
        total += used[pid]
        todo += below.get(pid, ())
    return total


def report(found: dict[str, Any]) -> str:
    """For people."""
    return "\n".join(
        (
            f"stack up            {found['stack_s']:.2f} s   (promised: 0.5)",
            f"traffic in a frame  {found['first_frame_s']:.2f} s   (promised: 3)",
            f"check to verdict    {found['check_s']:.2f} s   (median; promised: 1)",
            f"kernel at {RATE:g}/s    {found['kernel_core']:.1%} of a core   (promised: 10 %)",
            f"stack at {RATE:g}/s     {found['stack_core']:.1%} of a core",
            f"frames a second     {found['frames_a_second']:g}",
        )
    )
