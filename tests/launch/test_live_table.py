"""The picture of a running stack: numbers first, pure."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from autograder.launch.live_table import bar, look_at, table, wrong_with
from autograder.stack.conduct import WELL, Conduct
from autograder.traffic.sample import Fate, Sample

FAIR = {"app1": 0.25, "app2": 0.75}


def sample(*servers: str, failure: str = "", latency_ms: float = 10.0) -> Sample:
    fates = tuple(Fate(0, "198.19.0.1", 200 if name else 502, failure, latency_ms, name) for name in servers)
    return Sample("many", "many clients", fates, 2.0)


def test_shares_rates_and_failures_are_counted_over_all_who_send() -> None:
    look = look_at(
        [sample("app1", "app1", "app2"), sample("app2", ""), sample("", failure="timeout")],
        2.0,
        FAIR,
        {"app1": "up", "app2": "down"},
        {"app2": Conduct(cut_off=True)},
    )
    assert look.requests == 6
    assert look.failures == {"timeout": 1}
    assert [(row.server, row.share, row.per_second, row.state, row.wrong) for row in look.rows] == [
        ("app1", 0.5, 1.0, "up", ""),
        ("app2", 0.5, 1.0, "down", "cut off"),
    ]


def test_nothing_sent_is_nothing_shown_not_an_error() -> None:
    look = look_at((), 0.0, FAIR, {}, {})
    assert [row.share for row in look.rows] == [0, 0]
    assert look.to_dict()["requests"] == 0


@pytest.mark.parametrize(("share", "cells"), [(0, 0), (1, 8), (0.5, 4), (1.7, 8), (-1, 0)])
def test_a_bar_is_as_long_as_the_share(share: float, cells: int) -> None:
    assert bar(share, 8) == "█" * cells


def test_a_tiny_share_still_shows() -> None:
    assert bar(0.02, 8) == "▏"


def test_what_is_wrong_is_said_in_words() -> None:
    assert wrong_with(WELL) == ""
    assert wrong_with(Conduct(latency_ms=100, loss=0.05)) == "+100 ms, loses 5%"
    assert wrong_with(Conduct(clock_s=7200)) == "clock +7200 s"


def test_the_picture_says_without_colour_what_matters() -> None:
    look = look_at([sample("app1", "app1", "app2")], 1.0, FAIR, {"app2": "down"}, {})
    out = io.StringIO()
    Console(file=out, width=120, no_color=True).print(table(look, "shop", "app1", ["a note"]))
    text = out.getvalue()
    for word in ("shop", "▸1", "app1", "67%", "25%", "down", "a note", "none failed"):
        assert word in text
