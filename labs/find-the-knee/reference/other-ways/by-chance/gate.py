"""Log ratios of the pairs, the extreme ones cut off: refuse if the whole interval lies above 1.08."""

import json
import math
import sys
from pathlib import Path
from statistics import fmean, stdev


def told(code, words):
    print(words)
    raise SystemExit(code)


def middle(values, cut=0.1):
    values = sorted(values)
    off = int(len(values) * cut)
    return values[off : len(values) - off]


def main():
    builds = []
    for name in sys.argv[1:]:
        builds.append(json.loads(Path(name).read_text()))
    old, new = builds
    runs = old["runs"] + new["runs"]
    if any(build["loop"] != "open" for build in builds):
        told(2, "not measured in an open loop")
    if (old["rate"], old["seconds"]) != (new["rate"], new["seconds"]):
        told(2, "the two were not measured in the same way")
    if len(old["runs"]) != len(new["runs"]) or len(new["runs"]) < 10:
        told(2, "too few pairs")
    due = old["rate"] * old["seconds"]
    if any(run["sent"] < max(200, 0.9 * due) for run in runs):
        told(2, "too few requests were sent in a run")
    n = sum(run["sent"] for run in new["runs"])
    more = sum(run["failed"] for run in new["runs"]) / n - sum(run["failed"] for run in old["runs"]) / n
    if more > 0.01:
        told(1, f"of a hundred requests {100 * more:.1f} more fail")
    for key in ("50", "99"):
        logs = middle(math.log(b["ms"][key] / a["ms"][key]) for a, b in zip(old["runs"], new["runs"], strict=True))
        error = stdev(logs) / math.sqrt(len(logs))
        low, high = (math.exp(fmean(logs) + 2 * side * error) for side in (-1, 1))
        if low > 1.08:
            told(1, f"{key}th percentile: {low:.2f} to {high:.2f} times the old one")
    told(0, "what differs may be chance, or is too little to matter")


try:
    main()
except Exception as error:
    told(2, f"cannot read the results: {error!r}")
