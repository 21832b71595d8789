"""The strictest Content-Security-Policy that the site keeps: ``csp.txt``, for whoever serves it.

Nothing may be loaded from anywhere else, and no script or style may stand in a page but those that the build itself
put there, each named by its digest.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mkdocs.plugins import event_priority

_INLINE = re.compile(r"<(script|style)\b([^>]*)>(.*?)</\1>", re.DOTALL)
_DATA = re.compile(r"\bsrc=|type=\"?application/(?!javascript)")
"""Scripts from a file, and data that no browser runs."""


@event_priority(-100)  # when every page is there
def on_post_build(config: Any, **_: Any) -> None:
    """Write the policy beside the pages."""
    site = Path(config["site_dir"])
    texts = (path.read_text(encoding="utf-8") for path in sorted(site.rglob("*.html")))
    (site / "csp.txt").write_text(policy(texts) + "\n", encoding="ascii")


def policy(pages: Iterable[str]) -> str:
    """The value of the header, on one line."""
    digests: dict[str, set[str]] = {"script": set(), "style": set()}
    for page in pages:
        for kind, attributes, text in _INLINE.findall(page):
            if not _DATA.search(attributes):
                digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
                digests[kind].add(f"'sha256-{digest}'")
    rules = {
        "default-src": ["'none'"],
        "script-src": ["'self'", *sorted(digests["script"])],
        "style-src": ["'self'", *sorted(digests["style"])],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "worker-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
    return "; ".join(f"{name} {' '.join(values)}" for name, values in rules.items())
