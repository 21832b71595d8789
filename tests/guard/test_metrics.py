"""What the guard does, as Prometheus reads it: real promtool, a real scrape, and files that name only what exists."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autograder.errors import ManyHandsError
from autograder.guard.audit import KINDS, AuditLog, Event
from autograder.guard.counts import Decision, Intent, Kind, ServerCount, Window
from autograder.guard.metrics import ALERTS, OUTCOMES, Look, Seen, after, counted, hooks_of, text
from autograder.guard.settings import Metrics

FILES = Path(__file__).parents[2] / "docker" / "guard"
INTENT = Intent({"a:80": 0.5, "b:80": 0.5}, pools={"a:80": "shop", "b:80": "shop"})
WINDOW = Window(10.0, (ServerCount("a:80", 990, 10, queued=3, pool="shop"),), unserved=10)
REVERT = Decision(Kind.REVERT, ("a:80 has all of it",))
_WORD = re.compile(r"\bguard_[a-z_]+\b")

with_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus is not installed")


def event(kind: str, step: str = "", phase: str = "", at: str = "2026-03-01T10:50:00.000+00:00") -> Event:
    return Event(1, at, kind, "abc", step, "said", {"phase": phase} if phase else {})


def seen_of(*kinds: str) -> Seen:
    seen = Seen()
    for kind in kinds:
        seen = after(seen, event(kind))
    return seen


def samples(page: str) -> dict[str, float]:
    rows = (line.rpartition(" ") for line in page.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in rows}


def full() -> str:
    """Every metric with a value."""
    seen = after(seen_of("kept", "reverted"), event("step", "canary", "begun"))
    return text(counted(seen, "edge", Look(1_700_000_000.0, WINDOW, INTENT, Kind.REVERT)))


def names(page: str) -> set[str]:
    return {name.partition("{")[0] for name in samples(page)}


def test_events_are_counted_and_states_come_and_go() -> None:
    assert all(samples(text(Seen()))[f'guard_changes_total{{outcome="{one}"}}'] == 0 for one in OUTCOMES)
    seen = seen_of("begun", "kept", "begun", "anomaly", "reverted", "frozen", "good-is-bad", "dead-letter")
    told = samples(text(seen))
    assert told['guard_changes_total{outcome="kept"}'] == told['guard_changes_total{outcome="reverted"}'] == 1
    assert told['guard_alerts_total{kind="anomaly"}'] == told['guard_alerts_total{kind="dead-letter"}'] == 1
    assert (told["guard_frozen"], told["guard_last_good_is_bad"], told["guard_held"]) == (1, 1, 0)
    assert told["guard_last_revert_timestamp_seconds"] == told["guard_last_event_timestamp_seconds"] == 1772362200
    calm = samples(text(after(seen, event("acknowledged"))))
    assert (calm["guard_frozen"], calm["guard_last_good_is_bad"], calm["guard_held"]) == (0, 0, 0)
    assert calm['guard_changes_total{outcome="reverted"}'] == 1


def test_the_step_under_way_is_told_and_no_other() -> None:
    seen = after(Seen(), event("step", "canary", "begun"))
    assert samples(text(seen))['guard_step{step="canary"}'] == 1
    assert "guard_step{" not in text(after(seen, event("step", "canary", "done")))
    watching = after(after(seen, event("step", "canary", "done")), event("step", "watch", "begun"))
    assert 'guard_step{step="watch"}' in text(watching)
    assert "guard_step{" not in text(after(watching, event("reverted")))


def test_every_kind_of_event_is_known_to_the_log() -> None:
    assert {*OUTCOMES, *ALERTS, "step", "frozen", "acknowledged"} <= set(KINDS)


def test_shares_are_of_the_pool_and_one_that_gets_nothing_is_named() -> None:
    told = samples(full())
    at = 'balancer="edge",pool="shop"'
    assert told[f'guard_share{{{at},server="a:80"}}'] == 1
    assert told[f'guard_share{{{at},server="b:80"}}'] == 0
    assert told[f'guard_fair_share{{{at},server="b:80"}}'] == 0.5
    assert told['guard_error_ratio{balancer="edge"}'] == pytest.approx(20 / 1000)
    assert told[f'guard_server_queue{{{at},server="a:80"}}'] == 3
    assert told['guard_decision{balancer="edge",decision="revert"}'] == 1
    assert told['guard_decision{balancer="edge",decision="keep"}'] == 0
    none = text(counted(Seen(), "edge", Look(0.0, Window(1.0), INTENT, Kind.WATCHING)))
    assert "guard_error_ratio{" not in none
    assert "guard_share{" not in none


def test_names_that_would_break_the_format_do_not() -> None:
    odd = replace(WINDOW, servers=(ServerCount('a"\\\n', 1, pool="sh{op}"),))
    page = text(counted(Seen(), 'ed"ge', Look(0.0, odd, Intent({}), Kind.KEEP)))
    assert 'server="a\\"\\\\\\n"' in page


def test_the_file_is_whole_readable_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    log, file = AuditLog(tmp_path), tmp_path / "guard.prom"
    first = hooks_of(Metrics(file))
    for kind in ("kept", "reverted", "frozen"):
        first.event(log.append(kind, "said"))
    first.window("edge", WINDOW, INTENT, REVERT)
    first.close()
    assert samples(file.read_text())['guard_share{balancer="edge",pool="shop",server="a:80"}'] == 1
    assert file.stat().st_mode & 0o777 == 0o644
    again = hooks_of(Metrics(file), log.events())
    again.event(log.append("kept", "said"))
    told = samples(file.read_text())
    assert told['guard_changes_total{outcome="kept"}'] == 2
    assert told["guard_frozen"] == 1
    assert [path.name for path in tmp_path.glob("*.prom")] == ["guard.prom"]


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    hooks = hooks_of(Metrics(tmp_path / "nowhere" / "guard.prom"))
    with pytest.raises(OSError, match="nowhere"):
        hooks.event(event("kept"))
    hooks.close()


def test_it_is_scraped_over_loopback_and_nowhere_else() -> None:
    hooks = hooks_of(Metrics(None, "127.0.0.1:0"))
    try:
        hooks.event(event("kept"))
        hooks.window("edge", WINDOW, INTENT, REVERT)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{hooks.port}/metrics", timeout=60) as answer:
            assert answer.headers.get_content_type() == "text/plain"
            told = samples(answer.read().decode())
        assert told['guard_changes_total{outcome="kept"}'] == 1
        assert told['guard_share{balancer="edge",pool="shop",server="a:80"}'] == 1
        with pytest.raises(ManyHandsError, match="cannot be served"):
            hooks_of(Metrics(None, f"127.0.0.1:{hooks.port}"))
    finally:
        hooks.close()
        hooks.close()


@pytest.mark.parametrize("listen", ["0.0.0.0:9876", ":9876", "example.org:9876", "127.0.0.1", "127.0.0.1:99999"])
def test_an_address_that_others_reach_is_refused(listen: str) -> None:
    with pytest.raises(ManyHandsError, match="cannot be served"):
        hooks_of(Metrics(None, listen))


@with_promtool
def test_promtool_finds_nothing_wrong_with_the_metrics() -> None:
    page = full()
    ran = subprocess.run(
        ["promtool", "check", "metrics"], input=page, capture_output=True, text=True, timeout=120, check=False
    )
    assert (ran.returncode, ran.stdout + ran.stderr) == (0, "")


@with_promtool
def test_the_alert_rules_do_what_they_say() -> None:
    for words in (("check", "rules", "alerts.yml"), ("test", "rules", "alerts-test.yml")):
        ran = subprocess.run(["promtool", *words], cwd=FILES, capture_output=True, text=True, timeout=120, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FILES / "dashboard.json").read_text(encoding="utf-8"))["panels"]
    return found


def test_every_metric_that_the_dashboard_and_the_rules_name_exists() -> None:
    there = names(full())
    asked = " ".join(target["expr"] for panel in panels() for target in panel["targets"])
    rules = (FILES / "alerts.yml").read_text(encoding="utf-8")
    assert set(_WORD.findall(asked + rules)) <= there
    # and what exists is shown
    assert there <= set(_WORD.findall(asked))


def test_every_panel_says_what_it_shows_and_in_which_unit() -> None:
    for panel in panels():
        assert panel["title"]
        assert len(panel["description"]) > 20, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])
    assert len({panel["id"] for panel in panels()}) == len(panels())
    taken = [
        (x, y)
        for at in (panel["gridPos"] for panel in panels())
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(set(taken)) == len(taken)  # no panel lies on another one
    assert max(x for x, _ in taken) < 24


def test_the_page_about_metrics_names_each_of_them() -> None:
    page = (Path(__file__).parents[2] / "course" / "reference" / "guard-metrics.md").read_text(encoding="utf-8")
    assert set(_WORD.findall(page)) == names(full())
