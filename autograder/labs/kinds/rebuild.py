"""Does a script build a lost balancer anew from its backups? Each check asks about one promise of a good restore.

``restore.sh BACKUPS LOST-AT`` is run in the twin's sandbox on an empty machine, then once more while users come; and
alone where no backup is of use. :mod:`.rebuild_play` does that. Here is only judged what was seen.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from autograder.judge.rollback import lost_by_chance
from autograder.judge.spread import CONCENTRATED_AT, Spread
from autograder.labs.explain import causes_of, read_findings
from autograder.labs.kinds.kind import Answer, Kind, Question
from autograder.labs.kinds.promise import Said, finding, told
from autograder.labs.kinds.rebuild_play import FOLDER, SCRIPT, Kept, Scene, Turn, play
from autograder.labs.kinds.rebuild_world import CERTIFICATE, CONFIG, HOPELESS, LOST, BackupSet
from autograder.labs.kinds.served import listed, unserved
from autograder.labs.kinds.users import QUIET

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from autograder.labs.lab import Check
    from autograder.mistakes.finding import Finding
    from autograder.stack.model import Stack
    from autograder.stack.programs import Act

LOADS_AT_MOST: Final = 5
"""The recovery time that the lab states, in starts and reloads: in its story each costs four minutes of twenty."""
_OTHERS: Final = 0o077
_LOAD: Final = re.compile(r"(?:start|restart|reload) haproxy(?:\.service)?")
_LEAST_LOST: Final = 2
_LOST_AT: Final = 0.05
_FAULTS: Final = {
    "another-key": "its certificate and its key do not belong together",
    "cut-short": "its config ends in the middle of a line",
    "no-certificate": "it has no certificate",
    "one-heavy": "one server has a hundred times the weight of the others in it",
    "one-key": "it balances by a key that is the same for everybody",
    "one-missing": "a server is missing in its pool",
}


def _serves(scene: Scene) -> Said:
    turn = scene.turns[0]
    failed = unserved(turn.arriving)
    if failed:
        state = "HAProxy is not running" if not turn.up else "HAProxy runs"
        return Said(False, f"{failed} of {turn.arriving.requests} requests were not served. {state}.", _told(turn))
    if unserved(turn.by_tls):
        words = f"Over TLS {unserved(turn.by_tls)} of {turn.by_tls.requests} requests were not served."
        return Said(False, words, _told(turn))
    if turn.spread.silent:
        return Said(False, f"Users are served, but {listed(turn.spread.silent)} answered nothing.", _told(turn))
    if turn.spread.spread is Spread.CONCENTRATED:
        share = turn.spread.share[turn.spread.hottest]
        return Said(False, f"Users are served, but {turn.spread.hottest} has {share:.0%} of them.", _told(turn))
    return Said(True, f"All {turn.arriving.requests} requests were served, and every server had its part of them.")


def _newest(scene: Scene) -> Said:
    turn, wanted = scene.turns[0], _wanted(scene)
    found = _set_of(scene, turn.files.get(CONFIG, b""), CONFIG)
    if found is None:
        words = f"What lies in {FOLDER}/{CONFIG} is the config of no set." if turn.files else f"{FOLDER} is empty."
        return Said(False, words, _told(turn))
    if found.fault:
        words = f"The config is that of {found.name}, and that set cannot be used: {_FAULTS[found.fault]}."
        return Said(
            False, words, "Who looks at the traffic before saying yes goes on to the set before it.", "useless-backup"
        )
    if found.name != wanted.name:
        lost, least = scene.world.minutes_lost(found), scene.world.minutes_lost(wanted)
        words = f"The config is that of {found.name}. {wanted.name} can be used, and is {lost - least} minutes newer."
        return Said(
            False,
            words,
            "What was changed between the two is lost, and somebody will have to find out what.",
            "older-than-needed",
        )
    theirs = turn.files.get(CERTIFICATE, b"")
    if theirs.split() != wanted.files[CERTIFICATE].split():
        words = f"The config is that of {found.name}, the newest set of use. Its {CERTIFICATE} is not restored with it."
        return Said(False, words, _told(turn))
    return Said(True, f"Config and certificate are those of {wanted.name}, the newest set of use.")


def _validated(scene: Scene) -> Said:
    loads = _loads(scene.turns[0])
    refused = [act for act in loads if _refused(act)]
    if refused:
        words = f"HAProxy was asked to {refused[0].word.split()[0]} with a config that it does not take."
        return Said(False, words, _told(scene.turns[0]), "reload-refused", r"systemctl|service|HUP|USR2|reload")
    if not loads:
        return Said(False, "HAProxy was never started, so nothing was loaded, checked or not.", _told(scene.turns[0]))
    return Said(True, f"HAProxy took each of the {len(loads)} configs that it was asked to load.")


def _keys(scene: Scene) -> Said:
    turn = scene.turns[0]
    secrets = [one for one in turn.kept if one.secret]
    if not secrets:
        return Said(False, "There is no private key on the machine, so nobody comes in over TLS.", _told(turn))
    if open_ones := [one for one in secrets if one.mode & _OTHERS]:
        words = f"{listed([_with_mode(one) for one in open_ones[:3]])} can be read by others than its owner."
        why = "Whoever reads a private key can pretend to be the shop, today and with every copy that was made."
        return Said(False, words, why, "key-open-to-others", r"\bcp\b|install|tar|rsync|copy|write")
    if unserved(turn.by_tls):
        return Said(False, "The keys are closed, and over TLS nobody is served.", _told(turn))
    return Said(True, f"{listed([_with_mode(one) for one in secrets[:3]])}: nobody but its owner reads it.")


def _state(scene: Scene) -> Said:
    turn, out = scene.turns[0], _wanted(scene).out
    counts = turn.arriving.counts()
    words = f"The state in {_wanted(scene).name} says that {out} was taken out: it sells at last year's prices."
    if not turn.arriving.requests - unserved(turn.arriving):
        return Said(False, f"{words} Nobody is served at all.", _told(turn))
    if counts.get(out, 0):
        words += f" It answered {counts[out]} of {turn.arriving.requests} requests."
        if turn.spread.silent:  # somebody else is out, as in an older state
            words += f" {listed(turn.spread.silent)} got nothing."
            return Said(False, words, "Is this the state of that set, or of another?", "mended-at-runtime-only")
        return Said(False, words, "The new HAProxy was told nothing of it.", "mended-at-runtime-only")
    if turn.spread.silent:
        words += f" It got nothing, and neither did {listed(turn.spread.silent)}."
        return Said(False, words, "Is this the state of the same set as the config?", "state-file-returns")
    return Said(True, f"{words} It answered none of {turn.arriving.requests} requests.")


def _in_time(scene: Scene) -> Said:
    turn = scene.turns[0]
    loads = len(_loads(turn))
    if unserved(turn.arriving):
        return Said(False, f"After {loads} starts and reloads users are not served.", _told(turn))
    words = f"{loads} starts and reloads until users were served; the recovery time allows {LOADS_AT_MOST}."
    why = "Begin with the set that you would like best, and stop when one is good enough."
    return Said(loads <= LOADS_AT_MOST, words, "" if loads <= LOADS_AT_MOST else why, "slower-than-promised")


def _tells_the_truth(scenes: Mapping[str, Scene]) -> Said:
    restored, hopeless = scenes[LOST], scenes[HOPELESS].turns[0]
    turn, wanted = restored.turns[0], _wanted(restored)
    if hopeless.result.ok:
        return Said(
            False,
            "Where no set was of use, the script ended with 0.",
            "Whoever reads that goes home.",
            "says-yes-regardless",
        )
    if hopeless.result.ended_by != "itself":
        return Said(False, f"Where no set was of use: {hopeless.result.in_words()}", _told(hopeless))
    if not turn.result.ok:
        return Said(False, f"Where a set was of use: {turn.result.in_words()}", _told(turn))
    minutes = restored.world.minutes_lost(wanted)
    last = next((line for line in reversed(turn.result.out.splitlines()) if line.strip()), "")
    if wanted.name not in last:
        why = "Whoever reads only the last line must learn which set is back. Say it there."
        return Said(False, f"Its last line does not name the set, {wanted.name}: {last[:200]!r}.", why)
    if str(minutes) not in re.findall(r"\d+", last.replace(wanted.name, " ")):
        words = f"Its last line does not say how old the set was at the loss, {minutes} minutes: {last[:200]!r}."
        return Said(
            False,
            words,
            "The changes of that time are lost. Somebody must know that, and look for them.",
            "loss-unsaid",
        )
    return Said(
        True, f"It named {wanted.name} and {minutes} minutes, and ended with 0; where none was of use, it did not."
    )


def _twice(scene: Scene) -> Said:
    once, again = scene.turns
    assert again.quiet is not None  # the second turn of a scene has both
    assert again.meanwhile is not None
    if unserved(once.arriving):
        return Said(False, "After the first run users were not served, so there was nothing to keep.", _told(once))
    lost = f"{again.meanwhile.failed} of {again.meanwhile.requests} requests failed meanwhile."
    if (again.pid, again.starts) != (once.pid, once.starts):
        words = f"The second run ended HAProxy and started it again, while users were served. {lost}"
        return Said(False, words, "", "restart-loses-requests", r"restart|stop|TERM|KILL|USR1")
    if again.meanwhile.failed > _LEAST_LOST and lost_by_chance(again.quiet, again.meanwhile) < _LOST_AT:
        return Said(False, f"In the second run {lost}", _told(again))
    if met := _met_one(again, len(once.spread.fair)):
        why = "It loaded a set of no use while all was well. What could it look at first, before it changes anything?"
        return Said(False, f"The second run did harm: {met}.", why, "useless-backup")
    if again.files != once.files:
        return Said(False, "The second run left another config than the first.", _told(again))
    useless = [act for act in _loads(again) if _refused(act)]
    if useless or again.spread.silent or again.spread.spread is Spread.CONCENTRATED:
        words = "HAProxy refused what it was asked to load" if useless else "users are not spread any more"
        return Said(False, f"The second run did harm: {words}.", _told(again))
    if not again.result.ok:
        return Said(False, f"All was well, and the second run: {again.result.in_words()}", _told(again))
    return Said(True, f"The second run changed nothing. {lost}")


def _met_one(turn: Turn, serving: int) -> str:
    """Who answered far more than their part of the users' requests while the script ran; empty if nobody did."""
    hottest = max(sorted(turn.answered), key=lambda name: turn.answered[name], default="")
    total = sum(turn.answered.values())
    if total < QUIET or turn.answered[hottest] < CONCENTRATED_AT * total / serving:
        return ""
    return f"while it went on, {hottest} had {turn.answered[hottest] / total:.0%} of the users' requests"


