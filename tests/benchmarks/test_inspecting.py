"""Many configs in one call: side by side and in order, on any machine; how long that takes is for `bench inspect`."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from autograder.bench import inspecting
from autograder.errors import ManyHandsError
from autograder.inspect import several
from autograder.inspect.config import Config, Reader
from autograder.inspect.inspection import Wishes
from autograder.inspect.report import Inspection
from autograder.judge.spread import Spread

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STATIC = Wishes(static=True)


def test_inspections_run_side_by_side_and_are_told_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = inspecting.write(tmp_path, 9)
    together = threading.Barrier(3)

    def meet(config: Config, wishes: Wishes, say: Callable[[str], None] | None) -> Inspection:
        together.wait(60)  # broken, and so an error, unless three are here at once
        return Inspection(config.name, config.proxy, Spread.EVEN)

    monkeypatch.setattr(several, "inspect", meet)
    monkeypatch.setattr(several, "side_by_side", lambda: 3)
    found = list(several.inspect_all(names, Reader(), Wishes()))
    assert [(one.config, one.trouble) for one in found] == [(name, "") for name in names]


def test_as_many_run_at_once_as_the_processors_can_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(several.os, "sched_getaffinity", lambda _: {0, 1})
    assert several.side_by_side() == 3


def test_one_that_fails_does_not_keep_the_others_from_their_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = inspecting.write(tmp_path, 4)
    names[1] = str(tmp_path / "missing.conf")

    def fail(config: Config, wishes: Wishes, say: object) -> Inspection:
        if config.name == names[2]:
            raise RuntimeError("a fault of ours")
        return Inspection(config.name, config.proxy, Spread.EVEN)

    monkeypatch.setattr(several, "inspect", fail)
    found = list(several.inspect_all(names, Reader(), Wishes()))
    assert [one.exit_code for one in found] == [0, 2, 2, 0]
    assert "No such file" in found[1].trouble
    assert found[2].trouble.startswith("RuntimeError: a fault of ours\n  next  ./manyhands inspect ")


def test_what_is_under_way_ends_when_nobody_waits_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = inspecting.write(tmp_path, 6)
    begun, ended = threading.Event(), []

    def endless(config: Config, wishes: Wishes, say: Callable[[str], None]) -> Inspection:
        if config.name == names[0]:
            begun.wait(60)
            return Inspection(config.name, config.proxy, Spread.EVEN)
        try:
            while True:
                begun.set()
                say("more")
        finally:
            ended.append(config.name)

    monkeypatch.setattr(several, "inspect", endless)
    monkeypatch.setattr(several, "side_by_side", lambda: 2)
    told = several.inspect_all(names, Reader(), Wishes())
    assert next(told).config == names[0]
    told.close()  # as an interrupt does
    assert 1 <= len(ended) <= 2, "what ran has ended; what waited has not begun"


def test_reading_takes_time_in_proportion_to_the_number_of_configs(tmp_path: Path) -> None:
    import time

    names = inspecting.write(tmp_path, 120)

    def cpu(some: list[str]) -> float:
        began = time.process_time()
        assert len(list(several.inspect_all(some, Reader(), STATIC))) == len(some)
        return time.process_time() - began

    cpu(names[:5])  # what is imported once
    few, many = cpu(names[:30]), cpu(names)
    assert many < 4 * 3 * few, "four times as many configs"


def test_a_measurement_judges_configs(tmp_path: Path) -> None:
    found = inspecting.measure(print, one=1, many=2, read=3)
    assert found["one_s"] > 0
    assert "2 configs in one call" in inspecting.report(found)
    with pytest.raises(ManyHandsError, match="inspect did not work"):
        inspecting.seconds([str(tmp_path / "missing.conf")])
