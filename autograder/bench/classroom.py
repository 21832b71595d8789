"""A whole class at once, in a real classroom of its own: sign in, get a room, open a lab, check, all at the same time.

Every learner is a real client (:mod:`autograder.bench.visitor`) that goes through the front's TLS. One comes first and
alone: what their room takes then is what one room costs. Then all others come in the same second. When all rooms are
taken somebody too many comes, and has to be told so; the hub is restarted while everybody checks; one leaves, and who
was turned away comes in. Nothing is left of it afterwards.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import tempfile
import time
from collections import defaultdict
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx

from autograder.bench.classroom_report import Measured, quantile, report
from autograder.bench.container_cost import Cost, costs, image_mb
from autograder.bench.visitor import RefusedError, Visitor, words_of
from autograder.classroom.disk import files_of_people
from autograder.classroom.host import Host, docker
from autograder.classroom.opening import close_classroom, open_classroom
from autograder.classroom.people import Person
from autograder.classroom.settings import Rooms, Settings
from autograder.classroom.state import state_of
from autograder.errors import ManyHandsError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

__all__ = ["LEARNERS", "QUICK", "Measured", "measure", "report"]

LAB: Final = "spread-the-load"
NOTEBOOK: Final = f"labs/{LAB}/{LAB}.ipynb"
LEARNERS: Final = 50
QUICK: Final = 3
MOST: Final = 500
_OPEN: Final = f"from autograder.notebook import open_lab; lab = open_lab({LAB!r})"
_CHECK: Final = "print(lab.check('spread'))"
_SECONDS_AT_FIRST, _SECONDS_EACH = 600.0, 40.0
"""After so long, and so long for each learner, the classroom is closed and what was found is told."""
_BETWEEN_LOOKS: Final = 0.5
_LOOK_SECONDS: Final = 10.0
_BROKEN: Final = (RefusedError, httpx.HTTPError, OSError, ValueError, KeyError)


@dataclass
class _Day:
    """A class while it lasts: who is there, what took how long, and what went wrong."""

    settings: Settings
    learners: list[Visitor]
    late: Visitor
    say: Callable[[str], None]
    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    failed: list[str] = field(default_factory=list)
    found: dict[str, Any] = field(default_factory=dict)

    @asynccontextmanager
    async def timed(self, what: str) -> AsyncIterator[None]:
        began = time.monotonic()
        yield
        self.took[what].append(time.monotonic() - began)

    async def at_once(self, of: Callable[[Visitor], Awaitable[None]], who: Sequence[Visitor]) -> list[Visitor]:
        """Have everybody do something at the same time; those who could. Why the others could not is noted."""

        async def one(visitor: Visitor) -> Visitor | None:
            try:
                await of(visitor)
            except _BROKEN as error:
                self.failed.append(f"{visitor.name}: {type(error).__name__}: {error}")
                return None
            return visitor

        return [visitor for visitor in await asyncio.gather(*map(one, who)) if visitor]

    def room(self, visitor: Visitor) -> str:
        return f"{self.settings.name}-room-{visitor.name}"


def measure(learners: int, say: Callable[[str], None], *, labs: tuple[str, ...] = ()) -> Measured:
    """Open a classroom, let ``learners`` and one more come, and close it again whatever happens.

    ``labs`` are those to release; all unless told. What somebody could not do is in ``failed``.

    Raises:
        ManyHandsError: the classroom could not be opened, or ``learners`` is less than 2 or more than ``MOST``.
    """
    if not 2 <= learners <= MOST:
        raise ManyHandsError(
            f"a class of {learners} cannot be measured", why=f"it has to be from 2 to {MOST}", remedy="--learners 50"
        )
    names = [f"learner{number:03}" for number in range(1, learners + 1)] + ["late"]
    with tempfile.TemporaryDirectory(prefix="manyhands-class-") as folder:
        settings = Settings(
            name=f"manyhands-bench-{Path(folder).name[-8:].replace('_', '-').lower()}x",
            port=_free_port(),
            rooms=Rooms(at_once=learners),
            labs=labs,
        )
        home = Path(folder)
        try:
            people = [Person(name) for name in names]
            opened = open_classroom(settings, people, say, grading=False, site=False, home=home)
            trust = ssl.create_default_context(cafile=str(state_of(home, settings.name).authority))
            visitors = [Visitor(name, opened.passwords[name], settings.url, trust) for name in names]
            day = _Day(settings, visitors[:-1], visitors[-1], say)
            asyncio.run(_a_day(day))
            return _measured(day)
        finally:
            say("closing the classroom")
            close_classroom(settings.name, delete_work=True)


async def _a_day(day: _Day) -> None:
    try:
        async with asyncio.timeout(_SECONDS_AT_FIRST + _SECONDS_EACH * len(day.learners)):
            await _class(day)
    except TimeoutError:
        day.failed.append("it took too long, and was ended")
    except _BROKEN as error:
        day.failed.append(f"{type(error).__name__}: {error}")
    finally:
        for visitor in (*day.learners, day.late):
            await visitor.close()


async def _class(day: _Day) -> None:
    first, others = day.learners[0], day.learners[1:]
    day.say("one learner, alone")
    day.found["alone"] = await _alone(day, first)
    before = await asyncio.to_thread(_services, day)
    day.say(f"{len(others)} learners at once")
    there = [first, *await day.at_once(lambda visitor: _lesson(day, visitor), others)]
    after = await asyncio.to_thread(_services, day)
    day.found["services"] = {"with_one_room": before, "with_all": after}
    day.found["rooms"] = await asyncio.to_thread(costs, [day.room(visitor) for visitor in there])
    day.say("one too many")
    day.found["refused"] = await _one_too_many(day)
    day.say("restarting the hub while everybody checks")
    kept = await _restart(day, there)
    day.found["kept"] = len(kept)
    day.found["disk"] = await asyncio.to_thread(_disk, day)
    day.say("one leaves, and who was turned away comes in")
    await first.leave()
    await day.late.enter()
    day.found["refused"]["let_in_later"] = True


async def _alone(day: _Day, visitor: Visitor) -> dict[str, dict[str, float]]:
    """What one room costs when nothing else runs: seconds, then what the room holds and how much work it was."""
    found: dict[str, dict[str, float]] = {}
    spent = 0.0

    async def step(what: str, done: Awaitable[object]) -> None:
        nonlocal spent
        began = time.monotonic()
        await done
        seconds = time.monotonic() - began
        found[what] = {"seconds": round(seconds, 2)}
        if what != "sign in":
            [cost] = await asyncio.to_thread(costs, [day.room(visitor)])
            found[what] |= {"memory_mb": cost.memory_mb, "processor_s": round(cost.processor_s - spent, 2)}
            spent = cost.processor_s

    await step("sign in", visitor.sign_in())
    await step("room", visitor.enter())
    await step("kernel", _kernel(visitor))
    await step("open the lab", visitor.run(_OPEN))
    await step("check", _check(visitor))
    await step("a look", asyncio.sleep(_LOOK_SECONDS))  # the lab's own traffic goes on
    return found


async def _kernel(visitor: Visitor) -> None:
    await visitor.open_notebook(NOTEBOOK)
    await visitor.run("1")


async def _lesson(day: _Day, visitor: Visitor) -> None:
    async with day.timed("sign in"):
        await visitor.sign_in()
    async with day.timed("room"):
        await visitor.enter()
    async with day.timed("open the lab"):
        await visitor.open_notebook(NOTEBOOK)
        await visitor.run(_OPEN)
    async with day.timed("check"):
        await _check(visitor)


async def _check(visitor: Visitor) -> None:
    """Check the lab as it was handed out, which is wrong on purpose: another verdict is none."""
    said = await visitor.run(_CHECK)
    if "spread: failed (0 of 3)" not in said:
        raise RefusedError(f"{visitor.name} got no verdict", 0, said)


async def _one_too_many(day: _Day) -> dict[str, Any]:
    """What somebody reads who comes when every room is taken."""
    await day.late.sign_in()
    began = time.monotonic()
    try:
        await day.late.enter()
    except RefusedError as refused:
        words = words_of(refused.page)
        told = all(part in words for part in ("Every room is taken", f"{len(day.learners)} rooms", "tries again"))
        if refused.status != 429 or not told:
            day.failed.append(f"late was refused, but not told why: {refused.status} {words[:200]}")
        return {"status": refused.status, "words": words, "seconds": round(time.monotonic() - began, 2)}
    day.failed.append("late got a room when all were taken")
    return {"status": 200, "words": "", "seconds": round(time.monotonic() - began, 2)}


async def _restart(day: _Day, there: Sequence[Visitor]) -> list[Visitor]:
    """Restart the hub while everybody checks; those who have everything that they had before."""

    async def leave_traces(visitor: Visitor) -> None:
        await visitor.save("labs/kept.txt", f"{visitor.name} was here")
        await visitor.run(f"kept = {visitor.name!r}")

    async def go_on(visitor: Visitor) -> None:
        async with day.timed("check while the hub restarts"):
            await _check(visitor)

    async def look(visitor: Visitor) -> None:
        if await visitor.read("labs/kept.txt") != f"{visitor.name} was here":
            raise RefusedError(f"{visitor.name} lost a file", 0, "")
        if (await visitor.run("print(kept)")).strip() != visitor.name:
            raise RefusedError(f"{visitor.name} lost what the kernel knew", 0, "")

    ready = await day.at_once(leave_traces, there)
    before = await asyncio.to_thread(_identities, day, ready)
    checking = asyncio.ensure_future(day.at_once(go_on, ready))
    began = time.monotonic()
    await asyncio.to_thread(docker, "restart", "--time", "30", Host(day.settings.name).container("hub"))
    await _hub_answers(day)
    away = time.monotonic() - began
    kept = await day.at_once(look, await checking)
    same = before == await asyncio.to_thread(_identities, day, ready)
    if not same:
        day.failed.append("a room was started anew when the hub was")
    day.found["restart"] = {"hub_away_s": round(away, 1), "kept_their_work": len(kept), "rooms_went_on": same}
    return kept


async def _hub_answers(day: _Day) -> None:
    """Until the hub does: whoever is signed in sees their own page."""
    while True:
        try:
            answer = await day.late.browser.get("hub/home")
            if answer.status_code == httpx.codes.OK and answer.url.path == "/hub/home":
                return
        except httpx.HTTPError:
            pass
        await asyncio.sleep(_BETWEEN_LOOKS)


def _identities(day: _Day, visitors: Sequence[Visitor]) -> str:
    return docker("inspect", "--format", "{{.Id}} {{.State.StartedAt}}", *map(day.room, visitors))


def _services(day: _Day) -> dict[str, float]:
    """Megabytes of each, and seconds of a processor that all of them have had."""
    names = ("front", "proxy", "hub", "database", "exchange", "prometheus")
    found = costs([Host(day.settings.name).container(name) for name in names])
    spent = {"processor_s": round(sum(cost.processor_s for cost in found), 1)}
    return {f"{name}_mb": cost.memory_mb for name, cost in zip(names, found, strict=True)} | spent


def _disk(day: _Day) -> dict[str, float]:
    """Megabytes of images, and of a person's files after one lab was opened and checked."""
    host = Host(day.settings.name)
    work = files_of_people(host)
    images = {
        docker("inspect", "--format", "{{.Image}}", name).strip()
        for name in (day.room(day.learners[0]), host.container("hub"))
    }
    return {"images_mb": round(sum(map(image_mb, images)), 0), "work_mb": round(max(work.values()) / 2**20, 1)}


def _measured(day: _Day) -> Measured:
    rooms: list[Cost] = day.found.get("rooms", [])
    each = {
        "memory_mb_median": round(quantile([cost.memory_mb for cost in rooms], 0.5), 1),
        "memory_mb_most": round(max((cost.memory_mb for cost in rooms), default=0.0), 1),
        "processor_s_median": round(quantile([cost.processor_s for cost in rooms], 0.5), 1),
    }
    return Measured(
        learners=len(day.learners),
        processors=int(docker("info", "--format", "{{.NCPU}}")),
        succeeded=day.found.get("kept", 0),
        seconds={
            what: {"p50": round(quantile(s, 0.5), 2), "p95": round(quantile(s, 0.95), 2), "most": round(max(s), 2)}
            for what, s in day.took.items()
        },
        alone=day.found.get("alone", {}),
        room=each,
        services=day.found.get("services", {}),
        disk=day.found.get("disk", {}),
        refused=day.found.get("refused", {}),
        restart=day.found.get("restart", {}),
        waited_behind=max(visitor.waited_behind for visitor in day.learners),
        failed=tuple(day.failed),
    )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
