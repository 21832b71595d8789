"""From the class's seed to every learner's own copy, however they get it, and back to the notebook that is graded."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from autograder.errors import ManyHandsError
from autograder.grading import classroom, own_copy
from autograder.grading.classroom import prepare_class
from autograder.grading.own_copy import copy_for, make_own, released_to
from autograder.grading.put_in_order import put_in_order
from autograder.grading.settings import COURSE, Places, nbgrader_settings
from autograder.grading.variants import SEED, class_seed, same_rules, variant_of
from autograder.labs.catalogue import all_labs, load_lab
from autograder.labs.handed_out import CLASS_NOTE, class_note, variant_in
from autograder.labs.lab import Variant
from tests.grading.course import LAB, read

if TYPE_CHECKING:
    from pathlib import Path

CONF = "conf/nginx.conf"
PLAIN = load_lab(LAB)


def lab_of(student: str) -> Any:
    return load_lab(LAB, Variant("s", student))


def start_of(student: str) -> bytes:
    lab = lab_of(student)
    return bytes(lab.read(lab.start)[CONF])


@pytest.fixture
def seeded(places: Places) -> Places:
    """The prepared class, as one with the seed ``s``."""
    (places.course / "variants.json").write_text('{"seed": "s"}')
    for folder in (places.source(LAB), places.release(LAB), places.outbound(LAB)):
        folder.chmod(0o755)
        (folder / CLASS_NOTE).parent.mkdir()
        (folder / CLASS_NOTE).write_bytes(class_note("s"))
    return places


def fetch(places: Places, student: str, home: Path, *, again: bool = False) -> Path:
    """What JupyterLab's Assignment List does with the class's own settings."""
    from nbgrader.auth import Authenticator
    from nbgrader.coursedir import CourseDirectory
    from nbgrader.exchange import ExchangeFactory
    from traitlets.config import Config

    settings = nbgrader_settings(places.home)
    config = Config(
        {
            "Exchange": {**settings["Exchange"], "assignment_dir": str(home), "cache": str(home / "c")},
            "ExchangeFactory": settings["ExchangeFactory"],
            "ExchangeFetchAssignment": {"replace_missing_files": again},
        }
    )
    course = CourseDirectory(course_id=COURSE, student_id=student, assignment_id=LAB, root=str(home))
    home.mkdir(exist_ok=True)
    step = ExchangeFactory(config=config).FetchAssignment
    step(coursedir=course, authenticator=Authenticator(config=config), config=config).start()
    return home / LAB


def test_fetching_gives_each_student_their_own_files_and_notebook(seeded: Places, tmp_path: Path) -> None:
    for student in ("ann", "ben"):
        copy = fetch(seeded, student, tmp_path / student)
        assert (copy / CONF).read_bytes() == start_of(student)
        assert variant_in(copy) == Variant("s", student)
        text = (copy / f"{LAB}.ipynb").read_text(encoding="utf-8")
        assert all(f"| {server.name} |" in text for server in lab_of(student).stack.servers)
    assert start_of("ann") != start_of("ben")


def test_fetching_again_brings_back_what_is_missing_and_nothing_else(seeded: Places, tmp_path: Path) -> None:
    copy = fetch(seeded, "ann", tmp_path / "ann")
    (copy / CONF).write_text("mine")
    before = (copy / f"{LAB}.ipynb").read_bytes()
    (copy / f"{LAB}.ipynb").unlink()
    fetch(seeded, "ann", tmp_path / "ann", again=True)
    assert (copy / CONF).read_text() == "mine"
    assert (copy / f"{LAB}.ipynb").read_bytes() == before


def test_a_class_without_a_seed_hands_out_what_is_released(places: Places, tmp_path: Path) -> None:
    copy = fetch(places, "ann", tmp_path / "ann")
    assert (copy / CONF).read_bytes() == (PLAIN.start / CONF).read_bytes()
    assert (copy / f"{LAB}.ipynb").read_bytes() == (places.outbound(LAB) / f"{LAB}.ipynb").read_bytes()
    assert variant_in(copy) is None
    assert variant_of(places, "ann") is None


def test_only_text_of_the_notebook_differs_and_nbgrader_can_tell_it_is_untouched(seeded: Places) -> None:
    from nbgrader.utils import compute_checksum

    plain = read(seeded.release(LAB) / f"{LAB}.ipynb")
    own = released_to(seeded, LAB, "ann")
    assert len(own.cells) == len(plain.cells)
    changed = 0
    for cell, before in zip(own.cells, plain.cells, strict=True):
        changed += cell.source != before.source
        ours, theirs = (dict(c.metadata.get("nbgrader", {})) for c in (cell, before))
        if "checksum" in ours:
            assert ours.pop("checksum") == compute_checksum(cell)
            theirs.pop("checksum")
        assert ours == theirs
    assert changed >= 3


def test_a_graded_notebook_is_the_students_own_whatever_was_handed_in(seeded: Places) -> None:
    own = put_in_order(released_to(seeded, LAB, "ben"), released_to(seeded, LAB, "ann"))
    text = "\n".join(cell.source for cell in own.cells if cell.metadata.get("nbgrader"))
    mine, theirs = ({server.name for server in lab_of(student).stack.servers} for student in ("ann", "ben"))
    assert all(f"| {name} |" in text for name in mine)
    assert not any(f"| {name} |" in text for name in theirs - mine)


def test_an_instructors_own_words_are_in_every_students_notebook(seeded: Places) -> None:
    path = seeded.release(LAB) / f"{LAB}.ipynb"
    path.write_text(path.read_text(encoding="utf-8").replace("It is Monday", "Ask app1: it is Tuesday"))
    name = lab_of("ann").rewriting.names["app1"]
    assert f"Ask {name}: it is Tuesday" in released_to(seeded, LAB, "ann").cells[0].source


def test_a_copy_that_a_plain_fetch_left_becomes_ones_own_when_it_is_opened(
    seeded: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_copy, "own_name", lambda: "ann")
    copy = tmp_path / LAB
    shutil.copytree(seeded.outbound(LAB), copy)
    assert make_own(copy, LAB) == Variant("s", "ann")
    assert (copy / CONF).read_bytes() == start_of("ann")
    (copy / CONF).write_text("mine")
    assert make_own(copy, LAB) == Variant("s", "ann")
    assert (copy / CONF).read_text() == "mine"


@pytest.mark.parametrize("slug", [lab.slug for lab in all_labs() if lab.rules is not None])
def test_what_is_not_handed_in_becomes_ones_own_too(slug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_copy, "own_name", lambda: "ann")
    fetched, given = tmp_path / "fetched" / slug, tmp_path / "given" / slug
    for name, data in classroom.source_files(load_lab(slug), "s").items():
        if not name.endswith(".ipynb"):
            (fetched / name).parent.mkdir(parents=True, exist_ok=True)
            (fetched / name).write_bytes(data)
    copy_for("ann", fetched, given)
    assert make_own(fetched, slug) == Variant("s", "ann")
    assert contents(fetched) == contents(given)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_was_edited_before_it_was_opened_stays(seeded: Places, tmp_path: Path) -> None:
    copy = tmp_path / LAB
    shutil.copytree(seeded.outbound(LAB), copy)
    (copy / CONF).write_text("mine")
    make_own(copy, LAB)
    assert (copy / CONF).read_text() == "mine"


def test_the_instructors_own_folder_stays_the_classs(seeded: Places) -> None:
    for folder in (seeded.source(LAB), seeded.release(LAB)):
        assert make_own(folder, LAB) is None
        assert (folder / CONF).read_bytes() == (PLAIN.start / CONF).read_bytes()


@pytest.fixture
def released(monkeypatch: pytest.MonkeyPatch, prepared_home: Path) -> None:
    """Nbgrader's seconds are left out: what it releases is what it is given."""

    def publish(places: Places, slugs: list[str]) -> None:
        for slug in slugs:
            for folder in (places.release(slug), places.outbound(slug)):
                shutil.copytree(places.source(slug), folder, dirs_exist_ok=True)

    monkeypatch.setattr(classroom, "_publish", publish)


