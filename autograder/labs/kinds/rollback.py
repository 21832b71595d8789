"""Does a script roll back one change, as it should be done? Each check asks about one promise of a good rollback.

The script is run in the twin's sandbox on real balancers, under traffic; :mod:`.rollback_play` does that. Here is only
judged what was seen. ``rollback.sh COMMIT REASON`` is run on the first balancer, then on the second, then on the first
once more; and alone in two worlds where a rollback cannot succeed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autograder.judge.rollback import Failures, lost_by_chance
from autograder.judge.spread import Spread
from autograder.labs.kinds.kind import Answer, Kind, Question
from autograder.labs.kinds.promise import Said, finding, told
from autograder.labs.kinds.rollback_history import Repository, UnreadableError
from autograder.labs.kinds.rollback_play import SCRIPT, Scene, Turn, play
from autograder.labs.kinds.rollback_world import ENTANGLED, NO_HELP, OUTAGE
from autograder.labs.kinds.served import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from autograder.labs.lab import Check
    from autograder.stack.proxies.proxy import ServerNow

_SHORT: Final = 7
"""Digits of a commit's name that are enough to name it."""
_OUT: Final = ("MAINT", "DRAIN")
_LEAST_LOST: Final = 2
_LOST_AT: Final = 0.05
"""Requests do not fail here while nobody does anything, so a handful that do are not chance."""


def _only_the_bad(scene: Scene) -> Said:
    turn = scene.turns[0]
    wanted, found = _plain(scene.world.wanted), _plain(turn.after.files)
    still = any(put and _has(found, put) for _, put in scene.world.undone.edits)
    lost = [
        change.message.splitlines()[0]
        for change in scene.world.others
        if any(put and not _has(found, put) and _has(wanted, put) for _, put in change.edits)
        or any(path not in turn.after.files for path in change.files)
    ]
    bad = scene.world.undone.message.splitlines()[0]
    if still:
        return Said(False, f"The bad change ({bad}) is still in the config on {turn.balancer}.", _told(turn))
    if lost:
        words = f"The bad change ({bad}) is undone, and so {_are(len(lost))}: {'; '.join(lost)}."
        why = "A rollback undoes one change. Going back to an earlier version undoes everything that came after it."
        return Said(False, words, why)
    missing = sorted(path for path in wanted if found.get(path) != wanted[path])
    if missing:
        words = f"{listed(missing)} on {turn.balancer} is neither the old version nor the one without the bad change."
        return Said(False, words, _told(turn))
    return Said(True, f"Only {bad!r} was undone; {len(scene.world.others)} other changes are still there.")


def _history(scene: Scene) -> Said:
    turn = scene.turns[0]
    repository = Repository(turn.after.git)
    if not repository.branch:
        words = "No branch is checked out any more (git calls this a detached HEAD)."
        return Said(False, words, "What the next person commits there belongs to no branch, and is lost.")
    try:
        commits = repository.commits(repository.tip(repository.branch))
        committed = repository.files(next(iter(commits.values())).tree)
    except UnreadableError as error:
        return Said(False, f"The history cannot be read: {error}.", _told(turn))
    if scene.names[-1] not in commits:
        words = f"The commit {scene.names[-1][:_SHORT]}, which was the last, is no longer part of the history."
        return Said(False, words, "Who reads the history tomorrow cannot see what ran at 10:15, or what changed it.")
    if any(turn.after.files.get(path) != content for path, content in committed.items()):
        words = "What lies on disk is not what was committed."
        return Said(False, words, "The next person who commits, or pulls, brings back what is in git.")
    new = [commit for name, commit in commits.items() if name not in scene.names]
    if not new:
        return Said(False, "Nothing was committed: the history does not say that anything was undone.", _told(turn))
    said = [" ".join(commit.message.split()) for commit in new]
    if not any(scene.named[:_SHORT] in message for message in said):
        return Said(False, f"No message names the commit that was undone ({scene.named[:_SHORT]}): {said[0]!r}.")
    if not any(scene.world.reason in message for message in said):
        words = f"No message says why. The reason that was given is {scene.world.reason!r}."
        return Said(False, words, f"The message is {said[0][:200]!r}.")
    return Said(True, f"{len(new)} new commit on {repository.branch}, with the reason; the old ones are all there.")


