"""The script's own part: making the environment. A mini project stands in, whose lock names one tiny wheel."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import zipfile
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.xdist_group("set-up")  # they share one prepared clone

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("bash", "cat", "cmp", "dirname", "env", "flock", "grep", "mkdir", "mv", "readlink", "rm", "sed", "tail")
"""Every program the script calls besides Python."""

MAIN = """\
import os, sys
import tiny
print(os.getcwd(), sys.prefix, tiny.GREETING, sys.argv[1:], sep="|")
sys.exit(int(sys.argv[1]) if sys.argv[1:] and sys.argv[1].isdigit() else 0)
"""


class Shelf(ThreadingHTTPServer):
    """Hands out one wheel, as soon as the gate is open; tells when it was asked."""

    def __init__(self, wheel: bytes) -> None:
        self.wheel, self.asked, self.gate = wheel, threading.Semaphore(0), threading.Event()
        super().__init__(("127.0.0.1", 0), _OneWheel)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/tiny-1.0-py3-none-any.whl"


class _OneWheel(BaseHTTPRequestHandler):
    server: Shelf

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.wheel)))
        self.end_headers()

    def do_GET(self) -> None:
        self.server.asked.release()
        self.server.gate.wait()
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.wheel)))
        self.end_headers()
        try:
            self.wfile.write(self.server.wheel)
        except OSError:  # whoever asked was killed
            return

    def log_message(self, *_: object) -> None:
        pass


@dataclass
class Mini:
    """A clone small enough to be set up in seconds."""

    root: Path
    path: str
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def script(self) -> Path:
        return self.root / "manyhands"

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    def environment(self) -> dict[str, str]:
        """No uv unless a test asks for it, no proxy between us and the shelf."""
        kept = {
            n: v
            for n, v in os.environ.items()
            if not n.startswith(("MANYHANDS", "UV_", "PIP_")) and "proxy" not in n.lower()
        }
        return {**kept, "PATH": self.path, "PIP_NO_CACHE_DIR": "1", **self.extra}

    def start(self, *words: str, script: Path | None = None, cwd: Path | None = None) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        command = [script or self.script, *words]
        return subprocess.Popen(
            command, env=self.environment(), cwd=cwd, stdout=pipe, stderr=pipe, text=True, start_new_session=True
        )

    def run(self, *words: str, script: Path | None = None, cwd: Path | None = None) -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        process = self.start(*words, script=script, cwd=cwd)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err


@pytest.fixture(scope="module")
def one_shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    server = Shelf(tiny_wheel(tmp_path_factory.mktemp("shelf") / "tiny-1.0-py3-none-any.whl"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.gate.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def shelf(one_shelf: Shelf) -> Shelf:
    """The shelf with an open gate, asked by nobody yet."""
    one_shelf.gate.set()
    one_shelf.asked = threading.Semaphore(0)
    return one_shelf


@pytest.fixture
def mini(tmp_path: Path, shelf: Shelf) -> Mini:
    """A clone that has not been set up."""
    return clone_into(tmp_path, shelf)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, one_shelf: Shelf) -> Mini:
    """A clone that has been set up; not to be changed."""
    one_shelf.gate.set()
    clone = clone_into(tmp_path_factory.mktemp("prepared"), one_shelf)
    code, _, err = clone.run()
    assert code == 0, err
    return clone


@pytest.fixture
def ready(prepared: Mini, tmp_path: Path, shelf: Shelf) -> Mini:
    """A clone that has been set up, and then copied to another folder."""
    subprocess.run(["cp", "-a", prepared.root, tmp_path / "moved here"], check=True)
    return Mini(tmp_path / "moved here", prepared.path)


def test_sets_up_once_then_says_nothing(mini: Mini, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "tiny.py").write_text("GREETING = 'shadow'")  # what lies about where the user stands is not ours
    code, out, err = mini.run("two words", cwd=elsewhere)
    assert (code, out) == (0, f"{elsewhere}|{mini.venv}|hello|['two words']\n")
    assert err == "manyhands: setting up .venv (once, a minute or two)…\n"

    link = tmp_path / "a link"
    link.symlink_to(mini.script)
    assert mini.run("3", script=link, cwd=elsewhere) == (3, f"{elsewhere}|{mini.venv}|hello|['3']\n", "")


def test_a_moved_clone_works_at_once_and_without_network(ready: Mini, shelf: Shelf) -> None:
    shelf.gate.clear()
    for _ in range(2):
        code, out, err = ready.run()
        assert (code, err) == (0, "")
        assert str(ready.venv) in out
    assert not shelf.asked.acquire(blocking=False)


def test_scripts_in_the_environment_name_its_final_place(prepared: Mini) -> None:
    scripts = (prepared.venv / "bin").glob("*[!0-9]")
    assert f"{prepared.venv}.new" not in "".join(script.read_text(errors="ignore") for script in scripts)
    pip = subprocess.run([prepared.venv / "bin" / "pip", "list"], capture_output=True, text=True, check=True)
    assert "tiny" in pip.stdout


def test_two_at_once_set_up_once(mini: Mini, shelf: Shelf) -> None:
    shelf.gate.clear()
    first = mini.start()
    assert shelf.asked.acquire(timeout=300)  # the first one is in the middle of it
    second = mini.start()
    assert second.stderr is not None
    assert "waiting for it" in second.stderr.readline()
    shelf.gate.set()
    for process in (first, second):
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        assert "hello" in out
    assert not shelf.asked.acquire(blocking=False)


def test_a_killed_set_up_is_done_again_and_never_half_used(mini: Mini, shelf: Shelf) -> None:
    shelf.gate.clear()
    process = mini.start()
    assert shelf.asked.acquire(timeout=300)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not mini.venv.exists()
    shelf.gate.set()
    code, out, err = mini.run()
    assert (code, "hello" in out) == (0, True)
    assert "setting up" in err
    assert leftovers(mini.root) == {".venv", ".venv.lock"}


def test_a_changed_lock_file_is_followed(ready: Mini) -> None:
    with (ready.root / "requirements.txt").open("a") as file:
        file.write("# changed\n")
    code, _, err = ready.run()
    assert code == 0
    assert "updating .venv" in err
    assert ready.run()[2] == ""


def test_a_failed_update_leaves_the_old_environment_alone(ready: Mini, shelf: Shelf) -> None:
    before = (ready.root / "requirements.txt").read_text()
    (ready.root / "requirements.txt").write_text(before.replace(str(shelf.server_port), "1"))
    ready.extra["PIP_RETRIES"] = "0"
    code, out, err = ready.run()
    assert (code, out) == (2, "")
    assert "could not set up" in err
    (ready.root / "requirements.txt").write_text(before)
    assert ready.run() == (0, f"{Path.cwd()}|{ready.venv}|hello|[]\n", "")


def test_no_network_at_first(mini: Mini, shelf: Shelf) -> None:
    text = (mini.root / "requirements.txt").read_text()
    (mini.root / "requirements.txt").write_text(text.replace(str(shelf.server_port), "1"))  # nobody listens there
    mini.extra["PIP_RETRIES"] = "0"
    code, out, err = mini.run()
    assert (code, out) == (2, "")
    assert "next  the first set-up needs the network" in err
    assert not mini.venv.exists()


def test_wrong_hash_is_refused(mini: Mini) -> None:
    lines = (mini.root / "requirements.txt").read_text()
    (mini.root / "requirements.txt").write_text(lines.partition("sha256:")[0] + "sha256:" + "0" * 64 + "\n")
    code, _, err = mini.run()
    assert code == 2
    assert "HASH" in err.upper()
    assert not mini.venv.exists()


@pytest.mark.parametrize(
    ("fake", "said"),
    [
        ('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.9.2 && exit; exit 1\n', "python3 is Python 3.9.2"),
        ('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\nexec "{python}" "$@"\n', "lacks venv or ensurepip"),
    ],
)
def test_a_python_that_will_not_do(mini: Mini, tmp_path: Path, fake: str, said: str) -> None:
    mini.path = path_with(tmp_path / "fake", None)
    python = tmp_path / "fake" / "python3"
    python.write_text(fake.format(python=sys.executable))
    python.chmod(0o755)
    code, _, err = mini.run()
    assert code == 2
    assert said in err
    assert "python3-venv" in err


def test_a_read_only_checkout_and_the_way_out(mini: Mini) -> None:
    with tempfile.TemporaryDirectory() as folder:  # where an ordinary user can look, too
        Path(folder).chmod(0o755)
        mini.root = Path(shutil.copytree(mini.root, Path(folder) / "a clone"))
        for place in (mini.root, *mini.root.rglob("*")):
            place.chmod(place.stat().st_mode & 0o555 | 0o444)
        ordinary = Path(folder) / "as-nobody"
        ordinary.write_text(
            f'#!/bin/sh\nexec setpriv --reuid 65534 --regid 65534 --clear-groups "{mini.script}" "$@"\n'
        )
        ordinary.chmod(0o755)
        script = ordinary if os.geteuid() == 0 else mini.script
        mini.path += f":{Path(shutil.which('setpriv') or '/usr/bin/setpriv').parent}"
        code, _, err = mini.run(script=script, cwd=Path("/"))
        assert code == 2
        assert f"cannot write {mini.root}" in err
        assert "MANYHANDS_VENV=DIR" in err
        assert "MANYHANDS_HOME=DIR" in err

        room = Path(folder) / "room"
        room.mkdir()
        room.chmod(0o777)
        mini.extra = {"MANYHANDS_VENV": str(room / "venv"), "HOME": str(room)}
        code, out, err = mini.run(script=script, cwd=Path("/"))
        assert code == 0, err
        assert str(room / "venv") in out
        mini.root.chmod(0o755)
        subprocess.run(["chmod", "-R", "u+w", folder], check=True)


def test_somebody_else_s_environment_is_never_replaced(mini: Mini, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "pyvenv.cfg").write_text("home = /usr/bin\n")
    mini.extra["MANYHANDS_VENV"] = str(theirs)
    code, _, err = mini.run()
    assert code == 2
    assert "not one of ours" in err
    assert leftovers(theirs) == {"pyvenv.cfg"}


def test_uv_is_used_where_there_is_one(mini: Mini, tmp_path: Path) -> None:
    (tmp_path / "bin" / "uv").symlink_to(Path(sys.prefix) / "bin" / "uv")
    code, out, err = mini.run()
    assert (code, "hello" in out) == (0, True), err
    assert "uv = " in (mini.venv / "pyvenv.cfg").read_text()


def test_the_lock_file_names_versions_and_hashes_and_no_place() -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert [line for line in lines if "://" in line or line.startswith("-")] == []
    packages = [line for line in lines if line and not line.startswith((" ", "#"))]
    assert all("==" in line and line.endswith("\\") for line in packages)


def clone_into(folder: Path, shelf: Shelf) -> Mini:
    root = folder / "a clone"
    (root / "autograder").mkdir(parents=True)
    (root / "autograder" / "__init__.py").touch()
    (root / "autograder" / "__main__.py").write_text(MAIN)
    shutil.copy2(ROOT / "manyhands", root)
    (root / "pyproject.toml").write_text("# nothing\n")
    digest = hashlib.sha256(shelf.wheel).hexdigest()
    (root / "requirements.txt").write_text(f"tiny @ {shelf.url} --hash=sha256:{digest}\n")
    return Mini(root, path_with(folder / "bin", Path(sys.base_prefix) / "bin" / "python3"))


def tiny_wheel(path: Path) -> bytes:
    files = {
        "tiny.py": "GREETING = 'hello'\n",
        "tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        "tiny-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files["tiny-1.0.dist-info/RECORD"] = "".join(f"{name},,\n" for name in [*files, "tiny-1.0.dist-info/RECORD"])
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return path.read_bytes()


def path_with(folder: Path, python: Path | None) -> str:
    """A PATH with the tools the script needs, one Python if given, and nothing else."""
    folder.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, f"{tool} is not installed"
        (folder / tool).symlink_to(found)
    if python:
        (folder / "python3").symlink_to(python)
    return str(folder)


def leftovers(folder: Path) -> set[str]:
    known = {"autograder", "manyhands", "pyproject.toml", "requirements.txt"}
    return {path.name for path in folder.iterdir()} - known
