"""What a twin needs for a config, by either balancer's reader, and where traffic is sent."""

from __future__ import annotations

from tests.fuzz import harness


def one(data: bytes) -> None:
    """Only :class:`UnreadableError` may come of it; a place is in a file that is there."""
    from autograder.inspect.legs import prefixes
    from autograder.stack.proxies.nginx_syntax import UnreadableError
    from autograder.stack.twin.twin import read_needs

    for main, proxy in (("nginx.conf", "nginx"), ("haproxy.cfg", "haproxy")):
        files = harness.two_files(data, main)
        try:
            needs = read_needs(files, main, proxy)
            prefixes(files, main, proxy, [upstream.pool for upstream in needs.upstreams])
        except UnreadableError:
            continue
        places = [one.place for one in (*needs.upstreams, *needs.expected, *needs.unmet)]
        assert all(place.file in files and place.line >= 0 for place in places)
        assert all(0 <= upstream.port <= 65535 for upstream in needs.upstreams)


if __name__ == "__main__":
    harness.main("needs")
