#!/usr/bin/env python3
"""rollback.sh COMMIT REASON: undo one change on this balancer. Ends with 0 only if the traffic says that it is over."""

import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path

CONFIG = Path("/etc/haproxy")
STATE = Path("/var/lib/haproxy/servers.state")


def git(*words: str, check: bool = True) -> subprocess.CompletedProcess:
    return subprocess.run(["git", *words], cwd=CONFIG, check=check, capture_output=True, text=True)


def holds() -> bool:
    return subprocess.run(["haproxy", "-c", "-f", "haproxy.cfg"], cwd=CONFIG, capture_output=True).returncode == 0


def ask(kind: str, words: str) -> str:
    with socket.socket(socket.AF_UNIX) as haproxy:
        haproxy.connect(f"/run/manyhands/{kind}.sock")
        haproxy.sendall(words.encode() + b"\n")
        return b"".join(iter(lambda: haproxy.recv(65536), b"")).decode()


def undo(commit: str, reason: str) -> None:
    """One new commit that takes the change back; none if that was done before."""
    full = git("rev-parse", commit).stdout.strip()
    if f"This reverts commit {full}" in git("log", "--format=%B", f"{full}..HEAD").stdout:
        return
    before = git("rev-parse", "HEAD").stdout.strip()
    if git("revert", "--no-edit", full, check=False).returncode:
        git("revert", "--abort", check=False)
        sys.exit("git cannot undo it alone: a later change touched the same lines")
    if not holds():
        git("reset", "--hard", before)  # nobody has seen the revert yet
        sys.exit("a later change needs this one: undo both by hand")
    subject = git("log", "-1", "--format=%s").stdout.strip()
    git("commit", "--amend", "-m", f"{subject}\n\nThis reverts commit {full}.\n{reason}")


def load() -> None:
    if not holds():
        sys.exit("the config on disk does not hold")
    STATE.unlink(missing_ok=True)
    if "Success=1" not in ask("master", "reload"):
        sys.exit("HAProxy refused the reload")
    for line in ask("runtime", "show servers state").splitlines():
        if (words := line.split()) and words[0].isdecimal() and len(words) > 4:
            ask("runtime", f"set server {words[1]}/{words[3]} state ready")


def spread(servers: set[str]) -> str:
    """Empty if every server answers its part: neither half of it nor twice."""
    met: Counter[str] = Counter()
    for _ in range(30 * len(servers)):
        try:
            with urllib.request.urlopen("http://localhost/", timeout=5) as page:
                met.update(re.findall(r"served by (\S+)\.", page.read().decode()))
        except OSError:
            met["nobody"] += 1
    uneven = any(not 15 <= met[server] <= 60 for server in servers)
    return str(dict(met)) if uneven else ""


commit, reason = sys.argv[1:3]
undo(commit, reason)
load()
names = set(re.findall(r"^\s*server (\S+)", (CONFIG / "haproxy.cfg").read_text(), re.MULTILINE))
for _ in range(3):
    if not (said := spread(names)):
        print("it is over")
        sys.exit(0)
    time.sleep(0.5)
sys.exit(f"undone, and not over: {said}")
