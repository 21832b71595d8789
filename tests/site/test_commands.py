"""What a page tells a reader to type exists: verbs, nbgrader's own commands, labs."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from nbgrader.apps.nbgraderapp import NbGraderApp

from tests.site.pages import ROOT, SOURCES

TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in [*SOURCES, ROOT / "README.md"]}
COMMANDS = {
    (name, *match.groups())
    for name, text in TEXTS.items()
    for match in re.finditer(r"\./manyhands ([\w-]+)(?: ([\w-]+))?", text)
}
VERBS = sorted({verb for _, verb, _ in COMMANDS})
LABS = sorted({word for _, verb, word in COMMANDS if verb in {"grade", "verify", "report"} and word and word[0] != "-"})


def test_pages_name_commands() -> None:
    assert {"up", "test", "grade", "nbgrader"} <= set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_the_verb_exists(verb: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "autograder", verb, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_nbgrader_knows_its_commands() -> None:
    asked = {word for _, verb, word in COMMANDS if verb == "nbgrader"}
    assert asked
    assert asked <= set(NbGraderApp.subcommands)


@pytest.mark.parametrize("lab", LABS)
def test_the_lab_exists(lab: str) -> None:
    assert (ROOT / "labs" / lab).is_dir()
