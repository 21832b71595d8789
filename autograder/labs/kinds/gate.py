"""Does a gate refuse what is slower, let through what is not, and say when it cannot tell?

The gate is a stranger's program. It is started once for each pair of result files, in the twin's sandbox, and all that
is believed of it is how it ended. Which pair is of which sort, only the examiner knows.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from autograder.labs.kinds.answers_judging import line_and_quote
from autograder.labs.kinds.gate_pairs import CANNOT_TELL, REFUSES, SORT, Pair, Sort, make_pairs
from autograder.labs.kinds.kind import Answer, Kind, Question
from autograder.labs.programs import Asked, program_of
from autograder.mistakes.finding import Finding
from autograder.stack.programs import Limits

if TYPE_CHECKING:
    from autograder.stack.programs import ProgramResult

PROGRAM: Final = "gate.py"
SAYS: Final = "says"
PROMISES: Final = {
    "refuses": ("slower", "tail", "middle", "errors"),
    "spares": ("same", "noise", "trifle", "faster", "ailing"),
    "admits": ("few", "closed", "rates", "omitted", "broken"),
    SAYS: ("slower", "tail", "middle", "errors", "few", "closed", "rates", "omitted", "broken"),
}
"""What a check of this kind may ask for in its settings → the sorts of pairs it looks at."""
_LIMITS: Final = Limits(wall_s=240, cpu_s=60, output_kb=128)
_CPU_S: Final = 5
"""Seconds of processor time for one pair; and how long it may wait for whatever it waits for:"""
_WALL_S: Final = 60
_TAIL: Final = 200
_SHOWN: Final = 3
_ASK: Final = f"""
import json, resource, subprocess, sys
def bound():
    resource.setrlimit(resource.RLIMIT_CPU, ({_CPU_S}, {_CPU_S}))
for number in range(int(sys.argv[1])):
    files = [f"/given/{{number:02}}-{{build}}.json" for build in ("old", "new")]
    try:
        ran = subprocess.run(
            [*sys.argv[2:], *files], stdin=subprocess.DEVNULL, capture_output=True, timeout={_WALL_S}, preexec_fn=bound
        )
    except subprocess.TimeoutExpired:
        ran = None
    if ran is None or ran.returncode < 0:
        break
    print(json.dumps([ran.returncode, (ran.stdout + ran.stderr)[-{_TAIL}:].decode("ascii", "replace")]), flush=True)
"""
"""Asks the gate about one pair after the other, until it does not end by itself."""


@dataclass(frozen=True)
class Said:
    """What the gate said to a pair: its exit code, None if it had none, and its last words."""

    pair: Pair
    code: int | None
    words: str


def observe(question: Question, _scene: str) -> tuple[Said, ...]:
    """Ask the gate about every pair. Raises :class:`EngineError` only when *we* failed."""
    pairs = make_pairs(question.seed)
    program = program_of(Asked(PROGRAM, limits=_LIMITS, needs=("python3",)), question.files)
    assert program is not None  # the examiner does not ask about files that are missing
    given = {"ask.py": _ASK.encode()}
    for number, pair in enumerate(pairs):
        given |= {f"{number:02}-old.json": pair.old, f"{number:02}-new.json": pair.new}
    asking = replace(program, argv=("python3", "/given/ask.py", str(len(pairs)), *program.argv), read_only=given)
    return said_of(pairs, question.running.run_program(asking))


def said_of(pairs: tuple[Pair, ...], result: ProgramResult) -> tuple[Said, ...]:
    """What the gate said to each; to those that it never came to, how it ended."""
    told = [_line(line) for line in result.out.splitlines()]
    over = "It did not come to an end by itself." if result.ok else result.in_words()
    told += [(None, over)] * (len(pairs) - len(told))
    return tuple(Said(pair, *one) for pair, one in zip(pairs, told, strict=False))


def _line(line: str) -> tuple[int | None, str]:
    try:
        code, words = json.loads(line)
    except (ValueError, TypeError, RecursionError):
        return None, "it wrote where the examiner writes"
    return (code if isinstance(code, int) else None), str(words)[-_TAIL:]


def gate(question: Question) -> Answer:
    """Was the promise kept that this check asks about, on every pair of its sorts?"""
    promise = question.check.settings["promise"]
    everything: tuple[Said, ...] = question.seen[""]
    seen = [one for one in everything if one.pair.sort.name in PROMISES[promise]]
    return _spoke(seen) if promise == SAYS else _decided(question, promise, seen)


def _decided(question: Question, promise: str, seen: list[Said]) -> Answer:
    wrong = [one for one in seen if one.code != one.pair.sort.right]
    words = f"{len(seen) - len(wrong)} of {len(seen)} pairs were decided rightly."
    if not wrong:
        return Answer(True, words)
    sorts = [SORT[name] for name in PROMISES[promise] if any(one.pair.sort.name == name for one in wrong)]
    told = [f"{_in_words(sort, [one for one in seen if one.pair.sort == sort])}" for sort in sorts[:_SHOWN]]
    more = f" {len(sorts) - _SHOWN} more sorts of pairs are not." if len(sorts) > _SHOWN else ""
    first = next(one for one in wrong if one.pair.sort == sorts[0])
    last = " ".join(first.words.split())
    why = last if first.code is None else sorts[0].why + (f" It said: {last}" if last else "")
    text = question.files[PROGRAM].decode("utf-8", "replace")
    line, quote = line_and_quote(text, 1)
    named = {one.pair.sort.mistake: one.pair.sort.why for one in wrong if one.code is not None}
    causes = tuple(
        Finding(mistake, "", PROGRAM, line, quote, (0, len(quote)), say, "") for mistake, say in named.items()
    )
    return Answer(False, f"{words} {' '.join(told)}{more}", causes=causes, why=why)


def _in_words(sort: Sort, seen: list[Said]) -> str:
    codes = Counter("none" if one.code is None else str(one.code) for one in seen)
    ended = " and ".join(f"{code} ({count} ×)" for code, count in sorted(codes.items()))
    return f"{sort.told[0].upper()}{sort.told[1:]}: exit code {sort.right} was right, yours: {ended}."


def _spoke(seen: list[Said]) -> Answer:
    """Where it refuses or cannot tell, it has to say why; a refusal with a number."""
    spoken = [one for one in seen if one.code in (REFUSES, CANNOT_TELL) and one.code == one.pair.sort.right]
    if not any(one.code == REFUSES for one in spoken) or not any(one.code == CANNOT_TELL for one in spoken):
        return Answer(False, "There was no right refusal, or no right “cannot tell”, to listen to.", why=_FIRST)
    silent = [one for one in spoken if not one.words.strip() or "Traceback (most recent" in one.words]
    if silent:
        words = f"{len(silent)} of {len(spoken)} times it ended with {silent[0].code} and gave no reason."
        return Answer(False, words, why="A number between 0 and 2 is no reason. Whoever is refused wants to know why.")
    bare = [one for one in spoken if one.code == REFUSES and not any(sign.isdigit() for sign in one.words)]
    if bare:
        words = f"{len(bare)} refusals have no number in them. One says: {' '.join(bare[0].words.split())}"
        return Answer(False, words, why="How much slower, in how many pairs? Without that nobody can check it.")
    return Answer(True, f"{len(spoken)} times it said why, for example: {' '.join(spoken[0].words.split())}")


_FIRST: Final = "First make it refuse what is slower, and end with 2 where nobody can tell."

KIND = Kind(gate, version=2, own_stack=True, settings={"promise": "refuses"}, observe=observe)
