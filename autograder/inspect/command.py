"""What ``./manyhands inspect`` does with its words."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.errors import ManyHandsError, nearest
from autograder.inspect.config import Reader, named
from autograder.inspect.inspection import inspect
from autograder.inspect.text import lines
from autograder.judge.spread import worst

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from autograder.inspect.inspection import Wishes
    from autograder.inspect.report import Inspection

FORMATS = ("text", "json", "sarif", "github", "junit")


def run(words: Sequence[str], proxy: str, wishes: Wishes, show: Callable[[str], None], form: str = "text") -> int:
    """Inspect every config that ``words`` name and show what was found; the exit code: the worst one.

    ``form`` is one of :data:`FORMATS`. Raises :class:`ManyHandsError` if a single config cannot be inspected; of
    several, and in formats that other tools read, such a one is a part of the result.
    """
    if not words:
        raise ManyHandsError("no config is named", remedy="./manyhands inspect nginx.conf")
    for word in words:
        if word.startswith("-") and word != "-":
            raise ManyHandsError(f"Unknown option: {word}", remedy="./manyhands inspect --help")
    names = named(words)
    reader = Reader(proxy, None if sys.stdin is None else sys.stdin.buffer)
    found: list[Inspection] = []
    for one in _inspected(names, reader, wishes, form):
        if form == "text":
            if found:
                show("")
            for line in lines(one):
                show(line)
        else:
            _tell_beside(one)
        found.append(one)
    if form != "text":
        show(_rendered(found, form))
    elif len(found) > 1:
        count = Counter(map(_kind, found))
        show(f"\n{len(found)} configs: {', '.join(f'{number} {kind}' for kind, number in count.most_common())}")
    return max(one.exit_code for one in found)


def _kind(one: Inspection) -> str:
    if one.trouble:
        return "not inspected"
    if one.static:
        return "with a known mistake" if one.causes else "without a known mistake"
    return one.verdict.value


def _inspected(names: Sequence[str], reader: Reader, wishes: Wishes, form: str) -> Iterator[Inspection]:
    if len(names) == 1 and form in ("text", "json"):
        yield inspect(reader.read(names[0]), wishes, _tell if sys.stderr is not None and sys.stderr.isatty() else None)
        return
    from autograder.inspect.progress import Progress
    from autograder.inspect.several import inspect_all

    progress = Progress(sys.stderr, len(names))
    for one in inspect_all(names, reader, wishes, progress.say):
        progress.one_done()
        yield one


def _rendered(found: Sequence[Inspection], form: str) -> str:
    if form == "json":
        return printable_json(_object(found))
    here = str(Path.cwd())
    if form == "sarif":
        from autograder.inspect.formats import sarif

        return sarif.render(found, here)
    if form == "github":
        from autograder.inspect.formats import github

        return github.render(found, here)
    from autograder.inspect.formats import junit

    return junit.render(found)


def _object(found: Sequence[Inspection]) -> dict[str, object]:
    if len(found) == 1:
        return found[0].to_dict()
    verdict = worst(one.verdict for one in found)
    return {"verdict": verdict.value, "configs": [one.to_dict() for one in found]}


def printable_json(data: object) -> str:
    """JSON in which a file's name that is no UTF-8 stays as Python has it: an escape for each odd byte."""
    text = json.dumps(data, indent=2, ensure_ascii=False)
    return re.sub("[\ud800-\udfff]", lambda match: f"\\u{ord(match[0]):04x}", text)


def _tell_beside(one: Inspection) -> None:
    """What the format may have no place for, and nobody should miss."""
    for said in (*one.faults, *one.notes, *filter(None, [one.trouble])):
        print(f"manyhands: {one.config}: {said}", file=sys.stderr)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def chosen(asked: Sequence[str], known: Sequence[str], thing: str) -> tuple[str, ...]:
    """What ``--clients`` or ``--state`` name, ``all`` included. Raises :class:`ManyHandsError`."""
    for word in asked:
        if word not in (*known, "all"):
            close = nearest(word, known)
            remedy = f"did you mean {close}?" if close else f"use one of: {', '.join(known)}, all"
            raise ManyHandsError(f"there is no {thing} called {word!r}", remedy=remedy)
    return tuple(known) if "all" in asked else tuple(dict.fromkeys(asked))


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
