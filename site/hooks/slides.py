"""Slides for who teaches: a file for each module, from the headings, pictures, key points and questions of its pages.

A file holds all it needs and no script: slides snap into place while one scrolls, so Space, Page Down and the arrow
keys lead through them, and the browser prints one on each sheet.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any, TypeVar

from bs4 import BeautifulSoup, Tag
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ASSETS = Path(__file__).parents[1] / "theme/assets"
SHEETS = ("colours.css", "figures.css", "slides.css")
FOLDER = "slides"
PAGE = f"{FOLDER}/index.md"
AnyTag = TypeVar("AnyTag", bound=Tag)
QUESTIONS = 4
"""Of a module's quiz; the others are for who reads."""
_PART = re.compile(r"modules/(?P<module>\d\d-[a-z]+)/(?P<page>[a-z-]+)\.md")

_pages: dict[str, dict[str, tuple[str, str]]] = {}
"""Module → page → title and content, in the order of the navigation."""


def on_files(files: Files, config: Any) -> Files:
    """Add the page that leads to the slides."""
    _pages.clear()
    modules = sorted(Path(config["docs_dir"]).glob("modules/*/index.md"))
    files.append(File.generated(config, PAGE, content=_list(modules)))
    return files


def on_page_context(context: Any, page: Page, **_: Any) -> Any:
    """Keep the pages of modules, as they have become."""
    if part := _PART.fullmatch(page.file.src_uri):
        _pages.setdefault(part["module"], {})[part["page"]] = (page.title or "", page.content or "")
    return context


def on_post_build(config: Any, **_: Any) -> None:
    """Write the slides."""
    folder = Path(config["site_dir"], FOLDER)
    folder.mkdir(exist_ok=True)
    for module, pages in _pages.items():
        if "index" in pages:
            (folder / f"{module}.html").write_text(deck(pages["index"][0], list(slides(pages))), encoding="utf-8")


def slides(pages: dict[str, tuple[str, str]]) -> Iterator[str]:
    """The slides of a module, each as HTML that begins with a heading."""
    first = BeautifulSoup(pages["index"][1], "html.parser")
    yield f"<h1>{escape(pages['index'][0])}</h1>{_objectives(first)}"
    for name, (title, content) in pages.items():
        if name == "quiz":
            continue
        page = _plain(BeautifulSoup(content, "html.parser"))
        if name != "index":
            yield f"<h2>{escape(title)}</h2>"
        yield from _prediction(page)
        for figure in page("figure"):
            yield f"<h2>{escape(_heading_before(figure) or title)}</h2>{figure}"
        for heading in page("h2"):
            points = heading.find_next_sibling(["ul", "h2"])
            if heading.text.strip() == "Key points" and isinstance(points, Tag) and points.name == "ul":
                yield f"<h2>{escape(title)}: key points</h2>{points}"
    if "quiz" in pages:
        yield from _questions(_plain(BeautifulSoup(pages["quiz"][1], "html.parser")))


def _objectives(page: BeautifulSoup) -> str:
    able = next((each for each in page("p") if each.text.startswith("After this page")), None)
    listed = able.find_next_sibling("ul") if able else None
    return f"<p>You will be able to:</p>{_plain(listed)}" if isinstance(listed, Tag) else ""


def _plain(page: AnyTag) -> AnyTag:
    for tag in page.select(".headerlink, .footnote-ref, script, link"):
        tag.decompose()
    for tag in page("a"):
        tag.unwrap()
    for tag in page.select("[tabindex]"):
        del tag["tabindex"]
    return page


def _heading_before(figure: Tag) -> str:
    heading = figure.find_previous(["h2", "h3"])
    return heading.text.strip() if heading else ""


