"""A clone in a folder with a space, and a way to run its script and see everything that script started."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
PARTS = (
    *("autograder", "course", "labs", "site", "tests"),
    *("manyhands", "mkdocs.yml", "pyproject.toml", "requirements.txt"),
)


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """A function that returns as soon as a condition holds, and fails when it does not within five minutes."""

    def wait(condition: Callable[[], object], seconds: float = 300) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"waited {seconds} s in vain"
            time.sleep(0.05)  # between two looks

    return wait


@dataclass
class Bench:
    """One user's folder, and the script of a clone run for it."""

    script: Path
    home: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        """The user's: no desktop, and a mark by which every process started from here is known."""
        kept = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
        self.scratch.mkdir(exist_ok=True)
        return {**kept, "MANYHANDS_HOME": str(self.home), "TMPDIR": str(self.scratch)}

    @property
    def scratch(self) -> Path:
        """The folder for temporary files."""
        return self.home.with_name("tmp")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a verb to its end."""
        return subprocess.run(
            [self.script, *words],
            env=self.environment(),
            cwd="/",
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a verb that stays."""
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [self.script, *words], env=self.environment(), cwd="/", stdout=pipe, stderr=subprocess.STDOUT, text=True
        )
        self.started.append(process)
        return process

    def up(self, *words: str, ports: bool = True) -> Up:
        """Start `up`, on free ports unless told otherwise, and wait until it says that both answer."""
        chosen = ["--port-site", str(free_port()), "--port-lab", str(free_port())] if ports else []
        process = self.start("up", "--no-browser", *chosen, *words)
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "Ctrl-C here" in line:
                break
        else:
            pytest.fail(f"up ended with {process.wait()}:\n{said}")
        site = re.search(r"course +(http\S+)", said)
        lab = re.search(r"labs +(http\S+)", said)
        assert site, said
        assert lab, said
        return Up(process, said, site[1], lab[1])

    def processes(self) -> dict[int, str]:
        """Every living process that was started from here, at whatever depth: pid → command line."""
        mark = f"MANYHANDS_HOME={self.home}".encode()
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:  # it ended while we looked
                continue
        return found

    def gone(self) -> bool:
        """Whether nothing that was started from here lives."""
        return not self.processes()

    def labs(self) -> list[dict[str, Any]]:
        """What the clone's `labs --json` lists."""
        found: list[dict[str, Any]] = json.loads(self.run("labs", "--json").stdout)["labs"]
        return found

    def note(self) -> dict[str, Any]:
        """What the running `up` has noted so far."""
        try:
            found: dict[str, Any] = json.loads((self.home / ".up.json").read_text())
        except (FileNotFoundError, ValueError):  # not there yet, or being written
            return {}
        return found

    def left_over(self) -> list[str]:
        """Files that should have gone with the processes."""
        notes = [self.home / ".up.json", *(self.home / ".jupyter" / "runtime").glob("*server-*")]
        return [str(file) for file in [*notes, *self.scratch.iterdir()] if file.exists()]


@dataclass(frozen=True)
class Up:
    """An `up` that is ready."""

    process: subprocess.Popen[str]
    said: str
    site: str
    lab: str

    @property
    def server(self) -> str:
        """JupyterLab's address without page and token."""
        return self.lab.partition("lab/")[0]

    @property
    def token(self) -> str:
        """JupyterLab's token."""
        return self.lab.partition("token=")[2]

    def fetch(self, path: str, data: bytes | None = None) -> bytes:
        """What JupyterLab answers."""
        request = urllib.request.Request(
            self.server + path, data=data, headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(request) as answer:
            body: bytes = answer.read()
            return body

    def ask(self, path: str, data: bytes | None = None) -> Any:
        """What JupyterLab's API answers, read."""
        return json.loads(self.fetch(path, data))

    @property
    def ports(self) -> tuple[int, int]:
        """Ports of the site and of JupyterLab."""
        site, lab = (int(address.split(":")[2].split("/")[0]) for address in (self.site, self.lab))
        return site, lab


def free_port() -> int:
    """A port nobody listens on now, chosen by the kernel."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project copied into a folder with a space, with an environment of its own (hard links to this one)."""
    root = tmp_path_factory.mktemp("a clone") / "many hands"
    root.mkdir()
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / part, root / part)
    venv = root / ".venv"
    linked = subprocess.run(["cp", "-al", sys.prefix, venv], capture_output=True, check=False)
    if linked.returncode != 0:  # another file system
        shutil.rmtree(venv, ignore_errors=True)
        subprocess.run(["cp", "-a", sys.prefix, venv], check=True)
    packages = next(venv.glob("lib/python3.*/site-packages"))
    python = (venv / "bin" / "python").resolve()
    recipe = f"{python}\n" + (root / "requirements.txt").read_text() + (root / "pyproject.toml").read_text()
    for file, text in {
        venv / "pyvenv.cfg": (Path(sys.prefix) / "pyvenv.cfg").read_text(),
        venv / "manyhands-recipe": recipe,
        venv / "manyhands-clone": f"{root}\n",
        packages / "many_hands.pth": f"{root}\n",
    }.items():
        file.unlink(missing_ok=True)  # never write through a hard link
        file.write_text(text)
    return root


@pytest.fixture(scope="session")
def laid_out(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder after the labs were laid out, which takes nbgrader some seconds."""
    home = tmp_path_factory.mktemp("laid out") / "work"
    code = "import sys; from pathlib import Path; from autograder.grading.classroom import prepare_class"
    command = [clone / ".venv/bin/python", "-P", "-c", f"{code}; prepare_class(Path(sys.argv[1]))", home]
    subprocess.run(command, check=True)
    return home


@pytest.fixture
def bench(clone: Path, laid_out: Path, tmp_path: Path) -> Iterator[Bench]:
    """A user's folder (with a space, too) in which labs are laid out; whatever the test leaves running is killed."""
    here = Bench(clone / "manyhands", tmp_path / "my work")
    shutil.copytree(laid_out, here.home)
    yield here
    for pid in here.processes():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    for process in here.started:
        process.wait()
        if process.stdout:
            process.stdout.close()