_ABOUT: Final[Mapping[str, Callable[[Scene], Said]]] = {
    "serves": _serves,
    "newest": _newest,
    "validated": _validated,
    "keys": _keys,
    "state": _state,
    "in-time": _in_time,
    "twice": _twice,
}
_TRUTH: Final = "tells-the-truth"
PROMISES: Final = (*_ABOUT, _TRUTH)
"""What a check of this kind may ask for in its settings."""


def scenes_of(check: Check) -> tuple[str, ...]:
    """The scenes that a check asks about."""
    return (LOST, HOPELESS) if check.settings["promise"] == _TRUTH else (LOST,)


def rebuild(question: Question) -> Answer:
    """Was the promise kept that this check asks about?"""
    promise = question.check.settings["promise"]
    scenes: Mapping[str, Scene] = question.seen
    turn = scenes[LOST].turns[0]
    said = _tells_the_truth(scenes) if promise == _TRUTH else _ABOUT[promise](scenes[LOST])
    causes: tuple[Finding, ...] = ()
    if not said.kept:
        causes = (finding(said, SCRIPT, question.files),) if said.mistake else ()
        causes += _in_the_config(question.running.stack, turn) if promise == "serves" else ()
    sample = turn.arriving
    return Answer(said.kept, said.observed, sample.shares(), sample.requests, sample.failed, causes, said.why)


