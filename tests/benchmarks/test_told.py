"""What benchmarks tell people: their own numbers, in the rows that they belong to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autograder.bench import stacks
from autograder.bench.classroom_report import Measured, open_lab_share, quantile, report

LESSON = Measured(
    learners=3,
    processors=2,
    succeeded=3,
    seconds={
        "sign in": {"p50": 1.25, "p95": 2.5, "most": 3.75},
        "open the lab": {"p50": 10.0, "p95": 20.0, "most": 30.0},
    },
    alone={
        "open the lab": {"seconds": 4.0, "memory_mb": 210.0, "processor_s": 3.5},
        "kernel": {"seconds": 1.5},
        "a look": {"seconds": 20.0, "memory_mb": 260.0, "processor_s": 1.0},
    },
    room={"memory_mb_median": 250.0, "memory_mb_most": 270.0, "processor_s_median": 9.0},
    services={
        "with_one_room": {"hub_mb": 100.0, "proxy_mb": 50.0, "processor_s": 5.0},
        "with_all": {"hub_mb": 120.0, "proxy_mb": 60.0, "processor_s": 6.0},
    },
    disk={"images_mb": 1500.0, "work_mb": 2.5},
    refused={"status": 503, "words": "all rooms are taken", "let_in_later": True},
    restart={"seconds": 4},
    waited_behind=2,
    failed=(),
)


def test_a_lesson_is_told_with_what_one_and_what_all_met() -> None:
    lines = report(LESSON).splitlines()
    assert lines[0] == "3 of 3 learners did all of it and kept their work"
    rows = {line[:32].strip(): line[32:].split() for line in lines}
    assert rows["sign in"] == ["1.2", "2.5", "3.8"], "nobody did that alone"
    assert rows["open the lab"] == ["5.5", "10.0", "20.0", "30.0"], "alone it takes the kernel's time, too"
    assert rows["after: a look"] == ["260", "1.0"]
    assert "after: kernel" not in rows
    assert "a lab that is only open: 5.0% of a processor" in lines
    assert "services: 150 MB with one room, 180 with all; 0.50 s of a processor for each learner" in lines
    assert "one too many: 503, let in later: True" in lines
    assert "in line for a room: at most 2 others before one" in lines
    assert LESSON.exit_code == 0


def test_who_did_not_get_through_is_told_last_and_in_the_exit_code() -> None:
    lost = replace(LESSON, succeeded=2, failed=("ada: her work is gone",), services={}, alone={})
    lines = report(lost).splitlines()
    assert lines[-1] == "FAILED ada: her work is gone"
    assert not [line for line in lines if line.startswith("services")]
    assert open_lab_share(lost) == 0
    assert (lost.exit_code, replace(LESSON, succeeded=2).exit_code) == (1, 1)
    assert lost.to_dict()["failed"] == ("ada: her work is gone",)


@pytest.mark.parametrize(("part", "value"), [(0.5, 2.0), (0.95, 4.0), (0.25, 1.0), (0.0, 1.0)])
def test_a_quantile_is_one_of_the_values(part: float, value: float) -> None:
    assert quantile([4.0, 2.0, 1.0, 3.0], part) == value
    assert quantile([], part) == 0


def test_stacks_are_told_with_docker_and_wrk_where_they_were_measured() -> None:
    local = {"cold_s": 0.5, "apply_s": 0.1, "sample_s": 0.2, "idle_mb": 70.0}
    side = {"stacks": 20, "wrong_counts": 0, "seconds": 9.0}
    alone = stacks.report({"local": local, "side_by_side": side, "load_generator": {}})
    assert "0 wrong counts, 9.0 s" in alone
    assert "Docker" not in alone
    both = {"docker": {"cold_s": 2.0}, "docker_to_local_cold": 4.0}
    beside = {"load_generator": {"nginx": {"kept": {"ratio": 0.953}}}}
    told = stacks.report({"local": local, "side_by_side": side, **both, **beside})
    assert "Docker takes                        4.0 × as long" in told
    assert [line.split() for line in told.splitlines()][-1] == ["ours", "/", "wrk:", "nginx,", "kept", "0.95"]


def test_stacks_are_measured_with_real_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, few in {"_COLD": 1, "_TIMES": 1, "SIDE_BY_SIDE": 2, "SAMPLE": 30}.items():
        monkeypatch.setattr(stacks, name, few)
    monkeypatch.setenv("PATH", "")  # without wrk there is no peer for the load generator
    said: list[str] = []
    found = stacks.measure(False, said.append)
    assert found["side_by_side"] | {"seconds": 0} == {"stacks": 2, "wrong_counts": 0, "seconds": 0}
    assert found["load_generator"] == {}
    assert "wrk" in said[-1]
    assert all(found["local"][name] > 0 for name in ("cold_s", "apply_s", "sample_s", "idle_mb"))
    assert "docker" not in found
