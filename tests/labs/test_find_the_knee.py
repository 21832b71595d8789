"""The lab on load tests: what was recorded answers its questions, and gates are judged by how they end."""

from __future__ import annotations

import contextlib
import io
import json
import re
import runpy
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest

from autograder.labs.catalogue import load_lab
from autograder.labs.examiner import examine
from autograder.labs.kinds import kind_named
from autograder.labs.kinds.gate import PROMISES, SAYS, Said, said_of
from autograder.labs.kinds.gate_pairs import CANNOT_TELL, PASSES, REFUSES, SORTS, Pair, make_pairs
from autograder.labs.kinds.kind import Answer, Question
from autograder.labs.lab import Check
from autograder.labs.proofs import Expected
from autograder.labs.variants import faults_of
from autograder.labs.verdict import Outcome
from autograder.labs.verify import expectations, prove
from autograder.stack.programs import ProgramResult
from tests.labs.folders import faults

LAB = load_lab("find-the-knee")
CASES = {case.name: case for case in expectations(LAB)}
GATES = [check for check in LAB.checks if check.kind == "gate"]
SHEETS = [check for check in LAB.checks if check.kind == "answers"]
RIGHT_WAYS = [case for case in CASES.values() if case.kind in ("reference", "other way")]
NOTEBOOK = LAB.notebook.read_text(encoding="utf-8")

pairs_of = cache(make_pairs)


def asked(check: Check, files: dict[str, bytes], said: tuple[Said, ...] = ()) -> Answer:
    """A check that needs no stack, asked of these files."""
    nowhere = cast("Any", None)
    question = Question(
        check=check,
        running=nowhere,
        findings=(),
        populations=(),
        victim="",
        seed=0,
        make_whole=nowhere,
        lab=LAB,
        files=files,
        seen={"": said},
    )
    return kind_named(check.kind).answer(question)


def ended(gate: Path, pair: Pair, folder: Path) -> Said:
    """How one of the lab's own gates ends, run in this process: a thousand processes would take minutes."""
    files = folder / "old.json", folder / "new.json"
    for path, data in zip(files, (pair.old, pair.new), strict=True):
        path.write_bytes(data)
    said = io.StringIO()
    code: object = 0
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        patch.setattr(sys, "argv", [str(gate), *map(str, files)])
        try:
            runpy.run_path(str(gate), run_name="__main__")
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
            said.write(end.code if isinstance(end.code, str) else "")
        except Exception as error:
            code = 1
            said.write(f"Traceback (most recent call last): {error!r}")
    assert isinstance(code, int)
    return Said(pair, code, said.getvalue())


@pytest.mark.parametrize("case", [c for c in CASES.values() if c.name != "never-ends"], ids=lambda case: case.name)
def test_answers_and_gates_of_each_folder_get_what_they_must(case: Expected, tmp_path: Path) -> None:
    files = LAB.read(case.folder)
    said = tuple(ended(case.folder / "gate.py", pair, tmp_path) for pair in pairs_of(0))
    named: set[str] = set()
    for check in (*SHEETS, *GATES):
        answer = asked(check, files, said)
        wanted = case.outcomes.get(check.name)
        assert wanted is None or answer.passed == (wanted == Outcome.PASSED), (check.name, answer.observed)
        named |= {cause.mistake for cause in answer.causes}
    assert {*case.diagnosis} <= named | {"capacity-ignored", "weight-skew"}


@pytest.mark.parametrize("case", RIGHT_WAYS, ids=lambda case: case.name)
def test_right_gates_are_right_on_pairs_that_nobody_has_seen(case: Expected, tmp_path: Path) -> None:
    for seed in (1, 2, 3, 174):
        said = [ended(case.folder / "gate.py", pair, tmp_path) for pair in pairs_of(seed)]
        assert [(one.pair.sort.name, one.code) for one in said if one.code != one.pair.sort.right] == []


def test_in_the_sandbox_the_reference_gets_everything() -> None:
    assert prove(LAB, CASES["reference"]).faults == ()


def test_in_the_sandbox_the_start_is_told_what_fools_it() -> None:
    refuses, spares = examine(LAB, LAB.read(LAB.start), checks=["refuses", "spares"])
    assert refuses.outcome is spares.outcome is Outcome.FAILED
    assert "Slower for one in a hundred: exit code 1 was right, yours: 0 (" in refuses.observed
    assert "noise-refused" in {cause.mistake for cause in spares.causes}


@pytest.mark.parametrize("name", ["machines-are-equal", "weights-by-workers"])
def test_traffic_shows_weights_that_are_no_capacities(name: str) -> None:
    assert faults(LAB, CASES[name]) == []


def test_a_server_with_a_limit_of_its_own_still_gets_what_its_weight_says() -> None:
    (spread,) = examine(LAB, LAB.read(CASES["no-more-than-its-workers"].folder), checks=["spread"])
    assert spread.outcome is Outcome.PASSED, spread.observed


