"""The class page as text: what is in it, that it is whole, and that nothing a learner wrote acts in it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from bs4 import BeautifulSoup, Tag

from autograder.grading.classreport.entries import Attempt, ClassWork, Entry
from autograder.grading.classreport.page import page
from autograder.grading.classreport.plain import as_csv, as_text, feedback
from autograder.grading.classreport.summary import Summary, summarise
from autograder.mistakes.catalogue import mistakes
from autograder.mistakes.finding import Finding
from tests.grading.report.classes import FILE, LAB, a_class, config, entry, marks, verdicts

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202egnp\x1b[31m"

TITLES = {mistake.slug: mistake.title for mistake in mistakes()}


def a_summary(size: int = 40) -> Summary:
    """A class with something of everything: attempts, copies, someone without a verdict."""
    entries = []
    for work in a_class(size):
        attempts = tuple(Attempt(verdicts(name)) for name, _, _ in work.attempts)
        now = attempts[-1] if work.judged else None
        entries.append(Entry(work.student, now, attempts, files={FILE: work.attempts[-1][1]}))
    odd = f"# measured it twice and the third time it went over the cliff\n{config('reference')}"
    entries += [entry("x1", "reference", odd), entry("x2", "reference", odd), Entry("x3", None)]
    broken = Attempt(verdicts("missing-semicolon"))
    entries.append(Entry("x4", broken, (broken,)))
    return summarise(ClassWork(LAB, tuple(entries), ("s0001/x-y-z.json",), 2), TITLES)


def soup(found: Summary, *, names: bool = True) -> BeautifulSoup:
    return BeautifulSoup(page(found, site="https://course.example", names=names), "html.parser")


def test_every_table_has_a_caption_and_scopes() -> None:
    tables = soup(a_summary()).find_all("table")
    assert len(tables) >= 6
    for table in tables:
        assert table.caption.get_text(strip=True)
        assert all(cell.get("scope") == "col" for cell in table.thead.find_all("th"))
        width = len(table.thead.find_all("th"))
        for row in table.tbody.find_all("tr"):
            cells = row.find_all(["th", "td"])
            assert len(cells) == width
            assert (cells[0].name, cells[0]["scope"]) == ("th", "row")


def test_every_picture_has_a_name_and_a_twin_in_text() -> None:
    read = soup(a_summary())
    pictures = read.select("svg.chart")
    assert len(pictures) == 5
    for picture in pictures:
        assert picture["role"] == "img"
        named = [read.find(id=name) for name in str(picture["aria-labelledby"]).split()]
        assert all(each is not None and each.get_text(strip=True) for each in named)
        section = picture.find_parent("section")
        assert section is not None
        assert section.find("table") is not None
    identifiers = [str(tag["id"]) for tag in read.find_all(id=True)]
    assert len(identifiers) == len(set(identifiers))


def test_nothing_is_fetched_and_nothing_runs() -> None:
    text = page(a_summary())
    read = BeautifulSoup(text, "html.parser")
    assert not read.find_all(["script", "iframe", "object", "embed", "img", "form", "base"])
    assert not [tag for tag in read.find_all(True) if isinstance(tag, Tag) and "style" in tag.attrs]
    assert not [name for tag in read.find_all(True) for name in tag.attrs if name.startswith("on")]
    assert [str(tag["href"])[:10] for tag in read.find_all("link")] == ["data:image"]
    assert "@import" not in text
    assert "url(" not in text


def test_links_lead_to_the_field_guide() -> None:
    links = [str(tag["href"]) for tag in soup(a_summary()).find_all("a") if str(tag["href"]).startswith("http")]
    assert "https://course.example/field-guide/weight-skew.html" in links
    assert all(re.fullmatch(r"https://course\.example/field-guide/[a-z0-9-]+\.html", link) for link in links)


def test_a_slip_that_only_the_lab_knows_leads_to_the_lab() -> None:
    told = ("of all, not of the rest", "of all, not of the rest", "<b>of the rest</b>")
    entries = []
    for number, words in enumerate(told):
        slip = Finding("share-of-the-rest", "", "answers.toml", 3, "33", (0, 2), words, "")
        now = marks(True, False, True, True, True)
        now = Attempt(tuple(replace(each, causes=(slip,)) if each.check == "spread" else each for each in now.verdicts))
        entries.append(Entry(f"s{number}", now, (now,)))
    found = soup(summarise(ClassWork(LAB, (*entries, entry("a", "weight-kept")), (), 0), TITLES))
    links = {tag.text: str(tag["href"]) for tag in found.find_all("a") if str(tag["href"]).startswith("http")}
    assert links == {
        "share-of-the-rest": "https://course.example/labs/spread-the-load.html",
        "weight-skew": "https://course.example/field-guide/weight-skew.html",
    }
    assert "of all, not of the rest" in found.text
    assert not found.find_all("b")


def test_the_numbers_of_the_class_are_on_the_page() -> None:
    found = a_summary()
    words = soup(found).get_text(" ")
    assert f"{found.handed_in} students handed in, {found.graded} have a verdict" in words
    assert "1 record could not be read" in words
    assert "2 students were judged by an earlier version" in words
    assert "./manyhands grade spread-the-load" in words
    assert "This is a hint, not a proof." in words
    assert "went over the cliff" in words


def test_names_stand_only_where_they_are_folded_away() -> None:
    read = soup(a_summary())
    for folded in read.find_all("details"):
        folded.decompose()
    words = read.get_text(" ")
    assert "s0002" not in words
    assert "x1" not in words
    assert "x1" not in soup(a_summary(), names=False).get_text(" ").replace("s0001/x-y-z.json", "")
    assert "s0002" not in page(a_summary(), names=False)


def test_too_few_to_say_is_said() -> None:
    found = summarise(ClassWork(LAB, tuple(entry(f"s{number}", "reference") for number in range(5))))
    words = soup(found).get_text(" ")
    assert "too few to say (n = 5)" in words
    assert not soup(found).find(id="items-t")


def test_a_class_of_nobody_with_a_verdict_is_told_so() -> None:
    found = summarise(ClassWork(LAB, (Entry("a", None),)))
    words = soup(found).get_text(" ")
    assert "1 student handed in, 0 have a verdict" in words
    assert "no verdict" in as_text(found)
    assert as_csv(found).count("\r\n") == 2


def test_what_learners_wrote_is_shown_and_does_nothing() -> None:
    finding = Finding(EVIL, EVIL, EVIL, 1, EVIL, (0, 1), EVIL, EVIL)
    now = marks(True, False, True, True, False)
    now = Attempt(tuple(replace(each, causes=(finding,), observed=EVIL) for each in now.verdicts))
    text = f"# {EVIL} {'and so on ' * 9}\n{config('reference')}"
    entries = tuple(Entry(f"{EVIL}{number}", now, (now,), files={FILE: text}) for number in (1, 2))
    found = summarise(ClassWork(LAB, entries, (EVIL,)))
    assert found.copies
    html = page(found)
    read = BeautifulSoup(html, "html.parser")
    assert not read.find_all(["script", "img"])
    assert not [name for tag in read.find_all(True) for name in tag.attrs if name.startswith("on")]
    assert "\u202e" not in html
    assert "\x1b" not in html
    assert "<script>alert(1)</script>" in read.get_text()
    assert "\x1b" not in as_text(found)
    assert "\u202e" not in as_csv(found)


def test_the_same_class_makes_the_same_page() -> None:
    assert page(a_summary()) == page(a_summary())


def test_feedback_tells_each_check_and_nothing_hidden() -> None:
    found = a_summary()
    told = feedback(found)
    assert set(told) == {row.student for row in found.students if row.points is not None}
    assert "one server dies: no client sees an error: passed (2 of 2)" in told["x1"]
    hidden = {population for check in LAB.checks for population in check.hidden}
    assert hidden
    assert not any(population in sentence for population in hidden for sentence in told.values())


@pytest.mark.parametrize("size", [1, 2, 11, 31])
def test_a_class_of_any_size_has_a_page(size: int) -> None:
    works = a_class(size)
    entries = tuple(entry(work.student, *work.attempts[-1][:2]) for work in works)
    assert page(summarise(ClassWork(LAB, entries))).endswith("</html>\n")
