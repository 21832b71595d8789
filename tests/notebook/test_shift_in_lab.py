"""The capstone in a real JupyterLab: the pager, every move by its button on a real stack, the chat, and the debrief."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from autograder.labs.catalogue import load_lab
from autograder.labs.kinds.oncall_record import FILE, read_record
from autograder.labs.kinds.oncall_world import read_world
from tests.notebook.browser.desk import barriers, jupyterlab, run_first_cell, shot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Locator, Page

    from tests.notebook.browser.desk import Desk

pytestmark = [pytest.mark.xdist_group("machine"), pytest.mark.browser, pytest.mark.slow]
LAB = load_lab("first-of-march")
WORLD = read_world(LAB, next(check.settings["world"] for check in LAB.checks if "world" in check.settings))
OPEN = """from autograder.notebook import open_lab, take_shift

lab = open_lab("first-of-march")
shift = take_shift(lab, pace=30)"""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """The lab as it is handed out."""
    with jupyterlab(tmp_path, LAB.slug, (OPEN, "shift.debrief()"), LAB.read(LAB.start)) as one:
        yield one


def seen(room: Locator, title: str) -> Locator:
    """What the button showed that was pressed last."""
    return room.get_by_role("region", name=re.compile(f"^You saw: {title}, "))


def did(room: Locator, words: str) -> None:
    """What came of a move is in the log."""
    expect(room.get_by_role("region", name="Log, newest last")).to_contain_text(re.compile(words))


def test_a_shift_is_done_with_buttons_from_the_pager_to_the_debrief(desk: Desk, page: Page) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    room = run_first_cell(desk, page)
    call, looks = (room.get_by_role("region", name=name, exact=True) for name in ("On call", "Look"))
    talk = call.get_by_role("log")
    press = lambda name: call.get_by_role("button", name=name, exact=True).click()  # noqa: E731
    look = lambda name: looks.get_by_role("button", name=name, exact=True).click()  # noqa: E731

    # The pager rings, and is answered.
    room.get_by_text(re.compile(r"^Log \(")).click()
    expect(call).to_contain_text("the pager has rung")
    press("Begin the shift")
    expect(talk).to_contain_text(re.compile(r"pager The shop: \d+% of the requests fail"))
    call.get_by_label("Tell everybody").fill("We know of it, and look for the cause. More at 10:20.")
    press("Tell")
    expect(talk).to_contain_text("you We know of it")

    # Look: who answers, what fails, what was changed, line by line, and what a balancer wrote.
    look("Who answers")
    expect(seen(room, "shares")).to_contain_text(re.compile(r"lb1: \d+ of \d+ requests failed just now"))
    expect(seen(room, "shares")).to_contain_text(f"down: {WORLD.alone}")
    look("Errors")
    expect(seen(room, "errors")).to_contain_text("failed")
    look("Changes")
    expect(seen(room, "changes")).to_contain_text(WORLD.cause.name)
    call.get_by_label("Change").select_option(WORLD.cause.name)
    press("Show it")
    expect(seen(room, f"change {WORLD.cause.name}")).to_contain_text(re.compile(r"\n[-+] "))
    looks.get_by_label("Machine").select_option("lb1")
    look("What it wrote")
    expect(seen(room, "what lb1 wrote")).to_contain_text("Loading success")
    shot(page, "on-call")
    assert barriers(page) == []

    # Move: take the change back, load it on both balancers, start what fell over.
    call.get_by_label("Why").fill("It sends everybody to one machine")
    press("Revert it")
    did(room, f"revert {WORLD.cause.name}: ")
    for balancer in ("lb1", "lb2"):
        call.get_by_label("Balancer").select_option(balancer)
        press("Reload")
        did(room, f"reload {balancer}: .* of the pages fail")
    call.get_by_label("Machine").select_option(WORLD.alone)
    press("Restart")
    did(room, f"restart {WORLD.alone}: .* 0% of the pages fail")
    look("Who answers")
    expect(seen(room, "shares")).to_contain_text("down: nothing")
    expect(talk).to_contain_text("Support Customers write that the shop is down")  # the story went on meanwhile
    call.get_by_label("Tell everybody").fill("Every machine answers again: we took back one change.")
    press("All clear")
    expect(talk).to_contain_text("you Every machine answers again")

    # Look back, with a button and in a cell.
    press("End the shift")
    expect(call).to_contain_text("the shift is over")
    look("Debrief")
    expect(seen(room, "debrief")).to_contain_text("The best that could be done")
    expect(seen(room, "debrief")).to_contain_text("requests were lost")
    expect(call.get_by_role("button")).to_have_text(["Another shift"])
    page.locator(".jp-CodeCell .jp-InputArea-editor").nth(1).click()
    page.keyboard.press("Control+Enter")
    table = page.get_by_role("table", name="Your shift beside the best that could be done")
    expect(table).to_contain_text("all clear: Every machine answers again")
    expect(page.locator(".jp-OutputArea-output svg[aria-label^='When you looked']")).to_be_visible()
    assert errors == []

    done = read_record((desk.folder / FILE).read_bytes())
    assert [one.do for one in done if one.do != "look"] == [
        "begin", "tell", "revert", "reload", "reload", "restart", "all-clear",
    ]  # fmt: skip
    assert len([one for one in done if one.do == "look"]) == 6
    (session,) = page.request.get(f"{desk.server}api/sessions?token=t").json()
    page.request.delete(f"{desk.server}api/sessions/{session['id']}?token=t")
    assert json.loads((desk.folder / "lab.ipynb").read_text())["cells"]
