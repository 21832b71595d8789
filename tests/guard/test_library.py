"""The lines of Python that the pages of guard, review and drill show: each is run as it stands there."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autograder.guard.settings import Watch
from autograder.stack.running import open_stack
from tests.guard.production import Production
from tests.guard.test_guard_stack import SHOP, Place
from tests.guard.test_review import Repository
from tests.inspect import configs

PAGES = Path(__file__).parents[2] / "course" / "reference"


def shown(page: str) -> list[str]:
    """The blocks of Python under "From Python"."""
    text = (PAGES / page).read_text(encoding="utf-8").partition("## From Python")[2]
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def run(lines: str, **given: Any) -> dict[str, Any]:
    """Run them; the names that they leave."""
    names = dict(given)
    exec(compile(lines, "page", "exec"), names)
    return names


def test_a_guard_of_ones_own_settings(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with Production("nginx") as production:
        monkeypatch.chdir(production.home)
        production.commit(production.config(" no-such-word"))
        run(shown("guard.md")[0])
    assert "refused the balancer refuses it: edge: nginx.conf:" in capsys.readouterr().out


@pytest.mark.slow
def test_a_guard_on_a_stack_of_ours(tmp_path: Path) -> None:
    with open_stack(SHOP) as running:
        place = Place(running, tmp_path)
        good = place.runs("lb1")
    place.commit(place.config(" weight=100"))
    # As long as it takes on any machine: it is decided as soon as it is sure.
    settings = replace(place.settings, watch=Watch(0, 0, window_s=300, recover_s=1, every_s=0.1))
    only = replace(SHOP, balancers=SHOP.balancers[:1])
    found = run(shown("guard.md")[1], stack=only, good_files={"nginx.conf": good}, settings=settings)
    desk = found["guard"].desk
    assert "app1 gets" in desk.state.frozen
    assert "reverted" in [event.kind for event in desk.audit.events()]


def test_a_review_of_two_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    repository = Repository(tmp_path)
    repository.commit(nginx_conf=configs.EVEN)
    repository.git("checkout", "--quiet", "-b", "change")
    repository.commit(nginx_conf=configs.SKEWED)
    (lines,) = shown("review.md")
    assert run(lines)["found"].to_dict()["risk"] == "high"
    assert capsys.readouterr().out.startswith("refuse ['one server gets most of the traffic")


@pytest.mark.slow
def test_a_drill_of_a_restore(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in (tmp_path / "lb", tmp_path / "backup"):
        folder.mkdir()
        (folder / "haproxy.cfg").write_text(configs.HAPROXY_EVEN, encoding="utf-8")
    restore = "cp $DRILL_BACKUP/* $DRILL_FOLDER/ && systemctl start haproxy"
    text = f'[[step]]\nname = "restore"\nrun = "{restore}"\nwithin = "30m"\n'
    (tmp_path / "restore.toml").write_text(text, encoding="utf-8")
    (lines,) = shown("drill.md")
    found = run(lines)["found"]
    assert (found.lost, [step.outcome for step in found.steps], found.findings) == ((), ["done"], ())
    assert found.rto_s > 0
