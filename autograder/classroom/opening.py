"""Opening and closing a classroom: images, settings, containers, and the people in it."""

from __future__ import annotations

import json
import shutil
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from autograder.classroom import keeping
from autograder.classroom import state as kept
from autograder.classroom.host import LABEL, Host, docker, told_to_compose
from autograder.classroom.images import ensure_images
from autograder.classroom.pruning import prune
from autograder.errors import ManyHandsError
from autograder.launch import pages
from autograder.launch.places import home as home_folder
from autograder.launch.places import site_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from autograder.classroom.images import Images
    from autograder.classroom.people import Person
    from autograder.classroom.settings import Settings
    from autograder.classroom.state import State

_PATIENCE_SECONDS: Final = 300.0
_BETWEEN_LOOKS: Final = 0.5
WITHOUT_CLUSTER: Final = ("front", "proxy", "hub", "database", "exchange", "prometheus")
"""The services of compose.yaml that a classroom needs which does not grade."""


@dataclass(frozen=True)
class Opened:
    """A classroom that answers: its address, who was new, and the passwords that were made: name → password."""

    address: str
    new: Sequence[str]
    passwords: Mapping[str, str]


def open_classroom(
    settings: Settings,
    people: Sequence[Person],
    say: Callable[[str], None],
    *,
    grading: bool = True,
    site: bool = True,
    home: Path | None = None,
) -> Opened:
    """Start all of it and make ``people`` known; what runs already is left running if nothing changed.

    Without ``grading`` there is no cluster, without ``site`` no course pages: tests need neither. ``home`` is where its
    secrets and settings are kept; the folder for all that a user makes unless told.

    Raises:
        ManyHandsError: Docker, compose, an image or the hub failed; what was started stays, to be looked at.
    """
    images = ensure_images(say, grading=grading)
    home = home or home_folder()
    state = kept.prepare(home, settings)
    if site:
        _lay_out_site(site_folder(home), state, say)
    host = Host(settings.name)
    say("starting the classroom")
    told = told_to_compose(settings.name, settings.port, images, state)
    # named one by one: compose would look for the cluster's image even where none of it is to run
    services = () if grading else WITHOUT_CLUSTER
    host.compose("up", "--detach", "--remove-orphans", *services, told=told)
    say("releasing the labs")
    _release(host, images, settings.labs)
    if grading:
        host.start_graders(images.grading, settings.graders)
    say("waiting for the hub")
    _wait_until_answers(host, settings.port, state)
    if gone := prune(frozenset({images.learner, images.services})):
        say(f"removed {gone} older image{'' if gone == 1 else 's'} of classrooms")
    enrolled = enrol(host, people, native=settings.sign_in.kind == "native")
    return Opened(settings.url, enrolled["new"], enrolled["passwords"])


def enrol(host: Host, people: Sequence[Person], *, native: bool) -> dict[str, Any]:
    """Make people known to a hub that runs; who was new, and which passwords were made.

    Raises:
        ManyHandsError: the classroom does not run, or the hub refused.
    """
    hub = host.container("hub")
    if not hub:
        raise ManyHandsError(
            "this classroom is not open", where=host.name, remedy="./manyhands classroom up --users users.csv"
        )
    told = json.dumps({"people": [person.told() for person in people], "native": native})
    answer: dict[str, Any] = json.loads(
        docker("exec", "--interactive", hub, "python", "/opt/manyhands/classroom/enrol.py", told=told)
    )
    return answer


def restore_classroom(settings: Settings, file: Path, say: Callable[[str], None]) -> int:
    """Put a saved classroom back, over what there is; it stays closed. How many volumes it had.

    Raises:
        ManyHandsError: it is open, or the file is not one that was saved.
    """
    images = ensure_images(say, grading=False)
    state = kept.prepare(home_folder(), settings)
    host = Host(settings.name)
    told = told_to_compose(settings.name, settings.port, images, state)

    def start_database() -> None:
        host.compose("up", "--detach", "database", told=told)

    try:
        return keeping.put_back(host, file, images.services, start_database, say)
    finally:
        if not host.container("hub"):
            host.remove(volumes=False)


def close_classroom(name: str, *, delete_work: bool = False) -> None:
    """End every room and service; work, grades and settings stay unless ``delete_work``."""
    Host(name).remove(volumes=delete_work)


def _lay_out_site(built: Path, state: State, say: Callable[[str], None]) -> None:
    """Copy the course pages to where the front has them, in the folder that it has mounted since it started."""
    with pages.building(built, say):
        pass
    for left in state.site.iterdir():
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    shutil.copytree(built, state.site, dirs_exist_ok=True)


def _release(host: Host, images: Images, labs: Sequence[str]) -> None:
    """Let nbgrader release the labs into the exchange, as in an instructor's room; quick when done before."""
    docker(
        *(
            "run",
            "--rm",
            "--network",
            "none",
            "--cap-drop",
            "ALL",
            "--security-opt",
            "no-new-privileges",
            "--read-only",
        ),
        *("--tmpfs", "/tmp:exec,mode=1777", "--volume", "/home/jovyan/work", "--memory", "2g"),
        *("--label", f"{LABEL}={host.name}", "--volume", f"{host.name}_class:/home/jovyan/work/class"),
        *("--volume", f"{host.name}_exchange:/home/jovyan/work/exchange", images.learner),
        *("python", "-P", "-m", "autograder.classroom.releasing", *labs),
    )


def _wait_until_answers(host: Host, port: int, state: State) -> None:
    trust = ssl.create_default_context(cafile=str(state.authority)) if state.authority.exists() else None
    deadline = time.monotonic() + _PATIENCE_SECONDS
    why = ""
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"https://127.0.0.1:{port}/hub/health", context=trust, timeout=10) as answer:
                if answer.status == 200:
                    return
        except (OSError, urllib.error.HTTPError) as error:
            why = str(error)
        time.sleep(_BETWEEN_LOOKS)
    hub = host.container("hub")
    last = docker("logs", "--tail", "5", hub) if hub else ""
    raise ManyHandsError(
        "the hub does not answer", why=f"{why} {last}".strip(), remedy=f"docker logs {hub or host.name}"
    )
