"""Stack files: what is read, and how kindly what is wrong is refused."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.stack.model import POPULATIONS, Balancer, Clients, Server, Stack, StackError, load_stack

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """name = "shop"
[[balancers]]
name = "lb"
proxy = "nginx"
[[servers]]
name = "app1"
[[servers]]
name = "app2"
workers = 8
"""


def read(folder: Path, text: str) -> Stack:
    path = folder / "stack.toml"
    path.write_text(text, encoding="utf-8")
    return load_stack(path)


def test_a_stack_is_read_with_its_defaults(tmp_path: Path) -> None:
    stack = read(tmp_path, GOOD)
    assert stack == Stack("shop", (Balancer("lb", "nginx"),), (Server("app1"), Server("app2", workers=8)))
    assert stack.balancer.config == "nginx.conf"
    assert stack.nodes == ("clients", "lb", "app1", "app2")


def test_traffic_tiers_and_prometheus_are_part_of_a_stack(tmp_path: Path) -> None:
    more = """
[[balancers]]
name = "inner"
proxy = "haproxy"
files = "conf/inner"

[[clients]]
population = "office"
rate = 0.5
"""
    stack = read(tmp_path, GOOD.replace("[[balancers]]", "prometheus = true\n[[balancers]]", 1) + more)
    assert stack.clients == (Clients("office", 0.5, 0.1),)
    assert stack.balancers[1] == Balancer("inner", "haproxy", config="haproxy.cfg", files="conf/inner")
    assert stack.nodes == ("clients", "lb", "inner", "app1", "app2", "prometheus")


def test_the_populations_a_stack_may_name_are_the_ones_there_are() -> None:
    from autograder.traffic.clients import POPULATIONS as THERE

    assert set(POPULATIONS) == set(THERE)


def test_fair_shares_follow_capacity(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD).fair_shares() == pytest.approx({"app1": 1 / 3, "app2": 2 / 3})


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("workers = 8", "wrokers = 8", 9, "did you mean 'workers'?"),
        ('proxy = "nginx"', 'proxy = "ngnix"', 4, "did you mean 'nginx'?"),
        ("workers = 8", "workers = 0", 9, "out of range"),
        ("workers = 8", 'workers = "8"', 9, "wrong kind"),
        ("workers = 8", "workers = true", 9, "wrong kind"),
        ('name = "app2"', 'name = "app1"', 6, "two nodes are called"),
        ('name = "app2"', 'name = "clients"', 8, "two nodes are called"),
        ('proxy = "nginx"', "", 2, "'proxy'"),
        ("workers = 8", "page_ms = 8\n[[servers]]\nname = 'app3'\npage_ms = -1", 12, "page_ms = -1 is out of range"),
        ("workers = 8", 'service = "exponentail"', 9, "did you mean 'exponential'?"),
        ("workers = 8", 'speaks = "fastcg"', 9, "did you mean 'fastcgi'?"),
        ("workers = 8", '[[clients]]\npopulation = "zipfy"', 10, "did you mean 'zipf'?"),
        ("workers = 8", "[[clients]]\ncheckouts = 2", 10, "from 0 to 1"),
        ("[[balancers]]", 'prometheus = "yes"\n[[balancers]]', 2, "use true or false"),
    ],
)
def test_a_wrong_word_is_refused_with_its_line(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    with pytest.raises(StackError) as caught:
        read(tmp_path, GOOD.replace(old, new))
    assert f"stack.toml:{line}:" in str(caught.value)
    assert says in str(caught.value)


@pytest.mark.parametrize("text", ["", "name = 3", "name = [", "[[servers]]\n", 'name = "x"\nservers = 3', "\x00"])
def test_nonsense_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(StackError):
        read(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="nowhere"):
        load_stack(tmp_path / "nowhere.toml")


def test_an_unknown_server_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(StackError) as caught:
        read(tmp_path, GOOD).server("app3")
    assert "app1, app2" in str(caught.value)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_never_a_crash(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("any") / "stack.toml"
    path.write_text(GOOD + text, encoding="utf-8", errors="replace")
    with contextlib.suppress(StackError):
        load_stack(path)
