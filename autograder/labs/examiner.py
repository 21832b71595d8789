"""The examiner: a lab's files in, verdicts out.

It starts a fresh twin of the lab's stack, puts the files in, drives its own traffic with a nonce in every request,
counts at the servers, and decides. Nothing of a submission is imported or executed; its config runs in the twin.
"""

from __future__ import annotations

import codecs
import contextlib
import dataclasses
import functools
import random
import time
from typing import TYPE_CHECKING, Any

from autograder.labs.explain import in_words, read_findings
from autograder.labs.kinds import LOADS, kind_named
from autograder.labs.kinds.kind import Answer, Question
from autograder.labs.limits import over_limit
from autograder.labs.variants import not_yours
from autograder.labs.verdict import Outcome, Verdict
from autograder.stack.running import open_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from autograder.labs.lab import Check, Lab
    from autograder.mistakes.finding import Finding
    from autograder.stack.balancing import Applied
    from autograder.stack.model import Stack
    from autograder.stack.proxies.proxy import ConfigFault
    from autograder.stack.running import RunningStack

CONFIG_FOLDER = "conf/"
"""Folder of a lab that becomes the balancer's config folder."""


def examine(
    lab: Lab,
    files: Mapping[str, bytes],
    *,
    engine: str = "local",
    checks: Sequence[str] | None = None,
    seed: int = 0,
    hidden: bool = True,
    attempts: Mapping[str, int] | None = None,
    opened: Callable[[Stack, str], RunningStack] = open_stack,
) -> tuple[Verdict, ...]:
    """Judge the files of one submission.

    Args:
        lab: The lab, from the instructor's side.
        files: Path as in ``lab.files`` → content. What is missing makes the checks ``unjudged``.
        engine: ``local`` or ``docker``.
        checks: Names of the checks to run; all, in the lab's order, by default. ``KeyError`` for an unknown one.
        seed: Varies traffic and which server dies; 0 is what a learner sees.
        hidden: Run the hidden populations too.
        attempts: Check → how often it was tried before; hints grow with it.
        opened: Starts a stack that nobody has touched, on an engine, or has one ready.

    Returns:
        A verdict for each check.

    Raises:
        EngineError: *We* failed. Nothing may be concluded about the submission.
    """
    chosen = [lab.check(name) for name in checks] if checks is not None else list(lab.checks)
    missing = [name for name in lab.files if name not in files]
    if missing:
        reason = f"The submission has no {', '.join(missing)}."
        return tuple(_unjudged(check, reason, "Put the file back in its place and submit again.") for check in chosen)
    return tuple(_verdicts(lab, files, chosen, engine, seed, hidden, attempts or {}, opened))


def _verdicts(
    lab: Lab,
    files: Mapping[str, bytes],
    checks: list[Check],
    engine: str,
    seed: int,
    hidden: bool,
    attempts: Mapping[str, int],
    opened: Callable[[Stack, str], RunningStack],
) -> Iterator[Verdict]:
    config = _config_of(files)
    balancer = lab.stack.balancer
    over = ((one, over_limit(one.proxy, config, one.config)) for one in lab.stack.balancers)
    if found := next(((one, why) for one, why in over if why), None):
        balancer, reason = found
        advice = "A lab needs a few processes and connections. Ask for less, and submit again."
        yield from (_unjudged(check, f"{CONFIG_FOLDER}{balancer.config}, {reason}", advice) for check in checks)
        return
    findings = tuple(
        dataclasses.replace(finding, file=CONFIG_FOLDER + finding.file) for finding in read_findings(lab.stack, config)
    )
    alone = {check.name for check in checks if check.kind != LOADS and kind_named(check.kind).own_stack}
    with contextlib.ExitStack() as stays:
        shared: RunningStack | None = None
        fresh = True
        played: dict[tuple[str, str], tuple[Question, Any]] = {}
        for check in checks:
            began = time.monotonic()
            if check.name in alone and kind_named(check.kind).observe is not None:
                for scene in kind_named(check.kind).scenes(check):
                    if (check.kind, scene) not in played:
                        with opened(lab.stack, engine) as running:
                            question = _question(lab, check, running, files, findings, seed, hidden)
                            played[check.kind, scene] = question, _observe(question, scene)
                verdict = _looked_up(lab, check, played, attempts)
            elif check.name in alone:
                with opened(lab.stack, engine) as running:
                    verdict = _asked(lab, check, running, files, findings, seed, hidden, attempts)
            else:
                if shared is None:
                    shared = stays.enter_context(opened(lab.stack, engine))
                    applied = apply_everywhere(shared, config)
                if check.kind == LOADS:
                    remark = not_yours(lab, config) or _left_behind(lab, applied.faults)
                    verdict = _loads(check, applied.faults, attempts.get(check.name, 0), remark)
                elif not applied.ok:
                    who = balancer.proxy if len(lab.stack.balancers) == 1 else "A balancer"
                    reason = f"{who} does not run this config, so no traffic could be sent."
                    advice = f"First mend what it complains about: {_complaint(applied.faults)}"
                    verdict = _unjudged(check, reason, advice)
                else:
                    if not fresh:
                        _make_whole(shared, config)
                    starts = _starts(shared)
                    verdict = _asked(lab, check, shared, files, findings, seed, hidden, attempts)
                    fresh = kind_named(check.kind).only_sends and not verdict.failed and _starts(shared) == starts
            yield dataclasses.replace(verdict, seconds=round(time.monotonic() - began, 3))


