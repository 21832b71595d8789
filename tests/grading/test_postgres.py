"""The gradebook in a real PostgreSQL, by its address alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.errors import ManyHandsError
from autograder.grading.batch import grade
from autograder.grading.settings import DATABASE, Places
from tests.grading import judges
from tests.grading.course import LAB, hand_in, nbgrader
from tests.grading.dask_cluster import wait_until

pytestmark = pytest.mark.usefixtures("same_folder")
PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@pytest.fixture
def postgres() -> Iterator[str]:
    """The URL of a server of the test's own: on a socket in a folder, with no port, as a user without rights."""
    if not PROGRAMS:
        pytest.skip("no PostgreSQL is installed")
    folder = Path(tempfile.mkdtemp(prefix="mh-pg-"))  # a socket's path must be short
    user = "nobody" if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    make = [PROGRAMS[-1] / "initdb", "-D", folder / "data", "-U", "teacher", "-A", "trust", "-N"]
    subprocess.run(make, user=user, check=True, capture_output=True, cwd="/")
    options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"]
    server = subprocess.Popen(
        [PROGRAMS[-1] / "postgres", "-D", folder / "data", *options],
        user=user,
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        ready = [PROGRAMS[-1] / "pg_isready", "-h", folder]
        wait_until(lambda: subprocess.run(ready, capture_output=True, check=False).returncode == 0)
        yield f"postgresql://teacher@/postgres?host={folder}"
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def test_grades_and_manual_ones_live_in_postgresql(
    places: Places, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nbgrader.api import Gradebook

    (places.course / "gradebook.db").unlink()
    monkeypatch.setenv(DATABASE, postgres)
    hand_in(places, "alice", b"good")
    hand_in(places, "bob", b"bad")
    report = grade(places.home, [LAB], jobs=1, ask=judges.by_word)
    assert report.exit_code == 0, report.table()
    assert not (places.course / "gradebook.db").exists()
    url = postgres.replace("postgresql:", "postgresql+psycopg:")
    with Gradebook(url) as book:
        assert {row["student"]: row["score"] for row in book.submission_dicts(LAB)} == {"alice": 10.0, "bob": 0.0}
        book.find_grade("spread", LAB, LAB, "bob").manual_score = 2.5
        book.db.commit()
    assert grade(places.home, [LAB], jobs=1, force=True, ask=judges.by_word).exit_code == 0
    with Gradebook(url) as book:
        assert book.find_submission(LAB, "bob").score == 2.5
    nbgrader(places, "generate_feedback", LAB)
    assert "nbgrader" not in nbgrader(places, "export", f"--to={places.home / 'grades.csv'}").partition("ERROR")[2]
    assert "alice" in (places.home / "grades.csv").read_text()


def test_a_database_that_does_not_answer_ends_the_run_and_tells_no_password(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_in(places, "alice", b"good")
    monkeypatch.setenv(DATABASE, "postgresql://teacher:secret@127.0.0.1:1/grades")
    with pytest.raises(ManyHandsError, match="database cannot be used") as caught:
        grade(places.home, [LAB], jobs=1, ask=judges.by_word)
    assert "secret" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)
    monkeypatch.delenv(DATABASE)
    again = grade(places.home, [LAB], jobs=1, ask=judges.by_word)
    assert [(row.state, row.fresh) for row in again.rows] == [("graded", False)]  # it had been judged
