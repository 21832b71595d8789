#!/usr/bin/env python3
"""A watchdog that counts streaks: how many requests in a row were bad, whichever way one looks at them."""

import csv
import io
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

CONFIG = Path("/etc/haproxy/haproxy.cfg")
RELEASES = Path("/srv/shop/releases")
STREAK = 130  # requests; a hiccup is shorter

log = Path("/work/audit.jsonl")
signal.signal(signal.SIGTERM, lambda *_: (note("stop", why="asked to, after 0 s"), sys.exit(0)))


def note(action, **more):
    line = json.dumps({"time": time.strftime("%H:%M:%S"), "action": action, **more})
    log.write_text(log.read_text() + line + "\n" if log.exists() else line + "\n")


def talk(kind, line):
    with socket.socket(socket.AF_UNIX) as there:
        there.settimeout(10)
        there.connect(f"/run/manyhands/{kind}.sock")
        there.sendall(line.encode() + b"\n")
        parts = []
        while part := there.recv(65536):
            parts.append(part)
    return b"".join(parts).decode()


def look():
    rows = csv.DictReader(io.StringIO(talk("runtime", "show stat").lstrip("# ")))
    return {row["svname"]: row for row in rows if row["pxname"] == "shop"}


def number(row, column):
    return int(row.get(column) or 0)


def wanted():
    return json.loads(Path("/srv/shop/intent.json").read_text())


def bad(now, before):
    """Why the requests since the last look are bad, and how many they are."""
    new = {name: number(row, "stot") - number(before[name], "stot") for name, row in now.items()}
    failed = {name: number(row, "hrsp_5xx") - number(before[name], "hrsp_5xx") for name, row in now.items()}
    total = new.pop("BACKEND")
    if total < 8:
        return None, 0
    if failed["BACKEND"] > total * 0.4:
        return f"{failed['BACKEND']} of {total} failed", total
    plan = wanted()
    open_ = [name for name, row in now.items() if name != "BACKEND" and not row["status"].startswith("MAINT")]
    for name in open_:
        fair = plan["shares"].get(name, (1 - sum(plan["shares"].values())) / max(1, len(open_) - len(plan["shares"])))
        if new[name] > total * min(0.95, max(0.6, fair + 0.25)):
            return f"{name}: {new[name]} of {total}, meant were {fair:.2f}", total
    return "", total


def back(releases, why):
    new = CONFIG.with_suffix(".new")
    new.write_text((RELEASES / releases[-2]).read_text())
    if subprocess.call(["haproxy", "-c", "-q", "-f", new]):
        new.unlink()
        note("give-up", why=f"{releases[-2]} does not hold: 1 error or more")
        return
    new.rename(CONFIG)
    answer = talk("master", "reload")
    note("rollback", why=why, what=releases[-1], ok="Success=1" in answer)


streak, before, tried, gave_up = 0, look(), None, None
first = max(path.name for path in RELEASES.iterdir())
while True:
    time.sleep(0.15)
    releases = sorted(path.name for path in RELEASES.glob("*.cfg"))
    now = look()
    if not now or "BACKEND" not in now:
        continue
    if (
        any(number(now[name], "stot") < number(before.get(name, {}), "stot") for name in now)
        or now.keys() != before.keys()
    ):
        before = {name: {} for name in now}
    why, total = bad(now, before)
    if why is None:
        continue  # too few to say; the next look has more
    before = now
    streak = streak + total if why else 0
    newest = releases[-1]
    if streak < STREAK or newest == first:
        continue
    streak = 0
    if tried != newest:
        tried = newest
        back(releases, why)
    elif gave_up != newest:
        gave_up = newest
        note("give-up", why=f"it was undone, and {why}")
