"""watchdog.py: undo a change that does harm; leave alone what was meant, and what will pass.

Detect: shares and errors of at least 40 requests. Decide: twice in a row, and only while the newest release is new.
Revert: once. If that does not help, say so, and stop.
"""

import json
import socket
import subprocess
import time
from pathlib import Path

CONFIG = Path("/etc/haproxy/haproxy.cfg")
SHOP = Path("/srv/shop")
AUDIT = Path("/work/audit.jsonl")
ENOUGH = 40  # requests; of fewer, shares say little
IN_A_ROW = 3  # windows: a hiccup is over before
TOO_MUCH = 2.0  # times the share that was meant
TOO_MANY = 0.2  # of all requests ended in an error


def ask(words: str) -> str:
    with socket.socket(socket.AF_UNIX) as haproxy:
        haproxy.connect("/run/manyhands/runtime.sock")
        haproxy.sendall(words.encode() + b"\n")
        return b"".join(iter(lambda: haproxy.recv(65536), b"")).decode()


def counters() -> dict[str, tuple[int, int]]:
    """Server → requests and errors since HAProxy loaded its config; BACKEND has all, with the balancer's own errors."""
    head, *rows = ask("show stat").strip().lstrip("# ").splitlines()
    found = [dict(zip(head.split(","), row.split(","), strict=False)) for row in rows]
    return {row["svname"]: (int(row["stot"]), int(row["hrsp_5xx"] or 0)) for row in found if row["pxname"] == "shop"}


def meant(servers: list[str]) -> dict[str, float]:
    """Server → the share that it is to have: as declared, and the rest in equal parts."""
    intent = json.loads((SHOP / "intent.json").read_text())
    declared = {name: share for name, share in intent["shares"].items() if name in servers}
    others = [name for name in servers if name not in declared and name not in intent["maintenance"]]
    rest = (1 - sum(declared.values())) / max(1, len(others))
    return declared | dict.fromkeys(others, rest)


def complaint(window: dict[str, tuple[int, int]]) -> str:
    """What is wrong with the requests of a window, in numbers; empty if nothing is."""
    total, errors = window["BACKEND"]
    served = {name: count for name, (count, _) in window.items() if name != "BACKEND"}
    # One server's errors are that server's: undoing a config would not mend it.
    failing = [name for name, (count, bad) in window.items() if name != "BACKEND" and bad > count / 2]
    if errors > TOO_MANY * total and len(failing) != 1:
        return f"{errors} of {total} requests ended in an error"
    for name, share in meant(list(served)).items():
        if served[name] > TOO_MUCH * share * total and served[name] - share * total > 10:
            return f"{name} has {served[name]} of {total} requests; {share:.0%} were meant"
    return ""


def write(action: str, **more: object) -> None:
    with AUDIT.open("a") as file:
        file.write(json.dumps({"at": time.time(), "action": action, **more}) + "\n")
    print(action, more, flush=True)


def roll_back(releases: list[Path], why: str) -> None:
    before = CONFIG.read_bytes()
    CONFIG.write_bytes(releases[-2].read_bytes())
    if subprocess.run(["haproxy", "-c", "-q", "-f", str(CONFIG)]).returncode:
        CONFIG.write_bytes(before)
        write("give-up", why=f"{releases[-2].name} does not hold", release=releases[-1].name)
        return
    done = subprocess.run(["systemctl", "reload", "haproxy"])
    write("rollback", why=why, release=releases[-1].name, to=releases[-2].name, reload=done.returncode)
    write("give-up", why="1 rollback is all that it does", release=releases[-1].name)


known = len(list((SHOP / "releases").glob("*.cfg")))
last, window, bad = counters(), {}, 0
undone = known
while True:
    time.sleep(0.1)
    releases = sorted((SHOP / "releases").glob("*.cfg"))
    if len(releases) != known:
        known, window, bad = len(releases), {}, 0
    try:
        now = counters()
    except OSError:
        continue
    # After a reload HAProxy counts from nothing.
    start = last if all(now.get(name, (0, 0))[0] >= old[0] for name, old in last.items()) else {}
    for name, (count, errors) in now.items():
        had = start.get(name, (0, 0))
        sums = window.get(name, (0, 0))
        window[name] = (sums[0] + count - had[0], sums[1] + errors - had[1])
    last = now
    if window["BACKEND"][0] < ENOUGH:
        continue
    why = complaint(window)
    window, bad = {}, bad + 1 if why else 0
    if bad < IN_A_ROW:
        continue
    bad = 0
    if undone < known:
        undone = known
        roll_back(releases, why)
