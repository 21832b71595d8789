"""Stacks, as the tests of stacks open them."""

from tests.stack.conftest import opened

__all__ = ["opened"]
