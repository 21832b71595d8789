"""The one family of errors a user may meet: what happened, where, why, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class ManyHandsError(Exception):
    """Something a person can understand and act on; the command line prints it without a traceback.

    Args:
        what: One sentence: what happened.
        where: The file, ``file:line``, address or lab it happened at, if there is one.
        why: The reason, if it is known.
        remedy: The next step, best as a command to run.
        exit_code: 1 when the thing judged is not right, 2 (the default) when nothing could be judged or run.
    """

    def __init__(self, what: str, *, where: str = "", why: str = "", remedy: str = "", exit_code: int = 2) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.why = why
        self.remedy = remedy
        self.exit_code = exit_code

    def __str__(self) -> str:
        """All parts that are there, a line each: the form the command line prints."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        lines = [head]
        if self.why:
            lines.append(f"  why   {self.why}")
        if self.remedy:
            lines.append(f"  next  {self.remedy}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        """Cross a process boundary whole: grading workers raise these too."""
        return (_rebuild, (type(self), self.what, self.where, self.why, self.remedy, self.exit_code))


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that ``word`` was probably meant to be; empty if none is near."""
    import difflib  # only when somebody slipped

    return next(iter(difflib.get_close_matches(word, list(known), n=1)), "")


def _rebuild(
    kind: type[ManyHandsError], what: str, where: str, why: str, remedy: str, exit_code: int
) -> ManyHandsError:
    error = kind.__new__(kind)
    ManyHandsError.__init__(error, what, where=where, why=why, remedy=remedy, exit_code=exit_code)
    return error


def suggestion(word: str, known: Iterable[str]) -> str:
    """What to do about an unknown word: the one that was probably meant, else all that there are."""
    words = list(known)
    close = nearest(word, words)
    return f"did you mean {close!r}?" if close else f"use one of: {', '.join(words)}"
