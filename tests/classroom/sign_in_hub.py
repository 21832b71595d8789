"""The classroom's hub as a process of its own, with its very settings, and a browser that knows the rules for cookies.

Nothing else of a classroom runs: no Docker, no proxy, no database server, and no room is ever opened.
"""

from __future__ import annotations

import http.cookies
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from autograder.classroom.settings import Settings, SignIn

ROOT = Path(__file__).resolve().parents[2]
INSIDE = ROOT / "docker" / "classroom" / "inside"
SITE = "https://hands.example.org"
"""What browsers see; a front with TLS is taken to stand before the hub."""
PATIENCE_SECONDS = 120
_ROOMS = """
from jupyterhub.proxy import Proxy
from jupyterhub.spawner import SimpleLocalProcessSpawner


class RoomSpawner(SimpleLocalProcessSpawner):
    async def start(self):
        raise RuntimeError("no room is opened here")


class NoProxy(Proxy):
    should_start = False

    async def get_all_routes(self):
        return {}

    async def add_route(self, routespec, target, data):
        pass

    async def delete_route(self, routespec):
        pass
"""
_CONFIG = """
import os
from room_spawner import NoProxy
c = get_config()
load_subconfig("jupyterhub_config.py", os.environ["HUB_INSIDE"])
c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.hub_ip = c.JupyterHub.hub_connect_ip = "127.0.0.1"
c.JupyterHub.hub_port = int(os.environ["HUB_PORT"])
c.JupyterHub.bind_url = f"http://127.0.0.1:{os.environ['HUB_PORT']}/"
c.JupyterHub.cookie_secret_file = os.environ["HUB_FOLDER"] + "/cookie_secret"
for service in c.JupyterHub.services:
    for what in ("url", "command", "oauth_no_confirm"):
        service.pop(what, None)
"""


def install(folder: Path) -> Path:
    """What the image's hub runs, at the versions and hashes it is locked to, once in ``folder``; where to import it."""
    library = folder / "hub-library"
    if library.exists():
        return library
    command = [sys.executable, "-P", "-m", "uv", "pip", "install", "--quiet", "--target", str(library), "--no-deps"]
    command += ["--require-hashes", "--only-binary", ":all:", "--no-binary", "onetimepass", "--no-build-isolation"]
    locked = ROOT / "docker" / "classroom" / "requirements.txt"
    subprocess.run([*command, "--requirement", str(locked)], check=True, timeout=600)
    return library


@dataclass
class Hub:
    """A hub that runs."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]
    environment: Mapping[str, str]

    def enrol(self, people: Sequence[Mapping[str, str]]) -> Any:
        """Make people known, with the classroom's own program."""
        done = subprocess.run(
            [sys.executable, "-P", str(INSIDE / "enrol.py")],
            input=json.dumps({"people": people, "native": False}),
            capture_output=True,
            text=True,
            env=dict(self.environment),
            check=True,
            timeout=PATIENCE_SECONDS,
        )
        return json.loads(done.stdout)

    def ask(self, path: str) -> Any:
        """What the hub's API says, to the one that may enrol."""
        answer = httpx.get(
            f"http://127.0.0.1:{self.port}/hub/api/{path}", headers={"Authorization": "token for-enrol"}, timeout=60
        )
        return answer.raise_for_status().json()

    def launches(self) -> list[dict[str, Any]]:
        """What was kept of launches from a platform."""
        return [json.loads(file.read_text()) for file in (self.folder / "launches").glob("*.json")]


@contextmanager
def a_hub(folder: Path, library: Path, kind: str, options: Mapping[str, Any]) -> Iterator[Hub]:
    """Start the hub and wait until it answers."""
    folder.mkdir()
    (folder / "hub.json").write_text(json.dumps(Settings(address=SITE, sign_in=SignIn(kind, options)).for_hub()))
    modules = folder / "modules"
    modules.mkdir()
    shutil.copy2(INSIDE / "sign_in.py", modules)
    (modules / "room_spawner.py").write_text(_ROOMS)
    (folder / "config.py").write_text(_CONFIG)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    tokens = {
        name: f"for-{name.partition('_')[0].lower()}" for name in ("EXCHANGE_TOKEN", "METRICS_TOKEN", "ENROL_TOKEN")
    }
    environment = {
        **os.environ,
        **tokens,
        "PYTHONPATH": f"{modules}:{library}",
        "HUB_TOLD": str(folder),
        "HUB_LAUNCHES": str(folder / "launches"),
        "HUB_INSIDE": str(INSIDE),
        "HUB_PORT": str(port),
        "HUB_FOLDER": str(folder),
        "HUB_API": f"http://127.0.0.1:{port}/hub/api",
        "HUB_DATABASE": f"sqlite:///{folder / 'hub.sqlite'}",
        "GRADEBOOK": "sqlite:///nowhere",
        "LEARNER_IMAGE": "none",
        "CLASSROOM": "test",
    }
    with (folder / "log").open("wb") as log:
        command = [sys.executable, "-P", "-m", "jupyterhub", "-f", str(folder / "config.py")]
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        _wait_until_it_answers(port, process, folder / "log")
        yield Hub(port, folder, process, environment)
    finally:
        process.terminate()
        process.wait()


def _wait_until_it_answers(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        try:
            if httpx.get(f"http://127.0.0.1:{port}/hub/health", timeout=10).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)  # between two looks


@dataclass
class Browser:
    """One person's browser. It knows the hub as ``SITE``, and sends what it has to its port.

    A cookie goes back only where its path, ``Secure`` and ``SameSite`` let it: with a page of another site that posts,
    one that says ``None``.
    """

    hub: Hub
    cookies: dict[tuple[str, str], http.cookies.Morsel[str]] = field(default_factory=dict)
    """Host and name → cookie."""

    def get(self, url: str) -> httpx.Response:
        return self.go("GET", url, across=False)

    def post(self, url: str, data: Mapping[str, str], *, across: bool) -> httpx.Response:
        """Send a form; ``across``: from a page of another site."""
        return self.go("POST", url, data=data, across=across)

    def go(self, method: str, url: str, *, across: bool, data: Mapping[str, str] | None = None) -> httpx.Response:
        """One request; redirects are the caller's to follow."""
        parts = urlsplit(url)
        ours = url.startswith(SITE)
        headers = {"Cookie": "; ".join(self._cookies(parts.netloc, parts.path, across and method == "POST"))}
        if ours:
            headers |= {"Host": parts.netloc, "X-Forwarded-Proto": "https", "X-Scheme": "https"}
            url = url.replace(SITE, f"http://127.0.0.1:{self.hub.port}", 1)
        answer = httpx.request(method, url, headers=headers, data=data, timeout=60)
        for line in answer.headers.get_list("set-cookie"):
            for name, morsel in http.cookies.SimpleCookie(line).items():
                if morsel["samesite"].lower() == "none":
                    assert morsel["secure"], f"browsers drop {line}"
                if morsel.value:
                    self.cookies[parts.netloc, name] = morsel
                else:
                    self.cookies.pop((parts.netloc, name), None)
        return answer

    def _cookies(self, host: str, path: str, across: bool) -> list[str]:
        return [
            f"{name}={morsel.coded_value}"
            for (at, name), morsel in self.cookies.items()
            if at == host and path.startswith(morsel["path"] or "/")
            if not across or morsel["samesite"].lower() == "none"
        ]

    def signed_in(self) -> str:
        """The name that the hub knows this browser by; empty if it knows none."""
        answer = self.get(f"{SITE}/hub/home")
        found = re.search(r'user: "([^"]*)"', answer.text) if answer.status_code == 200 else None
        return found[1] if found else ""
