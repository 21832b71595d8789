"""gate.py OLD NEW: may this build go out? Ends with 0 (yes), 1 (no: worse), 2 (nobody can tell from these files)."""

import json
import statistics
import sys
from pathlib import Path

PAIRS, SENT = 10, 200  # fewer than this tell nothing
ENOUGH = 1.1  # slower by this much matters
LOST = 0.75  # part of the pairs that a slower build loses at least
ERRORS = 0.01  # so much more of all requests may not fail


def end(code: int, words: str) -> None:
    print(words)
    sys.exit(code)


def part_failed(build: dict) -> float:
    return sum(run["failed"] for run in build["runs"]) / sum(run["sent"] for run in build["runs"])


try:
    old, new = (json.loads(Path(name).read_text()) for name in sys.argv[1:3])
    pairs = list(zip(old["runs"], new["runs"], strict=True))
    for name in ("loop", "rate", "seconds"):
        if old[name] != new[name]:
            end(2, f"cannot tell: {name} is {old[name]} for the old build and {new[name]} for the new one")
    if old["loop"] != "open":
        end(2, "cannot tell: a closed loop waits with the server; measure at a fixed rate")
    if len(pairs) < PAIRS:
        end(2, f"cannot tell: {len(pairs)} pairs; measure at least {PAIRS}")
    due = old["rate"] * old["seconds"]
    least = min(run["sent"] for pair in pairs for run in pair)
    if least < SENT:
        end(2, f"cannot tell: a run sent {least}; at least {SENT} are needed")
    first = min(pairs[0][0]["sent"], pairs[0][1]["sent"])
    if first < 0.95 * due:
        end(2, f"cannot tell: {due:.0f} were due in each run and {first} were sent; the test waited with the server")
    before, after = part_failed(old), part_failed(new)
    if after > before + ERRORS:
        end(1, f"refused: {after:.1%} of the requests failed, {before:.1%} before")
    ratios = {key: [b["ms"][key] / a["ms"][key] for a, b in pairs] for key in ("50", "99")}
except (OSError, ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError) as error:
    end(2, f"cannot tell: the files cannot be read as results ({error!r})")

told = []
for key, found in ratios.items():
    lost, middle = sum(ratio > 1 for ratio in found), statistics.median(found)
    told.append(f"{middle:.2f} × the {key}th percentile, slower in {lost} of {len(found)} pairs")
    if lost >= LOST * len(found) and middle > ENOUGH:
        end(1, f"refused: {told[-1]}")
end(0, f"fine: {'; '.join(told)}")
