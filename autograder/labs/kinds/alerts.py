"""Do alert rules ring in time, name the right server, and stay silent on days when nothing is wrong?

Recordings of incidents and of quiet days are played to the rules by Prometheus' own ``promtool``: minutes of a shop
cost it milliseconds. Each check asks about some of them; they are played once. One more begins on a real stack.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from autograder.labs.kinds import alerts_scenes as told
from autograder.labs.kinds.alerts_live import live
from autograder.labs.kinds.alerts_reading import WHY, at_alert, finding, looked_at_seldom, why_silent
from autograder.labs.kinds.alerts_run import MOST_BYTES, RULES, Played, Rang, as_text, play
from autograder.labs.kinds.alerts_scenes import LINGERS_S, Scene, scenes
from autograder.labs.kinds.kind import Answer, Kind, Question
from autograder.stack.engine import EngineError
from autograder.stack.running import open_stack

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autograder.labs.lab import Check
    from autograder.mistakes.finding import Finding

ACCEPTED: Final = "accepted"
QUIET: Final = "quiet"
ENDS: Final = "ends"
ABOUT: Final[Mapping[str, tuple[str, ...]]] = {
    "share": (told.PINNED, told.LEANING),
    "errors": (told.FAILING, told.REFUSED),
    "slow": (told.SLOW,),
    "gone": (told.GONE,),
    told.LIVE: (told.LIVE,),
    ENDS: (told.PINNED, told.FAILING, told.REFUSED),
}
"""What a check may ask for about incidents → the recordings that it asks about."""
PROMISES: Final = (ACCEPTED, *ABOUT, QUIET)
"""What a check of this kind may ask for in its settings."""
_SLIP_OF: Final = {
    told.RESTARTS: "rings-at-a-restart",
    told.NIGHT: "few-requests",
    told.MINUTE: "rings-for-a-minute",
    told.CANARY: "rings-for-a-canary",
    told.HICCUP: "rings-for-a-minute",
}
_WORD: Final = re.compile(r"[\w-]+")


@dataclass(frozen=True)
class Seen:
    """The recordings, and what became of the rules in them."""

    scenes: Mapping[str, Scene]
    played: Played


@dataclass(frozen=True)
class _Said:
    """Kept or not in one recording, in words, and what may explain it."""

    kept: bool
    words: str
    cause: Finding | None = None


def scenes_of(check: Check) -> tuple[str, ...]:
    """What a check asks about: the change that is made on a real stack, or all the recordings."""
    return (told.LIVE,) if check.settings["promise"] == told.LIVE else ("",)


def observe(question: Question, scene: str) -> Seen:
    """Play every recording once; of :data:`~autograder.labs.kinds.alerts_scenes.LIVE` there is one."""
    names = tuple(server.name for server in question.running.stack.servers)
    rules = question.files[RULES]
    if len(rules) > MOST_BYTES:
        kept = f"{RULES} has {len(rules):,} bytes; at most {MOST_BYTES:,} are read"
        return Seen({}, Played(ended=kept))
    recordings = (live(question),) if scene == told.LIVE else tuple(scenes(names, question.seed))
    try:
        played = play(question.running, rules, recordings)
    except EngineError:
        # A node of Docker's that cannot be given this machine's promtool. Rules need a sandbox and no stack, so this
        # machine's will do.
        with open_stack(question.running.stack, "local") as here:
            played = play(here, rules, recordings)
    return Seen({one.name: one for one in recordings}, played)


def alerts(question: Question) -> Answer:
    """Was the promise kept that this check asks about?"""
    promise = question.check.settings["promise"]
    seen: Seen = question.seen[scenes_of(question.check)[0]]
    played = seen.played
    rules = as_text(question.files[RULES])
    if played.ended:
        return Answer(False, "", unjudged=f"The rules were not judged to the end: {played.ended}", why=_ENOUGH)
    if promise == ACCEPTED:
        return _accepted(played, rules)
    if played.complaint:
        return Answer(False, "", unjudged=f"Prometheus refuses {RULES}: {played.complaint}", why=_FIRST)
    if promise == QUIET:
        return _answer(_quiet(seen, rules))
    judged = [_ends(seen, name, rules) if promise == ENDS else _in_time(seen, name, rules) for name in ABOUT[promise]]
    return _answer(judged)


_ENOUGH: Final = "A few rules over a few series need no second. Look for one that asks for very much."
_FIRST: Final = "First mend what it complains about; the number after the file's name is the line."


def _accepted(played: Played, rules: str) -> Answer:
    if played.complaint:
        return Answer(False, "promtool refuses the file.", why=played.complaint)
    if not played.alerts:
        return Answer(
            False, "promtool accepts the file, and there is no alert in it.", why="A rule with `alert:` rings."
        )
    if played.fault:
        words, cause = f"promtool accepts the file, and cannot evaluate a rule: {played.fault}", _fault(played, rules)
        return Answer(False, words, causes=(cause,), why=cause.message)
    if seldom := looked_at_seldom(rules):
        words = f"promtool accepts the file, and line {seldom.line} has a group looked at less than once a minute."
        return Answer(False, words, causes=(seldom,), why=seldom.message)
    return Answer(True, f"promtool accepts the file; alerts in it: {played.alerts}.")


def _answer(judged: Sequence[_Said]) -> Answer:
    broken = [one for one in judged if not one.kept]
    words = " ".join(one.words for one in broken or judged)
    causes = tuple(one.cause for one in broken if one.cause is not None)
    why = f"{causes[0].file}:{causes[0].line}: {causes[0].message}" if causes else ""
    return Answer(not broken, words, causes=causes, why=why or WHY["silent"])


def _fault(played: Played, rules: str) -> Finding:
    alert, _, said = played.fault.partition(":")
    return at_alert("cannot-be-evaluated" if "match" in said else "cannot-be-computed", rules, alert)


def _in_time(seen: Seen, name: str, rules: str) -> _Said:
    """Did an alert ring after it began and before users felt it, and name the server, where one is to blame?"""
    scene = seen.scenes[name]
    assert scene.begins is not None  # an incident has both
    assert scene.too_late is not None
    if name not in seen.played.rang:
        return _Said(False, f"{scene.told}: {seen.played.fault}.", _fault(seen.played, rules))
    begins, too_late = scene.begins, scene.too_late
    limit = f"{scene.told}; {_after(too_late - begins)} {scene.harm}."
    rang = [one for one in seen.played.rang[name] if one.first is not None]
    early = next((one for one in rang if one.first is not None and one.first <= begins), None)
    if early:
        return _Said(False, f"{limit} {early.alert} rang before it began.", at_alert("rang-before", rules, early.alert))
    waiting = [one for one in seen.played.rang[name] if begins <= one.true_from < too_late]
    if not scene.server:
        if found := _soonest(rang, too_late):
            return _Said(True, f"{limit} {found.alert} rang {_after((found.first or 0) - begins)}.")
    else:
        named = _named([one for one in rang if _fired_by(one, too_late)], _servers(seen))
        right = [alert for alert, whom in named.items() if whom == {scene.server}]
        if right:
            return _Said(True, f"{limit} {right[0]} named {scene.server} in time.")
        if wrong := next(((alert, whom) for alert, whom in named.items() if whom), None):
            words = f"{limit} {wrong[0]} named {', '.join(sorted(wrong[1]))}."
            return _Said(False, words, at_alert("names-another", rules, wrong[0]))
        waiting = [one for one in waiting if _names(one) & {scene.server}]
    if waiting:
        first = min(waiting, key=lambda one: one.true_from)
        fired = "never rang" if first.first is None else f"rang {_after(first.first - begins)}: too late"
        words = f"{limit} {first.alert} was true {_after(first.true_from - begins)} and {fired}."
        return _Said(False, words, at_alert("waits-too-long", rules, first.alert))
    return _missed(seen, name, rules, rang, limit)


def _missed(seen: Seen, name: str, rules: str, rang: Sequence[Rang], limit: str) -> _Said:
    """Nothing saw it in time, or what did named nobody: what did ring, and what can be read about why."""
    scene = seen.scenes[name]
    begins, too_late = scene.begins or 0, scene.too_late or 0
    read = why_silent(rules, name, never_true=_some_never_true(seen))
    if nameless := _soonest(rang, too_late):
        words = f"{limit} {nameless.alert} rang {_after((nameless.first or 0) - begins)} and named no server."
        return _Said(False, words, read or at_alert("names-nobody", rules, nameless.alert))
    if rang:
        late = min(rang, key=lambda one: one.first or 0)
        words = f"{limit} {late.alert} rang {_after((late.first or 0) - begins)}: too late."
        return _Said(False, words, read or at_alert("sees-it-late", rules, late.alert))
    return _Said(False, f"{limit} Nothing rang.", read or finding("silent", 1, rules.partition("\n")[0]))


def _fired_by(one: Rang, when: int) -> bool:
    return one.first is not None and one.first < when


def _soonest(rang: Sequence[Rang], too_late: int) -> Rang | None:
    in_time = [one for one in rang if _fired_by(one, too_late)]
    return min(in_time, key=lambda one: one.first or 0, default=None)


def _some_never_true(seen: Seen) -> bool:
    """Whether an alert that is written was true in no recording."""
    if told.LIVE in seen.scenes:
        return False  # one recording says nothing about the others
    return len({one.alert for rang in seen.played.rang.values() for one in rang}) < seen.played.alerts


def _names(one: Rang) -> set[str]:
    """The words in its labels: a server's name may have a port behind it, or a pool before it."""
    return {word for value in one.labels.values() for word in _WORD.findall(value)}


