"""The stacks of the floor below."""

from tests.stack.conftest import engine, opened

__all__ = ["engine", "opened"]
