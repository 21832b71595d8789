"""Whole words are exchanged in one pass, and a server's lines are written for several, or for none."""

from __future__ import annotations

import pytest

from autograder.labs.rewriting import Rewriting

SWAP = Rewriting(texts={"two of them": "app1, twice"}, names={"app1": "app2", "app2": "app1"})


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("server app1:80; server app2:80;", "server app2:80; server app1:80;"),
        ("app10 myapp1 app1_x _app1", "app10 myapp1 app1_x _app1"),
        ("app1's app1-backup 'app1'", "app2's app2-backup 'app2'"),
        ("two of them", "app1, twice"),
        ("two of theme", "two of theme"),
        ("", ""),
        ("a\r\napp1\r\n", "a\r\napp2\r\n"),
    ],
)
def test_words_are_whole_and_exchanged_once(text: str, becomes: str) -> None:
    assert SWAP.text(text) == becomes


@pytest.mark.parametrize(
    ("names", "becomes"),
    [((), "a\nb\n"), (("x",), "a\n s x;\nb\n"), (("x", "y", "z"), "a\n s x;\n s y;\n s z;\nb\n")],
)
def test_lines_are_written_for_each(names: tuple[str, ...], becomes: str) -> None:
    assert Rewriting(repeat="r", repeats=names).text("a\n s r;\nb\n") == becomes


def test_a_last_line_without_an_end_stays_so() -> None:
    assert Rewriting(repeat="r", repeats=("x", "y")).text("a\nr") == "a\nx\ny"
    assert Rewriting(repeat="r", repeats=("x", "y")).text("r\r\nb") == "x\r\ny\r\nb"


def test_what_a_longer_text_says_is_no_line_to_repeat() -> None:
    rewriting = Rewriting(texts={"p, r": "all"}, repeat="r", repeats=("x", "y"))
    assert rewriting.text("p, r\nr\n") == "all\nx\ny\n"


def test_the_longer_text_is_meant() -> None:
    rewriting = Rewriting(texts={"weight=2": "weight=3", "weight=2;  #": "weight=4;  #"})
    assert rewriting.text("weight=2; weight=2;  # large") == "weight=3; weight=4;  # large"


def test_what_is_no_text_stays() -> None:
    assert SWAP.file(b"\xff app1") == b"\xff app1"
    assert SWAP.file(b"app1") == b"app2"
    assert Rewriting().file(b"app1\r\n") == b"app1\r\n"
