"""What a check is given to look at: a stack that the checks before it left as they found it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autograder.labs import examiner
from autograder.labs.catalogue import load_lab

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.stack.running import RunningStack

LAB = load_lab("spread-the-load")


def test_only_after_a_check_that_did_more_than_send_is_the_stack_made_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[set[str]] = []

    def counting(running: RunningStack, config: Mapping[str, bytes]) -> None:
        made.append({name for name, state in running.servers().items() if not state.up})
        whole(running, config)

    whole = examiner._make_whole
    monkeypatch.setattr(examiner, "_make_whole", counting)
    files = LAB.read(LAB.reference)
    verdicts = examiner.examine(LAB, files, checks=["spread", "office", "one-down"])
    assert [str(verdict.outcome) for verdict in verdicts] == ["passed"] * 3
    assert made == []
    (_, office) = examiner.examine(LAB, files, checks=["one-down", "office"])
    assert str(office.outcome) == "passed"
    assert [len(down) for down in made] == [1]  # whoever died is brought back, and the balancer forgets it
