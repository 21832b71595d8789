"""CSV that spreadsheets and learning platforms read alike, and in which no cell is a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

from autograder.grading.evidence import clean

_FORMULA: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
"""What makes a spreadsheet run a cell; full-width forms count in East Asian versions."""

BOM: Final = "\ufeff"
"""Without it Excel takes UTF-8 for an old code page and garbles names."""


def safe_cell(text: str) -> str:
    r"""``text`` on one line, with an apostrophe before it if a spreadsheet would run it as a formula.

    This is OWASP's remedy for CSV injection (https://owasp.org/www-community/attacks/CSV_Injection); quotes and
    separators are the csv module's to escape.

    >>> safe_cell("=1+1"), safe_cell("Zoë"), safe_cell("a\nb")
    ("'=1+1", 'Zoë', 'a b')
    """
    plain = " ".join(clean(text).split())
    # what is left when blanks and a terminal's sequences are gone counts, too: "\N{NO-BREAK SPACE}=1", "\x1b[0m=1"
    risky = plain.startswith(_FORMULA) or text.lstrip(" ").startswith(_FORMULA)
    return f"'{plain}" if risky else plain


def write_csv(rows: Iterable[Sequence[str | float | int | None]], *, bom: bool) -> str:
    """Rows as CSV (RFC 4180, lines end in CR LF). Text is made safe; numbers and None (empty) are ours.

    ``bom`` is for files that people open in a spreadsheet.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for row in rows:
        writer.writerow([safe_cell(cell) if isinstance(cell, str) else cell for cell in row])
    return (BOM if bom else "") + out.getvalue()
