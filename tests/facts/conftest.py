"""A shop behind each balancer, one for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

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
