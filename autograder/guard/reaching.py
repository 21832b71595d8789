"""From what a ``guard.toml`` says to balancers and listeners."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from autograder.guard.audit import AuditLog

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from autograder.guard.balancer import Balancer
    from autograder.guard.hooks import Hooks
    from autograder.guard.settings import BalancerAt, Settings


def balancers_of(settings: Settings) -> tuple[Balancer, ...]:
    """Every balancer that is named, the canary first. Nobody is asked yet."""
    main = posixpath.basename(settings.git.config)
    return tuple(_balancer(at, main) for at in settings.balancers)


def _balancer(at: BalancerAt, main: str) -> Balancer:
    if at.kind == "commands":
        from autograder.guard.balancers.commands import CommandBalancer

        return CommandBalancer(at, main)
    from autograder.guard.balancers.process import ProcessBalancer

    return ProcessBalancer(at, main)


def hooks_of(settings: Settings) -> tuple[Hooks, ...]:
    """Metrics and webhooks, if the settings name any. Raises :class:`ManyHandsError` for one that cannot be."""
    found: list[Hooks] = []
    log = AuditLog(settings.state)
    if settings.metrics is not None:
        from autograder.guard import metrics

        found.append(metrics.hooks_of(settings.metrics, log.events()))
    if settings.webhooks:
        from autograder.guard import webhooks

        def dead_letter(said: str, data: Mapping[str, Any]) -> None:
            event = log.append("dead-letter", said, data=data)
            for hook in found:
                hook.event(event)

        found.append(webhooks.hooks_of(settings.webhooks, dead_letter))
    return tuple(found)
