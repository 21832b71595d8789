"""Was somebody on call as one should be? Each check asks one thing about a shift that was played again.

The record says only what was tried, and when. What came of it is measured on a fresh stack (:mod:`.oncall_play`), with
the shift that this student has: so a record of somebody else's shift, or one in which the right words stand and
nothing was mended, earns nothing.

When something was done is the learner's own word. A shift may be done again, and is faster then: so times are judged
generously, and what was left behind strictly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autograder.labs.kinds.kind import Answer, Kind, Question
from autograder.labs.kinds.oncall_play import SERVED, Shift, play
from autograder.labs.kinds.oncall_record import IN_HISTORY, ON_MACHINES
from autograder.labs.kinds.oncall_told import DEBRIEF, debriefed, told
from autograder.labs.kinds.promise import Said
from autograder.labs.kinds.served import listed
from autograder.mistakes.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from autograder.labs.kinds.oncall_play import Moment
    from autograder.labs.kinds.oncall_stage import Seen

LOOKED_MIN: Final = 15
"""Minutes of the story until somebody has counted who answers."""
KNOWN_MIN: Final = 35
"""Until the change that is the cause was looked at, or undone."""
SERVED_MIN: Final = 45
"""Until users are served. On the real first of March it took 85."""
BEST_MIN: Final = 4
"""Until users are served, by somebody who does nothing in vain."""
_LOST_TIMES: Final = 4
"""How much more than then may be lost."""
_IN_VAIN: Final = 1
"""Actions on a machine that may help nobody."""


def _detect(shift: Shift) -> Said:
    world = shift.world
    looked = next((one for one in shift.actions if one.do == "look" and one.words["at_what"] == "shares"), None)
    if looked is None:
        why = "How many requests failed says that something is wrong. Who answered says where. Look at the shares."
        return Said(False, "Nobody counted which server answers.", why, "never-looked-at-shares")
    words = f"Shares were looked at {_minutes(looked.at_s)} after the pager"
    if looked.at_s > 60 * LOOKED_MIN:
        return Said(False, f"{words}.", f"Within {LOOKED_MIN}: it is one look.", "looked-late")
    opened = f"change {world.cause.name}"
    known = next(
        (
            one
            for one in shift.actions
            if (one.do == "look" and one.words["at_what"] == opened)
            or (one.do == "revert" and one.words["commit"] == world.cause.name)
            or (one.do in IN_HISTORY and _taken_back(shift, one.at_s))
        ),
        None,
    )
    if known is None:
        why = "What changed shortly before the first error? It stands in the history, with its time."
        return Said(False, f"{words}; the change that did it was never looked at, nor undone.", why, "cause-not-found")
    words = f"{words}, the change that did it was found {_minutes(known.at_s)} after it."
    if known.at_s > 60 * KNOWN_MIN:
        return Said(False, words, f"Within {KNOWN_MIN}. What else did you look at first?", "looked-late")
    return Said(True, words)


def _taken_back(shift: Shift, at_s: float) -> bool:
    """Whether a version that was made at this moment is one without the cause."""
    made = [one.after for one in shift.repository.commits if one.at_s == at_s and one.author == "you"]
    puts = [put for _, put in shift.world.cause.edits]
    return any(all(put not in config for put in puts) for config in made)


def _mitigate(shift: Shift) -> Said:
    served = shift.served_s
    if served is None:
        last = shift.moments[-1].seen
        words = f"In the end {last.failing:.0%} of the requests fail."
        if any(moment.refused for moment in shift.moments):
            refused = next(moment for moment in shift.moments if moment.refused)
            return Said(False, words, f"At {shift.world.clock(refused.at_s)}: {refused.refused}", "not-mended")
        half = [name for name, door in last.doors.items() if door.failed <= SERVED * door.requests]
        if half and last.failing > SERVED:
            why = f"Users who come by {listed(half)} are served, the others are not. There are two balancers."
            return Said(False, words, why, "one-of-two-balancers")
        if all(one.do not in IN_HISTORY for one in shift.actions):
            why = "The machines are as they were told to be. What tells them where requests go?"
            return Said(False, words, why, "symptom-for-cause")
        undone = not _cause_in(shift, _plain(shift.repository.config))
        if undone and shift.repository.config not in shift.loaded:
            why = "What stands in git is not what the balancers run. Who told them?"
            return Said(False, words, why, "written-not-loaded")
        return Said(False, words, "All of it still goes to one machine, or to none.", "not-mended")
    words = f"Users were served {_minutes(served)} after the pager."
    if served > 60 * SERVED_MIN:
        return Said(False, words, f"Within {SERVED_MIN}. Where did the time go? The debrief shows it.", "mended-late")
    return Said(True, words)


def _only_the_bad(shift: Shift) -> Said:
    world, repository = shift.world, shift.repository
    missing = [one.name for one in world.history if one not in repository.commits]
    if missing:
        words = f"The history no longer has {listed(missing)}."
        return Said(False, words, "Who reads it tomorrow cannot see what ran today.", "history-rewritten")
    config = _plain(repository.config)
    if config == _plain(world.last):
        return Said(False, "Nothing in the config was undone.", "", "not-mended")
    if _cause_in(shift, config):
        words = "The change that made everything go one way is still in the config."
        return Said(False, words, "Which change decides where requests go?", "not-mended")
    lost = [
        one for one in world.history if one is not world.cause and any(not _has(config, put) for _, put in one.edits)
    ]
    if lost:
        words = f"With the bad change went {listed([f'{one.name} ({one.message})' for one in lost])}."
        return Said(False, words, "They were good. Undo one change, not everything since.", "good-changes-undone")
    if config != _plain(world.wanted):
        rows = sorted(set(config.splitlines()) ^ set(_plain(world.wanted).splitlines()), key=config.find)
        words = f"Something else is not as it was{f': “{rows[-1]}”' if rows else ', the order of the lines'}."
        why = "What was added in a hurry, or is left of the change, is taken back, too."
        return Said(False, words, why, "left-behind")
    if any(_plain(one) != config for one in shift.loaded):
        return Said(False, "Not every balancer runs what is in git.", "Reload each of them.", "one-of-two-balancers")
    made = [one for one in repository.commits if one.author == "you"]
    if not any(any(sign.isalpha() for sign in one.message.rpartition(": ")[2]) for one in made):
        return Said(False, "No commit says why.", "Tomorrow somebody will want to do it again.", "no-reason")
    return Said(True, f"Only {world.cause.name} was undone; {len(world.history) - 2} other changes stayed.")


def _verify(shift: Shift) -> Said:
    world = shift.world
    clear = [one for one in shift.actions if one.do == "all-clear"]
    if not clear:
        return Said(False, "Nobody said that it is over.", "A shift ends with that.", "never-all-clear")
    last = shift.moments[-1]
    for one in clear:
        at = shift.at(one.at_s)
        if at.seen.failing > SERVED:
            words = (
                f"“All clear” was said at {world.clock(one.at_s)}, when {at.seen.failing:.0%} of the requests failed."
            )
            return Said(False, words, "Count first, then say it.", "all-clear-too-early")
    if last.at_s > clear[-1].at_s:
        words = f"After “all clear” at {world.clock(clear[-1].at_s)} something was changed once more."
        return Said(False, words, "What was seen before that says nothing about it.", "all-clear-too-early")
    looks = [
        one.at_s
        for one in shift.actions
        if one.do == "look" and one.words["at_what"] == "shares" and last.at_s <= one.at_s <= clear[-1].at_s
    ]
    if not looks or last.action is None:
        words = f"Between the last change and “all clear” at {world.clock(clear[-1].at_s)} nobody counted who answers."
        return Said(False, words, "That pages come back does not show that they come from everywhere.", "not-verified")
    share = last.seen.shares
    silent = [name for name in world.servers if not share.get(name)]
    if silent:
        words = f"When it was over, {listed(silent)} answered nothing."
        return Said(
            False, words, "It was in the shares that you looked at. The next peak needs every machine.", "left-down"
        )
    hottest = max(share, key=lambda name: share[name])
    if share[hottest] > 2 / len(world.servers):
        return Said(False, f"{hottest} still has {share[hottest]:.0%} of the requests.", "", "not-mended")
    words = f"Counted {_minutes(looks[-1] - last.at_s)} after the last change: {_in_words(last.seen)}."
    return Said(True, words)


def _lost(shift: Shift) -> Said:
    world = shift.world
    best = round(world.rate * (world.unseen_s + 60 * BEST_MIN) * shift.moments[0].seen.failing)
    words = f"{shift.lost:,} requests were lost; the best possible run loses {best:,}."
    if shift.lost > _LOST_TIMES * best:
        why = f"More than {_LOST_TIMES} times as many. First undo, then understand: what can be undone at once?"
        return Said(False, words, why, "mended-late")
    return Said(True, words)


def _needless(shift: Shift) -> Said:
    vain = [
        moment
        for before, moment in zip(shift.moments, shift.moments[1:], strict=False)
        if _in_vain(shift, before, moment)
    ]
    if len(vain) > _IN_VAIN:
        shown = [f"{moment.action.said()} at {shift.world.clock(moment.at_s)}" for moment in vain if moment.action]
        words = f"{len(vain)} actions on machines helped nobody: {listed(shown[:4])}."
        restarts = sum(moment.action.do.startswith("restart") for moment in vain if moment.action)
        why = "After the first that did not help: what have you learned, and what would show it before the next?"
        return Said(False, words, why, "restart-does-not-help" if restarts * 2 >= len(vain) else "added-machines")
    if len(shift.moments) == 1:
        return Said(False, "Nothing was done on any machine.", "To touch nothing is not to be on call.", "nothing-done")
    words = "Every action on a machine changed something for users"
    return Said(True, f"{words}." if not vain else f"{words}, but one.")


def _in_vain(shift: Shift, before: Moment, now: Moment) -> bool:
    """Whether an action on a machine made nothing better: neither for users, nor for a server that was missing."""
    action = now.action
    if action is None or action.do not in ON_MACHINES or action.do == "kill":
        return False
    if now.refused:
        return True
    better = now.seen.failing < before.seen.failing - SERVED
    back = set(before.seen.down) - set(now.seen.down)
    serves = any(now.seen.shares.get(name) for name in back)
    last = action.do == "reload" and _plain(shift.loaded[-1] if shift.loaded else "") == _plain(shift.world.wanted)
    return not (better or serves or (last and now.seen.failing <= SERVED))


def _plain(config: str) -> str:
    rows = (line.partition("#")[0].strip() for line in config.splitlines())
    return "\n".join(" ".join(row.split()) for row in rows if row)


def _cause_in(shift: Shift, config: str) -> bool:
    """Whether a plain config has what the bad change put there."""
    return any(_has(config, put) for _, put in shift.world.cause.edits)


def _has(config: str, text: str) -> bool:
    """Whether every line of ``text`` is a line of a plain config."""
    lines = set(config.splitlines())
    return all(line in lines for line in _plain(text).splitlines())


def _minutes(seconds: float) -> str:
    minutes = round(seconds / 60)
    return "a minute" if minutes == 1 else f"{minutes} minutes"


def _in_words(seen: Seen) -> str:
    return ", ".join(f"{name} {part:.0%}" for name, part in seen.shares.items())


_ABOUT: Final[Mapping[str, Callable[[Shift], Said]]] = {
    "detect": _detect,
    "mitigate": _mitigate,
    "only-the-bad": _only_the_bad,
    "verify": _verify,
    "lost": _lost,
    "needless": _needless,
    "told": told,
}
_DEBRIEF: Final = "debrief"
QUESTIONS: Final = (*_ABOUT, _DEBRIEF)
"""What a check of this kind may ask in its settings."""


def answered(shift: Shift, ask: str, debrief: bytes) -> Said:
    """One question about a shift that was played."""
    if shift.unreadable or not shift.moments:
        why = "The shift writes its record as you act. Open it in the notebook, or start it again."
        return Said(False, shift.unreadable or "Nobody was on call: the record is empty.", why, "nobody-on-call")
    return debriefed(shift, debrief) if ask == _DEBRIEF else _ABOUT[ask](shift)


def oncall(question: Question) -> Answer:
    """The answer to the question that this check asks about the shift."""
    shift: Shift = question.seen[""]
    said = answered(shift, question.check.settings["ask"], question.files.get(DEBRIEF, b""))
    if not shift.moments:
        return Answer(False, said.observed, causes=_causes(said), why=said.why)
    last = shift.moments[-1].seen
    requests = sum(door.requests for door in last.doors.values())
    failed = sum(door.failed for door in last.doors.values())
    return Answer(said.kept, said.observed, last.shares, requests, failed, _causes(said), said.why)


def _causes(said: Said) -> tuple[Finding, ...]:
    if said.kept or not said.mistake:
        return ()
    return (Finding(said.mistake, "", "", 0, "", (0, 0), said.observed, said.why),)


KIND = Kind(oncall, version=3, own_stack=True, settings={"ask": "mitigate", "world": ""}, observe=play)
