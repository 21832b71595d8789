"""What a built page is made of: its links, what it loads, its pictures, its words, its weight."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag

if TYPE_CHECKING:
    from collections.abc import Mapping

LOADED: Mapping[str, str] = {
    "script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src", "embed": "src",
    "object": "data", "image": "href", "use": "href", "link": "href",
}  # fmt: skip
"""Where a page names something that the browser fetches by itself: element → attribute."""
NOT_LOADED = {"canonical", "prev", "next", "alternate", "license"}
"""Links of the head that the browser does not fetch."""
_ID = re.compile(r"<[a-z][^<>]*?\sid=[\"']?([^\"'\s>]+)")
_NO_LINK = "javascript:void(0)"
"""What Material's own buttons lead to."""


def is_outside(address: str) -> bool:
    """Whether an address leaves the site."""
    parts = urlsplit(address)
    return bool(parts.scheme or parts.netloc) and parts.scheme != "data"


@dataclass(frozen=True)
class Page:
    """A page of the built site. ``name`` is its path below the site's root, such as ``labs/spread-the-load.html``."""

    site: Path
    name: str

    @property
    def path(self) -> Path:
        """The file."""
        return self.site / self.name

    @cached_property
    def soup(self) -> BeautifulSoup:
        """The page, parsed."""
        return BeautifulSoup(self.path.read_text("utf-8"), "html.parser")

    @cached_property
    def article(self) -> Tag:
        """What is read, without menus."""
        found = self.soup.find("article")
        assert isinstance(found, Tag), f"{self.name} has no article"
        return found

    def links(self) -> list[str]:
        """The addresses of all links, as they are written."""
        return [str(tag["href"]) for tag in self.soup.find_all("a", href=True)]

    def loads(self) -> list[str]:
        """The addresses of everything the browser fetches for this page, as they are written; not what they hold."""
        return [
            str(tag[attribute])
            for element, attribute in LOADED.items()
            for tag in self.soup.find_all(element)
            if tag.has_attr(attribute) and not NOT_LOADED & set(tag.get("rel") or ())
            if not str(tag[attribute]).startswith("data:")
        ]

    def ids(self) -> list[str]:
        """The names of its places, in order."""
        return [str(tag["id"]) for tag in self.soup.find_all(id=True)]

    def resolve(self, address: str) -> tuple[Path, str]:
        """The file and the anchor that a link inside the site points at."""
        parts = urlsplit(address)
        target = (self.path.parent / unquote(parts.path)).resolve() if parts.path else self.path.resolve()
        return (target / "index.html" if target.is_dir() else target), unquote(parts.fragment)

    def broken(self) -> list[str]:
        """Links and loaded files that lead nowhere inside the site, anchors included; addresses of no known kind."""
        inside = [name for name in self.loads() if not is_outside(name)]
        found = [name for name in inside if not self.resolve(name)[0].is_file()]
        for address in self.links():
            if is_outside(address):
                if not address.startswith("https://") and address != _NO_LINK:
                    found.append(address)
                continue
            target, anchor = self.resolve(address)
            if not target.is_file() or (anchor and target.suffix == ".html" and anchor not in _ids_of(target)):
                found.append(address)
        return found

    def without_words(self) -> list[str]:
        """Pictures that a screen reader has nothing to say about."""
        images = [str(picture) for picture in self.soup("img") if not str(picture.get("alt", "")).strip()]
        drawn = self.article.select("figure svg")
        return images + [str(each)[:80] for each in drawn if not (each.find("title") and each.find("desc"))]

    def text(self, *elements: str) -> str:
        """The visible prose of the article, a line an element; code blocks, pictures and permalinks are left out."""
        article = self._words
        if not elements:
            return article.get_text(" ", strip=True)
        return "\n".join(" ".join(tag.get_text("").split()) for tag in article(list(elements)) if not tag.find("p"))

    @cached_property
    def _words(self) -> BeautifulSoup:
        article = BeautifulSoup(str(self.article), "html.parser")
        for tag in article(["pre", "svg", "script", "style"]) + article.select(".headerlink, .footnote-backref"):
            tag.decompose()
        return article

    def prose(self) -> str:
        """The running text, by which the reading grade is counted."""
        return self.text("p", "li", "dd")

    def weight(self) -> int:
        """Bytes a reader's browser fetches for this page, each file gzipped; the search and its index included."""
        setting = self.soup.select_one("#__config")
        config = json.loads((setting.string if setting else None) or "{}")
        files = {self.path}
        if "search" in config:
            files |= {self.resolve(config["search"])[0], self.site / "search/search_index.json"}
        files |= {self.resolve(each)[0] for each in self.loads() if not is_outside(each)}
        return sum(_gzipped(path, path.stat().st_mtime_ns) for path in files if path.is_file())

    def own_scripts(self) -> int:
        """Bytes of the scripts and styles that only a simulation loads, each file gzipped."""
        files = {self.resolve(address)[0] for address in self.loads() if "assets/playground/" in address}
        return sum(_gzipped(path, path.stat().st_mtime_ns) for path in files)


def pages_of(site: Path) -> list[Page]:
    """Every page of a built site, but for the one that says that there is none."""
    names = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    return [Page(site, name) for name in names if name != "404.html"]


@cache
def _ids_of(path: Path) -> frozenset[str]:
    return frozenset(_ID.findall(path.read_text("utf-8")))


@cache
def _gzipped(path: Path, _changed_ns: int) -> int:
    return len(gzip.compress(path.read_bytes()))
