#!/usr/bin/env python3
"""The middle of all runs of the old build against the middle of all runs of the new one."""

import json
import sys
from pathlib import Path
from statistics import median


def read(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


def judge(old, new):
    """Exit code and reason."""
    test = [(build["loop"], build["rate"], build["seconds"], len(build["runs"])) for build in (old, new)]
    if test[0] != test[1]:
        return 2, f"two tests, {test[0]} and {test[1]}: measure both builds in the same way"
    loop, rate, seconds, runs = test[0]
    sent = [run["sent"] for build in (old, new) for run in build["runs"]]
    if loop == "closed":
        return 2, "closed loop: it asks less when the server is slow"
    if runs < 10 or min(sent) < 200:
        return 2, f"{runs} runs of {min(sent)} requests or more: not enough"
    if sum(sent) < 0.98 * len(sent) * rate * seconds:
        return 2, f"{sum(sent)} of {len(sent) * rate * seconds:.0f} requests were sent: it did not keep its rate"
    failed = [sum(run["failed"] for run in build["runs"]) for build in (old, new)]
    if failed[1] - failed[0] > 0.01 * sum(sent) / 2:
        return 1, f"errors: {failed[1]} of {sum(sent) // 2}, before {failed[0]}"
    for percentile in ("50", "99"):
        before, after = (median(run["ms"][percentile] for run in build["runs"]) for build in (old, new))
        if after > 1.18 * before:
            return 1, f"percentile {percentile}: {after:.0f} ms, before {before:.0f} ms"
    return 0, "no difference that matters"


try:
    code, why = judge(read(sys.argv[1]), read(sys.argv[2]))
except Exception as error:
    code, why = 2, f"no results: {error!r}"
print(why, file=sys.stderr)
sys.exit(code)
