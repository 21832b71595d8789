"""The page about `inspect` names every word that it takes, and shows what it prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autograder.cli import main
from autograder.judge.spread import Spread
from autograder.stack.model import POPULATIONS
from autograder.traffic.states import STATES
from tests.site.pages import COURSE

PAGE = (COURSE / "reference/inspect.md").read_text(encoding="utf-8")


def cells() -> set[str]:
    """The code words in the first cell of every table's row."""
    rows = re.findall(r"^\| (`[^|]+`) \|", PAGE, re.MULTILINE)
    return {word for row in rows for word in re.findall(r"`([^`]+)`", row)}


def test_every_population_state_and_verdict_is_told() -> None:
    told = cells() - {"--clients", "--state"}
    assert told == {*POPULATIONS, *STATES, *(each.value for each in Spread if each is not Spread.IDLE)}


@pytest.mark.xdist_group("machine")
def test_the_report_on_the_page_is_what_it_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    servers = ["10.20.1.11:8080 weight=100", "10.20.1.12:8080", "10.20.2.13:8080"]
    pool = "".join(f"        server {server};\n" for server in servers)
    config = f"events {{}}\nhttp {{\n    upstream shop {{\n{pool}    }}\n"
    config += "    server { listen 80; location / { proxy_pass http://shop; } }\n}\n"
    (tmp_path / "nginx.conf").write_text(config)
    monkeypatch.chdir(tmp_path)
    assert main(["inspect", "nginx.conf"]) == 1
    printed = capsys.readouterr().out
    shown = PAGE.partition("```text\n")[2].partition("```")[0]
    assert alike(printed) == alike(shown)


def alike(report: str) -> list[str]:
    """The lines of a report without what varies: numbers of the traffic, and how long a bar is."""
    return [
        re.sub(r"[█▏▎▍▌▋▊▉]+\s*|\d+\.\d s|in \d+ networks", "", line).rstrip() for line in report.strip().splitlines()
    ]
