"""Run a program of Jupyter's as ``python -m`` would, with a second or two of processor less to start.

``python -m autograder.launch.program jupyterlab --version``. All of them read notebooks with nbformat, and so load
jsonschema, which builds a grammar of internationalised addresses (RFC 3987) wherever the package for that is installed.
No notebook and no event has such an address to check.
"""

from __future__ import annotations

import runpy
import sys

from autograder.grading import WITHOUT


def main() -> None:
    """The program named first, with the arguments after its name."""
    assert WITHOUT in sys.modules
    module = sys.argv.pop(1)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
