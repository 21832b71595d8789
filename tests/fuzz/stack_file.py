"""A stack file, as an author of labs may get it wrong."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from tests.fuzz import harness


@functools.cache
def _file() -> Path:
    # In memory, and nowhere else.
    return Path(f"/proc/{os.getpid()}/fd/{os.memfd_create('stack.toml')}")


def one(data: bytes) -> None:
    """Only :class:`StackError` may come of it; fair shares of what is read are shares."""
    from autograder.stack.model import StackError, load_stack

    _file().write_bytes(data)
    try:
        stack = load_stack(_file())
    except StackError:
        return
    assert abs(sum(stack.fair_shares().values()) - 1) < 1e-6
    assert len(set(stack.nodes)) == len(stack.nodes)


if __name__ == "__main__":
    harness.main("stack_file")
