"""Are the answers in ``answers.json`` right? What is right is observed, wherever traffic can show it.

The traffic goes through the lab *as it was handed out*, on a stack of its own: whatever a learner changed in the config
since, the questions are about what everybody was given. :mod:`answers_questions` tells how a lab writes questions.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autograder.labs.kinds.answers_file import UnreadableError, read_answers
from autograder.labs.kinds.answers_judging import judge, line_and_quote
from autograder.labs.kinds.answers_questions import Sheet, SheetError, Slip, Traffic, read_sheet
from autograder.labs.kinds.kind import Answer, Kind, Question
from autograder.labs.kinds.served import listed, unserved
from autograder.mistakes.finding import Finding
from autograder.stack.engine import EngineError
from autograder.traffic.clients import population
from autograder.traffic.sample import Sample, merged
from autograder.traffic.send import send

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.labs.kinds.answers_file import Written
    from autograder.labs.kinds.answers_judging import Judged
    from autograder.labs.kinds.answers_questions import Asked

_CONFIG = "conf/"
_SHOWN = 3
"""Wrong answers that are told at a time: who mends those looks again."""


def answers(question: Question) -> Answer:
    """Is every answer right?"""
    sheet = read_sheet(question.check.name, question.check.settings)
    try:
        written = read_answers(question.files.get(sheet.file, b""))
    except UnreadableError as error:
        advice = f"Mend {sheet.file}, or take the file as it was given and fill it in again."
        return Answer(False, "", unjudged=f"{sheet.file} cannot be read: {error}.", why=advice)
    samples = _measured(question, sheet)
    judged = tuple(_judged(question, one, written, samples) for one in sheet.questions)
    return _told(question, sheet, written, judged, samples)


def _measured(question: Question, sheet: Sheet) -> Mapping[str, Sample]:
    """Send each kind of traffic that a question is about. Raises :class:`EngineError` if the lab's own start fails."""
    used = {
        name for asked in sheet.questions for name in (*asked.of, *(each for slip in asked.slips for each in slip.of))
    }
    if not used:
        return {}
    assert question.lab is not None  # the examiner gives it
    files = question.lab.read(question.lab.start)
    config = {name.removeprefix(_CONFIG): data for name, data in files.items() if name.startswith(_CONFIG)}
    running = question.running
    for balancer in reversed(running.stack.balancers):
        if not (applied := running.apply(config, balancer.name)).ok:
            raise EngineError("the lab's own config does not run", why=str(applied.faults[0]), remedy="mend the lab")
    return {name: _sample(question, sheet.traffic[name]) for name in sheet.traffic if name in used}


def _sample(question: Question, traffic: Traffic) -> Sample:
    crowd = population(traffic.clients)
    plan = crowd.check_out if traffic.checkout else crowd.browse
    sample = send(question.running, crowd, plan(traffic.requests, seed=question.seed), concurrency=8, timeout=20.0)
    if unserved(sample):
        raise EngineError(
            "the lab as it is handed out did not serve everybody",
            why=f"{unserved(sample)} of {sample.requests} requests failed",
            remedy="run it again; this machine may have stalled",
        )
    return sample


def _judged(question: Question, asked: Asked, written: Written, samples: Mapping[str, Sample]) -> Judged:
    together = merged([samples[name] for name in asked.of]) if asked.of else None
    truth = _truth(question, asked, together)
    seen = f", counted at the servers: {together.requests} requests from {together.described}" if together else ""
    slips = tuple(_slip(slip, samples) for slip in asked.slips)
    return judge(replace(asked, slips=slips), written.values.get(asked.key), truth, seen)


def _slip(slip: Slip, samples: Mapping[str, Sample]) -> Slip:
    """With the answer that this slip leads to, where that had to be measured."""
    if not slip.share:
        return slip
    return replace(slip, answer=100 * merged([samples[name] for name in slip.of]).shares().get(slip.share, 0.0))


def _truth(question: Question, asked: Asked, sample: Sample | None) -> Any:
    if sample is None or asked.source in ("truth", "free"):
        return asked.about
    shares = sample.shares()
    if asked.source == "share":
        question.running.stack.server(asked.about)  # a slip in the lab is told, and is not 0 %
        return 100 * shares.get(asked.about, 0.0)
    pool = [question.running.stack.server(name) for name in asked.about]
    capacity, served = sum(one.capacity for one in pool), sum(shares.get(one.name, 0.0) for one in pool)
    if not served:
        where = f"lab.toml, check {question.check.name}, {asked.key}"
        raise SheetError("none of these servers gets any of this traffic", where=where, remedy="name others")
    ratio = {one.name: shares.get(one.name, 0.0) / served * capacity / one.capacity for one in pool}
    hottest = max(ratio, key=lambda name: ratio[name])
    return ratio[hottest] if asked.source == "peak_to_fair" else hottest


def _told(
    question: Question,
    sheet: Sheet,
    written: Written,
    judged: tuple[Judged, ...],
    samples: Mapping[str, Sample],
) -> Answer:
    wrong = [one for one in judged if not one.right]
    requests = sum(sample.requests for sample in samples.values())
    if not wrong:
        free = _beside_predictions(judged, written, samples)
        return Answer(True, f"All {len(judged)} answers fit what was observed. {free}".rstrip(), requests=requests)
    told = [*(one for one in wrong if not one.open), *(one for one in wrong if one.open)]
    more = f" {len(told) - _SHOWN} more do not fit." if len(told) > _SHOWN else ""
    words = f"{len(judged) - len(wrong)} of {len(judged)} answers fit. "
    words += ". ".join(one.said for one in told[:_SHOWN]) + f".{more}"
    causes = tuple(_cause(sheet, question, written, one) for one in told if one.slip is not None and one.slip.mistake)
    slip = next((one for one in told if one.slip is not None), None)
    if slip is not None and slip.slip is not None:
        why = f"{sheet.file}:{written.lines.get(slip.asked.key, 1)}: {slip.slip.why}"
    else:
        why = f"{sheet.file}:{written.lines.get(told[0].asked.key, 1)}: {told[0].asked.ask}"
    return Answer(False, words, requests=requests, causes=causes, why=why)


def _beside_predictions(judged: tuple[Judged, ...], written: Written, samples: Mapping[str, Sample]) -> str:
    """Predictions are not graded; next to what was counted they teach."""
    pairs = []
    for one in judged:
        if one.asked.source == "free" and one.asked.of and isinstance(one.asked.about, str):
            counted = 100 * merged([samples[name] for name in one.asked.of]).shares().get(one.asked.about, 0.0)
            pairs.append(f"{one.asked.about} {written.values[one.asked.key]} % and {counted:.0f} %")
    return f"Predicted and counted: {listed(pairs)}." if pairs else ""


def _cause(sheet: Sheet, question: Question, written: Written, one: Judged) -> Finding:
    text = question.files[sheet.file].decode("utf-8", "replace")
    line, quote = line_and_quote(text, written.lines.get(one.asked.key, 1))
    assert one.slip is not None
    return Finding(one.slip.mistake, "", sheet.file, line, quote, (0, len(quote)), one.slip.why, "")


KIND = Kind(answers, version=2, own_stack=True, settings={"file": "answers.json", "traffic": {}, "questions": {}})
