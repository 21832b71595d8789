"""Finding mistakes: whatever is found can be quoted, pointed at, and printed."""

from __future__ import annotations

from tests.fuzz import harness


def one(data: bytes) -> None:
    """Nothing may be raised; a finding is on a line that is there, and quotes it."""
    from autograder.mistakes.catalogue import find_mistakes

    for main, proxy in (("nginx.conf", "nginx"), ("haproxy.cfg", "haproxy")):
        files = harness.two_files(data, main)
        for capacity in (None, {"app1:8080": 2.0, "app2": 1.0}):
            for found in find_mistakes(files, main, proxy, capacity):
                start, end = found.column
                assert 0 <= start <= end <= len(found.quote) <= 200
                assert found.quote.isprintable()
                assert (found.message + found.pool).isprintable()
                assert 1 <= found.line <= files[found.file].count(b"\n") + files[found.file].count(b"\r") + 1


if __name__ == "__main__":
    harness.main("mistakes")
