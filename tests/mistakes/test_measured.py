"""Whatever was measured to put nearly everything on one server is seen: in the config, or by an episode."""

from __future__ import annotations

import pytest

from autograder.mistakes.catalogue import find_mistakes, mistakes
from tests.mistakes.measured import HAPROXY, NGINX, Measured

MAIN = {"nginx": "nginx.conf", "haproxy": "haproxy.cfg"}
ENTRIES = {mistake.slug: mistake for mistake in mistakes()}
ALL = [pytest.param(one, id=one.number) for one in (*NGINX, *HAPROXY)]


@pytest.mark.parametrize("one", ALL)
def test_it_is_seen(one: Measured) -> None:
    main = MAIN[one.proxy]
    found = {finding.mistake for finding in find_mistakes({main: one.config.encode()}, main, one.proxy)}
    if one.sees:
        assert one.sees in found
    else:
        assert found == set(), "nothing is wrong with the config itself"
    if one.episode:
        assert ENTRIES[one.episode].episodes


def test_how_many_are_seen() -> None:
    """Of 43 for nginx 31 are read in the config, 7 proved by episodes, 5 are right; of 34 for HAProxy 16, 14 and 4."""
    for group, counts in ((NGINX, (31, 7, 5)), (HAPROXY, (16, 14, 4))):
        read = [one for one in group if one.sees]
        played = [one for one in group if one.episode]
        right = [one for one in group if one.why]
        assert len({one.number for one in group}) == len(group) == len(read) + len(played) + len(right)
        assert (len(read), len(played), len(right)) == counts
