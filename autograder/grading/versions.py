"""Which version of a check a verdict is from: a digest of all that decides it, so that a change shows by itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from autograder.labs import checks as kinds
from autograder.labs.lab import Check, Lab


def check_version(lab: Lab, check: Check) -> str:
    """Twelve hex digits of everything that decides the verdict on one check of ``lab``.

    Title, hints and page only tell about it. The kind's own version is ``VERSIONS`` of :mod:`autograder.labs.checks`
    (1 where it names none): raise it when a kind of check answers differently.
    """
    raised: Mapping[str, int] = getattr(kinds, "VERSIONS", {})
    alone = replace(lab, checks=(replace(check, title="", hints=(), page=""),))
    text = f"{alone.version} {raised.get(check.kind, 1)}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def check_versions(lab: Lab) -> dict[str, str]:
    """Check → its version, in the lab's order."""
    return {check.name: check_version(lab, check) for check in lab.checks}


def lab_version(lab: Lab) -> str:
    """Twelve hex digits of the versions of all checks and their order."""
    return hashlib.sha256(repr(check_versions(lab)).encode()).hexdigest()[:12]
