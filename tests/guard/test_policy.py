"""A team's rules: what they may say, and what is said of a slip in them."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.errors import ManyHandsError
from autograder.guard.policy import CONDITIONS, DEFAULT, Rule, load_policy


def load(folder: Path, text: str) -> tuple[Rule, ...]:
    path = folder / "review.toml"
    path.write_text(text, encoding="utf-8")
    return load_policy(path)


def test_rules_are_read_in_order_with_their_limits(tmp_path: Path) -> None:
    text = "[refuse]\nbecomes-broken = true\nfailures-rise = true\n[say]\nshare-moves = 0.25\nmends = false\n"
    assert load(tmp_path, text) == (
        Rule("becomes-broken", "refuse"),
        Rule("failures-rise", "refuse", 0.01),
        Rule("share-moves", "say", 0.25),
    )


def test_the_page_shows_the_rules_that_hold_without_a_file(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "course" / "reference" / "review.md").read_text(encoding="utf-8")
    assert set(load(tmp_path, page.split("```toml\n")[1].split("```")[0])) == set(DEFAULT)


def test_every_condition_has_a_consequence_of_ours() -> None:
    assert {rule.condition for rule in DEFAULT} == set(CONDITIONS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[refuze]\nmends = true", "did you mean 'refuse'"),
        ("[refuse]\nbecome-broken = true", "did you mean 'becomes-broken'"),
        ("[refuse]\nshare-moves = 7", "a number from 0 to 1"),
        ("[refuse]\nmends = 0.5", "true or false"),
        ("refuse = 1", "no table called 'refuse'"),
        ("[refuse]\nmends = false", "no rule"),
        ("", "no rule"),
        ("[[[", "no TOML"),
        ("[refuse]\nshare-moves = nan", "a number from 0 to 1"),
    ],
)
def test_a_slip_is_named_with_what_was_meant(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ManyHandsError) as caught:
        load(tmp_path, text)
    assert said in str(caught.value)
    assert "review.toml" in str(caught.value)


def test_a_missing_policy_is_no_traceback(tmp_path: Path) -> None:
    with pytest.raises(ManyHandsError, match="cannot read the policy"):
        load_policy(tmp_path / "none.toml")


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fall_over(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(data)
    with contextlib.suppress(ManyHandsError):
        assert load_policy(path)