def _asked(
    lab: Lab,
    check: Check,
    running: RunningStack,
    files: Mapping[str, bytes],
    findings: tuple[Finding, ...],
    seed: int,
    hidden: bool,
    attempts: Mapping[str, int],
) -> Verdict:
    """The verdict of a check's kind on what runs."""
    question = _question(lab, check, running, files, findings, seed, hidden)
    return _verdict(lab, question, kind_named(check.kind).answer(question), attempts.get(check.name, 0))


def _question(
    lab: Lab,
    check: Check,
    running: RunningStack,
    files: Mapping[str, bytes],
    findings: tuple[Finding, ...],
    seed: int,
    hidden: bool,
) -> Question:
    config = _config_of(files)
    return Question(
        check=check,
        running=running,
        findings=findings,
        populations=check.clients + (check.hidden if hidden else ()),
        victim=_victim(lab, check, seed),
        seed=seed,
        make_whole=functools.partial(_make_whole, running, config),
        lab=lab,
        files=files,
    )


def _observe(question: Question, scene: str) -> Any:
    observe = kind_named(question.check.kind).observe
    return observe(question, scene) if observe is not None else None


def _looked_up(
    lab: Lab, check: Check, played: Mapping[tuple[str, str], tuple[Question, Any]], attempts: Mapping[str, int]
) -> Verdict:
    """The verdict of a kind that answers from scenes that were played before."""
    kind = kind_named(check.kind)
    seen = {scene: played[check.kind, scene][1] for scene in kind.scenes(check)}
    question = dataclasses.replace(played[check.kind, next(iter(seen))][0], check=check, seen=seen)
    return _verdict(lab, question, kind.answer(question), attempts.get(check.name, 0))


def _config_of(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The balancer's config folder, from the files of a submission."""
    return {
        name.removeprefix(CONFIG_FOLDER): _as_utf_8(content)
        for name, content in files.items()
        if name.startswith(CONFIG_FOLDER)
    }


def _as_utf_8(content: bytes) -> bytes:
    """A config as balancers read it: some editors write a byte order mark, or UTF-16, and show the same words."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return content.decode("utf-16").encode()
        except UnicodeDecodeError:
            return content
    return content.removeprefix(codecs.BOM_UTF8)


def _starts(running: RunningStack) -> dict[str, int]:
    """How often each server that is up was started; another one, or one that is missing, fell meanwhile."""
    return {name: state.starts for name, state in running.servers().items() if state.up}


def _make_whole(running: RunningStack, config: Mapping[str, bytes]) -> None:
    """Servers up, and a balancer that remembers no dead ones: a reload starts its health state anew."""
    running.bring_back()
    apply_everywhere(running, config)


def apply_everywhere(running: RunningStack, config: Mapping[str, bytes]) -> Applied:
    """Apply a lab's config folder to all its balancers, those behind first; what the first that refuses it says.

    Every balancer has the whole folder, and is started with its own file in it.
    """
    applied = [running.apply(config, balancer.name) for balancer in reversed(running.stack.balancers)]
    return next((one for one in applied if not one.ok), applied[-1])


def _victim(lab: Lab, check: Check, seed: int) -> str:
    """The server that dies: the same one whether the check is asked alone or after others."""
    names = [server.name for server in lab.stack.servers]
    return random.Random(f"{seed} {check.name}").choice(names) if seed else names[min(1, len(names) - 1)]


def _loads(check: Check, faults: tuple[ConfigFault, ...], attempts: int, remark: str) -> Verdict:
    if not faults:
        return Verdict(check.name, Outcome.PASSED, check.points, check.points, "The config is loaded and running.")
    return Verdict(
        check.name,
        Outcome.FAILED,
        0.0,
        check.points,
        f"The balancer refused the config. {remark}".rstrip(),
        why=_complaint(faults),
        next=_hint(check, attempts),
    )


def _left_behind(lab: Lab, faults: tuple[ConfigFault, ...]) -> str:
    """A sentence on a file that the config asks for and that nobody handed in; empty if that is not the trouble."""
    if not faults or "(2: No such file or directory)" not in faults[0].message:
        return ""
    own = " and ".join(file for file in lab.files if file.startswith(CONFIG_FOLDER))
    return f"It asks for another file. What is handed in is {own}, and nothing beside it: write everything there."


def _complaint(faults: tuple[ConfigFault, ...]) -> str:
    """The balancer's first complaint, with the path as the learner knows it."""
    first = faults[0]
    return str(dataclasses.replace(first, file=CONFIG_FOLDER + first.file if first.file else ""))


def _verdict(lab: Lab, question: Question, answer: Answer, attempts: int) -> Verdict:
    check = question.check
    first: Finding | None = answer.causes[0] if answer.causes else None
    if answer.unjudged:
        return _unjudged(check, answer.unjudged, answer.why or _hint(check, attempts))
    return Verdict(
        check=check.name,
        outcome=Outcome.PASSED if answer.passed else Outcome.FAILED,
        points=check.points if answer.passed else 0.0,
        max_points=check.points,
        observed=answer.observed,
        why="" if answer.passed else answer.why or in_words(first),
        next="" if answer.passed else _hint(check, attempts),
        share=answer.share,
        fair=lab.stack.fair_shares(),
        requests=answer.requests,
        failed=answer.failed,
        causes=answer.causes,
    )


def _unjudged(check: Check, observed: str, hint: str) -> Verdict:
    return Verdict(check.name, Outcome.UNJUDGED, 0.0, check.points, observed, next=hint)


def _hint(check: Check, attempts: int) -> str:
    return check.hints[min(attempts, len(check.hints) - 1)] if check.hints else ""
