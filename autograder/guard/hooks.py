"""Who hears what the guard does: metrics, webhooks, and whatever else somebody gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from autograder.guard.audit import Event
    from autograder.guard.counts import Decision, Intent, Window


class Hooks(Protocol):
    """Both methods return quickly. What they raise never stops the guard: it is written down as an alert."""

    def event(self, event: Event, /) -> None:
        """An event, after it was written to the log."""

    def window(self, balancer: str, window: Window, intent: Intent, decision: Decision, /) -> None:
        """What was counted at a balancer, and what the guard thinks of it."""

    def close(self) -> None:
        """The guard ends. Safe to call twice."""
