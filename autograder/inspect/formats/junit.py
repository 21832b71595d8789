"""An inspection as JUnit XML, which every CI server shows: a suite for each config, a case for each pool and run."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

from autograder.inspect.formats.place import text
from autograder.inspect.text import headline, lines
from autograder.judge.spread import Spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autograder.inspect.report import Inspection, RunReport

_TAGS = {0: "", 1: "failure", 2: "error"}
"""Exit code → what a case gets that is not fine."""
_OUTCOMES = {Spread.CONCENTRATED: "failure", Spread.BROKEN: "error", Spread.UNDECIDED: "error", Spread.IDLE: "skipped"}
_CASE = {"failure": "failures", "error": "errors", "skipped": "skipped"}


def render(found: Sequence[Inspection]) -> str:
    """One document. A case failed where traffic was concentrated; an error is what could not be judged."""
    top = ElementTree.Element("testsuites", name="manyhands inspect")
    for one in found:
        top.append(_suite(one))
    for count in ("tests", *_CASE.values()):
        top.set(count, str(sum(int(suite.get(count, "0")) for suite in top)))
    ElementTree.indent(top)
    body = ElementTree.tostring(top, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'


def _suite(found: Inspection) -> ElementTree.Element:
    name = text(found.config)
    suite = ElementTree.Element("testsuite", name=name)
    runs = [(pool.name, run) for pool in found.pools for run in pool.runs]
    # Of one pool, the whole says nothing new, unless it says something else.
    told = {(run.clients, run.state, run.verdict) for _, run in runs} if len(found.pools) == 1 else set()
    runs += [("all servers", run) for run in found.together if (run.clients, run.state, run.verdict) not in told]
    for pool, run in runs:
        case = _case(suite, name, f"{pool}: {run.clients}, {run.state}", run.seconds)
        tag = _OUTCOMES.get(run.verdict, "")
        if tag:
            _add(case, tag, run.verdict.value, _run_said(run), _report(found))
    # The verdict on the config can be more than its runs say: it was refused, only read, or not read at all.
    tag = _TAGS[found.exit_code]
    if not runs or (tag and suite.find(f"testcase/{tag}") is None):
        case = _case(suite, name, "config", 0.0)
        if tag:
            kind = "not inspected" if found.trouble else found.verdict.value
            said = found.trouble.splitlines()[0] if found.trouble else headline(found)
            _add(case, tag, kind, said, found.trouble or _report(found))
    suite.set("tests", str(len(suite)))
    for outcome, count in _CASE.items():
        suite.set(count, str(len(suite.findall(f"testcase/{outcome}"))))
    suite.set("time", f"{sum(float(case.get('time', '0')) for case in suite):.3f}")
    return suite


def _case(suite: ElementTree.Element, config: str, name: str, seconds: float) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", classname=config, name=text(name), time=f"{seconds:.3f}")


def _add(case: ElementTree.Element, tag: str, kind: str, said: str, whole: str) -> None:
    if tag == "skipped":
        ElementTree.SubElement(case, tag, message="no request of this traffic was for it")
        return
    inner = ElementTree.SubElement(case, tag, type=kind, message=text(said))
    inner.text = text(whole)


def _run_said(run: RunReport) -> str:
    shares = ", ".join(f"{server} {part * 100:.0f} %" for server, part in run.share.items())
    return f"{run.requests} requests, {run.failed} failed, {run.happened}: {shares or 'no server answered'}"


def _report(found: Inspection) -> str:
    return "\n".join(lines(found))
