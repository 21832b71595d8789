"""The list of facts: each is taught in words that stand on its page, and has a test that exists, or a source."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from autograder.stack.local_sandbox import balancer_folders
from tests.facts.shop import words_of

ROOT = Path(__file__).parents[2]
KNOWN = tomllib.loads((ROOT / "site/facts.toml").read_text(encoding="utf-8"))
FACTS = KNOWN["fact"]


def test_there_are_as_many_as_we_promised_and_every_source_is_used() -> None:
    assert len(FACTS) >= 62
    assert len({fact["says"] for fact in FACTS}) == len(FACTS)
    assert {source for fact in FACTS for source in fact.get("sources", ())} == set(KNOWN["sources"])
    assert all(address.startswith("https://") for _, address in KNOWN["sources"].values())


@pytest.mark.parametrize("fact", FACTS, ids=[str(number) for number in range(1, len(FACTS) + 1)])
def test_a_fact_is_taught_and_tried_or_sourced(fact: dict[str, Any]) -> None:
    assert fact["words"] in words_of(ROOT / "course" / fact["page"])
    assert fact.get("tests") or fact.get("sources")
    for test in fact.get("tests", ()):
        file, _, name = test.partition("::")
        assert re.search(rf"^def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE), test


@pytest.mark.parametrize("name", ["nginx", "haproxy"])
def test_the_versions_on_the_page_are_those_that_run_here(name: str) -> None:
    program = next(folder / name for folder in balancer_folders() if (folder / name).exists())
    said = subprocess.run([program, "-v"], capture_output=True, text=True, check=True)
    assert re.search(r"\d+\.\d+\.\d+", said.stdout + said.stderr)[0] == KNOWN["tested"][name]  # type: ignore[index]
