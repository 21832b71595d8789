"""The desk: everything in one container, as on macOS. OSTYPE decides, and bash lets the environment set it."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import termios
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

Wait = Callable[..., None]

pytestmark = pytest.mark.xdist_group("machine")  # not with the other containers: each one here starts for long

ROOT = Path(__file__).resolve().parents[2]
DESK = ROOT / "docker" / "desk" / "desk.bash"


@dataclass
class Desk:
    """One user's folder, and the script run for it as if this were a Mac."""

    home: Path
    extra: dict[str, str] = field(default_factory=dict)
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        return {**os.environ, "OSTYPE": "darwin23", "MANYHANDS_HOME": str(self.home), **self.extra}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [ROOT / "manyhands", *words], env=self.environment(), capture_output=True, text=True, check=False, cwd="/"
        )

    def start_up(self) -> Up:
        """Start `up` on a terminal of its own."""
        terminal, theirs = pty.openpty()
        process = subprocess.Popen(
            [ROOT / "manyhands", "up", "--no-browser"],
            env=self.environment(),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=take_terminal,  # no threads here
        )
        os.close(theirs)
        self.started.append(process)
        return Up(process, terminal)

    @property
    def note(self) -> Path:
        """What a running `up` leaves in the user's folder, as soon as it runs."""
        return self.home / ".up.json"

    def containers(self) -> list[str]:
        """Containers in which this user's `up` runs or ran."""
        listed = docker("ps", "--all", "--quiet", "--filter", f"label=manyhands.desk.up={self.home}")
        return listed.split()


@dataclass(frozen=True)
class Up:
    process: subprocess.Popen[bytes]
    terminal: int

    def addresses(self) -> list[str]:
        """Of the site and of JupyterLab, once both answer."""
        said = ""
        while "Ctrl-C here" not in said:
            try:
                said += os.read(self.terminal, 4096).decode()
            except OSError:  # it closed its end
                pytest.fail(f"up ended with {self.process.wait()}:\n{said}")
        return re.findall(r"(?:course|labs) +(http\S+)", said)


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout


def take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A user's folder, with a space; what a test leaves running is killed."""
    here = Desk(tmp_path / "my work")
    yield here
    for process in here.started:
        process.kill()
        process.wait()
    for container in here.containers() if here.started else []:
        subprocess.run(["docker", "rm", "--force", container], capture_output=True, check=False)


def test_a_mac_without_docker_is_told_what_to_install(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for tool in ("bash", "dirname", "readlink", "env"):
        (tmp_path / "bin" / tool).symlink_to(f"/usr/bin/{tool}")
    desk.extra["PATH"] = str(tmp_path / "bin")
    ran = desk.run("labs")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "there is no Docker here" in ran.stderr
    assert "this is macOS: Many Hands runs in a Docker container" in ran.stderr
    assert "next  install Docker Desktop" in ran.stderr


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"OSTYPE": "msys"}, "install WSL 2 (wsl --install) and run this inside it: WSL 2 is Linux"),
        ({"OSTYPE": "linux-gnu", "MANYHANDS_DESK": "yes"}, "MANYHANDS_DESK=yes is not known"),
    ],
)
def test_what_is_refused_outright(desk: Desk, environment: dict[str, str], said: str) -> None:
    desk.extra |= environment
    ran = desk.run("labs")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert said in ran.stderr
    assert not desk.home.exists()


