"""Reading HAProxy configs: the lexer, sections with their defaults, and what the catalogue asks of them."""

from __future__ import annotations

from tests.fuzz import harness

MAIN = "haproxy.cfg"


def one(data: bytes) -> None:
    """Only :class:`UnreadableError` may come of it, and every fault is on a line that is there."""
    from autograder.mistakes.haproxy_config import read_haproxy_config
    from autograder.stack.proxies.haproxy_syntax import read_sections
    from autograder.stack.proxies.nginx_syntax import UnreadableError

    files = harness.two_files(data, MAIN)
    try:
        config = read_sections(files, MAIN)
        read_haproxy_config(files, MAIN)
    except UnreadableError:
        return
    for fault in config.faults:
        assert 0 <= fault.word.line <= files[fault.word.file].count(b"\n") + 1


if __name__ == "__main__":
    harness.main("haproxy_config")
