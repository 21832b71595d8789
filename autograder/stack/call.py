"""Call a function of this package on a node: JSON in, JSON out.

The local engine forks and calls :func:`invoke`; a container runs ``python3 -m autograder.stack.call module:function``
with the payload on standard input.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import sys
from functools import cache
from typing import Any

_PACKAGE = "autograder."


@cache
def load(function: str) -> None:
    """Load the module of ``function`` for all forks that will call it: it takes as long as a short call does."""
    module = function.partition(":")[0]
    if module.startswith(_PACKAGE):
        with contextlib.suppress(ImportError):  # whoever calls it is told then
            importlib.import_module(module)
            gc.freeze()  # what all forks share is never looked through again, so it stays shared


def invoke(function: str, payload: Any) -> dict[str, Any]:
    """Call ``"autograder.stack.procfs:descendants"`` with ``payload``; a coroutine function is run to its end.

    Returns ``{"ok": result}``, or ``{"error": "KeyError: 'pid'"}`` if it raised.
    """
    try:
        module, _, name = function.partition(":")
        if not module.startswith(_PACKAGE):
            raise ValueError(f"{function!r} is not one of ours")
        result = getattr(importlib.import_module(module), name)(payload)
        if hasattr(result, "__await__"):
            from autograder.stack import loop  # seldom needed here, and most of a fresh interpreter's time to start

            result = loop.run(result)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return {"ok": result}


def main() -> None:
    """Payload on standard input, the reply as one line on standard output."""
    json.dump(invoke(sys.argv[1], json.load(sys.stdin)), sys.stdout)


if __name__ == "__main__":
    main()