def _validated(scene: Scene) -> Said:
    turn = scene.turns[0]
    served = turn.arriving.failed < turn.arriving.requests
    refused = [act for act in turn.result.acts if _refused(act.kind, act.word, act.answer)]
    builds_on = next(change for change in scene.world.others if change.role == "builds-on")
    begin = f"Without the named change the config does not hold: {builds_on.message.splitlines()[0]!r} builds on it."
    if not served:
        return Said(False, f"{begin} {turn.balancer} no longer takes connections.", _told(turn))
    if refused:
        words = f"{begin} The script asked for a {refused[0].word.split()[0]} all the same, and HAProxy refused."
        return Said(False, words, _told(turn), "reload-refused", r"reload|restart|USR2|HUP")
    if not scene.holds:
        words = f"{begin} That config was left on disk: the next start of {turn.balancer} would fail."
        return Said(False, words, _told(turn))
    if any(put and not _has(_plain(turn.after.files), put) for _, put in builds_on.edits):
        return Said(False, f"{begin} The script took that away as well, and asked nobody.", _told(turn))
    if turn.result.ok:
        return Said(False, f"{begin} The script ended with 0, as if all were well.", _told(turn))
    if turn.after.differs:
        return Said(False, f"{begin} What runs on {turn.balancer} is no longer what lies on its disk.", _told(turn))
    return Said(True, f"{begin} The script said no, and left what ran on disk and in the workers.")


def _reloaded(scene: Scene) -> Said:
    for turn in scene.turns:
        ended = turn.after.pid is None
        if ended or (turn.after.pid, turn.after.starts) != (turn.before.pid, turn.before.starts):
            words = f"HAProxy on {turn.balancer} was {'ended' if ended else 'restarted'}."
            why = "Between the end and the new start nobody listens, and every request in work is cut off."
            return Said(False, words, why, "restart-loses-requests", r"restart|stop|TERM|KILL|USR1")
    unloaded = [turn.balancer for turn in scene.turns[:1] if not _loads(turn)]
    if unloaded:
        return Said(False, f"No reload was asked for on {unloaded[0]}.", _told(scene.turns[0]), "written-not-loaded")
    return Said(True, "HAProxy's main process is the same as before; it was reloaded.")


def _nothing_lost(scene: Scene) -> Said:
    for turn in scene.turns[:2]:
        if turn.arriving.failed == turn.arriving.requests:
            return Said(False, f"After the script every request to {turn.balancer} fails.", _told(turn))
    quiet, meanwhile = _together([t.quiet for t in scene.turns]), _together([t.meanwhile for t in scene.turns])
    words = f"{meanwhile.failed} of {meanwhile.requests} requests failed while the script ran."
    if meanwhile.failed > _LEAST_LOST and lost_by_chance(quiet, meanwhile) < _LOST_AT:
        return Said(False, words, "Users were on their way while the balancer did not listen, or sent them nowhere.")
    if not _loads(scene.turns[0]):
        return Said(False, f"{words} But nothing was reloaded, so nothing could be lost.", _told(scene.turns[0]))
    return Said(True, words)


def _runs_what_lies_there(scene: Scene) -> Said:
    turn = scene.turns[0]
    if turn.after.pid is None:
        return Said(False, f"Nothing runs on {turn.balancer}.", _told(turn))
    if turn.after.differs:
        words = f"The workers on {turn.balancer} carry another config than the one that lies on disk."
        return Said(False, words, _told(turn), "written-not-loaded")
    if _plain(turn.after.files) == _plain(turn.before.files):
        return Said(False, f"On {turn.balancer} lies, and runs, what was there before.", _told(turn))
    return Said(True, f"The workers on {turn.balancer} read exactly the files that lie on disk.")


