"""Reading nginx configs: their statements, and what the catalogue asks of them."""

from __future__ import annotations

from tests.fuzz import harness

MAIN = "nginx.conf"


def one(data: bytes) -> None:
    """Only :class:`UnreadableError` may come of it, and every word is where it says it is."""
    from autograder.mistakes.nginx_config import read_nginx, walk
    from autograder.stack.proxies.nginx_syntax import UnreadableError, read_statements

    files = harness.two_files(data, MAIN)
    try:
        statements = read_statements(files, MAIN)
        read_nginx(files, MAIN)
    except UnreadableError:
        return
    for statement in walk(statements):
        for word in (statement.word, *statement.args):
            lines = files[word.file].count(b"\n") + files[word.file].count(b"\r") + 1
            assert 1 <= word.line <= lines


if __name__ == "__main__":
    harness.main("nginx_config")