@pytest.mark.usefixtures("released")
def test_a_new_class_draws_a_seed_and_hands_out_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SEED)
    seeds = set()
    for name in ("one", "two"):
        places = Places(tmp_path / name)
        prepare_class(places.home, [LAB])
        seed = class_seed(places)
        assert len(seed) == 16
        variant = variant_in(places.learner / LAB)
        assert variant == Variant(seed, own_copy.own_name())
        lab = load_lab(LAB, variant)
        assert (places.learner / LAB / CONF).read_bytes() == lab.read(lab.start)[CONF]
        prepare_class(places.home, [LAB])
        assert class_seed(places) == seed
        seeds.add(seed)
    assert len(seeds) == 2


@pytest.mark.usefixtures("released")
def test_the_instructor_chooses_and_a_class_keeps_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SEED, "from the environment")
    one, two, plain = (Places(tmp_path / name) for name in ("one", "two", "plain"))
    prepare_class(one.home, [LAB])
    assert class_seed(one) == "from the environment"
    prepare_class(two.home, [LAB], seed="mine")
    assert class_seed(two) == "mine"
    prepare_class(plain.home, [LAB], seed="none")
    assert class_seed(plain) == ""
    assert (plain.learner / LAB / CONF).read_bytes() == (PLAIN.start / CONF).read_bytes()
    for places, wish in ((two, "another"), (two, "none"), (plain, "mine")):
        with pytest.raises(ManyHandsError) as caught:
            prepare_class(places.home, [LAB], seed=wish)
        assert "begin a new class" in str(caught.value)


@pytest.mark.usefixtures("released")
def test_a_class_from_before_there_were_variants_stays_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = Places(tmp_path / "old")
    prepare_class(places.home, [LAB])
    (places.course / "variants.json").unlink()
    monkeypatch.delenv(SEED)
    prepare_class(places.home, [LAB])
    assert variant_of(places, "ann") is None


def test_a_lost_seed_is_no_reason_to_judge_by_another_lab(seeded: Places) -> None:
    (seeded.course / "variants.json").write_text("{")
    with pytest.raises(ManyHandsError) as caught:
        variant_of(seeded, "ann")
    assert ".lab/class.json" in str(caught.value)


def test_rules_that_changed_since_they_were_handed_out_are_noticed(seeded: Places) -> None:
    assert same_rules(seeded, PLAIN)
    assert same_rules(seeded, PLAIN)
    path = seeded.course / "variants.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "rules": {LAB: "others"}}))
    assert not same_rules(seeded, PLAIN)
    assert class_seed(seeded) == "s"


def test_a_copy_is_only_made_where_there_is_none(seeded: Places, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(FileExistsError):
        copy_for("ann", seeded.outbound(LAB), tmp_path / "there")
