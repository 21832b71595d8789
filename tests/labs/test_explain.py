"""The order of causes comes from the catalogue: for whom a mistake decides, and how strongly it was seen to show."""

from __future__ import annotations

import pytest

from autograder.labs.explain import causes_of
from autograder.mistakes.catalogue import mistakes
from autograder.mistakes.finding import Finding

SEEN = ("one-server", "skewed", "silent", "errors", "crashed")


def found(slug: str, line: int = 1) -> Finding:
    return Finding(slug, "shop", "nginx.conf", line, "server app1:8080;", (0, 6), "It does.", "Do not.")


@pytest.mark.parametrize(
    ("seen", "first", "second"),
    [
        ("one-server", "pool-bypassed", "weight-skew"),
        ("one-server", "address-hash", "left-down"),
        ("skewed", "same-address", "duplicate-server"),
        ("skewed", "weight-skew", "capacity-ignored"),
        ("skewed", "weight-skew", "duplicate-server"),
        ("silent", "left-down", "weight-skew"),
        ("errors", "no-retry", "one-server-pool"),
        ("crashed", "capacity-ignored", "left-down"),
    ],
)
def test_what_decides_for_more_requests_comes_first(seen: str, first: str, second: str) -> None:
    causes = causes_of(seen, (found(second, 1), found(first, 2)))
    assert [cause.mistake for cause in causes] == [first, second]


@pytest.mark.parametrize("seen", SEEN)
def test_what_cannot_explain_it_is_left_out(seen: str) -> None:
    slugs = {cause.mistake for cause in causes_of(seen, [found(mistake.slug) for mistake in mistakes()])}
    entries = {mistake.slug: mistake for mistake in mistakes()}
    assert slugs
    assert not any(entries[slug].decides == "change" for slug in slugs), "a lab's first config was never changed"
    if seen != "errors":
        assert not any(entries[slug].decides == "failure" for slug in slugs)


def test_of_equals_the_earlier_line_comes_first() -> None:
    causes = causes_of("skewed", (found("weight-skew", 9), found("weight-skew", 3)))
    assert [cause.line for cause in causes] == [3, 9]


def test_a_slug_that_nobody_knows_explains_nothing() -> None:
    assert causes_of("skewed", (found("no-such-mistake"),)) == ()
