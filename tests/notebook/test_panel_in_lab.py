"""The control room in a real JupyterLab on a real stack: predict, break, watch the crash, roll back, check, come back.

With MANYHANDS_SCREENS=DIR the pictures of the README and the site are saved there, light and dark.
"""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from autograder.labs.catalogue import load_lab
from autograder.launch.processes import descendants
from autograder.stack.procfs import wait_until
from tests.notebook.browser.desk import Desk, barriers, jupyterlab, run_first_cell, shot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Locator, Page

pytestmark = [pytest.mark.xdist_group("machine"), pytest.mark.browser, pytest.mark.slow]
LAB = load_lab("spread-the-load")
OPEN = 'from autograder.notebook import open_lab\n\nlab = open_lab("{slug}", engine="{engine}")'
SETTINGS = "lab/api/settings/@jupyterlab/apputils-extension:kernels-settings?token=t"


@pytest.fixture
def engine() -> str:
    """Which engine the lab's stack is on; a test may say another one."""
    return "local"


@pytest.fixture
def desk(tmp_path: Path, engine: str) -> Iterator[Desk]:
    """The lab with its mended config."""
    cells = (OPEN.format(slug=LAB.slug, engine=engine), "lab.history()")
    config = {"conf/nginx.conf": LAB.read(LAB.reference)["conf/nginx.conf"]}
    with jupyterlab(tmp_path, LAB.slug, cells, config) as one:
        yield one


def config_of(desk: Desk) -> Path:
    """The config that the learner edits."""
    return desk.folder / "conf/nginx.conf"


def opened(desk: Desk, page: Page) -> Locator:
    """The panel of the lab, once its first cell was run and every server is in the picture."""
    room = run_first_cell(desk, page)
    expect(room.get_by_role("list", name="Servers").get_by_role("listitem")).to_have_count(4)
    return room


def crowd(desk: Desk, room: Locator) -> None:
    """One word sends nearly everything to one server."""
    mended = config_of(desk).read_text()
    config_of(desk).write_text(mended.replace("server app1:8080 ", "server app1:8080 weight=200 "))
    expect(room.locator(".mh-line.mh-new")).to_contain_text("weight=200")
    expect(room.locator(".mh-config .mh-chip")).to_have_text("changed, not applied")
    room.get_by_role("button", name="Apply").click()
    expect(room.locator(".mh-config .mh-chip")).to_have_text("running")
    expect(room.locator(".mh-verdict")).to_contain_text("concentrated")


def crash(room: Locator) -> None:
    """It falls over."""
    load(room, 400)
    expect(servers_in(room).first).to_contain_text("down, exit 137")
    expect(room.locator(".mh-marks")).to_contain_text("crashed")


def roll_back(desk: Desk, room: Locator, mended: str) -> None:
    """The file is mended too, and the servers come up again."""
    load(room, 40)
    room.get_by_role("button", name="Roll back").click()
    expect(room.locator(".mh-config .mh-chip")).to_have_text("rolled back")
    assert config_of(desk).read_text() == mended
    if room.get_by_role("button", name="Bring all back").is_visible():
        room.get_by_role("button", name="Bring all back").click()
    else:
        servers_in(room).first.get_by_role("button", name="bring back app1").click()
    expect(servers_in(room).first).not_to_contain_text("down")
    expect(room.locator(".mh-verdict")).to_contain_text("even")


def check(room: Locator) -> None:
    """One check, and what came of it."""
    room.get_by_role("button", name="Check spread").click()
    row = room.locator(".mh-check").nth(1)
    expect(row.locator(".mh-outcome")).to_have_text("passed")
    expect(row.locator(".mh-points")).to_have_text("3/3")
    expect(room.locator(".mh-notice")).to_contain_text("check spread: passed")


def servers_in(room: Locator) -> Locator:
    """The servers of the picture."""
    return room.get_by_role("list", name="Servers").get_by_role("listitem")


