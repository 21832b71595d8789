"""The whole way of a lab in a real browser: open, predict, watch, edit, check, submit; then grading and formgrader.

With MANYHANDS_SCREENS=DIR the pictures of the README and the site are saved there:

    MANYHANDS_SCREENS=course/assets/screens ./manyhands test tests/notebook/test_learner_path.py
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from autograder.labs.catalogue import load_lab

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.launch.conftest import Bench

pytestmark = [pytest.mark.xdist_group("machine"), pytest.mark.browser]

LAB = load_lab("spread-the-load")
MINUTE = 60_000


def shot(page: Page, name: str) -> None:
    if folder := os.environ.get("MANYHANDS_SCREENS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png")


def menu(page: Page, *path: str) -> None:
    for entry in path:
        page.get_by_role("menuitem", name=entry, exact=True).click()


def cell(page: Page, code: str) -> Locator:
    return page.locator(".jp-CodeCell").filter(has=page.locator(".jp-InputArea", has_text=code)).first


def run(page: Page, code: str) -> Locator:
    """Run the cell that holds ``code``; its output once it has ended."""
    chosen = cell(page, code)
    prompt = chosen.locator(".jp-InputArea-prompt")
    before = prompt.inner_text()
    chosen.locator(".jp-InputArea-editor").click()
    page.keyboard.press("Control+Enter")
    expect(prompt).not_to_have_text(before)
    expect(prompt).to_have_text(re.compile(r"\[\d+\]:"))
    return chosen.locator(".jp-OutputArea-output").last


def replace_config(page: Page, content: str) -> None:
    """Open conf/nginx.conf in JupyterLab's editor, type another content, save, close."""
    page.get_by_role("link", name="conf/nginx.conf").first.click()
    editor = page.locator(".jp-FileEditor .cm-content")
    editor.click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(content)
    page.keyboard.press("Control+s")
    tab = page.get_by_role("tab", name="nginx.conf")
    expect(tab).not_to_have_class(re.compile("jp-mod-dirty"))
    tab.locator(".lm-TabBar-tabCloseIcon").click()
    expect(tab).to_have_count(0)


def test_from_the_list_of_labs_to_the_gradebook(bench: Bench, page: Page) -> None:
    expect.set_options(timeout=2 * MINUTE)
    page.set_viewport_size({"width": 1400, "height": 1000})
    up = bench.up()
    page.goto(up.lab)
    page.locator(".jp-MarkdownViewer").get_by_role("link", name=LAB.title).click()
    page.locator(".jp-NotebookPanel .jp-CodeCell").first.wait_for()
    page.get_by_text("| Idle").wait_for()  # the kernel; JupyterLab forgets what is run before it is there

    # Open, predict, see the traffic pile up.
    assert "the stack runs" in run(page, "open_lab").inner_text()
    run(page, "lab.predict")
    answers = json.loads((bench.home / "labs" / LAB.slug / "answers.json").read_text())
    assert answers["shares"]["app4"] == 0.4
    seen = run(page, 'lab.send(clients="many", requests=300)')
    picture = seen.locator("svg")
    assert "100%" in str(picture.locator("desc").text_content())
    picture.scroll_into_view_if_needed()
    shot(page, "lab")
    verdict = run(page, 'lab.check("spread")')
    assert "spread: failed" in verdict.inner_text()
    assert "conf/nginx.conf:" in verdict.inner_text()

    # Mend the config in the editor, apply, measure, check.
    replace_config(page, LAB.read(LAB.reference)["conf/nginx.conf"].decode())
    assert "nginx runs config" in run(page, "lab.apply()").inner_text()
    seen = run(page, 'lab.send(clients="many", requests=300)')
    assert "app4 40%" in str(seen.locator("svg desc").text_content())
    assert "spread: passed, 3 of 3" in run(page, 'lab.check("spread")').inner_text()
    page.keyboard.press("Control+s")

    # Submit through nbgrader's exchange.
    menu(page, "Nbgrader", "Assignment List")
    button = page.get_by_role("button", name="Submit", exact=True)
    rows = page.locator("#fetched_assignments_list .list_item").filter(has_text=LAB.slug)
    rows.filter(has=button).first.get_by_role("button", name="Submit", exact=True).click()
    inbound = bench.home / "exchange" / "many-hands" / "inbound"
    page.locator("#submitted_assignments_list").get_by_text(LAB.slug).first.wait_for()
    (submitted,) = inbound.iterdir()
    assert (submitted / "conf/nginx.conf").read_bytes() == LAB.read(LAB.reference)["conf/nginx.conf"]

    # The instructor: grade, then see the same in the gradebook and in formgrader.
    graded = bench.run("grade", LAB.slug, "--json")
    assert graded.returncode == 0, graded.stderr
    (row,) = json.loads(graded.stdout)["rows"]
    assert row["points"] == row["max_points"] == LAB.points
    scores = up.ask("formgrader/api/submissions/" + LAB.slug)
    assert [submission["score"] for submission in scores] == [LAB.points]
    assert bench.run("nbgrader", "generate_feedback", LAB.slug).returncode == 0
    (feedback,) = (bench.home / "class" / "feedback").glob(f"*/{LAB.slug}/*.html")
    assert "Every server got its fair share" in feedback.read_text(encoding="utf-8")
    menu(page, "Nbgrader", "Formgrader")
    frame = page.frame_locator("iframe[src*=formgrader]")
    frame.get_by_role("link", name=LAB.slug).first.wait_for()
    shot(page, "formgrader")
