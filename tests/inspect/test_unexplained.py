"""A concentration that the catalogue does not know: the right line is named, and what the shares become without it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from autograder.cli import main
from autograder.inspect.config import Config
from autograder.inspect.inspection import Wishes, inspect
from autograder.inspect.text import lines
from autograder.inspect.unexplained import MOST_VARIANTS
from tests.inspect import configs, unusual

if TYPE_CHECKING:
    from pathlib import Path

    from autograder.inspect.report import Inspection

NAMES = {"nginx": "nginx.conf", "haproxy": "haproxy.cfg"}
CASES = [("nginx", name) for name in unusual.NGINX] + [("haproxy", name) for name in unusual.HAPROXY]
QUICK = {"a jump by error page", "a network of a geo block", "a cookie that is made up", "two lines that do the same"}
TOGETHER = {"two lines that do the same"}
"""Each alone changes nothing."""


def seen(proxy: str, text: str, **wishes: bool) -> Inspection:
    name = NAMES[proxy]
    return inspect(Config(name, {name: text.encode()}, name, proxy), Wishes(**wishes))


@pytest.mark.parametrize(
    ("proxy", "case"),
    [pytest.param(*case, marks=() if case[1] in QUICK else pytest.mark.slow, id=case[1]) for case in CASES],
)
def test_the_line_is_named_without_any_catalogue(proxy: str, case: str) -> None:
    text, guilty = (unusual.NGINX if proxy == "nginx" else unusual.HAPROXY)[case]
    found = seen(proxy, text, catalogue=False)
    assert (found.verdict.value, found.exit_code) == ("concentrated", 1)
    named = [cause.finding for cause in found.causes]
    quotes = [finding.quote[slice(*finding.column)] for finding in named]
    if case in TOGETHER:
        assert quotes == guilty
    else:
        (quote,) = quotes
        assert quote in guilty
    for cause, finding in zip(found.causes, named, strict=True):
        assert (finding.mistake, cause.observed, finding.file) == ("unexplained", True, NAMES[proxy])
        assert finding.quote == text.splitlines()[finding.line - 1].strip()
        assert finding.message.count("33 %") == 3
    tried = next(note for note in found.notes if re.search("variants? of this config w", note))
    assert 0 < int(tried.split()[0]) <= MOST_VARIANTS


def test_what_the_catalogue_explains_is_not_searched() -> None:
    found = seen("nginx", configs.SKEWED)
    assert [cause.finding.mistake for cause in found.causes] == ["weight-skew"]
    assert not any("variants" in note for note in found.notes)


def test_a_mistake_that_cannot_do_it_does_not_keep_from_searching() -> None:
    text, guilty = unusual.HAPROXY["use-server"]
    found = seen("haproxy", text)
    observed = {cause.finding.mistake: cause.observed for cause in found.causes}
    assert observed == {"unexplained": True, "never-checked": False}
    assert found.causes[0].finding.quote in guilty


def test_what_no_change_mends_is_said() -> None:
    # Nothing can be taken out of it: both servers are the one machine that there is.
    text = configs.nginx("server 10.20.1.11:8080;\n        server 10.20.1.12:8080 max_fails=3;").replace(
        "proxy_pass http://shop", "proxy_pass http://10.20.1.12:8080/shop"
    )
    found = seen("nginx", text.replace("upstream shop", "upstream other"), catalogue=False)
    assert found.verdict.value == "concentrated"
    assert found.causes or any("none of them spreads" in note for note in found.notes)


def test_it_is_in_the_report_and_in_the_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, _ = unusual.NGINX["a network of a geo block"]
    path = tmp_path / "nginx.conf"
    path.write_text(text, encoding="utf-8")
    assert main(["inspect", str(path), "--json"]) == 1
    (mistake,) = json.loads(capsys.readouterr().out)["mistakes"]
    assert (mistake["id"], mistake["observed"], mistake["file"]) == ("unexplained", True, "nginx.conf")
    assert mistake["line"] == 1 + text.splitlines().index("        198.19.0.0/16 one;")
    shown = list(lines(seen("nginx", text)))
    why = next(number for number, line in enumerate(shown) if line.startswith("    why"))
    assert "198.19.0.0/16 one;" in shown[why]
    assert not any("--help-mistake" in line for line in shown)
