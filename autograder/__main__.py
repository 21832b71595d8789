"""``python -m autograder``: what ``./manyhands`` runs, and the command that an installed wheel brings."""

from __future__ import annotations

import sys

from autograder.launch import overview


def main() -> int:
    """Answer the command line; the exit code."""
    page = overview.answer(sys.argv[1:])
    if page is not None:
        print(page, end="")
        return 0
    from autograder import cli

    return cli.main(sys.argv[1:])


if __name__ == "__main__":
    raise SystemExit(main())
