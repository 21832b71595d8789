"""The guard's log: what it saw, did and was told, in a chain that shows what was done to it."""

from __future__ import annotations

from autograder.guard.chain import Chain, Event
from autograder.guard.chain import ChainError as AuditError

__all__ = ["KINDS", "AuditError", "AuditLog", "Event"]

KINDS = (
    "begun",  # a change is looked at
    "step",  # a step is begun or done (data: phase)
    "refused",  # a change was stopped before any traffic met it
    "kept",  # a change is the new last known good
    "reverted",  # the last known good runs again, verified
    "held",  # not sure: nothing is done until a person says what
    "frozen",  # no further change until a person acknowledges
    "acknowledged",
    "anomaly",  # seen in running traffic, or after a revert
    "good-is-bad",  # the anomaly stayed after the revert
    "alert",  # anything else that a person should know
    "resumed",  # a guard took up what another one left
    "dead-letter",  # a webhook that could not be delivered
    "torn",  # a line that was half written when the machine stopped
)


class AuditLog(Chain):
    """The log in one folder. One writer at a time: whoever holds the guard's lock."""

    remedy = "./manyhands guard verify-log tells what else is wrong"
