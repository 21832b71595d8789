"""What ``./manyhands inspect`` does with its words."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from autograder.errors import ManyHandsError, nearest
from autograder.inspect.config import read_configs
from autograder.inspect.inspection import inspect
from autograder.inspect.text import lines
from autograder.judge.spread import worst

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from autograder.inspect.inspection import Wishes
    from autograder.inspect.report import Inspection


def run(words: Sequence[str], proxy: str, wishes: Wishes, show: Callable[[str], None], *, as_json: bool) -> int:
    """Inspect every config that ``words`` name and show what was found; the exit code: the worst one."""
    tell = _tell if sys.stderr.isatty() else None
    if not words:
        raise ManyHandsError("no config is named", remedy="./manyhands inspect nginx.conf")
    for word in words:
        if word.startswith("-") and word != "-":
            raise ManyHandsError(f"Unknown option: {word}", remedy="./manyhands inspect --help")
    found: list[Inspection] = []
    for config in read_configs(words, proxy, sys.stdin.buffer):
        found.append(inspect(config, wishes, tell))
        if as_json:
            # The object has no place for these, and nobody should miss them.
            for said in (*found[-1].faults, *found[-1].notes):
                print(f"manyhands: {config.name}: {said}", file=sys.stderr)
        else:
            if len(found) > 1:
                show("")
            for line in lines(found[-1]):
                show(line)
    if as_json:
        show(json.dumps(_object(found), indent=2, ensure_ascii=False))
    return _code(found)


def _object(found: Sequence[Inspection]) -> dict[str, object]:
    if len(found) == 1:
        return found[0].to_dict()
    verdict = worst(one.verdict for one in found)
    return {"verdict": verdict.value, "configs": [one.to_dict() for one in found]}


def _code(found: Iterable[Inspection]) -> int:
    return max(one.exit_code for one in found)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def chosen(asked: Sequence[str], known: Sequence[str], default: str, thing: str) -> tuple[str, ...]:
    """What ``--clients`` or ``--state`` name, ``all`` and nothing included. Raises :class:`ManyHandsError`."""
    for word in asked:
        if word not in (*known, "all"):
            close = nearest(word, known)
            remedy = f"did you mean {close}?" if close else f"use one of: {', '.join(known)}, all"
            raise ManyHandsError(f"there is no {thing} called {word!r}", remedy=remedy)
    if "all" in asked:
        return tuple(known)
    return tuple(dict.fromkeys(asked)) or (default,)


def capacities(words: Sequence[str]) -> dict[str, float]:
    """``--capacity server=N``, several times. Raises :class:`ManyHandsError`."""
    found: dict[str, float] = {}
    for word in words:
        server, equals, number = word.rpartition("=")
        try:
            found[server] = float(number)
        except ValueError:
            equals = ""
        if not equals or not server or not 0 < found[server] < 1e6:
            raise ManyHandsError(
                f"--capacity {word} makes no sense", remedy="give a server and a number, for example app1=2"
            )
    return found
