"""The kinds of check that a lab may name, a module each, which is loaded when a lab asks for it.

To add one: write its module with a ``KIND``, and name it in :data:`MODULES`. Start reading at
:mod:`autograder.labs.kinds.kind`, then :mod:`autograder.labs.kinds.spread`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from autograder.labs.kinds.kind import Kind

LOADS: Final = "loads"
"""The kind that is answered by applying the config: does the balancer run it?"""
MODULES: Final = {
    "spread": "spread",
    "one-down": "one_down",
    "peak": "peak",
    "rollback": "rollback",
    "watchdog": "watchdog",
    "sticky": "sticky",
    "forged-address": "forged_address",
    "taken-out": "taken_out",
    "back-again": "back_again",
    "reload": "reload",
    "done-once": "done_once",
    "surge": "surge",
    "recovers": "recovers",
    "amplified": "amplified",
    "answers": "answers",
    "logged": "logged",
    "reviews": "reviews",
    "alerts": "alerts",
    "gate": "gate",
    "rebuild": "rebuild",
    "postmortem": "postmortem",
    "oncall": "oncall",
}
"""Kind → its module in this folder."""
NAMES: Final = (LOADS, *MODULES)
_VERSION_OF_LOADS: Final = 2


def kind_named(name: str) -> Kind:
    """The kind called ``name``; ``KeyError`` if there is none, or it is :data:`LOADS`."""
    return cast("Kind", import_module(f"{__name__}.{MODULES[name]}").KIND)


def version_of(name: str) -> int:
    """Version of the kind called ``name``."""
    return _VERSION_OF_LOADS if name == LOADS else kind_named(name).version