def _named(rang: Sequence[Rang], servers: set[str]) -> dict[str, set[str]]:
    """Alert → the servers that its labels name."""
    found: dict[str, set[str]] = {}
    for one in rang:
        found.setdefault(one.alert, set()).update(_names(one) & servers)
    return found


def _servers(seen: Seen) -> set[str]:
    series = next(iter(seen.scenes.values())).series
    return {key.partition('server="')[2].partition('"')[0] for key in series if key.startswith("shop_workers")}


def _quiet(seen: Seen, rules: str) -> list[_Said]:
    rang = (one.first is not None for name in told.INCIDENTS for one in seen.played.rang.get(name, ()))
    if not seen.played.fault and not any(rang):
        words = "Nothing rang on the quiet days. Nothing rang in any incident, either."
        return [_Said(False, words, finding("never-rings", 1, rules.partition("\n")[0]))]
    said = []
    for name in told.QUIET:
        if name not in seen.played.rang:
            said.append(_Said(False, f"{seen.scenes[name].told}: {seen.played.fault}.", _fault(seen.played, rules)))
            continue
        loud = sorted({one.alert for one in seen.played.rang[name] if one.first is not None})
        if loud:
            words = f"{seen.scenes[name].told}: {', '.join(loud)} rang."
            said.append(_Said(False, words, at_alert(_SLIP_OF[name], rules, loud[0])))
    return said or [_Said(True, f"{len(told.QUIET)} days on which nothing was wrong, and nobody was woken.")]


