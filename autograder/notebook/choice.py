"""What to tell somebody who named something that is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.errors import nearest
from autograder.labs.catalogue import LabError

if TYPE_CHECKING:
    from collections.abc import Sequence


def choose(word: str, known: Sequence[str], kind: str) -> LabError:
    """The error that names the nearest that is there, or all of them."""
    close = nearest(word, known)
    hint = f"did you mean {close!r}?" if close else f"choose one of: {', '.join(known)}"
    return LabError(f"there is no {kind} called {word!r}", remedy=hint)
