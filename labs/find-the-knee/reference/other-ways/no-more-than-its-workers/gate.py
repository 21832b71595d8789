#!/usr/bin/env python3
"""Every pair has a vote: slower by a tenth or not. Seven in ten decide."""

import json
import sys
from pathlib import Path


def reasons(old: dict, new: dict):
    """What forbids to judge; nothing if all is as it should be."""
    runs = old["runs"] + new["runs"]
    if {old["loop"], new["loop"]} != {"open"}:
        yield "a closed loop"
    if old["rate"] != new["rate"] or old["seconds"] != new["seconds"]:
        yield "two different tests"
    elif old["rate"] and min(run["sent"] / old["rate"] / old["seconds"] for run in runs) < 0.9:
        yield "requests that were due and not sent"
    if min(len(old["runs"]), len(new["runs"])) < 10 or min(run["sent"] for run in runs) < 200:
        yield "too few runs or requests"


def main() -> int:
    try:
        old, new = map(json.loads, map(Path.read_text, map(Path, sys.argv[1:3])))
        against = list(reasons(old, new))
    except (ValueError, LookupError, OSError, TypeError) as error:
        against = [f"files without results: {error}"]
    if against:
        print("cannot tell:", ", ".join(against))
        return 2
    sent, failed = (sum(run[key] for run in new["runs"]) for key in ("sent", "failed"))
    if failed > sum(run["failed"] for run in old["runs"]) + sent // 100:
        print(f"refused: {failed} of {sent} requests failed")
        return 1
    pairs = list(zip(old["runs"], new["runs"], strict=False))
    votes = max(sum(b["ms"][key] > 1.1 * a["ms"][key] for a, b in pairs) for key in ("50", "99"))
    print(f"slower by a tenth in {votes} of {len(pairs)} pairs")
    return int(votes >= 0.7 * len(pairs))


sys.exit(main())
