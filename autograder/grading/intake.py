"""A collected submission on its way to being judged: its folder is put in order, then read."""

from __future__ import annotations

from functools import cache

from autograder.errors import ManyHandsError
from autograder.grading.misplaced import put_in_place
from autograder.grading.settings import Places
from autograder.grading.submission import Submission, read_submission
from autograder.grading.tidy import tidy
from autograder.labs.catalogue import LABS, load_lab
from autograder.labs.lab import Lab


def take_in(places: Places, lab: Lab, student: str) -> Submission:
    """Put the collected submission of ``student`` in order and read it.

    Raises:
        ManyHandsError: the lab is not released in this class.
        OSError: the folder cannot be read or changed.
    """
    put_folder_in_order(places, lab.slug, student)
    return read_submission(
        places.submitted(student, lab.slug),
        student=student,
        lab=lab.slug,
        files=tuple(lab.files),
        notebook=f"{lab.slug}.ipynb",
    )


def put_folder_in_order(places: Places, slug: str, student: str) -> None:
    """Make the folder safe to copy and to follow, for us and for nbgrader; doing it again changes nothing.

    Raises:
        ManyHandsError: the lab is not released in this class.
        OSError: the folder cannot be read or changed.
    """
    blank = places.release(slug) / f"{slug}.ipynb"
    if not blank.is_file():
        raise ManyHandsError(
            "the lab is not released in this class",
            where=str(blank),
            remedy=f"./manyhands up, or ./manyhands nbgrader generate_assignment {slug} in {places.course}",
        )
    tidy(
        places.submitted(student, slug),
        places.set_aside(student, slug),
        notebook=blank.name,
        blank=blank,
        wanted=wanted_files(places, slug),
    )
    put_in_place(places.submitted(student, slug), _files(slug))


def _files(slug: str) -> tuple[str, ...]:
    """The lab's files; asked several times for each submission, so the lab is read again only when it changed."""
    path = LABS / slug / "lab.toml"
    return _files_as_of(slug, path.stat().st_mtime_ns if path.is_file() else 0)


@cache
def _files_as_of(slug: str, changed: int) -> tuple[str, ...]:
    del changed
    return load_lab(slug).files


def can_be_named(student: str) -> bool:
    """Whether nbgrader can tell this student from others: it strips names and takes them for patterns."""
    return (
        student.isprintable()
        and student == student.strip()
        and student[:1] not in ("", ".")
        and not set(student) & set("*?[]/+")
    )


def wanted_files(places: Places, slug: str) -> list[str]:
    """What a submission of the lab needs: the lab's files, the notebook, nbgrader's own, and all the release holds."""
    release = places.release(slug)
    released = [str(path.relative_to(release)) for path in release.rglob("*") if path.is_file()]
    return [*_files(slug), f"{slug}.ipynb", "timestamp.txt", "submission_secret.txt", *released]
