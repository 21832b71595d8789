"""The page about stacks says all that there is, and nothing that is not."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from autograder.launch.play import KEYS
from autograder.stack.model import PROTOCOLS, SERVICE_TIMES, Balancer, Clients, Server
from autograder.traffic.clients import POPULATIONS
from autograder.traffic.states import STATES
from tests.site.pages import COURSE

TEXT = (COURSE / "reference" / "stacks.md").read_text(encoding="utf-8")
WORDS = {field.name for kind in (Balancer, Server, Clients) for field in fields(kind)} - {"around"}


@pytest.mark.parametrize("word", sorted(WORDS | {*POPULATIONS, *STATES, *PROTOCOLS, *SERVICE_TIMES}))
def test_every_word_is_explained(word: str) -> None:
    assert f"`{word}`" in TEXT


def test_every_key_is_explained_and_exists() -> None:
    told = set(re.findall(r"\+\+(\w+)\+\+", TEXT)) - {"1", "9"}
    assert told == {{"+": "plus", "-": "minus"}.get(key, key) for key in KEYS}


def test_defaults_are_the_real_ones() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", TEXT, re.M))
    for kind in (Server, Balancer):
        for field in fields(kind):
            if isinstance(field.default, int | float) and field.name in rows and field.name != "port":
                assert float(rows[field.name]) == field.default
