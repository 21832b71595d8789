"""A collected submission on its way to being judged, and Ctrl-C on the way: found by changing the code at random."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from autograder.errors import ManyHandsError
from autograder.grading import intake
from autograder.grading.intake import can_be_named, put_folder_in_order, take_in, wanted_files
from autograder.grading.interrupt import uninterrupted
from autograder.grading.settings import Places
from autograder.labs.catalogue import load_lab

if TYPE_CHECKING:
    from pathlib import Path

SLUG = "spread-the-load"
LAB = load_lab(SLUG)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A class with one lab released, and what ann handed in of it."""
    places = Places(tmp_path)
    for folder in (places.release(SLUG), places.submitted("ann", SLUG)):
        (folder / "conf").mkdir(parents=True)
        (folder / "conf" / "nginx.conf").write_bytes(b"events {}")
        (folder / f"{SLUG}.ipynb").write_bytes(b"released")
    (places.release(SLUG) / "more").mkdir()
    (places.release(SLUG) / "more" / "data.csv").write_bytes(b"")
    return places


def test_what_is_wanted_is_the_lab_s_nbgrader_s_and_the_release_s(places: Places) -> None:
    wanted = wanted_files(places, SLUG)
    own = [*LAB.files, f"{SLUG}.ipynb", "timestamp.txt", "submission_secret.txt"]
    assert wanted[: len(own)] == own
    assert sorted(wanted[len(own) :]) == sorted(["conf/nginx.conf", f"{SLUG}.ipynb", "more/data.csv"])
    assert wanted_files(places, "spread-the-load") == wanted


def test_a_submission_is_put_in_order_then_read(places: Places) -> None:
    folder = places.submitted("ann", SLUG)
    (folder / "conf" / "nginx.conf").rename(folder / "nginx.conf.txt")
    (folder / f"{SLUG}.ipynb").unlink()
    (folder / "link").symlink_to("/etc/hostname")
    found = take_in(places, LAB, "ann")
    assert (found.student, found.lab, dict(found.files)) == ("ann", SLUG, {"conf/nginx.conf": b"events {}"})
    assert found.notebook_digest
    assert (folder / f"{SLUG}.ipynb").read_bytes() == b"released"
    (aside,) = places.set_aside("ann", SLUG).iterdir()
    assert [entry.name for entry in aside.iterdir()] == ["0000-link"]
    assert take_in(places, LAB, "ann") == found


def test_much_else_crowds_out_nothing_of_the_release(places: Places) -> None:
    folder = places.submitted("ann", SLUG)
    for number in range(520):
        (folder / f"a{number:04}").write_bytes(b"")
    (folder / "more").mkdir()
    (folder / "more" / "data.csv").write_bytes(b"mine")
    put_folder_in_order(places, SLUG, "ann")
    assert (folder / "more" / "data.csv").read_bytes() == b"mine"


def test_a_lab_that_is_not_released_is_told_with_how_to(places: Places) -> None:
    blank = places.release(SLUG) / f"{SLUG}.ipynb"
    blank.unlink()
    with pytest.raises(ManyHandsError) as caught:
        put_folder_in_order(places, SLUG, "ann")
    error = caught.value
    assert (error.what, error.where, error.why, error.remedy) == (
        *("the lab is not released in this class", str(blank), ""),
        f"./manyhands up, or ./manyhands nbgrader generate_assignment {SLUG} in {places.course}",
    )


def test_a_lab_is_read_again_only_when_it_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def load(slug: str) -> object:
        read.append(slug)
        return LAB

    monkeypatch.setattr(intake, "LABS", tmp_path)
    monkeypatch.setattr(intake, "load_lab", load)
    slug = f"lab-{tmp_path.parent.name}"  # of this run: what was read once is kept for as long as the process lives
    path = tmp_path / slug / "lab.toml"
    path.parent.mkdir()
    places = Places(tmp_path)
    for changed_at in (None, None, 1, 1, 2):
        if changed_at is not None:
            path.touch()
            os.utime(path, ns=(0, changed_at))
        wanted_files(places, slug)
    assert read == [slug] * 3


@pytest.mark.parametrize("name", ["ann", "Xaver", "a.b", "Zoë Å", "li@uni.example", "-x", "a b"])
def test_a_name_that_nbgrader_can_tell_from_others(name: str) -> None:
    assert can_be_named(name)


@pytest.mark.parametrize("name", ["", ".", ".ann", " ann", "ann ", "a\nb", "a\x1bb", *(f"a{odd}b" for odd in "*?[]/+")])
def test_a_name_that_nbgrader_would_take_for_another_s(name: str) -> None:
    assert not can_be_named(name)


def pressing_ctrl_c(done: list[str], end: Exception | None = None) -> None:
    with uninterrupted():
        signal.raise_signal(signal.SIGINT)
        done.append("the rest")
        if end is not None:
            raise end


def test_ctrl_c_waits_for_the_end_of_the_block() -> None:
    before = signal.getsignal(signal.SIGINT)
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        pressing_ctrl_c(done)
    with pytest.raises(ValueError, match="mine"):
        pressing_ctrl_c(done, ValueError("mine"))
    with uninterrupted():
        done.append("nothing pressed")
    assert done == ["the rest", "the rest", "nothing pressed"]
    assert signal.getsignal(signal.SIGINT) == before


def test_a_thread_has_no_ctrl_c_to_keep_waiting() -> None:
    said: list[object] = []

    def work() -> None:
        with uninterrupted():
            said.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert said == [before]
