"""What tests of several labs share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.labs.folders import side_by_side

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.labs.folders import Found


@pytest.fixture(scope="module")
def found(request: pytest.FixtureRequest) -> Iterator[Found]:
    """The faults of the folders of the module's ``LAB``."""
    with side_by_side(request.module.LAB, request) as found:
        yield found
