"""Grades back to the learning platform that people came from: what has changed since the last time, and no more.

Who somebody is there, and where their course's gradebook is, they brought along when they launched; the hub kept it.
What was sent is noted in the classroom's folder on the host after every score, so a run that is killed goes on where it
was. Scores are final ones, as exports have them: with points given by hand, and after late penalties.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from autograder.classroom.host import docker
from autograder.classroom.passback_service import ITEM, SCORE
from autograder.durable import write_durably
from autograder.errors import ManyHandsError

if TYPE_CHECKING:
    from pathlib import Path

    from autograder.classroom.host import Host
    from autograder.classroom.passback_service import Item, Service

Now = Literal["new", "changed", "same", "sent", "failed", "left out"]
_TOLD: Final = "/opt/manyhands/classroom/grades.py"


@dataclass(frozen=True)
class Launch:
    """What somebody's newest launch from one course told: ``items`` is the address of its gradebook's columns."""

    name: str
    user: str
    """The platform's name for them."""
    client_id: str
    course: str
    items: str
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class Score:
    """A final score, as the classroom's gradebook has it."""

    student: str
    score: float
    most: float
    waiting: bool = False


@dataclass(frozen=True)
class Row:
    """One score for one course: what there is to do, or what became of it."""

    score: Score
    now: Now
    before: float | None = None
    launch: Launch | None = None
    why: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        course = self.launch.course if self.launch else ""
        return {**asdict(self.score), "now": self.now, "before": self.before, "course": course, "why": self.why}


def ask_hub(host: Host, lab: str) -> tuple[tuple[Score, ...], tuple[Launch, ...]]:
    """What the gradebook and the launches of a classroom that runs say.

    Raises:
        ManyHandsError: it is not open, or the gradebook cannot be read.
    """
    hub = host.container("hub")
    if not hub:
        raise ManyHandsError("this classroom is not open", where=host.name, remedy="./manyhands classroom up")
    return read(json.loads(docker("exec", hub, "python", _TOLD, lab)))


def read(told: Mapping[str, Any]) -> tuple[tuple[Score, ...], tuple[Launch, ...]]:
    """The same from the JSON that the hub's program prints."""
    launches = [
        Launch(one["name"], one["user"], one["client_id"], one["course"]["title"], one["items"], tuple(one["scopes"]))
        for one in told["launches"]
    ]
    return tuple(Score(**one) for one in told["scores"]), tuple(launches)


class Notes:
    """What was sent for one lab, in one file: student and course → score."""

    def __init__(self, folder: Path, lab: str) -> None:
        self._path = folder / f"{lab}.json"
        try:
            self._sent: dict[str, dict[str, Any]] = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            self._sent = {}
        except (OSError, ValueError) as error:
            raise ManyHandsError(
                "the note of what was sent cannot be read",
                where=str(self._path),
                why=str(error),
                remedy="move it away: then every score is sent once more, which does no harm",
            ) from error

    def of(self, launch: Launch) -> dict[str, Any] | None:
        """What was sent for somebody in their course."""
        return self._sent.get(_name(launch))

    def write(self, launch: Launch, score: Score, at: str) -> None:
        """Note that a score was taken."""
        self._sent[_name(launch)] = {"score": score.score, "most": score.most, "waiting": score.waiting, "at": at}
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(self._path, json.dumps(self._sent, indent=1).encode(), 0o600)


def decide(scores: Iterable[Score], launches: Iterable[Launch], notes: Notes) -> tuple[Row, ...]:
    """What there is to send, in the order of the students' names; somebody in two courses is in two rows."""
    by_name: dict[str, list[Launch]] = {}
    for launch in launches:
        by_name.setdefault(launch.name, []).append(launch)
    rows = []
    for score in sorted(scores, key=lambda score: score.student):
        theirs = by_name.get(score.student, [])
        if not theirs:
            rows.append(Row(score, "left out", why="never came from the platform"))
        rows += [_row(score, launch, notes.of(launch)) for launch in sorted(theirs, key=_name)]
    return tuple(rows)


def send(rows: Sequence[Row], lab: str, title: str, notes: Notes, service: Callable[[str], Service]) -> tuple[Row, ...]:
    """Send what is new or changed; the rows as they are then. ``service`` is the platform's, for a client id.

    One score that is refused stops no other. What the whole course refuses (its column) fails all of its rows.
    """
    items: dict[str, Item | ManyHandsError] = {}
    services: dict[str, Service] = {}
    done = []
    for row in rows:
        if row.now not in ("new", "changed") or row.launch is None:
            done.append(row)
            continue
        launch = row.launch
        if launch.client_id not in services:
            services[launch.client_id] = service(launch.client_id)
        platform = services[launch.client_id]
        if launch.items not in items:
            try:
                items[launch.items] = platform.item(launch.items, lab, title, row.score.most)
            except ManyHandsError as error:
                items[launch.items] = error
        done.append(_send_one(row, launch, platform, items[launch.items], notes))
    return tuple(done)


def _send_one(row: Row, launch: Launch, platform: Service, item: Item | ManyHandsError, notes: Notes) -> Row:
    if isinstance(item, ManyHandsError):
        return replace(row, now="failed", why=_in_words(item))
    score = row.score
    try:
        at = platform.score(launch.items, item, launch.user, score.score, score.most, waiting=score.waiting)
    except ManyHandsError as error:
        return replace(row, now="failed", why=_in_words(error))
    notes.write(launch, score, at)
    return replace(row, now="sent")


def _row(score: Score, launch: Launch, sent: Mapping[str, Any] | None) -> Row:
    if not launch.items or not {ITEM, SCORE} <= set(launch.scopes):
        return Row(score, "left out", None, launch, "the platform lets this tool write no grades")
    if sent is None:
        return Row(score, "new", None, launch)
    same = (sent["score"], sent["most"], sent["waiting"]) == (score.score, score.most, score.waiting)
    return Row(score, "same" if same else "changed", float(sent["score"]), launch)


def as_text(rows: Sequence[Row]) -> str:
    """For a terminal: a line a score, then how many of each."""
    lines = [f"  {'student':<32} {'score':>11}  {'before':>7}  {'':<8}  course"]
    for row in rows:
        before = "" if row.before is None else f"{row.before:g}"
        points = f"{row.score.score:g} / {row.score.most:g}"
        where = row.launch.course if row.launch else ""
        lines.append(f"  {row.score.student:<32} {points:>11}  {before:>7}  {row.now:<8}  {where}".rstrip())
        if row.why:
            lines.append(f"      why   {row.why}")
    counts = {
        now: sum(row.now == now for row in rows) for now in ("sent", "new", "changed", "same", "left out", "failed")
    }
    lines.append(", ".join(f"{count} {now}" for now, count in counts.items() if count) or "nobody has a score")
    return "\n".join(lines)


def _name(launch: Launch) -> str:
    return json.dumps([launch.items, launch.user])


def _in_words(error: ManyHandsError) -> str:
    return "; ".join(part for part in (error.what, error.where, error.why, error.remedy) if part)
