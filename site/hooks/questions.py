"""Where a reader's answers are counted: a line on each page of questions, and the page that lists them all.

The browser does the counting (``assets/questions.js``) and keeps it. Without a script, the pages read as they are.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_QUESTION = re.compile(r"^\*\*\d+\. ", re.MULTILINE)
_TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
_TOP = re.compile(r"</h1>\s*<p>.*?</p>", re.DOTALL)
_PROGRESS = """---
description: Which questions you have answered, which are due again after 7 and 30 days, and how to keep your answers.
---

# Your progress

*Kept in this browser and nowhere else. Nobody sees it, and it is not graded.*

Each answer that you find at the first try counts. With 80 % of a module's questions you can be sure of it. Questions
come back after **7 days** and again after **30 days**: what is remembered twice with a gap between stays.

<div class="mh-progress" role="status" data-progress>With JavaScript switched on, your answers are counted here.</div>

| questions | how many | found at the first try | |
| --- | --- | --- | --- |
{rows}

## Take it along

<div class="mh-carry" data-carry></div>

A file holds your answers. Save it here, and open it in another browser, or on another machine. Opening a file adds to
what is there: of two answers to a question the later one stays.
"""


def on_files(files: Files, config: Any) -> Files:
    """Add the page that lists every page of questions."""
    rows = []
    for file in files.documentation_pages():
        if file.src_uri.endswith("/quiz.md"):
            folder = Path(file.abs_src_path or "").parent
            questions = (folder / "quiz.md").read_text(encoding="utf-8")
            module = folder / "index.md"  # the incident, which comes first, is told on a page elsewhere
            title = _TITLE.search(module.read_text(encoding="utf-8") if module.exists() else questions)
            count = len(_QUESTION.findall(questions))
            name = title.group(1) if title else folder.name
            cell = f'<span data-count="{_name(file)}" data-items="{count}">–</span>'
            rows.append(
                (file.src_uri, f"| [{name}]({file.src_uri}) | {count} | {cell} | {cell.replace('count', 'due', 1)} |")
            )
    content = _PROGRESS.format(rows="\n".join(row for _, row in sorted(rows)))
    files.append(File.generated(config, "progress.md", content=content))
    return files


def on_page_content(html: str, page: Page, **_: Any) -> str:
    """Say below the heading and first line of a page of questions whose answers these are."""
    if not page.file.src_uri.endswith("/quiz.md"):
        return html
    line = f'\n<div class="mh-tally" data-questions="{_name(page.file)}"></div>'
    return _TOP.sub(lambda top: top.group() + line, html, count=1)


def _name(file: File) -> str:
    """What answers are kept under: the folder, as ``modules/05-monitoring``."""
    return file.src_uri.removesuffix("/quiz.md")
