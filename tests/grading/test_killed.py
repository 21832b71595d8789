"""Runs that end early, by kill -9 or Ctrl-C at any moment, and the ones that go on after them."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from autograder.errors import ManyHandsError
from autograder.grading.batch import grade
from autograder.grading.progress import Step
from autograder.grading.settings import Places
from tests.grading import judges
from tests.grading.course import LAB, hand_in, records, scores
from tests.grading.dask_cluster import ROOT, wait_until

pytestmark = pytest.mark.usefixtures("same_folder")
STUDENTS = [f"s{number:02}" for number in range(9)]
KILLS = 6

_RUNS = f"""
import os, sys
from pathlib import Path
from autograder.grading import frame  # once: what is forked has it
from autograder.grading.batch import grade
from tests.grading import judges

if __name__ == "__main__":
    for _ in sys.stdin:  # a line, a run
        pid = os.fork()
        if pid == 0:
            report = grade(Path(sys.argv[1]), ["{LAB}"], jobs=2, ask=judges.by_word)
            os._exit(report.exit_code)
        print(pid, flush=True)
        print(os.waitpid(pid, 0)[1], flush=True)
"""


class Runs:
    """Grading runs, each a process of its own."""

    def __init__(self, places: Places, script: Path, diary: Path) -> None:
        script.write_text(_RUNS)
        environment = {**os.environ, judges.DIARY: str(diary), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, str(script), str(places.home)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True)

    def start(self) -> int:
        """Begin a run; its process."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._number()

    def end(self) -> int:
        """Wait for the run's end; its status."""
        return self._number()

    def close(self) -> None:
        """No more runs."""
        self._process.kill()
        self._process.communicate()

    def _number(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


def moments(places: Places, diary: Path) -> list[Callable[[], int]]:
    """What can be counted while a run goes on; a run is killed when one of them has grown."""
    return [
        lambda: diary.read_bytes().count(b"\n") if diary.exists() else 0,
        lambda: len(list(places.records.rglob("*"))),
        lambda: len(list((places.course / "evidence").rglob("*"))),
        lambda: len(list((places.course / "autograded").rglob("*"))),
        lambda: len(list((places.course / "written").rglob("*"))),
    ]


def test_killed_again_and_again_nothing_is_lost_or_judged_twice(places: Places, tmp_path: Path) -> None:
    for student in STUDENTS:
        hand_in(places, student, f"good {student}".encode())
    diary = tmp_path / "diary"
    runs = Runs(places, tmp_path / "runs.py", diary)
    dice = random.Random(7)
    kept: set[str] = set()
    read = 0
    killed = 0
    try:
        for number in range(KILLS):
            pid = runs.start()
            count = dice.choice(moments(places, diary))
            enough = count() + dice.randrange(1, 4)
            while count() < enough and not _is_over(pid):
                time.sleep(0.01)  # between two looks
            if not _is_over(pid):
                os.kill(pid, signal.SIGKILL)
            killed += os.WIFSIGNALED(runs.end())
            lines = diary.read_text().splitlines() if diary.exists() else []
            again = {line.split()[1] for line in lines[read:]} & kept
            assert not again, f"run {number}: judged though their records were kept"
            read = len(lines)
            now = {record["key"]["student"] for record in records(places)}
            assert kept <= now
            kept = now
        runs.start()
        assert runs.end() == 0
    finally:
        runs.close()
    assert killed > KILLS // 3  # else the runs were over before anything could be killed
    again = {line.split()[1] for line in diary.read_text().splitlines()[read:]} & kept
    assert not again
    assert sorted(record["key"]["student"] for record in records(places)) == STUDENTS
    assert {student: sum(points.values()) for student, points in scores(places).items()} == dict.fromkeys(
        STUDENTS, 10.0
    )
    assert {path.parent.name for path in (places.course / "autograded").glob(f"*/{LAB}")} == set(STUDENTS)


def _is_over(pid: int) -> bool:
    """Whether the process ended; its parent may not have looked yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_ctrl_c_says_how_to_go_on_and_never_splits_a_grade(places: Places) -> None:
    for student in STUDENTS[:6]:
        hand_in(places, student, b"good")

    def press(step: Step) -> None:
        if step.judged == 3:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(ManyHandsError, match="stopped") as caught:
        grade(places.home, [LAB], jobs=2, ask=judges.by_word, progress=press)
    assert caught.value.exit_code == 130
    assert "3 of 6 submissions have their grades" in str(caught.value)
    assert "run the same command again" in str(caught.value)
    assert len(scores(places)) == 3
    report = grade(places.home, [LAB], jobs=2, ask=judges.by_word)
    assert report.exit_code == 0
    assert set(scores(places)) == set(STUDENTS[:6])


def test_ctrl_c_while_a_grade_is_written_waits_for_it(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nbgrader takes an interrupt for a failure of the submission, and would go on with the next."""
    from autograder.grading.frame import Frame

    hand_in(places, "alice", b"good")
    hand_in(places, "bob", b"good")
    whole = Frame.autograde

    def pressed_meanwhile(self: Frame, lab: str, student: str) -> str:
        os.kill(os.getpid(), signal.SIGINT)
        return whole(self, lab, student)

    monkeypatch.setattr(Frame, "autograde", pressed_meanwhile)
    with pytest.raises(ManyHandsError, match="stopped"):
        grade(places.home, [LAB], jobs=1, ask=judges.by_word)
    assert len(scores(places)) == 1
    monkeypatch.undo()
    assert grade(places.home, [LAB], jobs=1, ask=judges.by_word).exit_code == 0
    assert set(scores(places)) == {"alice", "bob"}


def test_a_second_run_is_told_who_is_first(places: Places, tmp_path: Path) -> None:
    """Two at once, and one after the first was killed: the lock ends with its process."""
    word = tmp_path / "word"
    hand_in(places, "alice", b"good")
    script = tmp_path / "run.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\nfrom autograder.grading.batch import grade\n"
        "from tests.grading import judges\n"
        f"if __name__ == '__main__':\n"
        f"    grade(Path(sys.argv[1]), ['{LAB}'], jobs=1, ask=judges.waits_for_the_word)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), judges.WORD: str(word)}
    first = subprocess.Popen([sys.executable, str(script), str(places.home)], env=environment)
    try:
        lock = places.course / ".grading.lock"
        wait_until(lambda: lock.exists() and lock.read_text())
        with pytest.raises(ManyHandsError, match="graded already") as caught:
            grade(places.home, [LAB], ask=judges.by_word)
        assert f"process {first.pid}" in str(caught.value)
        assert caught.value.exit_code == 2
    finally:
        first.kill()
        first.wait()
    assert grade(places.home, [LAB], ask=judges.by_word).exit_code == 0
