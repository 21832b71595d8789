"""Real configs, real balancers, real traffic: each verdict, its exit code, and the object that is printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from autograder.cli import main
from tests.inspect import configs

HEALTHY = Path(__file__).parents[1] / "mistakes" / "healthy"
RUN = {
    "clients": str,
    "state": str,
    "requests": int,
    "failed": int,
    "share": dict,
    "peak_to_fair": float,
    "effective_servers": float,
    "verdict": str,
}
MISTAKE = {"id": str, "pool": str, "file": str, "line": int, "observed": bool, "message": str, "mend": str}
VERDICTS = {"even", "concentrated", "skewed-as-declared", "undecided", "broken"}
CASES = {
    "even": ("nginx.conf", configs.EVEN, (), "even", 0, {}),
    "skewed": ("nginx.conf", configs.SKEWED, (), "concentrated", 1, {"weight-skew": True}),
    "declared": ("nginx.conf", configs.MEANT, (), "skewed-as-declared", 0, {"weight-skew": True}),
    "capacity": ("nginx.conf", configs.SKEWED, ("--capacity", "10.20.1.11=100"), "even", 0, {}),
    "sticky": ("nginx.conf", configs.STICKY, (), "even", 0, {}),
    "sticky-few": ("nginx.conf", configs.STICKY, ("--clients", "few"), "undecided", 2, {}),
    "sticky-office": ("nginx.conf", configs.STICKY, ("--clients", "office"), "concentrated", 1, {}),
    "pages": ("nginx.conf", configs.PAGES, (), "even", 0, {}),
    "refused": ("nginx.conf", configs.REFUSED, (), "broken", 2, {}),
    "bypassed": ("nginx.conf", configs.BYPASSED, (), "concentrated", 1, {"pool-bypassed": True}),
    "pool-of-one": ("nginx.conf", configs.ONE, (), "concentrated", 1, {"one-server-pool": True}),
    "listed-twice": ("nginx.conf", configs.TWICE, (), "concentrated", 1, {}),
    "all-but-one-down": ("nginx.conf", configs.LEFT_DOWN, (), "concentrated", 1, {"left-down": True}),
    "host-decides": ("nginx.conf", configs.SITES, (), "even", 0, {}),
    "listed-hosts-decide": ("nginx.conf", configs.FORTY_SITES, (), "even", 0, {}),
    "weights-on-both": ("nginx.conf", configs.CANARY, (), "skewed-as-declared", 0, {}),
    "colour-of-one-machine": ("nginx.conf", configs.COLOURS, (), "skewed-as-declared", 0, {}),
    "forward-proxy": ("nginx.conf", configs.FORWARD, (), "undecided", 2, {}),
    "condition-does-not-hold": ("haproxy.cfg", configs.HAPROXY_CONDITIONAL, (), "even", 0, {}),
    "another-balancer-chooses": ("haproxy.cfg", configs.HAPROXY_DISPATCH, (), "undecided", 2, {}),
    "dispatch-to-a-name": (
        *("haproxy.cfg", configs.HAPROXY_DISPATCH_NAME, (), "concentrated", 1, {"dispatch-left": True}),
    ),
    "shared-server": ("nginx.conf", configs.SHARED, (), "even", 0, {}),
    "pages-apart": ("nginx.conf", configs.APART, (), "even", 0, {}),
    "backup": ("nginx.conf", configs.BACKUP, (), "even", 0, {}),
    "layer-4": ("nginx.conf", configs.TCP, (), "even", 0, {}),
    "haproxy": ("haproxy.cfg", configs.HAPROXY_EVEN, (), "even", 0, {}),
    "haproxy-skewed": ("haproxy.cfg", configs.HAPROXY_SKEWED, (), "concentrated", 1, {"weight-skew": True}),
    "haproxy-fails": ("haproxy.cfg", configs.HAPROXY_UNREACHABLE, (), "broken", 2, {}),
    "one-down": ("nginx.conf", configs.EVEN, ("--state", "one-down"), "even", 0, {}),
    "one-down-of-two": ("nginx.conf", configs.PAIR, ("--state", "one-down"), "even", 0, {}),
}


KNOWN_WRONG_ONCE = {
    "haproxy/09-behind-a-cdn": "even",
    "haproxy/12-databases-in-tcp": "even",
    "haproxy/14-discovered-by-dns": "even",
    "haproxy/16-many-sites": "even",
    "haproxy/18-scale-to-zero": "skewed-as-declared",
    "nginx/16-multi-tenant": "even",
}


@pytest.mark.parametrize("name", KNOWN_WRONG_ONCE)
def test_a_healthy_config_is_healthy(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (path,) = HEALTHY.glob(f"{name}.c*f*")
    assert main(["inspect", str(path), "--proxy", name.partition("/")[0], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == KNOWN_WRONG_ONCE[name]


def inspected(folder: Path, name: str, text: str, *options: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("case", CASES)
def test_the_verdict_and_its_exit_code(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name, text, options, verdict, code, mistakes = CASES[case]
    path = inspected(tmp_path, name, text)
    assert main(["inspect", str(path), "--json", *options]) == code
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == verdict
    seen = {mistake["id"]: mistake["observed"] for mistake in found["mistakes"]}
    assert {slug: seen.get(slug) for slug in mistakes} == mistakes
    agrees_with_the_schema(found, path)


def agrees_with_the_schema(found: dict[str, Any], path: Path) -> None:
    assert list(found) == ["config", "proxy", "verdict", "pools", "mistakes"]
    assert found["config"] == str(path)
    assert found["proxy"] == path.stem
    assert found["verdict"] in VERDICTS
    for pool in found["pools"]:
        assert list(pool) == ["name", "servers", "verdict", "runs"]
        assert pool["verdict"] in VERDICTS
        for run in pool["runs"]:
            assert {key: type(value) for key, value in run.items()} == RUN
            assert run["verdict"] in VERDICTS
            assert set(run["share"]) <= set(pool["servers"])
            # Nobody who should share them may have answered.
            answered = run["requests"] > run["failed"] and run["effective_servers"] > 0
            assert sum(run["share"].values()) == pytest.approx(1 if answered else 0, abs=0.01)
    for mistake in found["mistakes"]:
        assert {key: type(value) for key, value in mistake.items()} == MISTAKE


def test_least_connections_tell_machines_apart_only_when_there_is_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = inspected(tmp_path, "nginx.conf", configs.LEAST)
    # How many requests are under way at once is not ours to say: on a busy machine it may look even at once.
    assert main(["inspect", str(path), "--json", "--capacity", "10.20.1.11=0.5"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] in ("even", "skewed-as-declared")


def test_a_capacity_for_nobody_is_refused_with_the_names_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = inspected(tmp_path, "nginx.conf", configs.EVEN)
    assert main(["inspect", str(path), "--capacity", "app9=2"]) == 2
    said = capsys.readouterr().err
    assert "this config has no server of that name" in said
    assert all(server in said for server in configs.ADDRESSES)


def test_the_report_shows_shares_and_quotes_the_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = inspected(tmp_path, "nginx.conf", configs.SKEWED)
    assert main(["inspect", str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{path}  concentrated: 98 % of requests reach one of three servers"
    assert lines[2].startswith("  10.20.1.11:8080  ███")
    assert lines[2].endswith("98 %   fair 33 %")
    assert lines[5].startswith("  300 requests from 300 clients in ")
    why = next(number for number, line in enumerate(lines) if line.startswith("    why   nginx.conf:5 "))
    caret = lines[why + 1]
    assert lines[why][caret.index("~") : len(caret)] == "weight=100"
    assert "    more  ./manyhands inspect --help-mistake weight-skew" in lines


def test_what_should_not_serve_is_left_out_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = inspected(tmp_path, "nginx.conf", configs.BACKUP)
    assert main(["inspect", str(path)]) == 0
    assert "10.20.2.13:8080 is left out: a backup, and others are up" in capsys.readouterr().out


def test_several_configs_get_the_worst_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in (("a", configs.EVEN), ("b", configs.SKEWED)):
        (tmp_path / name).mkdir()
        inspected(tmp_path / name, "nginx.conf", text)
    assert main(["inspect", str(tmp_path), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "concentrated"
    assert [one["verdict"] for one in found["configs"]] == ["even", "concentrated"]


def test_every_population_and_state_that_is_asked_for_is_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = inspected(tmp_path, "nginx.conf", configs.EVEN)
    words = ["--clients", "many", "--clients", "office", "--state", "all-up", "--state", "just-reloaded"]
    assert main(["inspect", str(path), "--json", *words]) == 0
    runs = json.loads(capsys.readouterr().out)["pools"][0]["runs"]
    assert {(run["clients"], run["state"]) for run in runs} == {
        (clients, state) for clients in ("many", "office") for state in ("all-up", "just-reloaded")
    }


def test_why_the_balancer_refuses_a_config_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = inspected(tmp_path, "nginx.conf", configs.REFUSED)
    assert main(["inspect", str(path)]) == 2
    assert 'broken: nginx refuses it: nginx.conf:5: unknown directive "sevrer"' in capsys.readouterr().out


def test_failures_belong_to_the_pool_they_were_meant_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = inspected(tmp_path, "haproxy.cfg", configs.HAPROXY_UNREACHABLE)
    assert main(["inspect", str(path), "--json"]) == 2
    (pool,) = json.loads(capsys.readouterr().out)["pools"]
    assert (pool["verdict"], pool["runs"][0]["requests"], pool["runs"][0]["failed"]) == ("broken", 300, 300)


def test_a_mistake_is_observed_where_requests_fail_and_not_where_none_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = configs.HAPROXY_EVEN.replace("timeout connect 1s", "timeout connect 50ms")
    path = inspected(tmp_path, "haproxy.cfg", text)
    seen = {}
    for state in ("all-up", "one-down"):
        main(["inspect", str(path), "--json", "--state", state])
        mistakes = json.loads(capsys.readouterr().out)["mistakes"]
        seen[state] = [mistake["observed"] for mistake in mistakes if mistake["id"] == "never-checked"]
    assert seen == {"all-up": [False], "one-down": [True]}
