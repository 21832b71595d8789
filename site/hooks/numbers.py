"""Keeps a number and its percent sign on one line: ``33 %`` gets a space that does not break."""

from __future__ import annotations

import re
from typing import Any

CODE = re.compile(r"(<(?:pre|code|script)\b.*?</(?:pre|code|script)>)", re.DOTALL)


def on_page_content(html: str, **_: Any) -> str:
    """Return the page with unbreakable percentages; code stays as it was written."""
    parts = CODE.split(html)
    parts[::2] = [re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", part) for part in parts[::2]]
    return "".join(parts)
