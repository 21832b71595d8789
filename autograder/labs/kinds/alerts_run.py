"""Alert rules of a submission, asked by Prometheus' own ``promtool``, which runs in the twin's sandbox.

``promtool test rules`` is made for expectations; here it is asked which alerts were pending or firing, and when. So
every recording is given with the expectation that nothing rang, and what it complains about is the answer.
"""

from __future__ import annotations

import json
import re
import shutil
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from dataclasses import dataclass, field
from itertools import starmap
from typing import TYPE_CHECKING, Any, Final

from autograder.labs.kinds.alerts_world import STEP_S, in_promtools_words
from autograder.stack.engine import EngineError
from autograder.stack.programs import Limits, Program

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autograder.labs.kinds.alerts_scenes import Scene
    from autograder.stack.running import RunningStack

RULES: Final = "rules.yml"
MOST_BYTES: Final = 32 * 1024
_PROMTOOL: Final = "promtool"
ALERT: Final = re.compile(r"""(?:^|[\s{"',-])alert["']?\s*:\s*["']?([^"'#,}\s]+(?: +[^"'#,}\s]+)*)""")
"""Where an alert is written, and its name."""
_TESTS: Final = "recordings.yml"
_SCENE, _WHAT = "manyhands_scene", "manyhands_what"
_TAIL: Final = 400
_REFUSED: Final = 3
_LIMITS: Final = Limits(
    wall_s=60.0, cpu_s=20.0, memory_mb=512.0, processes=64, output_kb=2048.0, file_mb=64.0, disk_mb=128.0
)
_ASKED: Final = {
    "played": "vector(1)",
    "first": "min_over_time(timestamp(ALERTS)[{length}s:{step}s])",
    "last": "max_over_time(timestamp(ALERTS)[{length}s:{step}s])",
}
"""What is asked at the end of each recording. The first always has an answer, unless a rule broke the recording off."""
_GOT: Final = re.compile(r"^\s*got: (.*)$", re.MULTILINE)
_SERIES: Final = re.compile(r'\{((?:[^"{}]|"(?:[^"\\]|\\.)*")*)\} (\S+?)(?:,|$)')
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_FAULT: Final = re.compile(r"rule: (.*?), time: (\w+), err: (.*)")


@dataclass(frozen=True)
class Rang:
    """An alert in one recording: from ``true_from`` on its condition held, and it fired from ``first`` to ``last``.

    Seconds; ``first`` is None for one that never fired. Between times it may have been silent.
    """

    alert: str
    labels: Mapping[str, str]
    true_from: int
    first: int | None
    last: int | None


@dataclass(frozen=True)
class Played:
    """What became of the rules: refused with ``complaint``, ended by a limit (``ended``), or what ``rang`` by scene.

    A scene is missing from ``rang`` if a rule could not be evaluated in it; ``fault`` says why.
    """

    complaint: str = ""
    ended: str = ""
    alerts: int = 0
    rang: Mapping[str, tuple[Rang, ...]] = field(default_factory=dict)
    fault: str = ""


def play(running: RunningStack, rules: bytes, scenes: Sequence[Scene]) -> Played:
    """Have promtool check the rules, then play it every scene. Raises :class:`EngineError` where it cannot run."""
    if shutil.which(_PROMTOOL) is None:
        raise EngineError(
            "alert rules cannot be judged here",
            why="promtool, which comes with Prometheus, is not installed",
            remedy="install it: sudo apt-get install prometheus",
        )
    tests = {"rule_files": [RULES], "evaluation_interval": f"{STEP_S}s", "tests": [_test(one) for one in scenes]}
    files = {RULES: rules, _TESTS: json.dumps(tests, indent=0).encode()}
    argv = ("sh", "-c", f"promtool check rules {RULES} || exit {_REFUSED}; exec promtool test rules {_TESTS}")
    two = {"GOMAXPROCS": "2"}
    ran = running.run_program(Program(argv, files, limits=_LIMITS, needs=("sh", _PROMTOOL), environment=two))
    if ran.ended_by != "itself":
        return Played(ended=ran.in_words())
    if ran.exit_code == _REFUSED:
        return Played(complaint=_complaint(ran.out + ran.err))
    lines = [line for line in as_text(rules).splitlines() if not line.lstrip().startswith("#")]
    alerts = sum(len(ALERT.findall(line)) for line in lines)
    out = ran.out + ran.err
    rang = _rang(out)
    fault = _FAULT.search(out)
    if fault is None and any(scene.name not in rang for scene in scenes):
        raise EngineError("promtool did not play every recording", why=out.strip()[-1000:])
    return Played(alerts=alerts, rang=rang, fault=f"{fault[1]}: {fault[3]}"[:_TAIL] if fault else "")


def as_text(rules: bytes) -> str:
    """The rules as YAML reads them: in UTF-8, or in UTF-16 where the first two bytes say so."""
    return rules.decode("utf-16" if rules[:2] in (BOM_UTF16_LE, BOM_UTF16_BE) else "utf-8", "replace")


def _complaint(said: str) -> str:
    """What promtool said, less its own headings; once, as it reads a file in two ways and complains in both."""
    lines = [line.strip() for line in said.splitlines()]
    told = {line.casefold(): line for line in lines if line and not line.startswith(("Checking ", "FAILED", "SUCCESS"))}
    return " ".join(told.values())[:_TAIL]


def _test(scene: Scene) -> dict[str, Any]:
    length = (len(next(iter(scene.series.values()))) - 1) * STEP_S
    asked = []
    for what, expression in _ASKED.items():
        named = expression.format(length=length, step=STEP_S)
        for label, value in ((_SCENE, scene.name), (_WHAT, what)):
            named = f'label_replace({named}, "{label}", "{value}", "", "")'
        asked.append({"expr": named, "eval_time": f"{length}s", "exp_samples": []})
    series = [{"series": key, "values": in_promtools_words(values)} for key, values in scene.series.items()]
    return {"interval": f"{STEP_S}s", "input_series": series, "promql_expr_test": asked}


def _rang(out: str) -> dict[str, tuple[Rang, ...]]:
    """Scene → alerts, from what promtool said about expectations that were not met."""
    seen: dict[str, dict[tuple[tuple[str, str], ...], dict[str, int]]] = {}
    for got in _GOT.findall(out):
        for labels_text, value in _SERIES.findall(got):
            labels = dict(_LABEL.findall(labels_text))
            scene, what = labels.pop(_SCENE, ""), labels.pop(_WHAT, "")
            state = labels.pop("alertstate", "")
            found = seen.setdefault(scene, {})
            if what in ("first", "last"):
                found.setdefault(tuple(sorted(labels.items())), {})[f"{what} {state}"] = int(float(value))
    return {scene: tuple(starmap(_one, rows.items())) for scene, rows in seen.items()}


def _one(labels: tuple[tuple[str, str], ...], times: Mapping[str, int]) -> Rang:
    named = dict(labels)
    first, last = times.get("first firing"), times.get("last firing")
    true_from = min(time for what, time in times.items() if what.startswith("first"))
    return Rang(named.pop("alertname", ""), named, true_from, first, last)
