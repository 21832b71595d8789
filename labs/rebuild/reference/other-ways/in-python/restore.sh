#!/usr/bin/env python3
"""restore.sh BACKUPS LOST_AT, in Python: newest set first, each proved with traffic before it is called good."""

import collections
import datetime
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

BACKUPS, LOST_AT = pathlib.Path(sys.argv[1]), sys.argv[2]
CONFIG, STATE = pathlib.Path("/etc/haproxy"), pathlib.Path("/var/lib/haproxy/servers.state")
SERVERS = pathlib.Path("servers").read_text().split()


def works(*command):
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def out_of_service():
    rows = [line.split() for line in STATE.read_text().splitlines()[2:]] if STATE.exists() else []
    return {row[3] for row in rows if row[6] != "0"}


def spread():
    wanted = set(SERVERS) - out_of_service()
    for _ in range(2):
        pages = subprocess.run(["curl", "-s", "http://localhost/?look=[1-100]"], capture_output=True, text=True).stdout
        counts = collections.Counter(re.findall(r"served by (\w+)", pages))
        fair = 100 / len(wanted)
        if set(counts) == wanted and all(fair / 2 < counts[name] < 2 * fair for name in wanted):
            return True
        time.sleep(0.3)
    return False


def put(found):
    """Exactly this set, and the key for nobody else."""
    for path in CONFIG.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(found / "certs", CONFIG / "certs") if (found / "certs").is_dir() else None
    shutil.copy(found / "haproxy.cfg", CONFIG)
    for path in CONFIG.rglob("*.pem"):
        path.chmod(0o600)
    STATE.unlink(missing_ok=True)
    shutil.copy(found / "state/servers.state", STATE)


def minutes(word):
    return datetime.datetime.strptime(word, "%Y-%m-%dT%H%M").timestamp() // 60


def main():
    if works("systemctl", "is-active", "haproxy") and spread():
        print("users are served already")
        return 0
    for found in sorted(BACKUPS.iterdir(), reverse=True):
        put(found)
        if not works("haproxy", "-c", "-f", "haproxy.cfg", "-C", str(CONFIG)):
            print(found.name, "is refused")
            continue
        up = works("systemctl", "is-active", "haproxy")
        if works("systemctl", "reload" if up else "start", "haproxy") and spread():
            lost = minutes(LOST_AT) - minutes(found.name)
            print(f"serving with {found.name}; the last {lost:.0f} min of changes are lost")
            return 0
        print(found.name, "runs, and does not spread the traffic")
    print("no set is of use: call somebody", file=sys.stderr)
    return 3


os.umask(0o077)
sys.exit(main())
