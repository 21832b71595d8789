"""The glossary's words, explained where they are read: the first time on a page, a word leads to its entry.

``course/glossary.md`` is the one source. A word is a plain link, so a keyboard reaches it, a finger can press it, and a
screen reader says it; its title holds the explanation for a pointer that rests on it. No script is needed.
"""

from __future__ import annotations

import functools
import html as entities
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

GLOSSARY = "glossary.md"
ENTRY = re.compile(r"^(?P<term>[^\s#:].*)\n:   (?P<meaning>.+(?:\n    .+)*)", re.MULTILINE)
EVERYDAY = {"server", "client", "clients", "capacity", "weight", "backup", "share", "check", "mistake", "evidence"}
"""Words of the glossary that pages also use in their plain sense, or in every sentence: not marked."""
NOT_IN = {"a", "button", "code", "dt", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "label", "pre", "script", "style"}
NOT_IN |= {"details", "svg", "th"}  # a closed answer would hide its words
TAG = re.compile(r"(<[^>]+>)")
NAME = re.compile(r"<(/?)([a-zA-Z0-9]+)")


def on_page_content(html: str, page: Page, config: Any, **_: Any) -> str:
    """Mark the words on a page; on the glossary's own page, give each entry the name that links lead to."""
    meanings = _meanings(str(Path(config["docs_dir"]) / GLOSSARY))
    if page.file.src_uri == GLOSSARY:
        return re.sub(r"<dt>(.+?)</dt>", lambda found: f'<dt id="{_anchor(found[1])}">{found[1]}</dt>', html)
    if page.file.src_uri.endswith("/quiz.md"):
        return html  # a question must not answer itself
    return marked(html, meanings, get_relative_url("glossary.html", page.url))


def marked(html: str, meanings: dict[str, str], glossary: str) -> str:
    """The page with the first of each word made a link to ``glossary``, outside headings, code, links and pictures."""
    left = {term.lower(): term for term in meanings if term not in EVERYDAY}
    pattern = _pattern(frozenset(left))
    depth = 0
    parts = TAG.split(html)
    for number, part in enumerate(parts):
        if number % 2:
            name = NAME.match(part)
            if name and name[2].lower() in NOT_IN:
                depth += -1 if name[1] else 1
        elif depth == 0 and part.strip() and left:
            parts[number] = pattern.sub(lambda found: _link(found, left, meanings, glossary), part)
    return "".join(parts)


def _link(found: re.Match[str], left: dict[str, str], meanings: dict[str, str], glossary: str) -> str:
    term = left.pop(found["term"].lower(), None)
    if term is None:  # met before
        return found[0]
    title = entities.escape(meanings[term])
    return f'<a class="mh-term" href="{glossary}#{_anchor(term)}" title="{title}">{found[0]}</a>'


@functools.cache
def _pattern(terms: frozenset[str]) -> re.Pattern[str]:
    """Any of the words, alone or in the plural; the longest first, so that a fair share is not a share."""
    choice = "|".join(re.escape(term) for term in sorted(terms, key=lambda term: (-len(term), term)))
    return re.compile(rf"(?<![\w&-])(?P<term>{choice})s?(?![\w;-])", re.IGNORECASE)


@functools.cache
def _meanings(glossary: str) -> dict[str, str]:
    """Term → its explanation in plain text."""
    text = Path(glossary).read_text(encoding="utf-8")
    return {found["term"]: _plain(found["meaning"]) for found in ENTRY.finditer(text)}


def _plain(markdown: str) -> str:
    return re.sub(r"[*`]|\[([^]]+)\]\([^)]+\)", lambda found: found[1] or "", " ".join(markdown.split()))


def _anchor(term: str) -> str:
    return "term-" + re.sub(r"[^a-z0-9]+", "-", term.lower()).strip("-")