def _state_cleared(scene: Scene) -> Said:
    turn, drained = scene.turns[0], scene.world.drained
    now, later = _server(turn.after.servers, drained), _server(scene.reloaded, drained)
    words = f"At 10:45 somebody set the weight of {drained} to nothing, over the Runtime API, and saved the state."
    if now is None or now.weight == 0 or turn.arriving.counts().get(drained, 0) == 0:
        why = f"After the script {drained} answered none of {turn.arriving.requests} requests. {_told(turn)}"
        return Said(False, words, why.strip(), "state-file-returns")
    if later is None or later.weight == 0 or later.status in _OUT:
        why = f"It was put right, and one more reload brought it back: the saved state is still there. {_told(turn)}"
        return Said(False, words, why.strip(), "state-file-returns")
    return Said(True, f"{words} It has its weight again, also after one more reload.")


def _servers_back(scene: Scene) -> Said:
    turn, taken = scene.turns[0], scene.world.taken_out
    words = f"At 10:40 {taken} had crashed, and somebody took it out. It has been running again since 10:42."
    answered = turn.arriving.counts().get(taken, 0)
    later = _server(scene.reloaded, taken)
    if not answered:
        return Said(False, f"{words} It answered none of {turn.arriving.requests} requests.", _told(turn))
    if later is None or later.status in _OUT:
        return Said(False, f"{words} It was back, and one more reload took it out again.", _told(turn))
    silent = [name for name in scene.turns[0].spread.silent if name != scene.world.drained]
    if silent:
        return Said(False, f"{words} It is back; {listed(silent)} got nothing.", _told(turn))
    return Said(True, f"{words} It answered {answered} of {turn.arriving.requests} requests.")


def _tells_the_truth(scenes: Mapping[str, Scene]) -> Said:
    healed, hopeless = scenes[OUTAGE].turns[0], scenes[NO_HELP].turns[0]
    dead = scenes[NO_HELP].world.dead
    world = f"{dead} is dead and stays so" if dead else "the change that was named is not the cause"
    well = healed.spread.spread is not Spread.CONCENTRATED and not healed.spread.silent
    if hopeless.result.ok:
        hottest = hopeless.spread.hottest
        share = hopeless.spread.share.get(hottest, 0.0)
        seen = f"{hottest} still has {share:.0%} of the requests" if not dead else f"{dead} answers nothing"
        why = "It ended with 0. Whoever reads that goes home."
        return Said(False, f"In a world where {world}, {seen}, and the script said that all is well.", why)
    if hopeless.result.ended_by != "itself":
        return Said(False, f"In a world where {world}: {hopeless.result.in_words()}", _told(hopeless))
    if not healed.result.ok:
        state = "and all servers had their share" if well else "and the outage was not over"
        return Said(False, f"Where it could succeed: {healed.result.in_words()} Not 0, {state}.", _told(healed))
    if not well:
        return Said(False, f"It ended with 0, and {_uneven(healed)}.", _told(healed))
    return Said(True, f"It ended with 0 where the outage was over, and with {hopeless.result.exit_code} where {world}.")


def _twice(scene: Scene) -> Said:
    once, again = scene.turns[0], scene.turns[2]
    if _plain(once.after.files) != _plain(scene.world.wanted):
        return Said(False, "The first run did not bring the right config, so there was nothing to keep.", _told(once))
    if _plain(again.after.files) != _plain(once.after.files):
        bad = any(_has(_plain(again.after.files), put) for _, put in scene.world.undone.edits if put)
        words = "The second run brought the bad change back." if bad else "The second run changed the config again."
        return Said(False, words, _told(again), "rolled-back-to-bad" if bad else "")
    if again.after.differs:
        return Said(False, "After the second run, what runs is not what lies on disk.", _told(again))
    if not again.result.ok:
        return Said(False, f"The second run did not end with 0. {again.result.in_words()}", _told(again))
    return Said(True, "The second run changed nothing, and said that all is well.")


def _both(scene: Scene) -> Said:
    first, second = scene.turns[:2]
    words = f"On {second.balancer} the change was already undone in git by hand, and nobody reloaded."
    for turn in (first, second):
        right = _plain(turn.after.files) == _plain(scene.world.wanted)
        if not right or turn.after.differs:
            state = "lies another config than the right one" if not right else "the right config lies on disk, unread"
            other = "; on the other balancer all is well" if turn is second else ""
            return Said(False, f"{words} On {turn.balancer} {state}{other}.", _told(turn), "one-of-two-balancers")
        if turn.spread.spread is Spread.CONCENTRATED or turn.spread.silent:
            return Said(False, f"{words} On {turn.balancer} {_uneven(turn)}.", _told(turn), "one-of-two-balancers")
    if not second.result.ok:
        return Said(False, f"{words} On {second.balancer}: {second.result.in_words()}", _told(second))
    return Said(True, f"{words} Both balancers run the same config, and spread.")


