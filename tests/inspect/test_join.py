"""What an owner writes beside a line counts for that line, and for no other."""

from __future__ import annotations

import pytest

from autograder.inspect.join import intention

TEXT = """upstream shop {
    # manyhands: intended the canary
    server a;
    server b; # manyhands: intended, machine b is new
    server c;
    # manyhands:intended
    server d;
    # manyhands: intention
    server e;
}
"""


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (2, "the canary"),
        (3, "the canary"),
        (4, "machine b is new"),
        (5, ""),
        (7, "meant so"),
        (9, ""),
        (0, ""),
        (99, ""),
    ],
)
def test_a_reason_counts_on_its_line_and_the_one_below(line: int, reason: str) -> None:
    assert intention({"nginx.conf": TEXT.encode()}, [("nginx.conf", line)]) == reason


def test_a_file_that_is_not_there_says_nothing() -> None:
    assert intention({}, [("nginx.conf", 1)]) == ""
