"""The table of all benchmarks: what each prints becomes rows, one that fails stops no other, rounds are compared."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from autograder.bench import everything
from autograder.bench.everything import BENCHMARKS, Measured
from autograder.bench.rows import READERS, Row
from autograder.verbs.keeping import bench
from tests.site.pages import hook

PRINTED: dict[str, Any] = {
    "stacks": {
        "local": {"cold_s": 0.5},
        "docker": {"cold_s": 2.0},
        "docker_to_local_cold": 4.0,
        "side_by_side": {"stacks": 20, "wrong_counts": 0, "seconds": 9.0},
        "load_generator": {"nginx": {"kept": {"wrk": 1000, "ours": 950, "ratio": 0.95}}},
    },
    "inspect": {"one_s": 2.0, "many": 100, "many_s": 100.0, "many_to_one": 0.5},
    "room": {"kernel_core": 0.02},
    "classroom": {"learners": 50, "succeeded": 50, "failed": []},
    "catalogue": {
        "summary": {
            "claims": 200, "claims_that_hold": 200, "nginx_examples": 60,
            "nginx": {"ours_read": 60, "ours_observed": 60, "gixy-ng": 6, "gixy-next": 0},
        }
    },
    "site": [{"name": "weight", "good": True}, {"name": "contrast", "good": True}],
    "grading": {"submissions": 40, "ours": {"per_minute": 90.0}, "stock": {"per_minute": 9.0}, "ratio": 10.0,
                "points_that_differ": {}},
    "guard": {"missed": 0, "bad": 500, "false": 0, "benign": 500, "ok": True},
    "fairness": {"right": {"failures": 0, "gradings": 20}, "wrong": {"failures": 0, "gradings": 20}},
}  # fmt: skip
GOOD = Row("stacks", "requests a second", "95", "wrk", "100", 0.95, "in turn; medians")
ROUND = Measured("0.1.0", "2026-11-23", 2, 0.5, (GOOD,), ())


def test_the_verb_the_list_and_the_readers_name_the_same_benchmarks() -> None:
    literal = get_args(get_args(get_type_hints(bench, include_extras=True)["what"])[0])[0]
    assert set(get_args(literal)) == set(BENCHMARKS) == set(READERS) == set(PRINTED)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_what_a_benchmark_prints_becomes_rows_with_a_peer_and_a_method(name: str) -> None:
    rows = READERS[name](PRINTED[name])
    assert rows
    for row in rows:
        assert row.benchmark == name
        assert row.good
        assert all((row.what, row.ours, row.peer, row.theirs, row.method))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("stacks", {"side_by_side": {"stacks": 20, "wrong_counts": 1, "seconds": 9.0}}),
        ("room", {"kernel_core": 0.2}),
        ("classroom", {"succeeded": 49}),
        ("classroom", {"failed": ["late got a room when all were taken"]}),
        ("grading", {"points_that_differ": {"even": [1, 2]}}),
        ("guard", {"missed": 1, "ok": False}),
        ("fairness", {"right": {"failures": 1, "gradings": 20}}),
    ],
)
def test_what_is_not_well_is_not_hidden(name: str, change: dict[str, Any]) -> None:
    rows = READERS[name]({**PRINTED[name], **change})
    assert not all(row.good for row in rows)
    measured = dataclasses.replace(ROUND, rows=tuple(rows))
    assert measured.exit_code == 1
    assert "NOT WELL" in everything.report(measured)


def test_a_benchmark_that_cannot_be_run_is_named_and_stops_no_other() -> None:
    found = everything.measure(lambda _: None, names=("no-such",))
    assert (found.rows, found.exit_code) == ((), 1)
    (why,) = found.failed
    assert why.startswith("no-such: exit code 2")


def test_a_round_is_kept_and_the_next_is_shown_beside_it(tmp_path: Path) -> None:
    assert everything.read(tmp_path / everything.LATEST) is None
    kept = everything.store(ROUND, tmp_path / "bench")
    assert everything.read(kept) == ROUND
    faster = dataclasses.replace(ROUND, day="2026-12-01", rows=(dataclasses.replace(GOOD, ratio=1.2),))
    assert "ratio 1.2 (was 0.95 on 2026-11-23)" in everything.report(faster, everything.read(kept))
    assert everything.store(faster, kept.parent) == kept
    assert sorted(path.name for path in kept.parent.iterdir()) == ["2026-11-23.json", "2026-12-01.json", "latest.json"]


def test_what_is_no_round_is_none(tmp_path: Path) -> None:
    (tmp_path / "latest.json").write_text('{"rows": [{"strange": 1}]}')
    assert everything.read(tmp_path / "latest.json") is None


def test_the_page_shows_every_row_and_what_was_not_measured() -> None:
    text = hook("measurements").page(dataclasses.replace(ROUND, failed=("guard: exit code 2",)).to_dict())
    assert "| requests a second | 95 | wrk 100 | 0.95 | in turn; medians |" in text
    assert "guard: exit code 2" in text


def test_the_stored_round_is_one_that_bench_made() -> None:
    stored = everything.read(hook("measurements").STORED)
    assert stored is not None
    assert stored.rows
