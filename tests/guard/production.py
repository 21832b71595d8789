"""A small production on loopback, with nothing of ours in it: a real nginx or HAProxy, three servers, and git.

Traffic is sent by whoever looks: each look at the counts is worth so many requests, however slow the machine is.
Run as a program, it is a guard that ends itself with SIGKILL at one step.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from autograder.guard.balancers.access_log import LOG_FORMAT
from autograder.guard.balancers.process import ProcessBalancer
from autograder.guard.counts import Window
from autograder.guard.guardian import Guard
from autograder.guard.repository import Repository
from autograder.guard.settings import Settings, load_settings
from autograder.stack.local_sandbox import balancer_folders
from autograder.stack.procfs import family_pids

PORT = 18080
A_LOOK = 450
"""Requests that a look is worth: enough to judge by, whatever is known of how much traffic varies."""
NGINX = """daemon off;
worker_processes 1;
pid {home}/nginx.pid;
error_log {home}/error.log;
events {{ worker_connections 256; }}
http {{
    {log_format}
    access_log {home}/access.log guard;
    upstream shop {{
        server {host}:18081{first};
        server {host}:18082;
        server {host}:18083;
    }}
    server {{
        listen {host}:{port};
        location / {{ proxy_pass http://shop; }}
    }}
}}
"""
HAPROXY = """global
    stats socket {home}/stats.sock mode 600 level admin
    no strict-limits
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend door
    bind {host}:{port}
    default_backend shop
backend shop
    balance roundrobin
    stick-table type string size 1k expire 1h
    {stick}
    server app1 {host}:18081{first}
    server app2 {host}:18082
    server app3 {host}:18083
"""
SERVERS = """daemon off;
pid {home}/servers.pid;
error_log {home}/servers.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    server {{
        listen {host}:18081; listen {host}:18082; listen {host}:18083;
        location / {{ return 200 "well"; }}
    }}
}}
"""
GUARD = """state = "state"
[git]
repo = "repo"
config = "lb/{main}"
[[balancer]]
name = "edge"
proxy = "{proxy}"
{how}
[watch]
before_s = 0
canary_s = 0
window_s = 0
recover_s = 0
every_s = 0.02
[inspect]
run = false
"""


_SILENT_S = 30.0
"""Whose count stands still for so long does not count what is missing."""
_NUMBERS = itertools.count()


class Production:
    """Use it as ``with Production("nginx") as production``. ``home`` has everything; ``repo`` is where versions are."""

    def __init__(self, proxy: str) -> None:
        self.proxy = proxy
        self.home = Path(tempfile.mkdtemp(prefix="mh-", dir="/tmp"))  # sockets have short names
        self.repo = self.home / "repo"
        # An address of our own: nobody else's ports are in the way.
        pid, number = os.getpid(), next(_NUMBERS)
        self.host = f"127.{64 + number % 8 * 8 + pid // 65536 % 8}.{pid // 256 % 256}.{pid % 256}"
        self.main = {"nginx": "nginx.conf", "haproxy": "haproxy.cfg"}[proxy]
        nginx, haproxy = balancer_folders()
        self._nginx, self._haproxy = str(nginx / "nginx"), str(haproxy / "haproxy")
        self._processes: list[subprocess.Popen[bytes]] = []
        self._commits = 0

    def __enter__(self) -> Self:
        try:
            self._begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _begin(self) -> None:
        (self.home / "conf").mkdir()
        (self.repo / "lb").mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch", "main")
        (self.home / "servers.conf").write_text(SERVERS.format(home=self.home, host=self.host), encoding="utf-8")
        self._start([self._nginx, "-p", f"{self.home}/", "-e", "stderr", "-c", f"{self.home}/servers.conf"])
        text = self.config()
        self.commit(text)
        (self.home / "conf" / self.main).write_text(text, encoding="utf-8")
        how = self.start_balancer()
        toml = GUARD.format(home=self.home, main=self.main, proxy=self.proxy, how=how)
        (self.home / "guard.toml").write_text(toml, encoding="utf-8")
        for port in (18081, PORT):
            self._wait(port)

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            process.wait(60)
        shutil.rmtree(self.home, ignore_errors=True)

    def start_balancer(self) -> str:
        """Start it; what guard.toml says of it."""
        config = f"{self.home}/conf/{self.main}"
        if self.proxy == "nginx":
            self._start([self._nginx, "-p", f"{self.home}/", "-e", "stderr", "-c", config])
            how = f'pid_file = "{self.home}/nginx.pid"\naccess_log = "{self.home}/access.log"'
        else:
            pid = f"{self.home}/haproxy.pid"
            self._start([self._haproxy, "-W", "-S", f"{self.home}/master.sock", "-p", pid, "-f", config])
            how = f'stats = "{self.home}/stats.sock"\nmaster = "{self.home}/master.sock"'
        program = self._nginx if self.proxy == "nginx" else self._haproxy
        return f'folder = "{self.home}/conf"\nprogram = "{program}"\n{how}'

    def cut(self) -> None:
        """End the balancer as a power cut would."""
        balancer = self._processes[-1]
        for pid in family_pids(balancer.pid) - {balancer.pid}:
            os.kill(pid, signal.SIGKILL)
        balancer.kill()
        balancer.wait(60)

    def _start(self, command: list[str]) -> None:
        log = (self.home / "said.log").open("ab")
        self._processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        log.close()

    def _wait(self, port: int) -> None:
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            try:
                socket.create_connection((self.host, port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise AssertionError((self.home / "said.log").read_text(encoding="utf-8"))

    def config(self, first: str = "", stick: str = "") -> str:
        """A config in which the first server has ``first`` behind its address; each is another one."""
        self._commits += 1
        template = {"nginx": NGINX, "haproxy": HAPROXY}[self.proxy]
        text = template.format(
            home=self.home, host=self.host, port=PORT, first=first, log_format=LOG_FORMAT, stick=stick
        )
        return f"# version {self._commits}\n{text}"

    def skewed(self) -> str:
        """One in which nearly all goes to the first server."""
        return self.config(" weight=100" if self.proxy == "nginx" else " weight 200")

    def commit(self, config: str) -> str:
        """A new version; its commit."""
        (self.repo / "lb" / self.main).write_text(config, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", f"version {self._commits}")
        return self.git("rev-parse", "HEAD").strip()

    def git(self, *words: str) -> str:
        who = {f"GIT_{one}_{what}": "ops@shop.example" for one in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        return subprocess.run(
            ["git", *words], cwd=self.repo, env=os.environ | who, capture_output=True, text=True, check=True
        ).stdout

    @property
    def settings(self) -> Settings:
        """What its guard.toml says."""
        return load_settings(self.home / "guard.toml")

    def guard(self, **more: Any) -> Guard:
        """A guard whose looks are worth requests."""
        return Guard(self.settings, (Paced(self.settings, self.host),), **more)

    def lies_there(self) -> str:
        """What is in the config's folder."""
        return (self.home / "conf" / self.main).read_text(encoding="utf-8")

    def is_even(self) -> bool:
        """Whether all servers get their share, seen from outside: what runs."""
        balancer = Paced(self.settings, self.host, 90)
        balancer.counts()
        counts = [one.requests for one in balancer.counts().servers]
        return len(counts) == 3 and max(counts) <= 66 and sum(counts) >= 170


