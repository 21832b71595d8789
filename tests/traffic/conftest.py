"""The stacks of the floor below."""

from tests.stack.conftest import engine, opened, proxy

__all__ = ["engine", "opened", "proxy"]
