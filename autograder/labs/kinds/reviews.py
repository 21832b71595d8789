"""Was each proposed change decided well, by a person or by a policy? The consequence of each is measured on a twin.

Both errors count: harm that is let through, and good work that is stopped. ``ask`` in a check's settings says which
question is put: ``decisions`` and ``reasons`` (in ``answers.json``, a table for each change), or ``policy``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from autograder.errors import suggestion
from autograder.labs.kinds.answers_file import UnreadableError, read_answers, shown
from autograder.labs.kinds.answers_judging import line_and_quote, plain
from autograder.labs.kinds.kind import Answer, Kind, Question
from autograder.labs.kinds.reviews_changes import DECISIONS, REASONS, Change, ChangeError, changes_of, named
from autograder.labs.kinds.reviews_facts import Facts, facts_of
from autograder.labs.kinds.reviews_policy import MERGED, REFUSED, SECOND, PolicyError, read_policy
from autograder.mistakes.finding import Finding

if TYPE_CHECKING:
    from autograder.labs.lab import Check

_WELL = {"approve": (MERGED, SECOND), "reject": (REFUSED,), "ask": (SECOND,)}
"""What a careful reviewer does → what a policy may do."""
_ASKED_TOO_OFTEN = 0.5
"""A policy that sends more than this part of the good work to a second person is not read for long."""
_WHY = {
    "approved-harm": "Before you approve, follow one request through the file as it would be.",
    "asked-about-harm": "No answer of its author makes this one right. Ask yourself who is hurt, whatever is meant.",
    "refused-good-work": "A review that stops good work teaches people to go around it.",
    "did-not-ask": "The diff does not say whether this is meant, or until when. Its author can: ask.",
    "another-reason": "Look again at what this change does, and to whom.",
    "policy-lets-harm-through": "Which number, measured by whom, would have been different for this change?",
    "policy-blocks-good-work": "Something that the policy refuses is also true of a change that harms nobody.",
    "policy-does-not-ask": "A machine cannot know what is meant. Which number says that somebody should be asked?",
    "policy-asks-too-often": "A second person who is asked about everything looks at nothing.",
}


def observe(question: Question, folder: str) -> tuple[tuple[Change, Facts], ...]:
    """Every change of a folder, with what it does on the twin."""
    assert question.lab is not None  # the examiner gives it
    return tuple((change, facts_of(question.running, change)) for change in changes_of(question.lab, folder))


def reviews(question: Question) -> Answer:
    """Was each change decided well?"""
    settings = question.check.settings
    seen: tuple[tuple[Change, Facts], ...] = question.seen[settings["changes"]]
    file = "policy.toml" if settings["ask"] == "policy" else "answers.json"
    try:
        if settings["ask"] == "policy":
            return _policy(question, seen, shown_names=not settings["unseen"])
        if settings["ask"] in ("decisions", "reasons"):
            return _people(question, seen, settings["ask"])
    except (UnreadableError, PolicyError) as error:
        advice = f"Mend {file}, or take the file as it was given and fill it in again."
        return Answer(False, "", unjudged=f"{file} cannot be followed: {error}.", why=advice)
    remedy = suggestion(settings["ask"], ("decisions", "reasons", "policy"))
    raise ChangeError(f"there is no question {settings['ask']!r}", where="lab.toml", remedy=remedy)


def _people(question: Question, seen: tuple[tuple[Change, Facts], ...], ask: str) -> Answer:
    written = read_answers(question.files.get("answers.json", b""))
    wrong: list[tuple[str, str, str]] = []
    for change, facts in seen:
        key = f"{change.name}.{'decision' if ask == 'decisions' else 'reason'}"
        said = written.values.get(key)
        if said is None or said == "":
            wrong.append(("", key, f"{key} has no answer yet"))
        elif ask == "decisions":
            wrong += _decided(key, change, facts, said)
        else:
            wrong += _reasoned(key, change, facts, said)
    if not wrong:
        return Answer(True, f"All {len(seen)} changes: well decided." if ask == "decisions" else "All reasons fit.")
    wrong.sort(key=lambda one: not one[0])
    lines = {key: written.lines.get(key, 1) for _, key, _ in wrong}
    return _told("answers.json", question, len(seen), wrong, lines)


def _decided(key: str, change: Change, facts: Facts, said: Any) -> list[tuple[str, str, str]]:
    decision = plain(said) if isinstance(said, str) else ""
    if decision == change.right:
        return []
    if decision not in DECISIONS:
        return [("", key, f"{key} should be one of {', '.join(DECISIONS)}, and is {shown(said)}")]
    mistake = "did-not-ask"
    if change.right == "approve":
        mistake = "refused-good-work"
    elif change.right == "reject":
        mistake = "asked-about-harm" if decision == "ask" else "approved-harm"
    return [(mistake, key, f"{change.name}: you say {decision}; on the twin, {facts.in_words()}")]


def _reasoned(key: str, change: Change, facts: Facts, said: Any) -> list[tuple[str, str, str]]:
    reason = re.sub(r"[ _-]+", "-", plain(said)) if isinstance(said, str) else ""
    if reason == change.reason:
        return []
    if reason not in REASONS:
        return [("", key, f"{key} should be one of {', '.join(REASONS)}, and is {shown(said)}")]
    return [("another-reason", key, f"{change.name}: not {reason}; on the twin, {facts.in_words()}")]


def _told(
    file: str, question: Question, total: int, wrong: list[tuple[str, str, str]], lines: Mapping[str, int]
) -> Answer:
    """``wrong`` has rows of mistake (empty: nothing to explain), key and words."""
    words = ". ".join(row[2] for row in wrong[:3])
    more = f" {len(wrong) - 3} more are not." if len(wrong) > 3 else ""
    text = question.files[file].decode("utf-8", "replace")
    causes = []
    for mistake, key, _ in wrong:
        if mistake:
            line, quote = line_and_quote(text, lines[key])
            causes.append(Finding(mistake, "", file, line, quote, (0, len(quote)), _WHY[mistake], ""))
    why = f"{file}:{causes[0].line}: {causes[0].message}" if causes else f"{file}: every change needs an answer."
    observed = f"{total - len(wrong)} of {total} are well decided. {words}.{more}"
    return Answer(False, observed, causes=tuple(causes), why=why)


def _policy(question: Question, seen: tuple[tuple[Change, Facts], ...], *, shown_names: bool) -> Answer:
    policy = read_policy(question.files.get("policy.toml", b""))
    fates = {change.name: policy.decide(facts) for change, facts in seen}
    wrong: list[tuple[str, str, str]] = []
    for change, facts in seen:
        fate = fates[change.name]
        if fate in _WELL[change.right]:
            continue
        mistake, table = "policy-does-not-ask", "second-person"
        if change.right == "reject":
            mistake, table = "policy-lets-harm-through", "measure" if policy.could_refuse(facts) else "refuse"
        elif fate == REFUSED:
            mistake, table = "policy-blocks-good-work", "refuse"
        what = change.name if shown_names else "a change that you have not seen"
        wrong.append((mistake, table, f"{what}: {fate}; on the twin, {facts.in_words()}"))
    if shown_names and policy.decide(Facts(loads=False)) == MERGED:
        words = "a change that the balancer does not load: merged"
        wrong.append(("policy-lets-harm-through", "refuse", words))
    good = [change.name for change, _ in seen if change.right == "approve"]
    asked = [name for name in good if fates[name] == SECOND]
    if len(asked) > _ASKED_TOO_OFTEN * len(good):
        what = named(asked) if shown_names else f"{len(asked)} of {len(good)} harmless changes"
        words = f"{what}: each needs a second person, and harms nobody"
        wrong.append(("policy-asks-too-often", "second-person", words))
    if not wrong:
        counts = ", ".join(f"{list(fates.values()).count(fate)} {fate}" for fate in (MERGED, SECOND, REFUSED))
        return Answer(True, f"{len(seen)} changes: {counts}. No harm came through, and no good work was stopped.")
    rows = question.files["policy.toml"].decode("utf-8", "replace").splitlines()
    starts = {table: _begins(rows, table) for table in ("measure", "refuse", "second-person")}
    return _told("policy.toml", question, len(seen), wrong, starts)


def _begins(rows: list[str], table: str) -> int:
    """The line where a table of the policy begins; 1 where that is not to be seen."""
    return next((number for number, row in enumerate(rows, 1) if row.replace(" ", "").startswith(f"[{table}]")), 1)


def _scenes(check: Check) -> tuple[str, ...]:
    return (check.settings["changes"],)


KIND = Kind(
    reviews,
    version=2,
    own_stack=True,
    settings={"ask": "decisions", "changes": "start/changes", "unseen": False},
    observe=observe,
    scenes=_scenes,
)
