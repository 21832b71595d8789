"""What servers have done since some moment, by their own journals. Runs on the clients node; standard library only."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from autograder.stack.engine import JOURNAL
from autograder.stack.shop_spec import CHECKOUT_MARK


def marks(payload: None) -> dict[str, int]:  # noqa: ARG001 - what an engine calls takes one argument
    """How far each journal has got: server → bytes."""
    return {journal.name: journal.stat().st_size for journal in Path(JOURNAL).iterdir()}


def checkouts(payload: dict[str, int]) -> dict[str, Any]:
    """Checkouts that were worked on since the ``marks`` in ``payload``, whoever got the answer.

    Returns ``lines`` (how many entries the journals have) and ``times`` (how often → how many requests, as text).
    """
    done: Counter[str] = Counter()
    for journal in Path(JOURNAL).iterdir():
        with journal.open("rb") as file:
            file.seek(payload.get(journal.name, 0))
            for line in file.read().decode("ascii", "replace").splitlines():
                nonce, _, receipt = line.partition(" ")
                if receipt.endswith(CHECKOUT_MARK):
                    done[nonce] += 1
    return {"lines": done.total(), "times": {str(times): count for times, count in Counter(done.values()).items()}}
