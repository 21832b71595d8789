"""``python -m autograder``: what ``./manyhands`` runs."""

from __future__ import annotations

import sys

from autograder.launch import overview


def _main() -> int:
    page = overview.answer(sys.argv[1:])
    if page is not None:
        print(page, end="")
        return 0
    from autograder.cli import main

    return main(sys.argv[1:])


if __name__ == "__main__":
    raise SystemExit(_main())