def _ends(seen: Seen, name: str, rules: str) -> _Said:
    """Was what rang silent again, some time after it was mended?"""
    scene = seen.scenes[name]
    assert scene.begins is not None
    assert scene.over is not None
    if name not in seen.played.rang:
        return _Said(False, f"{scene.told}: {seen.played.fault}.", _fault(seen.played, rules))
    rang = [one for one in seen.played.rang[name] if one.first is not None]
    mended = f"{scene.told}. It was mended {_after(scene.over - scene.begins)}"
    late = max(rang, key=lambda one: one.last or 0, default=None)
    if late and (late.last or 0) > scene.over + LINGERS_S:
        words = f"{mended}, and {LINGERS_S // 60} minutes later {late.alert} still rang."
        always = (late.first or 0) <= scene.begins
        return _Said(False, words, at_alert("rang-before" if always else "rings-on", rules, late.alert))
    if not any((one.first or 0) > scene.begins for one in rang):
        cause = finding("never-rings", 1, rules.partition("\n")[0])
        return _Said(False, f"{mended}. Nothing had rung, so nothing could end.", cause)
    return _Said(True, f"{mended}, and what rang fell silent.")


def _after(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"after {minutes} min {rest} s" if rest else f"after {minutes} min"


KIND = Kind(alerts, own_stack=True, settings={"promise": ACCEPTED}, observe=observe, scenes=scenes_of, version=3)
