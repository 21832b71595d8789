"""`up`: start the site and JupyterLab, wait until both answer, stay until told to stop, leave nothing behind."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autograder.errors import ManyHandsError
from autograder.launch import desk, jupyter, lablist, pages, ports, state
from autograder.launch.places import home as home_folder
from autograder.launch.places import site_folder
from autograder.notebook.course_pages import SITE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from types import FrameType

_PATIENCE_SECONDS = 300.0
"""How long JupyterLab may take to answer: seconds on a laptop, minutes on a machine that is busy with a class."""


@dataclass(frozen=True)
class Wishes:
    """What the user asked for; a port of None is the usual one or the next free one.

    ``seed`` decides the variants of a new class; None leaves that to the environment, or to chance.
    """

    port_site: int | None = None
    port_lab: int | None = None
    browser: bool = True
    seed: str | None = None


class _Stopped(BaseException):
    """Ctrl-C, TERM or a closed terminal. Not an Exception, so that nothing below catches it by accident."""


def up(wishes: Wishes, say: Callable[[str], None], show: Callable[[str], None]) -> int:
    """Run until stopped; the exit code.

    ``say`` gets progress, ``show`` what the user asked for. Raises :class:`ManyHandsError` when it cannot start.
    """
    home = home_folder()
    with _stoppable():
        try:
            with state.claim(home) as claim:
                if claim is None:
                    return _show_running(home, show)
                return _run(home, claim, wishes, say, show)
        except _Stopped:
            say("stopped")
            return 0


def _run(
    home: Path, claim: state.Claim, wishes: Wishes, say: Callable[[str], None], show: Callable[[str], None]
) -> int:
    from autograder.grading.classroom import prepare_class
    from autograder.labs.catalogue import all_labs

    port_site = ports.choose(wishes.port_site, 8000, "--port-site", avoid=wishes.port_lab)
    port_lab = ports.choose(wishes.port_lab, 8888, "--port-lab", avoid=port_site)
    for port, usual, asked in ((port_site, 8000, wishes.port_site), (port_lab, 8888, wishes.port_lab)):
        if asked is None and port != usual:
            say(f"port {usual} is taken {ports.holder(usual)}".rstrip() + f"; using {port}")
    say("laying out the labs…")
    jupyter.prepare(home)
    jupyter.forget_servers(home)
    folder = site_folder(home)
    with pages.building(folder, say):  # it takes as long as nbgrader does, and there is more than one processor
        prepare_class(home, progress=say, seed=wishes.seed)
    token = secrets.token_urlsafe(24)
    with pages.serve(folder, port_site, lambda: jupyter.address(home)) as site:
        lablist.write(home, all_labs(), site)
        say("starting JupyterLab…")
        command = jupyter.command(home, port_lab, exactly=wishes.port_lab is not None)
        with _leashed(command, home, {"JUPYTER_TOKEN": token, SITE_VARIABLE: site}) as leash:
            claim.tell(leash.pid)
            server = _wait_for_lab(home, leash, token, port_lab)
            lab = f"{server}lab/tree/labs.md?token={token}"
            claim.tell(leash.pid, site, lab)
            show(_addresses(site, lab))
            show("Ctrl-C here, or ./manyhands down in another terminal, ends both.")
            if wishes.browser:
                _open(lab, say)
            leash.wait()
            raise ManyHandsError(
                "JupyterLab ended by itself", where=lab, why=_last_words(home), remedy="./manyhands up starts it again"
            )


@contextmanager
def _stoppable() -> Iterator[None]:
    """Turn the first stop signal into :class:`_Stopped`; the later ones wait for the tidying up."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for which in watched:
            signal.signal(which, signal.SIG_IGN)
        raise _Stopped

    watched = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {which: signal.signal(which, stop) for which in watched}
    try:
        yield
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)


@contextmanager
def _leashed(command: list[str], home: Path, told: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command for as long as the block, and not one moment longer than this process (see ``leash.py``)."""
    far, near = os.pipe()
    process = None
    try:
        with (home / ".jupyter" / "jupyterlab.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "autograder.launch.leash", str(far), *command],
                cwd=home,
                env={**os.environ, **told},  # not arguments: those are for all to read
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[far],
                start_new_session=True,  # Ctrl-C in the terminal is for us; JupyterLab would ask whether we are sure
            )
        yield process
    finally:
        os.close(far)
        os.close(near)
        if process is not None:
            process.wait()


def _wait_for_lab(home: Path, leash: subprocess.Popen[bytes], token: str, port: int) -> str:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        address = jupyter.address(home)
        if address and _answers(f"{address}api/status", token):
            return address
        try:
            leash.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        if not ports.is_free(port):
            raise ports.taken(port, "--port-lab")
        raise ManyHandsError(
            "JupyterLab did not start",
            where=str(home / ".jupyter" / "jupyterlab.log"),
            why=_last_words(home),
            remedy="./manyhands doctor tells what is missing",
        )
    raise ManyHandsError(
        f"JupyterLab did not answer within {_PATIENCE_SECONDS:.0f} s",
        where=str(home / ".jupyter" / "jupyterlab.log"),
        why=_last_words(home),
        remedy="try again; ./manyhands doctor tells what is missing",
    )


def _answers(url: str, token: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback is never behind a proxy
    request = urllib.request.Request(url, headers={"Authorization": f"token {token}"})
    try:
        with direct.open(request, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _last_words(home: Path) -> str:
    lines = (home / ".jupyter" / "jupyterlab.log").read_text(errors="replace").splitlines()
    return "\n        ".join(lines[-5:])


def _show_running(home: Path, show: Callable[[str], None]) -> int:
    """A second `up`: wait until the first is ready, then say what it said."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        note = state.read(home)
        if note and note.ready:
            show("already running:")
            show(_addresses(note.site, note.lab))
            return 0
        if note and note.up.wait(0.1):
            break
    raise ManyHandsError("another ./manyhands up was starting, but did not get there", remedy="./manyhands up")


def _addresses(site: str, lab: str) -> str:
    return f"  course  {site}\n  labs    {lab}"


def _open(address: str, say: Callable[[str], None]) -> None:
    """Open the browser where there is a desktop; a browser for terminals would take this one over."""
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("WSL_DISTRO_NAME"):
        webbrowser.open(address)
    elif desk.inside():
        say("a container cannot open your browser: open the second address yourself")
    else:
        say("no desktop here: open the address yourself")
