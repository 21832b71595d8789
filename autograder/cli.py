"""The command line: finds the verb, calls it, and prints what went wrong."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from cyclopts import CycloptsError, UnusedCliTokensError

from autograder.ending import Told, unwinding
from autograder.errors import ManyHandsError
from autograder.verbs import classroom, drilling, guarding, judging, keeping, learning, reporting, teaching
from autograder.verbs.verb import app
from autograder.whereabouts import COMMAND, spoken

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["classroom", "drilling", "guarding", "judging", "keeping", "learning", "main", "reporting", "teaching"]


def main(words: Sequence[str]) -> int:
    """Run one command line; the exit code. Every :class:`ManyHandsError` is printed here and nowhere else."""
    try:
        if not words or words[0] == "help":
            words = [*words[1:], "--help"]
        with unwinding():
            result = app(list(words), exit_on_error=False, print_error=False, result_action="return_value")
        return result if isinstance(result, int) else 0
    except ManyHandsError as error:
        print(spoken(f"manyhands: {error}"), file=sys.stderr)
        return error.exit_code
    except CycloptsError as error:
        print(f"manyhands: {_plainly(error)}\n  next  {COMMAND} --help", file=sys.stderr)
        return 2
    except Told as told:
        return told.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `./manyhands labs | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _plainly(error: CycloptsError) -> str:
    if isinstance(error, UnusedCliTokensError):
        return f"too many words: {' '.join(error.unused_tokens or ())}"
    return str(error)
