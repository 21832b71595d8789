"""What the search finds a page by, beside its own words: error messages, directives, names that others use.

Written pages have theirs in ``site/search_words.toml``; a page of the field guide has its directives and the messages
it quotes, from the catalogue. Questions and lists of what tests try are found as well, but after what explains.
"""

from __future__ import annotations

import functools
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parents[2]))  # `mkdocs build` may be run by itself

from autograder.mistakes.catalogue import mistakes

WORDS = Path(__file__).parents[1] / "search_words.toml"
LATER = re.compile(r"quiz$|^instructors/|^authors/|^progress$")
"""Pages that mention everything and explain nothing, or that are for few readers."""
LEXER = r"lunr.QueryLexer.termSeparator = /\s+/;"


def on_files(files: Files, config: Any) -> Files:
    """Refuse words for a page that is not there."""
    there = {file.src_uri.removesuffix(".md") for file in files.documentation_pages()}
    if lost := sorted(_written().keys() - there):
        raise PluginError(
            f"site/search_words.toml names pages that do not exist: {', '.join(lost)}. Mend or remove them."
        )
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Give the page its words; the search's own extension of a page's head carries them."""
    name = page.file.src_uri.removesuffix(".md")
    words = [*_catalogued().get(name, []), *_written().get(name, [])]
    if words:
        page.meta["tags"] = list(dict.fromkeys(words))
    if LATER.search(name):
        page.meta.setdefault("search", {"boost": 0.2})
    return markdown


@functools.cache
def _written() -> dict[str, list[str]]:
    return tomllib.loads(WORDS.read_text(encoding="utf-8"))


@functools.cache
def _catalogued() -> dict[str, list[str]]:
    return {
        f"field-guide/{mistake.slug}": [*mistake.directives, *re.findall(r"`([^`]+)`", mistake.seen)]
        for mistake in mistakes()
    }


def on_post_build(config: Any, **_: Any) -> None:
    """Let a dash be part of a word that is searched for, as it is in the index: `SC--`, `X-Forwarded-For`.

    lunr, the search inside the theme, cuts what is typed at dashes, and takes what begins with one for unwanted: a code
    of HAProxy's log found nothing at all. Its lexer has a setting for that, which the theme does not hand on.
    """
    workers = [*Path(config["site_dir"]).glob("assets/javascripts/workers/search.*.min.js")]
    if len(workers) != 1:
        raise PluginError(
            f"the theme has {len(workers)} search workers, not one: site/hooks/search_words.py must follow"
        )
    text = workers[0].read_text(encoding="utf-8")
    workers[0].write_text(f"{text.rstrip()}\n{LEXER}\n", encoding="utf-8")