class Paced(ProcessBalancer):
    """Each look at the counts is preceded by requests, so that it is worth the same on any machine."""

    def __init__(self, settings: Settings, host: str, requests: int = A_LOOK) -> None:
        super().__init__(settings.balancers[0], Repository(settings.git).main)
        self._host, self._each = host, requests
        self.failed = 0
        self.dies: Callable[[], None] | None = None
        """Called after the next look."""

    def counts(self) -> Window:
        window = self._counts()
        if self.dies is not None:
            self.dies()
            self.dies = None
        return window

    def _counts(self) -> Window:
        before = super().counts().requests
        answered = _ask(self._host, self._each)
        self.failed += self._each - answered
        # What was answered is counted a little later: a line is written, and perhaps handed on, after the answer.
        window = super().counts()
        changed, seen = time.monotonic(), window.requests
        while window.requests < before + answered and time.monotonic() - changed < _SILENT_S:
            time.sleep(0.005)
            window = super().counts()
            if window.requests != seen:
                changed, seen = time.monotonic(), window.requests
        return window


def _ask(host: str, requests: int) -> int:
    """Send so many requests over one connection; how many were answered well."""
    well = 0
    try:
        with socket.create_connection((host, PORT), 60) as connection:
            for _ in range(requests):
                connection.sendall(b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n")
                answer = b""
                while not answer.endswith(b"well"):
                    data = connection.recv(4096)
                    if not data:
                        return well
                    answer += data
                well += answer.startswith(b"HTTP/1.1 200")
    except OSError:
        pass
    return well


def _main(file: str, host: str, revision: str, step: str, phase: str) -> None:
    settings = load_settings(Path(file))

    def die(at: str, is_: str) -> None:
        if (at, is_) == (step, phase):
            os.kill(os.getpid(), signal.SIGKILL)

    with Guard(settings, (Paced(settings, host),), on_step=die) as guard:
        print(guard.apply(revision).kind if revision else guard.resume())


if __name__ == "__main__":
    _main(*sys.argv[1:])
