"""What each benchmark's JSON says, as rows of one table: ours, the peer, the ratio, and how it was measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class Row:
    """One claim. ``ratio`` is ours through theirs unless ``what`` says otherwise; None where it makes no sense."""

    benchmark: str
    what: str
    ours: str
    peer: str
    theirs: str
    ratio: float | None
    method: str
    good: bool = True


def _stacks(found: dict[str, Any]) -> list[Row]:
    rows = [
        Row(
            "stacks", f"requests a second, {door}, {kind}", f"{row['ours']}", "wrk", f"{row['wrk']}", row["ratio"],
            "our load generator and wrk in turn against the same door; medians",
        )
        for door, kinds in found["load_generator"].items()
        for kind, row in kinds.items()
    ]  # fmt: skip
    if "docker_to_local_cold" in found:
        ours, theirs = found["local"]["cold_s"], found["docker"]["cold_s"]
        rows.append(
            Row(
                *("stacks", "Docker's time from nothing to a counted answer, through ours", f"{ours:.2f} s", "Docker"),
                *(f"{theirs:.2f} s", found["docker_to_local_cold"]),
                "the same stack on both engines, several times; medians",
            )
        )
    side = found["side_by_side"]
    counted = f"{side['stacks'] - side['wrong_counts']} of {side['stacks']}"
    rows.append(
        Row(
            *("stacks", "stacks side by side that count right", counted, "all", f"{side['stacks']}", None),
            "stacks at the same time, each with requests of its own, counted at its servers",
            not side["wrong_counts"],
        )
    )
    return rows


def _inspect(found: dict[str, Any]) -> list[Row]:
    each = found["many_s"] / found["many"]
    return [
        Row(
            *("inspect", f"seconds for each of {found['many']} configs in one call", f"{each:.2f} s", "one alone"),
            *(f"{found['one_s']:.2f} s", found["many_to_one"]),
            "whole processes, start-up included; one alone is a median",
        )
    ]


def _room(found: dict[str, Any]) -> list[Row]:
    return [
        Row(
            *("room", "a core that a lab's kernel takes while traffic flows", f"{found['kernel_core']:.1%}"),
            *("promised", "10 %", round(found["kernel_core"] / 0.1, 2)),
            "processor time of the kernel's process, through the time that passed",
            found["kernel_core"] <= 0.1,
        )
    ]


def _classroom(found: dict[str, Any]) -> list[Row]:
    done, learners = found["succeeded"], found["learners"]
    return [
        Row(
            *("classroom", "learners at once who got a room and a verdict, and kept their work", f"{done}", "all"),
            *(f"{learners}", round(done / learners, 3)),
            "real HTTP and websocket clients; one too many is turned away, and the hub is restarted meanwhile",
            done == learners and not found["failed"],
        )
    ]


def _catalogue(found: dict[str, Any]) -> list[Row]:
    said, nginx = found["summary"], found["summary"]["nginx"]
    rows = [
        Row(
            *("catalogue", "claims of the catalogue that hold", f"{said['claims_that_hold']}", "all"),
            *(f"{said['claims']}", round(said["claims_that_hold"] / said["claims"], 3)),
            "each example runs on the real balancer, and its servers count",
            said["claims_that_hold"] == said["claims"],
        )
    ]
    for peer in sorted(nginx.keys() - {"ours_read", "ours_observed"}):
        rows.append(
            Row(
                *("catalogue", f"nginx examples found by reading ({said['nginx_examples']})", f"{nginx['ours_read']}"),
                *(peer, f"{nginx[peer]}", round(nginx["ours_read"] / nginx[peer], 1) if nginx[peer] else None),
                "both read the same configs; for the peer, any message counts",
            )
        )
    return rows


def _site(found: list[dict[str, Any]]) -> list[Row]:
    good = sum(row["good"] for row in found)
    return [
        Row(
            *("site", "quality bars that the pages reach", f"{good}", "all", f"{len(found)}", None),
            "every page in a real Chromium: weight, contrast, barriers, reading, search",
            good == len(found),
        )
    ]


def _grading(found: dict[str, Any]) -> list[Row]:
    ours, stock = found["ours"]["per_minute"], found["stock"]["per_minute"]
    return [
        Row(
            *("grading", "submissions a minute", f"{ours:.1f}", "nbgrader", f"{stock:.1f}", found["ratio"]),
            f"{found['submissions']} submissions; stock nbgrader runs the same checks in notebooks, in the same run",
            not found["points_that_differ"],
        )
    ]


def _guard(found: dict[str, Any]) -> list[Row]:
    method = "incidents and benign changes, played to the guard with real balancers and traffic"
    return [
        Row("guard", "bad changes missed", f"{found['missed']}", "of", f"{found['bad']}", None, method, found["ok"]),
        Row("guard", "benign changes taken back", f"{found['false']}", "of", f"{found['benign']}", None, method),
    ]


def _fairness(found: dict[str, Any]) -> list[Row]:
    method = "graded while every processor is kept busy by something else"
    return [
        Row(
            *("fairness", what, f"{found[side]['failures']}", "of", f"{found[side]['gradings']}", None, method),
            good=not found[side]["failures"],
        )
        for side, what in (("right", "right work that lost a point"), ("wrong", "wrong work that gained one"))
    ]


READERS: Final[Mapping[str, Callable[[Any], list[Row]]]] = {
    "stacks": _stacks,
    "inspect": _inspect,
    "room": _room,
    "classroom": _classroom,
    "catalogue": _catalogue,
    "site": _site,
    "grading": _grading,
    "guard": _guard,
    "fairness": _fairness,
}
"""What a benchmark prints with ``--json`` → its rows."""
