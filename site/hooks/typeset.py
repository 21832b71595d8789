"""What Markdown cannot say: a percentage that does not break, a code block and a table that a keyboard can scroll."""

from __future__ import annotations

import re
from typing import Any

CODE = re.compile(r"(<(?:pre|code|script)\b.*?</(?:pre|code|script)>)", re.DOTALL)


def on_page_content(html: str, **_: Any) -> str:
    """Return the page with unbreakable percentages, focusable tables and code blocks; code stays as it was written."""
    parts = CODE.split(html)
    parts[::2] = [re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", part) for part in parts[::2]]
    parts[::2] = [part.replace("<table>", '<table tabindex="0">') for part in parts[::2]]
    return re.sub(r"(<pre[^>]*>(?:<span></span>)?<code)(?=[ >])", r'\1 tabindex="0"', "".join(parts))
