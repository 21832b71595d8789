from __future__ import annotations

import json
import shutil
from pathlib import Path

import nbformat
import pytest

from autograder.grading import classroom
from autograder.grading.classroom import notebook_of, prepare_class
from autograder.grading.settings import CONFIG_TEXT, Places
from autograder.labs.catalogue import load_lab
from tests.grading.course import LAB, read


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which labs were given to nbgrader, without its seconds; what it makes of them is tested with the real one."""
    asked: list[str] = []
    monkeypatch.setattr(classroom, "_publish", lambda _places, slugs: asked.extend(slugs))
    return asked


def test_a_class_has_what_instructor_and_learner_need(prepared_home: Path) -> None:
    places = Places(prepared_home)
    assert places.config.read_text() == CONFIG_TEXT
    assert (places.course / "gradebook.db").is_file()
    for folder in (places.source(LAB), places.release(LAB), places.outbound(LAB), places.learner / LAB):
        assert (folder / "conf" / "nginx.conf").read_bytes() == (load_lab(LAB).start / "conf/nginx.conf").read_bytes()
        assert (folder / f"{LAB}.ipynb").is_file()


def test_the_released_grade_cells_are_the_labs_checks(prepared_home: Path) -> None:
    notebook = read(Places(prepared_home).outbound(LAB) / f"{LAB}.ipynb")
    cells = [cell.metadata.nbgrader for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade")]
    assert {cell.grade_id: cell.points for cell in cells} == {
        check.name: check.points for check in load_lab(LAB).checks
    }
    assert all(cell.locked for cell in cells)


def test_nothing_of_reference_or_wrong_answers_is_released(prepared_home: Path) -> None:
    places = Places(prepared_home)
    released = {
        str(path.relative_to(places.outbound(LAB))) for path in places.outbound(LAB).rglob("*") if path.is_file()
    }
    start = load_lab(LAB).start
    assert released == {f"{LAB}.ipynb", *(str(path.relative_to(start)) for path in start.rglob("*") if path.is_file())}


def test_the_same_text_makes_the_same_notebook() -> None:
    lab = load_lab(LAB)
    assert notebook_of(lab) == notebook_of(lab)
    nbformat.validate(nbformat.reads(notebook_of(lab).decode(), as_version=4))


def test_doing_it_again_changes_nothing(places: Places, published: list[str]) -> None:
    before = snapshot(places.home)
    prepare_class(places.home, [LAB])
    assert snapshot(places.home) == before
    assert published == []


def test_a_learners_copy_is_never_touched(places: Places, published: list[str]) -> None:
    copy = places.learner / LAB
    (copy / "conf" / "nginx.conf").write_text("mine")
    (copy / f"{LAB}.ipynb").unlink()
    prepare_class(places.home, [LAB])
    assert (copy / "conf" / "nginx.conf").read_text() == "mine"
    assert not (copy / f"{LAB}.ipynb").exists()


def test_one_line_tells_what_was_handed_out(places: Places, published: list[str]) -> None:
    said: list[str] = []
    shutil.rmtree(places.learner / LAB)
    prepare_class(places.home, [LAB], progress=said.append)
    assert said == [f"{places.learner / LAB} is ready"]
    for slug in ("one-address", "too-much"):
        shutil.copytree(places.outbound(LAB), places.outbound(slug))
    said.clear()
    prepare_class(places.home, [LAB, "one-address", "too-much"], progress=said.append)
    assert said == [
        "preparing 2 labs with nbgrader (a few seconds, this once)",
        f"2 labs are ready in {places.learner}",
    ]


def test_an_instructors_changes_stay_and_are_told(places: Places, published: list[str]) -> None:
    source = places.source(LAB) / f"{LAB}.ipynb"
    source.write_bytes(source.read_bytes() + b"\n")
    edited = source.read_bytes()
    note = places.course / "prepared" / f"{LAB}.json"
    note.write_text(json.dumps({**json.loads(note.read_text()), "lab": "an older version"}))
    told: list[str] = []
    prepare_class(places.home, [LAB], told.append)
    assert source.read_bytes() == edited
    assert published == []
    assert any("your changes" in line for line in told)


def test_an_instructors_settings_stay(places: Places, published: list[str]) -> None:
    places.config.write_text(CONFIG_TEXT + "c.CourseDirectory.max_file_size = 1\n")
    prepare_class(places.home, [LAB])
    assert places.config.read_text().endswith("max_file_size = 1\n")


def test_a_newer_lab_replaces_the_source_nobody_edited(places: Places, published: list[str]) -> None:
    note = places.course / "prepared" / f"{LAB}.json"
    note.write_text(json.dumps({**json.loads(note.read_text()), "lab": "an older version"}))
    prepare_class(places.home, [LAB])
    assert published == [LAB]
    assert json.loads(note.read_text())["done"] is True


@pytest.mark.parametrize("lost", ["source", "release", "outbound", "note half done"])
def test_what_was_interrupted_is_taken_up(places: Places, published: list[str], lost: str) -> None:
    if lost == "note half done":
        note = places.course / "prepared" / f"{LAB}.json"
        note.write_text(json.dumps({**json.loads(note.read_text()), "done": False}))
    else:
        folder = {"source": places.source, "release": places.release, "outbound": places.outbound}[lost](LAB)
        folder.rename(folder.with_name("gone"))
    prepare_class(places.home, [LAB])
    assert published == [LAB]
    assert (places.source(LAB) / "conf" / "nginx.conf").is_file()


def test_a_source_that_was_never_ours_is_the_instructors(places: Places, published: list[str]) -> None:
    (places.course / "prepared" / f"{LAB}.json").unlink()
    before = snapshot(places.source(LAB))
    prepare_class(places.home, [LAB])
    assert snapshot(places.source(LAB)) == before


def test_a_lab_is_released_in_the_place_of_what_an_interrupted_run_or_an_older_lab_left(places: Places) -> None:
    note, outbound = places.course / "prepared" / f"{LAB}.json", places.outbound(LAB)
    note.write_text(json.dumps({**json.loads(note.read_text()), "done": False}))
    (outbound / "of-an-older-lab.txt").touch()
    prepare_class(places.home, [LAB])
    assert json.loads(note.read_text())["done"]
    assert not (outbound / "of-an-older-lab.txt").exists()
    assert (outbound / f"{LAB}.ipynb").is_file()
