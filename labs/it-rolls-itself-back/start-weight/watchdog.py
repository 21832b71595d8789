"""watchdog.py: undo a change that does harm. A first try: it runs, and it is too nervous."""

import shutil
import socket
import subprocess
import time
from pathlib import Path

CONFIG = Path("/etc/haproxy/haproxy.cfg")
RELEASES = Path("/srv/shop/releases")


def show_stat() -> dict[str, dict[str, str]]:
    """What HAProxy counted since it loaded its config: server → column → value."""
    with socket.socket(socket.AF_UNIX) as haproxy:
        haproxy.connect("/run/manyhands/runtime.sock")
        haproxy.sendall(b"show stat\n")
        text = b"".join(iter(lambda: haproxy.recv(65536), b"")).decode()
    head, *rows = text.strip().lstrip("# ").splitlines()
    found = [dict(zip(head.split(","), row.split(","), strict=False)) for row in rows]
    return {row["svname"]: row for row in found if row["pxname"] == "shop" and row["svname"] != "BACKEND"}


while True:
    counts = {name: int(row["stot"]) for name, row in show_stat().items()}
    total = sum(counts.values())
    if total >= 40 and max(counts.values()) > 0.3 * total:
        releases = sorted(RELEASES.glob("*.cfg"))
        shutil.copy(releases[-2], CONFIG)
        subprocess.run(["systemctl", "restart", "haproxy"])
    time.sleep(0.1)
