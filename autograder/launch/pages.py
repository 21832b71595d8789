"""The course site: built when its sources changed, and served from the built files."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.errors import ManyHandsError
from autograder.launch.places import ROOT
from autograder.launch.ports import LOOPBACK, listen_address
from autograder.whereabouts import PACKAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SOURCES = ("mkdocs.yml", "course", "site", "labs", "autograder", "tests/hostile")
"""What pages are made from; generated pages read the labs, the whole package, and the corpus of attacks."""
_LOOK_S = 0.1
"""How often a build looks whether it is still wanted."""


@contextmanager
def building(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Make ``folder`` hold the built site while the block runs; nothing is done when it already does.

    At the end of the block the site is there. It is built beside the old one and takes its place whole. A block that
    fails ends the build, and the old site stays. Raises :class:`ManyHandsError` with what MkDocs said when it cannot
    be built.
    """
    stop = threading.Event()
    with ThreadPoolExecutor(1, "site") as beside:
        built = beside.submit(_build, folder, say, stop)
        try:
            yield
        except BaseException:
            stop.set()
            raise
        built.result()


def _build(folder: Path, say: Callable[[str], None], stop: threading.Event) -> None:
    stamp = folder.with_name(folder.name + ".stamp")
    if _is_fresh(folder, stamp):
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(folder.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_fresh(folder, stamp):  # somebody else just built it
            return
        say("building the course site…")
        sources = fingerprint()
        new, old = folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")
        shutil.rmtree(new, ignore_errors=True)
        if not _mkdocs(new, stop):
            return
        stamp.unlink(missing_ok=True)
        shutil.rmtree(old, ignore_errors=True)
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
        stamp.write_text(sources)
        shutil.rmtree(old, ignore_errors=True)


def fingerprint() -> str:
    """A digest over name, size and time of change of every source file."""
    digest = hashlib.sha256()
    for source in SOURCES:
        place = PACKAGE if source == PACKAGE.name else ROOT / source
        for file in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if file.is_file() and file.suffix != ".pyc":
                status = file.stat()
                digest.update(f"{file.relative_to(place.parent)}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


@contextmanager
def serve(folder: Path, port: int, lab: Callable[[], str | None] = lambda: None) -> Iterator[str]:
    """Serve a folder of built pages on this machine while the block runs; yields the address.

    ``lab`` tells where JupyterLab is, without its token: pages ask for that to open a lab.
    """

    class Pages(_Pages):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.lab = lab
            super().__init__(*args, directory=str(folder), **kwargs)

    server = ThreadingHTTPServer((listen_address(), port), Pages)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Pages(SimpleHTTPRequestHandler):
    """Built pages: no listing of folders, the site's own 404 page, always the newest file, nothing on the terminal."""

    server_version = "ManyHands"
    lab: Callable[[], str | None]

    def do_GET(self) -> None:
        if self.path != "/lab.json":
            super().do_GET()
            return
        body = json.dumps({"lab": self.lab()}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")
        policy = Path(self.directory) / "csp.txt"
        if policy.is_file():  # the build wrote it: nothing from elsewhere, and no script that it does not know
            self.send_header("Content-Security-Policy", policy.read_text("ascii").strip())
        super().end_headers()

    def list_directory(self, path: Any) -> None:  # noqa: ARG002  # the base class's signature
        self.send_error(404)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        page = Path(self.directory) / "404.html"
        if code != 404 or not page.is_file():
            super().send_error(code, message, explain)
            return
        body = page.read_bytes()
        self.send_response(404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing: the terminal shows what the user asked for."""


def _is_fresh(folder: Path, stamp: Path) -> bool:
    return folder.is_dir() and stamp.is_file() and stamp.read_text() == fingerprint()


def _mkdocs(folder: Path, stop: threading.Event) -> bool:
    """Build into ``folder``; False if it was ended before."""
    command = [sys.executable, "-P", "-m", "mkdocs", "build", "--quiet"]
    command += ["--config-file", str(ROOT / "mkdocs.yml"), "--site-dir", str(folder)]
    # some hooks read the tests' corpus, which lies beside them
    found = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=ROOT, env=found, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True
    ) as ran:
        while True:
            try:
                out, err = ran.communicate(timeout=_LOOK_S)
                break
            except subprocess.TimeoutExpired:
                if stop.is_set():
                    ran.kill()
    if stop.is_set():
        return False
    if ran.returncode != 0:
        raise ManyHandsError(
            "the course site could not be built",
            where="mkdocs.yml",
            why=(err or out).strip()[-2000:],
            remedy="mend the page it names, then run this again",
        )
    return True
