"""Questions in a real Chromium: what was answered is told, kept, due again, and carried along."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from autograder.bench.site.barriers import barriers

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

QUIZ = "modules/05-monitoring/quiz.html"
NAME = "modules/05-monitoring"
ITEMS = 9
TODAY = datetime(2026, 11, 22, 10, tzinfo=UTC)


class Reader:
    """Somebody with a browser that remembers, on a day of our choice."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self._address = page, address
        page.clock.set_fixed_time(TODAY)

    def opens(self, name: str, days: int = 0) -> None:
        """Go to a page, so many days later."""
        self.page.clock.set_fixed_time(TODAY + timedelta(days=days))
        self.page.goto(f"{self._address}/{name}")

    def answers(self, number: int, *, right: bool) -> None:
        """Open an option of the question, from 0."""
        chosen = self.page.evaluate_handle(
            """([number, right]) => {
              const firsts = [...document.querySelectorAll("p + details.option")];
              let one = firsts[number];
              while (one.classList.contains("right") !== right) one = one.nextElementSibling;
              // told after the page was: its own listener came first
              window.toggled = new Promise((done) => one.addEventListener("toggle", done, { once: true }));
              return one.querySelector("summary");
            }""",
            [number, right],
        ).as_element()
        assert chosen is not None
        chosen.click()
        self.page.evaluate("window.toggled.then(() => true)")

    def told(self) -> str:
        return self.page.locator("#tally").inner_text()

    def heard(self) -> str:
        return self.page.locator(".mh-tally [role=status]").text_content() or ""


@pytest.fixture
def reader(page: Page, address: str) -> Reader:
    return Reader(page, address)


def test_the_first_answer_counts_is_announced_and_stays(reader: Reader) -> None:
    reader.opens(QUIZ)
    assert reader.told() == f"0 of {ITEMS} answered, 0 found at the first try."
    reader.answers(0, right=True)
    assert reader.heard().startswith("Right.")
    reader.answers(1, right=False)
    assert reader.heard().startswith("Not this one.")
    reader.answers(1, right=True)  # looked at afterwards: good, and no first try
    assert reader.heard().startswith("Right.")
    assert reader.told() == f"2 of {ITEMS} answered, 1 found at the first try."
    reader.opens(QUIZ)
    assert reader.told().startswith("2 of")
    marks = reader.page.locator("p[data-mark]").evaluate_all("all => all.map(one => one.dataset.mark)")
    assert marks == ["✓", "✗"] + [""] * (ITEMS - 2)


def test_questions_come_back_after_a_day_if_missed_and_after_7_and_30_days_if_found(reader: Reader) -> None:
    reader.opens(QUIZ)
    reader.answers(0, right=True)
    reader.answers(1, right=False)
    for days, due in ((0, ""), (1, "1 due again"), (6, "1 due again"), (7, "2 due again")):
        reader.opens(QUIZ, days)
        assert ("due again" in reader.told()) == bool(due), days
        assert due in reader.told()
    reader.answers(0, right=True)
    reader.answers(1, right=True)
    assert "due" not in reader.told()
    for days, due in ((14, "1 due again"), (36, "1 due again"), (37, "2 due again")):
        reader.opens(QUIZ, days)
        assert due in reader.told(), days
    reader.answers(0, right=True)
    reader.opens(QUIZ, 1000)
    assert "1 due again" in reader.told(), "the first was remembered twice, and does not come again"


