"""The event loop that servers and the load generator run on: uvloop where it is there, asyncio's own where not."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

Result = TypeVar("Result")


def run(work: Coroutine[object, object, Result]) -> Result:
    """Run ``work`` to its end, as :func:`asyncio.run` does."""
    try:
        import uvloop
    except ImportError:  # a node made without it: slower, nothing else
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def prepare() -> None:
    """Load what :func:`run` needs, before processes fork that will call it: they share the memory and the time."""
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: F401 - loaded, not used
