"""Which version of a check a verdict is from: a digest of all that decides it, so that a change shows by itself."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from autograder.labs.kinds import version_of
from autograder.labs.lab import Check, Lab


def check_version(lab: Lab, check: Check) -> str:
    """Twelve hex digits of everything that decides the verdict on one check of ``lab``.

    Title, hints and page only tell about it. A kind of check that answers differently raises the version of its
    :class:`~autograder.labs.kinds.kind.Kind`.
    """
    alone = replace(lab, checks=(replace(check, title="", hints=(), page=""),))
    text = f"{alone.version} {version_of(check.kind)}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def check_versions(lab: Lab) -> dict[str, str]:
    """Check → its version, in the lab's order."""
    return {check.name: check_version(lab, check) for check in lab.checks}


def lab_version(lab: Lab) -> str:
    """Twelve hex digits of the versions of all checks and their order."""
    return hashlib.sha256(repr(check_versions(lab)).encode()).hexdigest()[:12]
