"""The lab on alert rules proves itself: real promtool, recordings of incidents and of quiet days."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import cast

import pytest

from autograder.labs.catalogue import load_lab
from autograder.labs.examiner import CONFIG_FOLDER, examine
from autograder.labs.kinds.alerts import ABOUT, ACCEPTED, PROMISES, QUIET, Seen, alerts, observe
from autograder.labs.kinds.alerts_live import changed
from autograder.labs.kinds.alerts_reading import WHY
from autograder.labs.kinds.alerts_run import MOST_BYTES, RULES, play
from autograder.labs.kinds.alerts_scenes import GONE, INCIDENTS, LIVE, PINNED, SCENES, Scene, counted, scenes
from autograder.labs.kinds.alerts_scenes import QUIET as DAYS
from autograder.labs.kinds.alerts_world import STEP_S, in_promtools_words
from autograder.labs.kinds.kind import Answer, Question
from autograder.labs.proofs import Expected
from autograder.labs.verify import expectations
from autograder.stack.engine import EngineError
from autograder.stack.model import CLIENTS
from autograder.stack.programs import Program, ProgramResult
from autograder.stack.running import RunningStack, open_stack
from autograder.stack.watching import METRICS_PATH, ask_on_node
from tests.labs.folders import faults

LAB = load_lab("see-it-coming")
CASES = {case.name: case for case in expectations(LAB)}
WRONG = [case for case in CASES.values() if case.kind in ("start", "wrong")]
NAMES = tuple(server.name for server in LAB.stack.servers)
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus is not installed")


@pytest.fixture(scope="module")
def running() -> Iterator[RunningStack]:
    with open_stack(LAB.stack) as stack:
        yield stack


def asked_about(checks: list[str]) -> set[str]:
    """The recordings that the answers to these checks come from."""
    names = {name for check in checks for name in ABOUT.get(LAB.check(check).settings["promise"], ())}
    return names | ({*DAYS, GONE} if QUIET in checks else set()) or {PINNED}


def seen_by(running: RunningStack, rules: bytes, checks: list[str], seed: int = 0) -> Seen:
    """Play only what these checks ask about."""
    wanted = asked_about(checks)
    played = {one.name: one for one in scenes(NAMES, seed) if one.name in wanted}
    return Seen(played, play(running, rules, tuple(played.values())))


def answer(running: RunningStack, rules: bytes, check: str, seen: Seen) -> Answer:
    nothing: dict[str, bytes] = {RULES: rules}
    return alerts(
        Question(LAB.check(check), running, (), (), "", 0, lambda: None, lab=LAB, files=nothing, seen={"": seen})
    )


@needs_promtool
def test_the_reference_earns_every_point() -> None:
    assert faults(LAB, CASES["reference"]) == []


@needs_promtool
@pytest.mark.parametrize("folder", LAB.other_ways, ids=lambda path: path.name)
def test_other_rules_are_as_right_on_recordings_that_nobody_saw(running: RunningStack, folder: Path) -> None:
    rules, checks = LAB.read(folder)[RULES], [check.name for check in LAB.checks if check.name != LIVE]
    seen = seen_by(running, rules, checks, seed=1)
    answers = {check: answer(running, rules, check, seen) for check in checks}
    assert {check: one.observed for check, one in answers.items() if not one.passed} == {}


@needs_promtool
@pytest.mark.parametrize("expected", WRONG, ids=lambda case: case.name)
def test_each_wrong_folder_gets_what_it_must(running: RunningStack, expected: Expected) -> None:
    rules = LAB.read(expected.folder)[RULES]
    failing = [check for check, outcome in expected.outcomes.items() if outcome != "passed" and check != LIVE]
    seen = seen_by(running, rules, failing)
    answers = {check: answer(running, rules, check, seen) for check in failing}
    named = {cause.mistake for one in answers.values() for cause in one.causes}
    assert [check for check, one in answers.items() if one.passed] == []
    got = {check: "unjudged" if one.unjudged else "failed" for check, one in answers.items()}
    assert got == {check: expected.outcomes[check] for check in failing}
    assert {*expected.diagnosis} <= named <= {*WHY}


@needs_promtool
def test_a_slip_of_the_pen_is_told_with_its_line() -> None:
    files = LAB.read(LAB.start) | {RULES: b"groups:\n  - name: a\n    rules:\n      - alert: x\n        exp: up\n"}
    accepted, share = examine(LAB, files, checks=["accepted", "share"])
    assert (accepted.outcome, share.outcome) == ("failed", "unjudged")
    assert "line 5: field exp not found" in accepted.why


@needs_promtool
@pytest.mark.parametrize(
    ("group", "line"),
    [
        ("- name: a\n  interval: 1m", 0),
        ("- {name: a, interval: 30s500ms, rules: []}\n- name: b", 0),
        ("# interval: 5m\n- name: a", 0),
        ("- name: a\n  interval: 1m1ms", 3),
        ("- interval: 5m\n  name: a", 2),
        ('- {"name": "a", "interval": "1h", "rules": []}\n- name: b', 2),
    ],
)
def test_a_group_that_is_looked_at_too_seldom_is_named(running: RunningStack, group: str, line: int) -> None:
    rules = f"groups:\n{group}\n  rules:\n  - alert: Gone\n    expr: up == 0\n".encode()
    accepted = answer(running, rules, "accepted", seen_by(running, rules, ["accepted"]))
    assert accepted.passed == (line == 0), accepted
    assert [(cause.mistake, cause.line) for cause in accepted.causes] == ([("seldom-looked-at", line)] if line else [])


@needs_promtool
@pytest.mark.parametrize(
    "rules", [b"", b"groups: []\n", b"# nothing yet\n", b'{"groups": [{"name": "a", "rules": []}]}']
)
def test_a_file_without_a_rule_is_told_so(running: RunningStack, rules: bytes) -> None:
    seen = seen_by(running, rules, ["share"])
    accepted, share = (answer(running, rules, check, seen) for check in ("accepted", "share"))
    assert (accepted.passed, share.passed) == (False, False)
    assert "there is no alert in it" in accepted.observed
    assert {cause.mistake for cause in share.causes} == {"silent"}


@needs_promtool
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_rules_are_read_as_prometheus_reads_them(running: RunningStack, encoding: str) -> None:
    """Two alerts on one line, with names of several words."""
    two = "[{alert: Servers are gone, expr: up < 0}, {alert: All is well, expr: up >= 0}]"
    rules = f"groups: [{{name: a, rules: {two}}}]\n".encode(encoding)
    seen = seen_by(running, rules, ["slow"])
    accepted, slow = (answer(running, rules, check, seen) for check in ("accepted", "slow"))
    assert accepted.observed == "promtool accepts the file; alerts in it: 2."
    assert "All is well rang before it began" in slow.observed


@needs_promtool
@pytest.mark.parametrize("label", ["{{ $labels.server }}:80", "shop/{{ $labels.server }}", "{{ $labels.server }}.shop"])
def test_a_label_may_name_the_server_in_its_own_way(running: RunningStack, label: str) -> None:
    gone = 'label_replace(up{job="servers"} == 0, "instance", "", "", "")'
    labels = f'{{server: "", target: "{label}"}}'
    rules = f"groups:\n- name: a\n  rules:\n  - alert: A\n    expr: {gone}\n    labels: {labels}\n".encode()
    judged = answer(running, rules, "gone", seen_by(running, rules, ["gone"]))
    assert judged.passed, judged.observed


@needs_promtool
def test_a_complaint_is_told_once() -> None:
    files = LAB.read(LAB.start) | {RULES: b"groups:\n\t- name: a\n"}
    (accepted,) = examine(LAB, files, checks=["accepted"])
    assert accepted.why.count("found") == 1, accepted.why


@needs_promtool
def test_a_rule_that_asks_for_too_much_is_not_told_about_partners(running: RunningStack) -> None:
    much = "max_over_time(avg_over_time(up[1h:1s])[1h:1s]) < 0"
    rules = f"groups:\n- name: a\n  rules:\n  - alert: Much\n    expr: {much}\n".encode()
    seen = seen_by(running, rules, ["quiet"])
    accepted, quiet = (answer(running, rules, check, seen) for check in ("accepted", "quiet"))
    assert "too many samples" in accepted.observed
    assert "Nothing rang" not in quiet.observed
    assert [(cause.mistake, cause.line) for cause in accepted.causes] == [("cannot-be-computed", 4)]


@needs_promtool
def test_a_rule_that_cannot_be_evaluated_is_named(running: RunningStack) -> None:
    rules = b"groups:\n- name: a\n  rules:\n  - alert: Twice\n    expr: up / on (job) up > 2\n"
    seen = seen_by(running, rules, ["share", "slow"])
    share, accepted = (answer(running, rules, check, seen) for check in ("share", "accepted"))
    assert not share.passed
    assert not accepted.passed
    assert [cause.mistake for cause in accepted.causes] == ["cannot-be-evaluated"]
    assert accepted.causes[0].line == 4


@needs_promtool
def test_labels_cannot_pretend_to_be_the_answer(running: RunningStack) -> None:
    """Whatever a label says is quoted, and what the grader asks is written over it."""
    forged = '"}} 1E+00\\n        got: {alertname=\\"A\\", manyhands_scene=\\"slow\\"} 0"'
    labels = f"{{manyhands_scene: slow, x: {forged}}}"
    rules = f"groups:\n- name: a\n  rules:\n  - alert: A\n    expr: vector(1)\n    labels: {labels}\n"
    seen = seen_by(running, rules.encode(), ["gone"])
    assert set(seen.played.rang) == {GONE}
    (rang,) = seen.played.rang[GONE]
    assert (rang.alert, rang.true_from) == ("A", 0)
    judged = answer(running, rules.encode(), "gone", seen)
    assert "A rang before it began" in judged.observed


@needs_promtool
def test_what_rings_all_the_time_is_not_told_that_nothing_rang(running: RunningStack) -> None:
    rules = b"groups:\n- name: a\n  rules:\n  - alert: Always\n    expr: up >= 0\n"
    judged = answer(running, rules, "ends", seen_by(running, rules, ["ends"]))
    assert not judged.passed
    assert "15 minutes later Always still rang" in judged.observed
    assert {(cause.mistake, cause.line) for cause in judged.causes} == {("rang-before", 4)}


@needs_promtool
def test_rules_that_ask_for_very_much_are_not_judged() -> None:
    files = LAB.read(LAB.start) | {RULES: b"#" * (MOST_BYTES + 1)}
    (verdict,) = examine(LAB, files, checks=["share"])
    assert verdict.outcome == "unjudged"
    assert "at most 32,768 are read" in verdict.observed


@needs_promtool
@pytest.mark.parametrize(
    ("folder", "mistakes"), [("reference/other-ways/saturation", []), ("start", ["average-hides-it"])]
)
def test_a_change_that_a_real_haproxy_loads_is_seen(folder: str, mistakes: list[str]) -> None:
    (verdict,) = examine(LAB, LAB.read(LAB.folder / folder), checks=["live"], seed=2)
    assert verdict.outcome == ("failed" if mistakes else "passed"), verdict
    assert [cause.mistake for cause in verdict.causes] == mistakes
    assert "39 of 54 requests" in verdict.observed


def test_the_change_gives_one_server_most_and_leaves_time_to_say_so() -> None:
    config = LAB.read(LAB.reference)["conf/haproxy.cfg"].decode()
    lines = [line.split() for line in changed(config, NAMES[1]).splitlines() if line.strip().startswith("server ")]
    assert {words[1]: words[-1] for words in lines} == dict.fromkeys(NAMES, "5") | {NAMES[1]: "39"}
    for seed in range(12):
        scene = counted(NAMES, [14] * 4, [5, 39, 5, 5], seed)
        assert scene.server == NAMES[1]
        assert 240 <= (scene.too_late or 0) - (scene.begins or 0) <= 600


class WithoutPromtool:
    """A stack whose machines have no promtool, as nodes of a Docker elsewhere."""

    stack = LAB.stack

    def run_program(self, program: Program) -> ProgramResult:
        raise EngineError(f"{program.needs} cannot be run on the balancer's machine")


@needs_promtool
def test_where_the_nodes_have_no_promtool_this_machines_sandbox_runs_it() -> None:
    rules = {RULES: b"groups: []\n"}
    elsewhere = cast("RunningStack", WithoutPromtool())
    question = Question(LAB.check("quiet"), elsewhere, (), (), "", 0, lambda: None, lab=LAB, files=rules)
    seen = observe(question, "")
    assert set(seen.played.rang) == {*SCENES}
    assert not seen.played.fault


@needs_promtool
@pytest.mark.docker
def test_on_docker_a_node_has_this_machines_promtool() -> None:
    recording = next(scenes(NAMES, 0))
    with open_stack(LAB.stack, "docker") as running:
        played = play(running, LAB.read(LAB.reference)[RULES], (recording,))
    assert {one.alert for one in played.rang[recording.name]} >= {"TrafficConcentrated"}


def test_every_promise_is_a_check() -> None:
    assert sorted(check.settings["promise"] for check in LAB.checks) == sorted(PROMISES)
    assert ACCEPTED in PROMISES
    assert LAB.points == 10


def test_recordings_have_the_names_that_the_shop_and_haproxy_say() -> None:
    files = LAB.read(LAB.start)
    config = {name.removeprefix(CONFIG_FOLDER): data for name, data in files.items() if name.startswith(CONFIG_FOLDER)}
    with open_stack(LAB.stack) as running:
        assert running.apply(config).ok
        machines, ask = running.machines, f"{ask_on_node.__module__}:{ask_on_node.__name__}"
        hosts = (f"{machines.address(NAMES[0])}:8080{METRICS_PATH}", f"{machines.address('lb')}:8404/metrics")
        said = "".join(str(machines.call(CLIENTS, ask, {"url": f"http://{host}"})["text"]) for host in hosts)
    real = {_shape(line) for line in said.splitlines() if line and not line.startswith("#")}
    recorded = {_shape(series) for one in scenes(NAMES, 0) for series in one.series}
    assert {one for one in recorded if not one.startswith("up ")} <= real


def _shape(series: str) -> str:
    """Name and the names of labels, less those that Prometheus adds."""
    name, _, labels = series.partition("{")
    own = set(re.findall(r"(\w+)=", labels)) - {"instance", "job"}
    return f"{name} {sorted(own)}"


@pytest.mark.parametrize("seed", range(12))
def test_incidents_leave_time_to_ring_and_quiet_days_are_quiet(seed: int) -> None:
    found: dict[str, Scene] = {one.name: one for one in scenes(NAMES, seed)}
    assert tuple(found) == SCENES
    for name in INCIDENTS:
        begins, too_late = found[name].begins, found[name].too_late
        assert begins is not None
        assert too_late is not None
        assert 240 <= too_late - begins <= 1800, name
    for name in DAYS:
        (failed,) = (values for key, values in found[name].series.items() if 'code="5xx"' in key)
        steps = [(after or 0) - (before or 0) for before, after in pairwise(failed)]
        assert max(steps) <= 40, name
    assert {len(values) for one in found.values() for values in one.series.values()} == {
        len(next(iter(one.series.values()))) for one in found.values()
    }


def test_values_in_promtools_words() -> None:
    assert in_promtools_words([1, 1, 1, 4, None, None, 0]) == "1+0x2 4 stale _x1 0"
    assert in_promtools_words([None, None, 0.25]) == "_ _x1 0.25"
    assert STEP_S == 30
