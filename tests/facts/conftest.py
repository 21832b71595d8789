"""A shop behind each balancer, one for all tests of a module."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.facts.shop import Shop, open_shop


@pytest.fixture(scope="module")
def by_nginx() -> Iterator[Shop]:
    with open_shop("nginx") as shop:
        yield shop


@pytest.fixture(scope="module")
def by_haproxy() -> Iterator[Shop]:
    with open_shop("haproxy") as shop:
        yield shop


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Path]:
    """A folder with a short name: a socket's address has 107 characters at most."""
    short = Path(f"/tmp/mh-near-{os.getpid()}-{threading.get_ident() % 10_000}")
    short.symlink_to(tmp_path)
    yield short
    short.unlink()
