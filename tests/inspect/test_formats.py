"""Whatever an inspection says, other tools can read it: well-formed, nothing lost, and no command smuggled in."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.cli import main
from autograder.inspect.formats import github, junit, sarif
from autograder.inspect.formats.place import Place, fault_place, place
from autograder.inspect.report import Cause, Inspection
from autograder.inspect.text import lines
from autograder.judge.spread import Spread
from autograder.mistakes.finding import Finding
from tests.inspect import configs
from tests.inspect.inspections import INSPECTIONS

SCHEMA = json.loads((Path(__file__).parent / "sarif-2.1.0.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft4Validator(SCHEMA)
SKEW = Finding("weight-skew", "shop", "pools/shop.conf", 7, "server a weight=9;", (9, 17), "It is told to.", "Do not.")
SEEN = Inspection("sites/nginx.conf", "nginx", Spread.CONCENTRATED, causes=(Cause(SKEW, observed=True),))
MANY = st.lists(INSPECTIONS, min_size=1, max_size=3)


def command(line: str) -> tuple[str, dict[str, str], str] | None:
    """A workflow command as the runner reads it (ActionCommand.TryParseV2), or None."""
    line = line.lstrip()
    if not line.startswith("::"):
        assert "##[" not in line, "a command of the old form"
        return None
    head, _, data = line[2:].partition("::")
    name, _, words = head.partition(" ")
    settings = {}
    for word in filter(None, words.split(",")):
        key, _, value = word.partition("=")
        for sign, code in ((":", "%3A"), (",", "%2C"), ("\r", "%0D"), ("\n", "%0A"), ("%", "%25")):
            value = value.replace(code, sign)
        settings[key] = value
    for sign, code in (("\r", "%0D"), ("\n", "%0A"), ("%", "%25")):
        data = data.replace(code, sign)
    return name, settings, data


@settings(max_examples=30, deadline=None)
@given(MANY)
def test_any_inspection_is_valid_sarif(found: list[Inspection]) -> None:
    text = sarif.render(found, "/somewhere")
    text.encode()
    log = json.loads(text)
    VALIDATOR.validate(log)
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(rules) == len(set(rules))
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        for location in result["locations"]:
            uri = location.get("physicalLocation", {}).get("artifactLocation", {}).get("uri", "")
            assert uri.isascii()
            assert urlsplit(uri).scheme in ("", "file")
    assert run["invocations"][0]["exitCode"] == max(one.exit_code for one in found)


@settings(max_examples=30, deadline=None)
@given(MANY)
def test_any_inspection_is_whole_workflow_commands(found: list[Inspection]) -> None:
    text = github.render(found, "/somewhere")
    text.encode()
    read = [command(line) for line in text.splitlines()]
    assert read.count(None) == len(found), "a line in plain words for each, whatever they hold"
    for one in filter(None, read):
        assert one[0] in ("error", "warning", "notice")
        assert set(one[1]) <= {"file", "line", "title"}
    errors = [one for one in read if one and one[0] == "error"]
    told = any(one.verdict is Spread.CONCENTRATED or one.exit_code == 2 for one in found if not one.static)
    assert errors or not told


@settings(max_examples=30, deadline=None)
@given(MANY)
def test_any_inspection_is_well_formed_junit(found: list[Inspection]) -> None:
    text = junit.render(found)
    top = ElementTree.fromstring(text.encode())
    suites = top.findall("testsuite")
    assert len(suites) == len(found)
    for suite, one in zip(suites, found, strict=True):
        cases = suite.findall("testcase")
        assert int(suite.attrib["tests"]) == len(cases) > 0
        for tag, count in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            assert int(suite.attrib[count]) == len(suite.findall(f"testcase/{tag}"))
        if one.exit_code:
            assert suite.find("testcase/failure") is not None or suite.find("testcase/error") is not None
    assert int(top.attrib["tests"]) == sum(int(suite.attrib["tests"]) for suite in suites)


@settings(max_examples=30, deadline=None)
@given(INSPECTIONS)
def test_any_inspection_is_told_to_people_in_lines_that_a_terminal_can_take(found: Inspection) -> None:
    for line in lines(found):
        assert all(letter.isprintable() for letter in line), line


def test_a_cause_is_on_its_line_in_every_format() -> None:
    log = json.loads(sarif.render([SEEN]))
    (result,) = log["runs"][0]["results"]
    physical = result["locations"][0]["physicalLocation"]
    assert (result["ruleId"], result["level"]) == ("weight-skew", "error")
    assert physical["artifactLocation"]["uri"] == "sites/pools/shop.conf"
    assert physical["region"] == {"startLine": 7, "snippet": {"text": "server a weight=9;"}}
    said = command(github.render([SEEN]).splitlines()[1])
    where = {"file": "sites/pools/shop.conf", "line": "7", "title": "inspect: weight-skew"}
    assert said == ("error", where, "It is told to. Do not.")
    (failure,) = ElementTree.fromstring(junit.render([SEEN])).iter("failure")
    assert "pools/shop.conf:7" in (failure.text or "")


def test_a_rule_says_what_the_catalogue_says() -> None:
    (rule,) = json.loads(sarif.render([SEEN]))["runs"][0]["tool"]["driver"]["rules"]
    assert "Give each server the weight of its capacity" in rule["help"]["text"]
    assert "**Instead** (nginx):\n\n```\nevents {}" in rule["help"]["markdown"]
    assert {"load-balancing", "nginx", "haproxy"} <= set(rule["properties"]["tags"])
    assert len(rule["properties"]["tags"]) <= 20, "code scanning takes no more"
    assert rule["helpUri"].startswith("https://")


@pytest.mark.parametrize("slug", ["unexplained", "some-new-thing"])
def test_a_cause_that_the_catalogue_does_not_know_has_a_rule_all_the_same(slug: str) -> None:
    found = dataclasses.replace(SEEN, causes=(Cause(dataclasses.replace(SKEW, mistake=slug), observed=True),))
    log = json.loads(sarif.render([found]))
    VALIDATOR.validate(log)
    (rule,) = log["runs"][0]["tool"]["driver"]["rules"]
    assert rule["id"] == slug
    assert rule["help"]["text"]


def test_what_is_meant_is_suppressed_and_no_error() -> None:
    meant = dataclasses.replace(SEEN, verdict=Spread.SKEWED_AS_DECLARED, reasons=("the big machine",))
    (result,) = json.loads(sarif.render([meant]))["runs"][0]["results"]
    assert result["suppressions"] == [{"kind": "inSource", "justification": "the big machine"}]
    assert "::notice " in github.render([meant])
    assert "::error " not in github.render([meant])


@pytest.mark.parametrize(
    ("config", "file", "root", "seen"),
    [
        ("nginx.conf", "nginx.conf", "/repo", "nginx.conf"),
        ("/repo/a/nginx.conf", "b/c.conf", "/repo", "a/b/c.conf"),
        ("/etc/nginx/nginx.conf", "nginx.conf", "/repo", "/etc/nginx/nginx.conf"),
        ("./a/../nginx.conf", "x y.conf", "", "x y.conf"),
        ("-", "nginx.conf", "/repo", ""),
    ],
)
def test_a_place_is_named_from_the_repository(config: str, file: str, root: str, seen: str) -> None:
    found = Inspection(config, "nginx", Spread.EVEN)
    assert place(found, file, 3, root) == Place(seen, 3)


def test_a_refusal_is_on_the_line_that_the_balancer_names() -> None:
    found = Inspection("a/nginx.conf", "nginx", Spread.BROKEN, faults=('pools/x.conf:5: unknown directive "a:b"',))
    assert fault_place(found, found.faults[0]) == (Place("a/pools/x.conf", 5), 'unknown directive "a:b"')
    said = command(github.render([found]).splitlines()[1])
    assert said is not None
    assert said[1] == {"file": "a/pools/x.conf", "line": "5", "title": "inspect: refused"}


def test_words_that_end_a_command_or_a_setting_are_escaped() -> None:
    odd = dataclasses.replace(SKEW, file="a::b,c=%0A.conf", message="50 % of\r\n::error::it")
    line = github.render([dataclasses.replace(SEEN, causes=(Cause(odd, observed=True),))]).splitlines()[1]
    assert line == (
        "::error file=sites/a%3A%3Ab%2Cc=%250A.conf,line=7,title=inspect%3A weight-skew"
        "::50 %25 of%0D%0A::error::it Do not."
    )
    said = command(line)
    assert said is not None
    assert said[1]["file"] == "sites/a::b,c=%0A.conf"


def test_a_name_of_odd_bytes_stays_a_uri() -> None:
    found = dataclasses.replace(SEEN, config="caf\udce9 #1/nginx.conf")
    result = json.loads(sarif.render([found]))["runs"][0]["results"][0]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "caf%E9%20%231/pools/shop.conf"
    assert unquote(uri, errors="surrogateescape") == "caf\udce9 #1/pools/shop.conf"


@pytest.mark.parametrize("form", ["sarif", "github", "junit", "json"])
def test_a_config_that_cannot_be_read_is_part_of_the_report(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "nginx.conf", tmp_path / "missing.conf"
    good.write_text(configs.EVEN, encoding="utf-8")
    assert main(["inspect", "--static-only", "--format", form, str(bad), str(good)]) == 2
    out, error = capsys.readouterr()
    assert "No such file" in out
    assert "No such file" in error
    checks: dict[str, Any] = {
        "sarif": lambda: json.loads(out)["runs"][0]["invocations"][0]["executionSuccessful"] is False,
        "github": lambda: out.count("::error ") == 1,
        "junit": lambda: [suite.attrib["errors"] for suite in ElementTree.fromstring(out)] == ["1", "0"],
        "json": lambda: ["error" in one for one in json.loads(out)["configs"]] == [True, False],
    }
    assert checks[form]()


def test_a_real_inspection_in_every_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "nginx.conf"
    path.write_text(configs.SKEWED, encoding="utf-8")
    seen = {}
    for form in ("sarif", "github", "junit"):
        assert main(["inspect", str(path), "--format", form]) == 1
        seen[form] = capsys.readouterr().out
    VALIDATOR.validate(json.loads(seen["sarif"]))
    assert f"::error file={path},line=5,title=inspect%3A weight-skew::" in seen["github"]
    top = ElementTree.fromstring(seen["junit"])
    assert [case.attrib["name"] for case in top.iter("testcase")] == ["shop: many, all-up"]
    assert top.attrib["failures"] == "1"
