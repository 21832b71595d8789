"""The comment that says a concentration is meant, wherever it stands."""

from __future__ import annotations

from tests.fuzz import harness


def one(data: bytes) -> None:
    """A reason is a text without line ends, and is there only if the comment is."""
    from autograder.inspect.join import intention

    lines = data.count(b"\n") + 2
    places = [("nginx.conf", line) for line in range(-1, min(lines, 200) + 1)] + [("other", 1)]
    for place in places:
        reason = intention({"nginx.conf": data}, [place])
        assert "\n" not in reason
        assert not reason or b"manyhands" in data.lower()


if __name__ == "__main__":
    harness.main("intention")
