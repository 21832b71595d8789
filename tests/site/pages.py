"""What the tests want to know of a built page: its links, what it loads, its pictures, its words."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag

from autograder.mistakes.catalogue import mistakes

ROOT = Path(__file__).parents[2]
COURSE = ROOT / "course"
LABS = sorted(path.parent.name for path in ROOT.glob("labs/*/lab.toml"))
SOURCES = sorted(path for path in COURSE.rglob("*.md"))
WRITTEN = [path.relative_to(COURSE).with_suffix(".html").as_posix() for path in SOURCES]
GENERATED = [
    "instructors/attacks.html",
    "instructors/mishaps.html",
    "field-guide/index.html",
    "field-guide/directives.html",
    *(f"field-guide/{mistake.slug}.html" for mistake in mistakes()),
    "progress.html",
    "labs/index.html",
    *(f"labs/{lab}.html" for lab in LABS if not (COURSE / "labs" / f"{lab}.md").exists()),
]
NAMES = [*WRITTEN, *GENERATED]

#: Where a page names something that the browser fetches by itself.
LOADED = (
    ("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("video", "src"), ("audio", "src"),
    ("embed", "src"), ("object", "data"), ("image", "href"), ("use", "href"), ("link", "href"),
)  # fmt: skip
#: Links of the head that the browser does not fetch.
NOT_LOADED = {"canonical", "prev", "next", "alternate", "license"}


@dataclass(frozen=True)
class Page:
    """A page of the built site. ``name`` is its path below the site's root, such as ``labs/spread-the-load.html``."""

    site: Path
    name: str

    @property
    def path(self) -> Path:
        return self.site / self.name

    @cached_property
    def soup(self) -> BeautifulSoup:
        return BeautifulSoup(self.path.read_text("utf-8"), "html.parser")

    @cached_property
    def article(self) -> Tag:
        found = self.soup.find("article")
        assert isinstance(found, Tag), f"{self.name} has no article"
        return found

    def links(self) -> list[str]:
        return [str(tag["href"]) for tag in self.soup.find_all("a", href=True)]

    def loads(self) -> list[str]:
        """The addresses of everything the browser fetches for this page, as they are written."""
        found = []
        for element, attribute in LOADED:
            for tag in self.soup.find_all(element):
                if tag.has_attr(attribute) and not NOT_LOADED & set(tag.get("rel") or ()):
                    found.append(str(tag[attribute]))
        return found

    def ids(self) -> list[str]:
        return [str(tag["id"]) for tag in self.soup.find_all(id=True)]

    def resolve(self, address: str) -> tuple[Path, str]:
        """The file and the anchor that a link inside the site points at."""
        parts = urlsplit(address)
        target = (self.path.parent / unquote(parts.path)).resolve() if parts.path else self.path.resolve()
        return (target / "index.html" if target.is_dir() else target), unquote(parts.fragment)

    def text(self, *elements: str) -> str:
        """The visible prose of the article, a line an element; code blocks, pictures and permalinks are left out."""
        article = BeautifulSoup(str(self.article), "html.parser")
        for tag in article(["pre", "svg", "script", "style"]) + article.select(".headerlink, .footnote-backref"):
            tag.decompose()
        if not elements:
            return article.get_text(" ", strip=True)
        return "\n".join(" ".join(tag.get_text("").split()) for tag in article(list(elements)) if not tag.find("p"))

    def weight(self) -> int:
        """Bytes a reader's browser fetches for this page, each file gzipped; the search and its index included."""
        config = json.loads(self.soup.select_one("#__config").string or "{}")  # type: ignore[union-attr]
        files = {self.path, self.resolve(config["search"])[0], self.site / "search/search_index.json"}
        files |= {self.resolve(address)[0] for address in self.loads() if not address.startswith("data:")}
        return sum(len(gzip.compress(path.read_bytes())) for path in files)
