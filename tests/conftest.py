"""What all tests share: a real browser, and a watch over skipped tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as of_hypothesis

from autograder.launch.suite import units
from tests.order import in_turn
from tests.steady_chromium import CHROMIUM

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from playwright.sync_api import Browser, Page

_Report = TypeVar("_Report", pytest.TestReport, pytest.CollectReport)

STEADY = Path(__file__).with_name("steady_chromium.py")
# Tests know the labs as they are written; those of the variants choose a seed.
os.environ.setdefault("MANYHANDS_SEED", "none")
# What is found is judged by what it is, not by how busy the machine was.
of_hypothesis.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
of_hypothesis.load_profile("any machine")
ALLOWED_SKIPS = Path(__file__).parent / "allowed_skips.txt"
ROOT = Path(__file__).parents[1]
_STARTS = {"subprocess.Popen", "os.posix_spawn", "os.fork", "os.exec", "os.system"}
_unit_now: list[str] = []  # the unit test that runs


def _refuse_program(event: str, _: object) -> None:
    """The audit hook that keeps unit tests what they are: quick, and the same on every machine."""
    if _unit_now and event in _STARTS:
        raise RuntimeError(f"{_unit_now[0]} starts a program: take its file out of tests/units.txt")


sys.addaudithook(_refuse_program)


def pytest_configure(config: pytest.Config) -> None:
    """Our own order of tests, not that of pytest-xdist."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None, object, object]:
    """Say which group each test is in, before pytest-xdist asks; and, last of all, which comes first.

    What starts containers stays with its module on one worker: making them is most of what it costs.
    """
    quick = {ROOT / path for path in units()}
    for item in items:
        if item.path in quick:
            item.add_marker("unit")
        if item.get_closest_marker("docker") and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(f"docker-{item.path.stem}"))
    answer = yield
    items[:] = in_turn(items)
    return answer


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Until the test is over, with all that is set up and taken down for it, nothing may be started for a unit test."""
    _unit_now[:] = [item.nodeid] if item.get_closest_marker("unit") else []
    try:
        return (yield)
    finally:
        _unit_now.clear()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what this machine cannot run, with the reason; in CI that is a failure (see below)."""
    if item.get_closest_marker("docker") and not _docker_answers():
        pytest.skip("no Docker Engine answers")
    if item.get_closest_marker("browser") and not Path(CHROMIUM).exists():
        pytest.skip(f"no Chromium at {CHROMIUM}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI, a test that skips for a reason nobody allowed has failed: else a broken set-up looks green."""
    report = yield
    return _refuse_skip(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for modules that skip themselves while they are read."""
    report = yield
    return _refuse_skip(report)


def _refuse_skip(report: _Report) -> _Report:
    if os.environ.get("CI") != "true" or not report.skipped or hasattr(report, "wasxfail"):
        return report
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    if reason not in _allowed_skips():
        report.outcome = "failed"
        report.longrepr = (
            f"{report.nodeid} was skipped in CI: {reason}\n{ALLOWED_SKIPS.name} does not allow this reason"
        )
    return report


def _allowed_skips() -> set[str]:
    lines = ALLOWED_SKIPS.read_text(encoding="utf-8").splitlines()
    return {line.strip() for line in lines if line.strip() and not line.startswith("#")}


@cache
def _docker_answers() -> bool:
    # not by the SDK: its client leaves a socket open where nobody answers, and a later test is blamed for that
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "version"], capture_output=True, timeout=60, check=False).returncode == 0


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium of this machine's own; nothing is downloaded. One for each worker."""
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    flags += ["--disable-sync", "--no-first-run", "--disable-dev-shm-usage"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=STEADY, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh page with nothing remembered."""
    context = browser.new_context()
    context.set_default_timeout(120_000)  # a busy machine is slow, not broken
    yield context.new_page()
    context.close()
