"""The traffic that grades a submission: the same whenever it is judged again, and nobody can know it who hands in."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from autograder.errors import ManyHandsError
from autograder.grading.batch import grade
from autograder.grading.record import records_of
from autograder.grading.secret import class_secret, seed_of
from autograder.grading.settings import Places
from tests.grading import judges
from tests.grading.course import LAB, hand_in

FILES = {"conf/nginx.conf": b"good", "conf/more.conf": b""}


def test_a_class_has_one_secret_that_only_its_owner_can_read(tmp_path: Path) -> None:
    places = Places(tmp_path)
    with ThreadPoolExecutor(8) as at_once:
        secrets = set(at_once.map(lambda _: class_secret(places), range(32)))
    assert secrets == {class_secret(places)}
    (file,) = places.course.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert class_secret(Places(tmp_path / "another")) not in secrets


@pytest.mark.parametrize("text", ["", "abcd\n", "no hex\n", "é"])
def test_a_secret_that_cannot_be_read_is_not_replaced_without_a_word(tmp_path: Path, text: str) -> None:
    places = Places(tmp_path)
    class_secret(places)
    (file,) = places.course.iterdir()
    file.write_text(text)
    with pytest.raises(ManyHandsError, match="secret cannot be read"):
        class_secret(places)
    assert file.read_text() == text


def test_a_seed_comes_from_all_that_was_handed_in_and_from_the_secret() -> None:
    seeds = [
        seed_of(b"one", FILES),
        seed_of(b"two", FILES),
        seed_of(b"one", {**FILES, "conf/nginx.conf": b"good "}),
        seed_of(b"one", {"conf/nginx.conf": b"", "conf/more.conf": b"good"}),
        seed_of(b"one", {"conf/nginx.conf": b"good"}),
    ]
    assert len(set(seeds)) == len(seeds)
    assert 0 not in seeds
    assert seeds[0] == seed_of(b"one", dict(reversed(FILES.items())))


@pytest.mark.usefixtures("same_folder")
def test_a_submission_is_judged_with_its_seed_every_time(places: Places) -> None:
    hand_in(places, "alice", b"good")
    told = set()
    for force in (False, True):
        grade(places.home, [LAB], jobs=1, ask=judges.tells_its_seed, force=force)
        told |= {verdict.observed for record in records_of(places.records, LAB, "alice") for verdict in record.verdicts}
    assert told == {str(seed_of(class_secret(places), {"conf/nginx.conf": b"good"}))}
