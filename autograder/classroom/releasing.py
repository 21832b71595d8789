"""Run once in a container of its own when a classroom opens: nbgrader lays out the class and releases the labs."""

from __future__ import annotations

import sys

from autograder.launch import jupyter
from autograder.launch.places import home as home_folder


def main() -> None:
    """Release what is not released yet, or is older than the labs; what an instructor edited stays.

    The labs' slugs are the arguments; without any, it is all of them.
    """
    from autograder.grading.classroom import prepare_class

    home = home_folder()
    jupyter.prepare(home)
    prepare_class(home, sys.argv[1:] or None, progress=lambda line: print(line, flush=True))


if __name__ == "__main__":
    main()