def test_progress_is_counted_saved_and_opened_elsewhere(
    reader: Reader, browser: Browser, address: str, tmp_path: Path
) -> None:
    reader.opens("progress.html")
    assert "You are sure of 0 of" in reader.page.locator("[data-progress]").inner_text()
    reader.opens(QUIZ)
    for number in range(ITEMS - 1):
        reader.answers(number, right=True)
    assert "You can be sure of this module." in reader.told()
    reader.opens("progress.html")
    assert "You are sure of 1 of" in reader.page.locator("[data-progress]").inner_text()
    assert reader.page.locator(f"[data-count='{NAME}']").inner_text() == f"{ITEMS - 1} of {ITEMS}"
    with reader.page.expect_download() as saving:
        reader.page.get_by_role("button", name="Save my answers").click()
    saving.value.save_as(tmp_path / "answers.json")

    context = browser.new_context()
    other = Reader(context.new_page(), address)
    other.opens("progress.html", days=1)
    field = other.page.locator("input[type=file]")
    field.set_input_files(tmp_path / "answers.json")
    other.page.get_by_text(f"{ITEMS - 1} answers taken").wait_for()
    assert "You are sure of 1 of" in other.page.locator("[data-progress]").inner_text()
    context.close()


def test_a_copy_without_server_or_network_keeps_answers_too(browser: Browser, site: Path) -> None:
    context = browser.new_context(offline=True)
    reader = Reader(context.new_page(), site.as_uri())
    reader.opens(QUIZ)
    for number in range(ITEMS - 1):
        reader.answers(number, right=True)
    assert "You can be sure of this module." in reader.told()
    reader.opens("progress.html", days=8)
    assert "You are sure of 1 of" in reader.page.locator("[data-progress]").inner_text()
    assert reader.page.locator(f"[data-count='{NAME}']").inner_text() == f"{ITEMS - 1} of {ITEMS}"
    context.close()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "null",
        '{"answers": null}',
        '{"answers": {"__proto__": {"1": {"right": true, "at": 1, "times": 1}}}}',
        '{"answers": {"modules/05-monitoring": {"1": {"right": "yes", "at": 1, "times": 1}, "x": 3}}}',
        '{"answers": {"<script>": {"1": {"right": true, "at": -1, "times": 1e9}}}}',
        "x" * 1_100_000,
    ],
)
def test_a_file_that_holds_no_answers_changes_nothing(reader: Reader, tmp_path: Path, content: str) -> None:
    (tmp_path / "odd.json").write_text(content)
    reader.opens("progress.html")
    reader.page.evaluate(
        "localStorage.setItem('many-hands.answers', JSON.stringify({'modules/01-anatomy':"
        " {'1': {right: true, at: 1, times: 1}}}))"
    )
    before = reader.page.evaluate("localStorage.getItem('many-hands.answers')")
    reader.page.locator("input[type=file]").set_input_files(tmp_path / "odd.json")
    reader.page.get_by_text("holds no answers of this course").wait_for()
    assert reader.page.evaluate("localStorage.getItem('many-hands.answers')") == before


@pytest.mark.parametrize("kept", ["nonsense", "[1]", '{"a": 1}', json.dumps({NAME: {"1": None, "2": {"right": 1}}})])
def test_what_was_kept_and_is_broken_is_as_if_nothing_had_been(reader: Reader, kept: str) -> None:
    reader.opens(QUIZ)
    reader.page.evaluate("text => localStorage.setItem('many-hands.answers', text)", kept)
    reader.opens(QUIZ)
    assert reader.told().startswith("0 of")


def test_anew_forgets_this_page_alone(reader: Reader) -> None:
    reader.opens("modules/06-load/quiz.html")
    reader.answers(0, right=True)
    reader.opens(QUIZ)
    reader.answers(0, right=True)
    reader.page.get_by_role("button", name="Answer all of them anew").click()
    assert reader.told().startswith("0 of")
    assert reader.page.locator("details.option[open]").count() == 0
    reader.opens("modules/06-load/quiz.html")
    assert reader.told().startswith("1 of")


def test_a_keyboard_answers_and_axe_finds_nothing(reader: Reader) -> None:
    reader.opens(QUIZ)
    reader.page.locator("details.option summary").first.focus()
    reader.page.keyboard.press("Enter")
    reader.page.locator("#tally", has_text=re.compile("^1 of")).wait_for()  # that an option is open is told later
    assert barriers(reader.page) == []
