"""The print edition: the pages of a module, or of the whole course, as one page that a browser prints as a PDF.

An edition loads no script and three small style sheets. Answers stand open in it. Names of places get the number of
their page, so that a link inside the edition leads to the right one; other links lead back to the site.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

FOLDER = "print"
JOB = ("runbooks/one-server.md", "runbooks/rollback.md", "runbooks/drain.md", "runbooks/restore.md", "templates.md")
JOB += ("cheatsheets/nginx.md", "cheatsheets/haproxy.md", "glossary.md")
SHEETS = ("colours.css", "figures.css", "print.css")
_GONE = re.compile(r"<script\b.*?</script>|<link\b[^>]*>|<a class=\"headerlink\".*?</a>", re.DOTALL)
_NAMED = re.compile(r'\b(id|for|name|aria-labelledby|aria-describedby)="([^"]+)"')
_LINKED = re.compile(r'\b(href|src)="([^"]*)"')
_HEADING = re.compile(r"(</?h)([1-5])\b")

_pages: dict[str, tuple[str, str, str]] = {}
"""Source → title, content and address of each page that this build made."""


class Edition(NamedTuple):
    """A file of the edition: its name, what it is called, and the sources of its pages in order."""

    name: str
    title: str
    sources: tuple[str, ...]


def on_files(files: Files, config: Any) -> Files:
    """Add the page that leads to the editions."""
    _pages.clear()
    files.append(File.generated(config, f"{FOLDER}/index.md", content=_list(config)))
    return files


def on_page_context(context: Any, page: Page, **_: Any) -> Any:
    """Keep what the page has become, after all other hooks."""
    _pages[page.file.src_uri] = (page.title or "", page.content or "", page.url)
    return context


def on_post_build(config: Any, **_: Any) -> None:
    """Write the editions."""
    folder = Path(config["site_dir"], FOLDER)
    folder.mkdir(exist_ok=True)
    for edition in editions(config):
        (folder / f"{edition.name}.html").write_text(bound(edition), encoding="utf-8")


def editions(config: Any) -> list[Edition]:
    """Every module, the whole course, and what is needed on the job."""
    docs = Path(config["docs_dir"])
    found = [Edition("incident", "The incident", ("incident.md", "modules/00-incident/quiz.md"))]
    for index in sorted(docs.glob("modules/*/index.md")):
        listed = _sources(config["nav"], index.relative_to(docs).as_posix())
        title = index.read_text(encoding="utf-8").partition("\n# ")[2].partition("\n")[0]
        found.append(Edition(index.parent.name, title, tuple(listed)))
    course = tuple(source for each in found for source in each.sources)
    return [Edition("course", "The whole course", course), *found, Edition("on-the-job", "On the job", JOB)]


def _sources(nav: Any, first: str) -> list[str]:
    """The pages of the section of the navigation that begins with ``first``, in order."""
    if isinstance(nav, str):
        return []
    entries = list(nav.values()) if isinstance(nav, dict) else nav
    if entries and entries[0] == first:
        return [each if isinstance(each, str) else next(iter(each.values())) for each in entries]
    return next((found for each in entries if (found := _sources(each, first))), [])


def bound(edition: Edition) -> str:
    """The edition as a page of its own."""
    numbers = {_pages[source][2]: number for number, source in enumerate(edition.sources, 1)}
    chapters = [_chapter(number, *_pages[source][1:], numbers) for number, source in enumerate(edition.sources, 1)]
    contents = "".join(
        f'<li><a href="#page-{number}">{escape(_pages[source][0])}</a></li>'
        for number, source in enumerate(edition.sources, 1)
    )
    title = escape(edition.title)
    sheets = "".join(f'<link rel="stylesheet" href="../assets/{name}">' for name in SHEETS)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title} · Many Hands</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta name="description" content="Print edition: {title}, on one page, with all answers open.">'
        f'<link rel="icon" href="../assets/favicon.svg">{sheets}</head><body><main><article>\n'
        f'<h1>{title}</h1>\n<p>Many Hands, print edition. <a href="index.html">All editions</a>.</p>\n'
        f'<nav aria-label="Contents"><ol>{contents}</ol></nav>\n{"".join(chapters)}\n</article></main></body></html>\n'
    )


def _chapter(number: int, content: str, url: str, numbers: dict[str, int]) -> str:
    def named(found: re.Match[str]) -> str:
        return f'{found[1]}="{" ".join(f"p{number}-{one}" for one in found[2].split())}"'

    def linked(found: re.Match[str]) -> str:
        return f'{found[1]}="{_address(found[2], url, number, numbers)}"'

    html = _LINKED.sub(linked, _NAMED.sub(named, _GONE.sub("", content)))
    html = _HEADING.sub(lambda found: f"{found[1]}{int(found[2]) + 1}", html).replace("<details", "<details open")
    return f'<section id="page-{number}">\n{html}\n</section>\n'


def _address(address: str, url: str, number: int, numbers: dict[str, int]) -> str:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return address
    if not parts.path:
        return f"#p{number}-{parts.fragment}" if parts.fragment else f"#page-{number}"
    target = posixpath.normpath(posixpath.join(posixpath.dirname(url), parts.path))
    if target in numbers:
        return f"#p{numbers[target]}-{parts.fragment}" if parts.fragment else f"#page-{numbers[target]}"
    return f"../{target}" + (f"#{parts.fragment}" if parts.fragment else "")


def _list(config: Any) -> str:
    """The page of editions, as Markdown; their files come later than its links are checked, so these are HTML."""

    def rows(some: Sequence[Edition]) -> str:
        return "\n".join(f'<li><a href="{each.name}.html">{escape(each.title)}</a></li>' for each in some)

    course, *modules, job = editions(config)
    return f"""---
description: The course on paper or as a PDF, module by module or whole, and a copy of the site that needs no network.
---

# Print and offline

Each edition is one page without menus. All answers stand open in it. Open it, then print it, or choose *Save as PDF* in
the window that prints.

<ul>
{rows([course, job])}
</ul>

Or module by module:

<ul>
{rows(modules)}
</ul>

## A copy without a network

The site needs no server. Build it once, and take the folder along:

```sh
./manyhands up --no-browser    # Ctrl-C when it has started
cp -r build/site ~/many-hands-site
```

Open `index.html` in that folder. The search, the questions and the playground work there, too. Your answers stay in the
browser, so [save them to a file](../progress.md) when you change machines. The labs need the project itself. Once it is
set up, they work with the network off.

## On a web server

Any server of plain files will do. Beside the pages lies `csp.txt`: the strictest Content-Security-Policy that they
keep. Send it as a header, as `./manyhands up` does.

Your class has a JupyterHub? Put a file `lab.json` beside the pages: `{{"lab": "https://hub.example.org/"}}`. Then every
lab's button opens it there, each reader in a room of their own. Without that file, a reader can name the hub on a
lab's page, and that browser keeps it.
"""