def test_break_it_watch_it_fall_roll_it_back_and_come_back(desk: Desk, page: Page) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    room = opened(desk, page)
    servers, verdict = servers_in(room), room.locator(".mh-verdict")
    chip = room.locator(".mh-config .mh-chip")

    # Predict, and see it come true.
    for field, guess in zip(room.locator(".mh-guesses input").all(), (20, 20, 20, 40), strict=True):
        field.fill(str(guess))
    room.get_by_role("button", name="Save").click()
    expect(room.locator(".mh-total")).to_have_text("saved")
    assert json.loads((desk.folder / "answers.json").read_text())["shares"]["app4"] == 0.4
    load(room, 90)
    expect(verdict).to_contain_text("even")
    shot(page, "panel-even")

    # A slip is refused, and named with its line; what ran before still runs.
    mended = config_of(desk).read_text()
    config_of(desk).write_text(mended.replace("keepalive 32;", "keepalive 32"))
    expect(chip).to_have_text("changed, not applied")
    room.get_by_role("button", name="Apply").click()
    expect(chip).to_have_text("refused")
    expect(room.locator(".mh-complaint")).to_contain_text("conf/nginx.conf:")
    expect(verdict).to_contain_text("even")

    config_of(desk).write_text(mended)
    crowd(desk, room)
    expect(servers.first.locator(".mh-share b")).to_have_text(re.compile("9.|100"))
    expect(servers.first.locator(".mh-word")).to_have_text(re.compile("gets too much|over capacity"))
    shot(page, "panel-crowded")
    crash(room)
    roll_back(desk, room, mended)
    check(room)
    shot(page, "panel-mended")
    assert barriers(page) == []

    # The page is loaded anew: the same panel, with all it knew.
    page.keyboard.press("Control+s")
    expect(page.locator(".jp-mod-dirty")).to_have_count(0)
    page.reload()
    expect(servers).to_have_count(4)
    expect(room.locator(".mh-check").nth(1).locator(".mh-outcome")).to_have_text("passed")
    expect(room.locator(".mh-guesses")).to_contain_text("observed")
    assert errors == []

    # A page's words go to the kernel itself. JupyterLab would send them to a thread of the kernel's, which it may end
    # too soon when a page is loaded anew on a busy machine; then nothing that the panel asks is ever answered.
    chosen = page.request.get(desk.server + SETTINGS).json()["schema"]["properties"]["commsOverSubshells"]
    assert chosen["default"] == "disabled"
    assert "subshell" not in desk.said.read_text()

    # The kernel is shut down: the panel says so, and what to do. (One that is killed says nothing; see test_panel.)
    (session,) = page.request.get(f"{desk.server}api/sessions?token=t").json()
    page.request.delete(f"{desk.server}api/sessions/{session['id']}?token=t")
    expect(room.get_by_role("alert")).to_have_text("This lab is closed. Open it again: run the first cell.")


def load(room: Locator, rate: int) -> None:
    """Ask for so many requests a second."""
    room.get_by_role("slider", name="Load").fill(str(rate))
    expect(room.locator(".mh-clients")).to_contain_text(f"ask {rate}/s")


def renderers(page: Page) -> list[int]:
    """The processes of Chromium that show pages: all of them, spare ones as well."""
    browser = page.context.browser
    assert browser is not None
    told = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    (chief,) = [one["id"] for one in told if one["type"] == "browser"]
    below = [one.pid for one in descendants(chief)]
    return [pid for pid in below if b"--type=renderer" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def stopped(pid: int) -> bool:
    """Whether it is on hold."""
    return "State:\tT" in Path(f"/proc/{pid}/status").read_text()


_PAINTS = """() => {
  let last = performance.now();
  window.longest = 0;
  const paint = () => {
    window.longest = Math.max(window.longest, performance.now() - last);
    last = performance.now();
    requestAnimationFrame(paint);
  };
  paint();
}"""
ASLEEP_S = 30.0
"""Longer than a page waits before it says that the kernel has stopped."""


def test_a_page_that_was_frozen_shows_what_is_now_when_it_wakes(desk: Desk, page: Page) -> None:
    """As on a laptop that was shut for half a minute, while the kernel went on and a file was changed."""
    room = opened(desk, page)
    load(room, 60)
    expect(room.locator(".mh-verdict")).to_contain_text("even")
    page.evaluate(_PAINTS)
    asleep = renderers(page)
    began = time.monotonic()
    for pid in asleep:
        os.kill(pid, signal.SIGSTOP)
    try:
        config_of(desk).write_text(config_of(desk).read_text() + "# while nobody looked\n")
        assert wait_until(lambda: time.monotonic() > began + ASLEEP_S, 2 * ASLEEP_S)
    finally:
        for pid in asleep:
            os.kill(pid, signal.SIGCONT)
    woke = time.monotonic()
    expect(room.locator(".mh-config .mh-chip")).to_have_text("changed, not applied")
    expect(room.locator(".mh-line.mh-new")).to_contain_text("while nobody looked")
    expect(room.get_by_role("alert")).to_be_hidden()
    print(f"up to date {time.monotonic() - woke:.1f} s after it woke")
    assert page.evaluate("window.longest") > 900 * ASLEEP_S  # it was asleep indeed
    room.get_by_role("button", name="Apply").click()
    expect(room.locator(".mh-config .mh-chip")).to_have_text("running")
    expect(room.locator(".mh-verdict")).to_contain_text("even")