def test_a_gate_that_does_not_end_has_no_answer_to_the_rest() -> None:
    pairs = make_pairs(0)
    told = ProgramResult(0, '[0, "fine"]\n[[[\n', "", "itself", 1.0, 0.1, 10.0)
    said = said_of(pairs, told)
    assert len(said) == len(pairs)
    assert [one.code for one in said[:3]] == [0, None, None]
    refuses = next(check for check in GATES if check.name == "refuses")
    never = said_of(pairs, ProgramResult(0, "", "", "itself", 1.0, 1.0, 10.0))
    answer = asked(refuses, {"gate.py": b"while True: pass"}, never)
    assert not answer.passed
    assert answer.causes == ()
    assert "did not come to an end" in answer.why


def test_pairs_are_the_same_for_a_seed_and_their_order_tells_nothing() -> None:
    assert make_pairs(3) == make_pairs(3)
    assert [pair.sort.name for pair in make_pairs(3)] != [pair.sort.name for pair in make_pairs(4)]
    assert {*Counter(pair.sort.name for pair in make_pairs(3)).values()} == {3}
    assert {sort.right for sort in SORTS} == {PASSES, REFUSES, CANNOT_TELL}
    decided = [name for promise, names in PROMISES.items() if promise != SAYS for name in names]
    assert sorted(decided) == sorted(sort.name for sort in SORTS)


def truth(check: str, key: str) -> float:
    return float(LAB.check(check).settings["questions"][f"{check}.{key}"]["truth"])


def test_the_recorded_runs_have_the_answers_in_them() -> None:
    rows = re.findall(r"^# \| (\d+) \| ([\d.]+) \| ([\d.,]+) ms \|", NOTEBOOK, re.M)
    answered = {int(rate): (float(done), float(ms.replace(",", ""))) for rate, done, ms in rows}
    assert len(answered) == 7
    most = sum(server.capacity for server in LAB.stack.servers)
    assert truth("capacity", "most a second") == most
    assert max(done for done, _ in answered.values()) == pytest.approx(most, rel=0.01)
    assert truth("capacity", "in the pool at 90") == pytest.approx(90 * answered[90][1] / 1000, abs=0.01)
    assert truth("capacity", "app3 alone") == LAB.stack.server("app3").capacity
    assert truth("capacity", "left without app1") == most - LAB.stack.server("app1").capacity


def test_what_the_closed_loop_left_out() -> None:
    assert "**700 requests took 10 ms each, one took 3,000 ms.**" in NOTEBOOK
    due = [3000 - 10 * number for number in range(300)]
    everybody = sorted([10] * 700 + due)
    assert truth("loops", "never sent") == len(due)
    assert truth("loops", "slower than a second") == sum(ms > 1000 for ms in everybody)
    assert truth("loops", "99th percentile of users") == pytest.approx(everybody[989], abs=11)
    assert truth("loops", "users for 50 a second") == 50 * 2


def test_the_cell_that_fits_gives_the_machines() -> None:
    cell = NOTEBOOK[NOTEBOOK.index("measured = {") : NOTEBOOK.index("# %% [markdown]", NOTEBOOK.index("measured = {"))]
    found: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(cell, found)
    sigma, kappa, one = found["sigma"], found["kappa"], found["measured"][1]
    assert truth("machines", "sigma") == pytest.approx(sigma, abs=0.0001)
    assert truth("machines", "kappa") == pytest.approx(kappa, abs=0.00001)
    assert truth("machines", "best") == pytest.approx(((1 - sigma) / kappa) ** 0.5, abs=0.1)
    rate = one * 32 / (1 + sigma * 31 + kappa * 32 * 31)
    assert truth("machines", "rate with 32") == pytest.approx(rate, abs=1)


def test_locust_reads_the_locustfile_of_the_notebook(tmp_path: Path) -> None:
    text = NOTEBOOK.split('write_text("""', 1)[1].split('""")', 1)[0]
    (tmp_path / "locustfile.py").write_text(text)
    command = [sys.executable, "-m", "locust", "--list"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert {"WhenTheLastIsDone", "EveryTwoSeconds"} <= {*ran.stdout.split()}


def test_every_cell_has_a_name_of_its_own_and_every_check_a_cell() -> None:
    names = re.findall(r'"grade_id": "([^"]+)"', NOTEBOOK)
    assert len({*names}) == len(names)
    graded = re.findall(r'"grade": true, "grade_id": "([^"]+)", "locked": true, "points": ([\d.]+)', NOTEBOOK)
    assert {name: float(points) for name, points in graded} == {check.name: check.points for check in LAB.checks}


def test_every_students_version_is_the_lab() -> None:
    assert faults_of(LAB) == ()
    start, right = (json.loads(LAB.read(folder)["answers.json"]) for folder in (LAB.start, LAB.reference))
    assert {name: {*table} for name, table in start.items()} == {name: {*table} for name, table in right.items()}


@pytest.mark.docker
@pytest.mark.slow
def test_on_docker_as_well() -> None:
    right = examine(LAB, LAB.read(LAB.reference), engine="docker", checks=["spread", "refuses", "admits"])
    wrong = examine(LAB, LAB.read(LAB.start), engine="docker", checks=["spread", "refuses", "admits"])
    assert [one.outcome for one in (*right, *wrong)] == [Outcome.PASSED] * 3 + [Outcome.FAILED] * 3