_ABOUT: Final[Mapping[str, tuple[str, Callable[[Scene], Said]]]] = {
    "only-the-bad": (OUTAGE, _only_the_bad),
    "history": (OUTAGE, _history),
    "validated": (ENTANGLED, _validated),
    "reloaded": (OUTAGE, _reloaded),
    "nothing-lost": (OUTAGE, _nothing_lost),
    "runs-what-lies-there": (OUTAGE, _runs_what_lies_there),
    "state-cleared": (OUTAGE, _state_cleared),
    "servers-back": (OUTAGE, _servers_back),
    "twice": (OUTAGE, _twice),
    "both": (OUTAGE, _both),
}
"""Promise → the scene in which it is looked for, and how."""
_TRUTH: Final = "tells-the-truth"
PROMISES: Final = (*_ABOUT, _TRUTH)
"""What a check of this kind may ask for in its settings."""


def scenes_of(check: Check) -> tuple[str, ...]:
    """The scenes that a check asks about."""
    promise = check.settings["promise"]
    return (OUTAGE, NO_HELP) if promise == _TRUTH else (_ABOUT[promise][0],)


def rollback(question: Question) -> Answer:
    """Was the promise kept that this check asks about?"""
    promise = question.check.settings["promise"]
    scenes: Mapping[str, Scene] = question.seen
    if promise == _TRUTH:
        said, turn = _tells_the_truth(scenes), scenes[OUTAGE].turns[0]
    else:
        scene, judge = _ABOUT[promise]
        said, turn = judge(scenes[scene]), scenes[scene].turns[0]
    causes = () if said.kept or not said.mistake else (finding(said, SCRIPT, question.files),)
    sample = turn.arriving
    return Answer(said.kept, said.observed, sample.shares(), sample.requests, sample.failed, causes, said.why)


def _plain(files: Mapping[str, bytes]) -> dict[str, str]:
    """Configs as HAProxy reads them: without comments, empty lines and indentation."""
    return {
        path: "\n".join(
            text for line in content.decode(errors="replace").splitlines() if (text := line.partition("#")[0].strip())
        )
        for path, content in files.items()
    }


def _has(files: Mapping[str, str], text: str) -> bool:
    lines = {line for content in files.values() for line in content.splitlines()}
    wanted = [line.partition("#")[0].strip() for line in text.splitlines()]
    return all(line in lines for line in wanted if line)


def _server(servers: tuple[ServerNow, ...], name: str) -> ServerNow | None:
    return next((server for server in servers if server.name == name), None)


def _loads(turn: Turn) -> bool:
    return any(
        act.kind in ("signal", "service", "master") and not act.word.startswith("show") for act in turn.result.acts
    )


def _refused(kind: str, word: str, answer: str) -> bool:
    """Whether HAProxy was asked to load what it cannot."""
    if kind == "service":
        return word.partition(" ")[0] in ("reload", "restart", "start") and not answer.startswith("0")
    return kind == "master" and "Success=0" in answer


def _together(parts: list[Failures]) -> Failures:
    return Failures(sum(part.requests for part in parts), sum(part.failed for part in parts))


def _uneven(turn: Turn) -> str:
    spread = turn.spread
    if spread.silent:
        return f"{listed(spread.silent)} got nothing"
    share = spread.share.get(spread.hottest, 0.0)
    return f"{spread.hottest} has {share:.0%} of the requests"


def _are(count: int) -> str:
    return "is a good change" if count == 1 else f"are {count} good changes"


def _told(turn: Turn) -> str:
    return told(f"{SCRIPT} on {turn.balancer}", turn.result)


KIND = Kind(rollback, version=2, own_stack=True, settings={"promise": "only-the-bad"}, observe=play, scenes=scenes_of)
