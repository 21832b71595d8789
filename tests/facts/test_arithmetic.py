"""What follows from numbers alone: layers that retry, a page of a hundred parts, and choosing with old news."""

from __future__ import annotations

import random
from pathlib import Path

from tests.facts.shop import words_of

MODULES = Path(__file__).parents[2] / "course/modules"


def asked(layers: int, tries: int) -> int:
    """How often the last layer is asked for one request of a user, when it answers nobody."""
    return 1 if layers == 0 else sum(asked(layers - 1, tries) for _ in range(tries))


def test_layers_that_retry_multiply() -> None:
    assert asked(layers=3, tries=4) == 64
    assert "4 × 4 × 4 = 64" in words_of(MODULES / "04-overload/retries.md")


def test_a_page_of_a_hundred_parts_is_mostly_slow() -> None:
    draw = random.Random(1)
    slow = sum(any(draw.random() < 0.01 for _ in range(100)) for _ in range(20_000)) / 20_000
    assert abs(slow - (1 - 0.99**100)) < 0.012  # 3.5 standard deviations of 20,000 pages
    assert round(100 * (1 - 0.99**100)) == 63
    assert "**63 of 100**" in words_of(MODULES / "06-load/knee.md")


def fullest(choices: int, news: int, servers: int = 16, arrivals: int = 20_000) -> float:
    """How many requests the fullest server has open on average.

    As many leave as come. Who chooses draws ``choices`` servers, and takes the one with the fewest open requests by
    a list that is made anew every ``news`` arrivals.
    """
    draw = random.Random(1)
    opened = [8] * servers
    seen, most = [*opened], 0
    for number in range(arrivals):
        if number % news == 0:
            seen = [*opened]
        opened[min(draw.sample(range(servers), choices), key=seen.__getitem__)] += 1
        opened[draw.choices(range(servers), weights=opened)[0]] -= 1
        most += max(opened)
    return most / arrivals


def test_with_old_news_all_rush_to_the_least_loaded_and_two_draws_bear_it() -> None:
    fresh, old = 1, 64
    assert fullest(choices=16, news=fresh) < fullest(choices=2, news=fresh) < fullest(choices=1, news=fresh)
    assert fullest(choices=2, news=old) < fullest(choices=1, news=old) < fullest(choices=16, news=old) / 2
    assert "with old news they all rush to the same server" in words_of(MODULES / "01-anatomy/methods.md")
