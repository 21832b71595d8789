"""A shift played again: its record's actions on a fresh stack, with users at both balancers, measured after each.

Time is the story's: what a look showed counts until the next action that changed a machine. So a replay takes as long
as its changes do, whatever the hours of the story.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from autograder.labs.kinds.oncall_record import FILE, ON_MACHINES, Action, UnreadableError, read_record
from autograder.labs.kinds.oncall_stage import Seen, Stage
from autograder.labs.kinds.oncall_world import LAST_S, Repository, ShiftError, World, read_world

if TYPE_CHECKING:
    from autograder.labs.kinds.kind import Question

_MOST_HUNG: Final = 3
"""Looks at which users may wait for nothing, before the rest is not played."""
SERVED: Final = 0.05
"""Part of the requests that may fail while users count as served."""


@dataclass(frozen=True)
class Moment:
    """From ``at_s`` (seconds from the pager) on, until the next: what users met, after ``action`` (None: the pager).

    ``refused`` is what a balancer said to a config that it does not take, or why the action could not be done.
    """

    at_s: float
    action: Action | None
    seen: Seen
    refused: str = ""


@dataclass(frozen=True)
class Shift:
    """A shift as it was played: its actions, what users met, and what is left.

    ``why`` says why nothing was played: no record, one that cannot be read, or somebody else's.
    """

    world: World
    actions: tuple[Action, ...]
    moments: tuple[Moment, ...]
    repository: Repository
    loaded: tuple[str, ...]
    """The config that each balancer runs in the end."""
    unreadable: str = ""

    @property
    def last_s(self) -> float:
        """When it was over: at the last all-clear, or at the end of the story."""
        clear = [action.at_s for action in self.actions if action.do == "all-clear"]
        return clear[-1] if clear else LAST_S

    @property
    def served_s(self) -> float | None:
        """From when on users were served, and stayed so; None if they were not in the end."""
        since: float | None = None
        for moment in self.moments:
            if moment.seen.failing > SERVED:
                since = None
            elif since is None:
                since = moment.at_s
        return since

    @property
    def lost(self) -> int:
        """Requests without a page, from the first harm on, until the two hours are over."""
        lost = self.world.unseen_s * self.moments[0].seen.failing
        ends = [moment.at_s for moment in self.moments[1:]] + [LAST_S]
        for moment, end in zip(self.moments, ends, strict=True):
            lost += (end - moment.at_s) * moment.seen.failing
        return round(lost * self.world.rate)

    def at(self, at_s: float) -> Moment:
        """What users met at a time."""
        return [moment for moment in self.moments if moment.at_s <= at_s][-1]

    def first(self, *do: str, after: float = 0.0) -> Action | None:
        """The first action of these kinds at or after a time."""
        return next((one for one in self.actions if one.do in do and one.at_s >= after), None)


def play(question: Question, _scene: str) -> Shift:
    """Play the record that was handed in. Raises :class:`EngineError` only when *we* failed."""
    lab = question.lab
    assert lab is not None
    world = read_world(lab, question.check.settings["world"])
    try:
        actions = read_record(question.files.get(FILE, b""))
    except UnreadableError as error:
        return _nothing(world, f"{FILE} cannot be read: {error}.")
    if not actions:
        return Shift(world, (), (), Repository(world.history), ())
    if actions[0].do != "begin" or any(one.do == "begin" for one in actions[1:]):
        return _nothing(world, f"{FILE} does not begin where a shift begins, or begins twice.")
    if actions[0].words["world"] != world.key:
        return _nothing(world, f"{FILE} is the record of another shift: something else happened there.")
    return played(Stage(question.running, world, question.seed), actions)


def _nothing(world: World, why: str) -> Shift:
    return Shift(world, (), (), Repository(world.history), (), why)


def played(stage: Stage, actions: tuple[Action, ...]) -> Shift:
    """Play actions on a stack that nobody has touched."""
    moments = [Moment(0.0, None, stage.begin())]
    for action in actions:
        try:
            stage.do(action)
        except ShiftError as error:
            moments.append(Moment(action.at_s, action, moments[-1].seen, str(error)))
            continue
        if action.do in ON_MACHINES:
            refused = stage.refused if action.do == "reload" else ""
            seen = moments[-1].seen if refused else stage.look()
            moments.append(Moment(action.at_s, action, seen, refused))
        if stage.hung > _MOST_HUNG:
            why = "With what was loaded, users wait for nothing again and again; so the rest was not played."
            return _nothing(stage.world, why)
    loaded = tuple(stage.loaded.values())
    return Shift(stage.world, actions, tuple(moments), stage.repository, loaded)


def best_run(world: World) -> tuple[Action, ...]:
    """What somebody does on this shift who looks first, and does nothing in vain."""
    cause, server = world.cause.name, world.alone
    harm, pager = world.clock(-world.unseen_s), world.clock(0)
    rows: list[tuple[float, str, dict[str, str]]] = [
        (0, "begin", {"world": world.key}),
        (0.5, "look", {"at_what": "shares"}),
        (
            1,
            "tell",
            {"text": f"Since {harm} the shop does not answer. We look for the cause. Next word in ten minutes."},
        ),
        (1.5, "look", {"at_what": "history"}),
        (2, "look", {"at_what": f"change {cause}"}),
        (3, "revert", {"commit": cause, "why": f"since {harm} all requests go to one machine, paged at {pager}"}),
        (3.5, "reload", {"balancer": "lb1"}),
        (4, "reload", {"balancer": "lb2"}),
        (5, "restart", {"server": server}),
        (6, "look", {"at_what": "shares"}),
        (7, "all-clear", {"text": f"All clear: every machine answers. The change {cause} was taken back."}),
    ]
    return tuple(Action(60.0 * minute, do, words) for minute, do, words in rows)
