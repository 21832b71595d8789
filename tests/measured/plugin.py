"""A plugin of pytest: the sandboxes that tests start measure themselves. `./manyhands test --coverage` asks for it.

Without a file for the marks (:mod:`tests.measured.marks` makes it) nothing happens.
"""

from __future__ import annotations

import os
from functools import partial

from tests.measured import within
from tests.measured.marks import MARKS


def pytest_configure() -> None:
    """In the process that runs the tests, before the first of them: each worker is one."""
    from coverage import tracer

    if MARKS.exists() and tracer.__file__:
        within.follow_sandboxes(partial(os.open, MARKS, os.O_RDWR | os.O_CLOEXEC), within.shown_from(tracer.__file__))
