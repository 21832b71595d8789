"""Judging on a real Dask cluster: the same records whoever judges, whoever dies meanwhile; nothing believed unseen."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from autograder.errors import ManyHandsError
from autograder.grading.batch import grade
from autograder.grading.cluster import judge_all
from autograder.grading.judging import Judge, OursError, Task
from autograder.grading.progress import Step
from autograder.grading.settings import Places
from autograder.grading.worker import made_of
from tests.grading import judges
from tests.grading.course import LAB, config, hand_in, scores
from tests.grading.dask_cluster import DaskCluster, dask_cluster, wait_until

pytestmark = pytest.mark.usefixtures("same_folder")


def judged(texts: list[str], cluster: str, ask: Judge, said: list[str] | None = None) -> dict[str, object]:
    def load(index: int) -> Task:
        return Task(LAB, {"conf/nginx.conf": texts[index].encode()}, 1)

    tell = said.append if said is not None else print
    return {
        texts[index]: result if isinstance(result, Exception) else sum(verdict["points"] for verdict in result)
        for index, result in judge_all(len(texts), load, cluster, ask, [LAB], tell)
    }


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_records_are_the_same_bytes_whoever_judges(places: Places, tmp_path: Path) -> None:
    """One process, four, and a cluster of two workers one of which is killed half-way; what is seen always differs."""
    for number in range(12):
        hand_in(places, f"s{number:02}", f"{'good' if number % 3 else 'bad'} {number}".encode())
    classes = [Places(tmp_path / name) for name in ("one", "four", "cluster")]
    for copy in classes:
        shutil.copytree(places.home, copy.home)
        text = copy.config.read_text()
        assert str(places.home) not in text  # the copy is a class of its own
    one, four, many = classes
    grade(one.home, [LAB], jobs=1, ask=judges.with_noise)
    grade(four.home, [LAB], jobs=4, ask=judges.with_noise)
    with dask_cluster(tmp_path / "dask", 2) as cluster:

        def kill_one(step: Step) -> None:
            if step.judged == 4:
                cluster.workers[0].kill()

        report = grade(many.home, [LAB], cluster=cluster.address, ask=judges.with_noise, progress=kill_one)
        assert report.exit_code == 0, report.table()
        assert cluster.workers[0].wait() != 0
        assert cluster.workers[1].poll() is None
    assert len(tree(one.records)) == 12
    assert tree(one.records) == tree(four.records) == tree(many.records)
    assert tree(one.records.with_name("evidence")) != tree(four.records.with_name("evidence"))
    assert scores(one) == scores(four) == scores(many)


def test_answers_that_died_with_their_worker_are_judged_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Judged, told that it is, and gone before anybody fetched the answer."""
    diary = tmp_path / "diary"
    diary.touch()
    monkeypatch.setenv(judges.DIARY, str(diary))
    texts = [f"good {number}" for number in range(4)]

    def load(index: int) -> Task:
        return Task(LAB, {"conf/nginx.conf": texts[index].encode()}, 1)

    with dask_cluster(tmp_path / "dask", 2) as cluster, ThreadPoolExecutor(1) as aside:
        results = judge_all(len(texts), load, cluster.address, judges.by_word, [LAB], print)
        judged = [next(results)]
        wait_until(lambda: len(diary.read_text().splitlines()) == len(texts))  # all are under way from the first
        for worker in cluster.workers:
            worker.kill()
        wait_until(lambda: cluster.log("scheduler").count("Remove worker") == len(cluster.workers))
        started = aside.submit(cluster.add_worker)
        judged += results
        started.result()
    assert sorted(index for index, _ in judged) == list(range(len(texts)))
    assert [result for _, result in judged if isinstance(result, Exception)] == []
    assert len(diary.read_text().splitlines()) > len(texts)


def test_workers_that_cannot_judge_or_are_of_another_version(tmp_path: Path) -> None:
    """One cluster, whose workers come and go; a start costs seconds."""
    texts = [f"good {number}" for number in range(6)]
    right = dict.fromkeys(texts, 10.0)
    with dask_cluster(tmp_path / "dask", 0) as cluster:
        cluster.add_worker(**{judges.BROKEN: "yes"})
        alone = judged(texts[:1], cluster.address, judges.cannot_here)
        assert isinstance(alone[texts[0]], OursError)
        assert "no namespaces on this machine" in str(alone[texts[0]])

        cluster.add_worker()
        assert judged(texts, cluster.address, judges.cannot_here) == right

        refused(cluster, texts, tmp_path)

        for worker in cluster.workers:
            worker.kill()
        cluster.scheduler.kill()
        cluster.scheduler.wait()
        with pytest.raises(ManyHandsError, match="no Dask scheduler answers"):
            judged(texts, cluster.address, judges.by_word)


def refused(cluster: DaskCluster, texts: list[str], tmp_path: Path) -> None:
    """A worker whose copy of the project differs by one byte gets nothing to judge, and the instructor is told."""
    other = tmp_path / "other"
    root = Path(__file__).parents[2]
    ignored = shutil.ignore_patterns("__pycache__")
    for part in ("autograder", "labs", "tests"):
        shutil.copytree(root / part, other / part, ignore=ignored)
    with (other / "autograder" / "errors.py").open("a") as changed:
        changed.write("# one line more\n")
    cluster.add_worker(PYTHONPATH=str(other))
    said: list[str] = []
    assert judged(texts, cluster.address, judges.by_word, said) == dict.fromkeys(texts, 10.0)
    assert len(said) == 1
    assert "another version of Many Hands or of the lab" in said[0]
    assert made_of(LAB) in said[0]
    for worker in cluster.workers[:2]:
        worker.kill()
        worker.wait()
    with pytest.raises(ManyHandsError, match="no worker has the version"):
        judged(texts, cluster.address, judges.by_word)


def test_nothing_from_a_worker_is_believed_unseen(places: Places, tmp_path: Path) -> None:
    for name in ("too many points", "no verdicts", "other checks", "more than one", "no row", "good"):
        hand_in(places, name.replace(" ", "-"), name.encode())
    with dask_cluster(tmp_path / "dask", 1) as cluster:
        report = grade(places.home, [LAB], cluster=cluster.address, ask=judges.answers_nonsense)
    assert report.exit_code == 1
    assert {row.student: row.outcome for row in report.rows if row.outcome != "ungraded (our fault)"} == {
        "good": "passed"
    }
    assert set(scores(places)) == {"good"}


@pytest.mark.slow
def test_the_examiner_itself_on_a_cluster(places: Places, tmp_path: Path) -> None:
    told = {"alice": ("reference", 10.0), "bob": ("missing-semicolon", 0.0)}
    for student, (name, _) in told.items():
        hand_in(places, student, config(name))
    with dask_cluster(tmp_path / "dask", 1) as cluster:
        report = grade(places.home, [LAB], cluster=cluster.address)
    assert report.exit_code == 0, report.table()
    assert {row.student: row.record.points for row in report.rows if row.record} == {
        student: points for student, (_, points) in told.items()
    }


@pytest.mark.parametrize("address", ["", "nowhere", "http://127.0.0.1:8786", "tcp://host", "tcp://a b:1"])
def test_an_address_that_is_none_is_refused_at_once(address: str) -> None:
    with pytest.raises(ManyHandsError, match="no address of a Dask scheduler"):
        judged(["good"], address, judges.by_word)