def _in_the_config(stack: Stack, turn: Turn) -> tuple[Finding, ...]:
    """What the catalogue reads in the config that was restored, if that can explain the traffic."""
    seen = "skewed" if turn.spread.spread is Spread.CONCENTRATED else "silent"
    return causes_of(seen, read_findings(stack, turn.files)) if turn.up else ()


def _wanted(scene: Scene) -> BackupSet:
    wanted = scene.world.wanted
    assert wanted is not None  # in the scene LOST there is always one
    return wanted


def _set_of(scene: Scene, content: bytes, path: str) -> BackupSet | None:
    """The newest set whose file this is, comments and empty space aside."""
    mine = _plain(content)
    return next((one for one in reversed(scene.world.sets) if _plain(one.files.get(path, b"")) == mine), None)


def _plain(content: bytes) -> list[list[str]]:
    lines = (line.partition("#")[0].split() for line in content.decode(errors="replace").splitlines())
    return [words for words in lines if words]


def _loads(turn: Turn) -> list[Act]:
    """Each time HAProxy was asked to load what lies on disk; not when it could not hear that, as it was not running."""
    return [
        act
        for act in turn.result.acts
        if (act.kind == "service" and _LOAD.fullmatch(act.word) and not act.answer.endswith("is not running\n"))
        or (act.kind == "signal" and act.word in ("HUP", "USR2"))
        or (act.kind == "master" and act.word.startswith("reload"))
    ]


def _refused(act: Act) -> bool:
    return not act.answer.startswith("0") if act.kind == "service" else "Success=0" in act.answer


def _with_mode(one: Kept) -> str:
    return f"{one.path} (mode {one.mode:o})"


def _told(turn: Turn) -> str:
    return told(SCRIPT, turn.result)


KIND = Kind(rebuild, version=3, own_stack=True, settings={"promise": "serves"}, observe=play, scenes=scenes_of)