def _prediction(page: BeautifulSoup) -> Iterator[str]:
    """What is to be predicted on one slide, the answer on the next."""
    asked = next((heading for heading in page("h2") if heading.text.strip().startswith("Predict")), None)
    answer = page.find("details", class_="predict")
    if asked is None or not isinstance(answer, Tag):
        return
    parts = [str(each) for each in asked.find_next_siblings() if isinstance(each, Tag)]
    before = parts[: parts.index(str(answer))] if str(answer) in parts else []
    yield f"<h2>Predict</h2>{''.join(before)}"
    yield f"<h2>What happened</h2>{_inside(answer)}"


def _inside(details: Tag) -> str:
    return "".join(str(each) for each in details.children if not (isinstance(each, Tag) and each.name == "summary"))


def _questions(page: BeautifulSoup) -> Iterator[str]:
    """Each question with its options, then the right one with its reason."""
    asked = [each for each in page("p") if re.match(r"\d+\. ", each.text) and _options(each)]
    for question in asked[:QUESTIONS]:
        options = _options(question)
        words = question.decode_contents()
        listed = "".join(f"<li>{option.summary.decode_contents()}</li>" for option in options if option.summary)
        yield f"<h2>Question</h2><p>{words}</p><ol>{listed}</ol>"
        for option in options:
            if "right" in (option.get("class") or []) and option.summary:
                yield f"<h2>Answer</h2><p><b>{option.summary.decode_contents()}</b></p>{_inside(option)}"


def _options(question: Tag) -> list[Tag]:
    found = []
    for each in question.find_next_siblings():
        if not isinstance(each, Tag) or each.name != "details":
            break
        found.append(each)
    return found


def deck(title: str, shown: list[str]) -> str:
    """A file of slides, which needs no other."""
    icon = base64.b64encode((ASSETS / "favicon.svg").read_bytes()).decode()
    style = "\n".join((ASSETS / name).read_text(encoding="utf-8") for name in SHEETS)
    sections = "\n".join(
        f'<section id="s{number}" aria-label="Slide {number} of {len(shown)}">{_own_ids(number, html)}'
        f'<p class="number">{number} / {len(shown)}</p></section>'
        for number, html in enumerate(shown, 1)
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}: slides</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta name="description" content="Slides for teaching {escape(title)} With Space or Page Down to the next.">'
        f'<link rel="icon" href="data:image/svg+xml;base64,{icon}">'
        f"<style>{style}</style></head><body><main><article>\n{sections}\n</article></main></body></html>\n"
    )


def _own_ids(number: int, html: str) -> str:
    """Names of places made unlike those of other slides."""

    def named(found: re.Match[str]) -> str:
        return f'{found[1]}="{" ".join(f"s{number}-{one}" for one in found[2].split())}"'

    html = re.sub(r'\b(id|for|name|aria-labelledby)="([^"]+)"', named, html)
    return re.sub(r'(href="#)', rf"\1s{number}-", html)


def _list(modules: list[Path]) -> str:
    rows = []
    for index in modules:
        title = index.read_text(encoding="utf-8").partition("\n# ")[2].partition("\n")[0]
        rows.append(f'<li><a href="{index.parent.name}.html">{escape(title)}</a></li>')
    return f"""---
description: Slides for each module, made from its pages, to open in any browser, to print, or to keep on a stick.
---

# Slides

*For whoever teaches in a room. Each file holds all it needs: save it, and open it anywhere.*

<ul>
{chr(10).join(rows)}
</ul>

## How to show them

Open one, and let the browser fill the screen (F11). **Space**, **Page Down** and the **down arrow** lead on;
**Page Up** and the **up arrow** lead back. Printing gives a slide on each sheet.

## How to teach with them

1. A *Predict* slide comes before its answer. Let everybody write a number down. Then go on.
2. Show a picture, and let somebody else say what it shows.
3. After a question, count hands for each option. Ask one person of each group why. Then go on.
4. Leave the reading to the pages: slides hold headings, pictures, key points and the first {QUESTIONS} questions.
5. Then the lab. [Plan a day, or six weeks](../instructors/schedule.md) says which one.

They are made from the pages when the site is built. Mend a page, and its slide is mended.
"""
