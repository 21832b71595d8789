#!/usr/bin/env python3
"""A watchdog that counts streaks: how many requests in a row were bad, whichever way one looks at them."""

# ruff: noqa: PTH, SIM115, RET503
import csv
import io
import json
import os
import signal
import socket
import sys
import time

CONFIG = "/etc/haproxy/haproxy.cfg"
RELEASES = "/srv/shop/releases"
STREAK = 130  # requests; a hiccup is shorter

log = open("/work/audit.jsonl", "a", buffering=1)
signal.signal(signal.SIGTERM, lambda *_: (note("stop", why="asked to, after 0 s"), sys.exit(0)))


def note(action, **more):
    print(json.dumps({"time": time.strftime("%H:%M:%S"), "action": action, **more}), file=log)


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
    with open("/srv/shop/intent.json") as file:
        return json.load(file)


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
    with open(f"{RELEASES}/{releases[-2]}") as file:
        text = file.read()
    with open(CONFIG + ".new", "w") as file:
        file.write(text)
    if os.system(f"haproxy -c -q -f {CONFIG}.new"):
        os.unlink(CONFIG + ".new")
        return note("give-up", why=f"{releases[-2]} does not hold: 1 error or more")
    os.rename(CONFIG + ".new", CONFIG)
    answer = talk("master", "reload")
    note("rollback", why=why, what=releases[-1], ok="Success=1" in answer)


streak, before, tried, gave_up = 0, look(), None, None
first = sorted(os.listdir(RELEASES))[-1]
while True:
    time.sleep(0.15)
    releases = sorted(name for name in os.listdir(RELEASES) if name.endswith(".cfg"))
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