def test_what_the_command_line_names_is_lent_for_reading_and_system_folders_are_not(tmp_path: Path) -> None:
    (tmp_path / "etc, nginx").mkdir()
    (tmp_path / "etc, nginx" / "nginx.conf").touch()
    folder = tmp_path / "etc, nginx"
    script = f"""
      set -euo pipefail
      root={ROOT} home=/home/nobody/work lent=$'\\n' options=()
      source "{DESK}"
      for word in "$@"; do desk_lend "$word"; done
      printf '%s\\n' ${{options[@]+"${{options[@]}}"}}
    """

    def lent(*words: str) -> list[str]:
        ran = subprocess.run(
            ["bash", "-c", script, "bash", *words], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return [line for line in ran.stdout.splitlines() if line != "--mount"]

    def mount(place: Path | str) -> str:
        return f'type=bind,"source={place}","target={place}",readonly'

    assert lent("verify", "spread-the-load", "--json") == [""]
    assert lent(f"{folder}/nginx.conf", "etc, nginx", f"--config={folder}/nginx.conf") == [mount(folder)]
    assert lent("/etc/passwd") == [mount("/etc/passwd")]
    assert lent("/", "/etc", "/usr/bin", "/usr/bin/env", str(ROOT / "labs"), "/proc/self/status") == [""]


@pytest.mark.docker
@pytest.mark.slow
def test_on_a_mac_a_verb_runs_in_the_desk_and_says_so(desk: Desk) -> None:
    ran = desk.run("labs", "--json")
    assert ran.returncode == 0, ran.stderr
    assert f"this is macOS: this runs in a Docker container (Linux); your work is in {desk.home}" in ran.stderr
    command = [sys.executable, "-P", "-m", "autograder", "labs", "--json"]
    here = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert json.loads(ran.stdout) == json.loads(here.stdout)
    ran = desk.run("labs", "--nonsense")
    assert ran.returncode == 2
    assert "--nonsense" in ran.stderr


@pytest.mark.docker
@pytest.mark.slow
def test_the_desk_knows_itself_and_has_a_sandbox(desk: Desk) -> None:
    ran = desk.run("doctor", "--json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found: dict[str, dict[str, Any]] = {one["name"]: one for one in json.loads(ran.stdout)["findings"]}
    assert "runs in the desk" in found["platform"]["seen"]
    assert found["sandbox"]["works"]
    assert found["nginx"]["works"]
    assert found["haproxy"]["works"]
    assert not found["docker"]["works"]


@pytest.mark.docker
@pytest.mark.slow
def test_a_lab_proves_itself_in_the_desk(desk: Desk) -> None:
    ran = desk.run("verify", "spread-the-load", "--folder", "start", "--folder", "reference", "--json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert [proof["name"] for proof in json.loads(ran.stdout)["proofs"]] == ["start", "reference"]


@pytest.mark.docker
@pytest.mark.slow
def test_up_is_reached_from_this_machine_only_and_may_do_little(desk: Desk) -> None:
    up = desk.start_up()
    site, lab = up.addresses()
    for address in (site, lab):
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(address) as answer:
            assert answer.status == 200
    [container] = desk.containers()
    seen: dict[str, Any] = json.loads(docker("inspect", container))[0]
    published = [binding["HostIp"] for ports in seen["NetworkSettings"]["Ports"].values() for binding in ports]
    assert published == ["127.0.0.1", "127.0.0.1"]
    writable = {mount["Destination"] for mount in seen["Mounts"] if mount["RW"]}
    assert writable == {"/desk", str(desk.home)}

    status = docker("exec", container, "cat", "/proc/self/status")
    rights = dict(line.split(":\t", 1) for line in status.splitlines())
    assert (rights["CapEff"], rights["CapBnd"]) == ("0000000000000000", "0000000000000000")
    assert rights["NoNewPrivs"] == "1"
    assert rights["Seccomp"] == "2"
    assert "0" not in rights["Uid"].split()
    for place in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/etc/new", str(ROOT / "new")):
        tried = subprocess.run(
            ["docker", "exec", container, "sh", "-c", 'echo x > "$1"', "sh", place], capture_output=True, check=False
        )
        assert tried.returncode != 0, place

    again = desk.run("up", "--no-browser")
    assert again.returncode == 0
    assert "already running" in again.stdout
    assert lab in again.stdout
    down = desk.run("down")
    assert (down.returncode, down.stdout) == (0, "stopped\n")
    assert desk.containers() == []
    assert not desk.note.exists()
    assert up.process.wait() == 0
    down = desk.run("down")
    assert (down.returncode, down.stdout) == (0, "nothing is running\n")
    os.close(up.terminal)


def ctrl_c(up: Up) -> None:
    os.write(up.terminal, b"\x03")
    while os.read(up.terminal, 4096) and up.process.poll() is None:
        pass


def kill_the_client(up: Up) -> None:
    up.process.kill()


def close_the_terminal(up: Up) -> None:
    os.close(up.terminal)


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.parametrize("end", [ctrl_c, kill_the_client, close_the_terminal])
def test_however_up_ends_no_container_stays(desk: Desk, wait_until: Wait, end: Callable[[Up], None]) -> None:
    up = desk.start_up()
    wait_until(desk.note.exists, 400)  # the first to come waits for the image
    assert desk.containers()
    try:
        end(up)
    except OSError:  # the other end of the terminal is gone, as it should
        assert end is ctrl_c
    wait_until(lambda: not desk.containers())
    assert not desk.note.exists()  # it was asked to end, and had the time to
    code = up.process.wait()
    assert code == 0 or end is not ctrl_c


@pytest.mark.docker
@pytest.mark.slow
def test_a_container_whose_client_and_watch_were_killed_goes_at_the_next_start(desk: Desk, wait_until: Wait) -> None:
    up = desk.start_up()
    wait_until(desk.note.exists, 400)  # the first to come waits for the image
    os.killpg(up.process.pid, signal.SIGKILL)
    up.process.wait()
    assert desk.containers()
    assert desk.run("labs").returncode == 0
    assert desk.containers() == []


@pytest.mark.docker
def test_a_taken_port_that_was_asked_for_is_refused(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
        ran = desk.run("up", "--no-browser", "--port-lab", port)
    assert ran.returncode == 2
    assert f"port {port} is taken" in ran.stderr
    assert "--port-lab N" in ran.stderr
    assert desk.containers() == []


@pytest.mark.docker
def test_a_docker_that_does_not_answer(desk: Desk, tmp_path: Path) -> None:
    desk.extra["DOCKER_HOST"] = f"unix://{tmp_path}/nobody.sock"
    ran = desk.run("labs")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "Docker does not answer" in ran.stderr
    assert "start Docker" in ran.stderr
