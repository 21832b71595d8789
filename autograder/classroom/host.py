"""Docker on this host, as its own command line tells it: compose, and what compose cannot say."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from autograder.classroom.images import FOLDER
from autograder.errors import ManyHandsError
from autograder.launch.places import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.classroom.images import Images
    from autograder.classroom.state import State

LABEL: Final = "manyhands.classroom"
_LAST_LINES: Final = 6
_PATIENCE_SECONDS: Final = 60.0
_BETWEEN_LOOKS: Final = 0.5


@dataclass(frozen=True)
class Host:
    """One classroom's containers on this host, by its name."""

    name: str

    def compose(self, *words: str, told: Mapping[str, str]) -> None:
        """Run compose on the classroom's file. Raises :class:`ManyHandsError` with its last lines."""
        command = [*compose_command(), "-f", str(FOLDER / "compose.yaml"), "-p", self.name, *words]
        _run(command, "compose did not do it", {**os.environ, **told})

    def container(self, service: str) -> str:
        """Id of the running container of a service; empty if there is none."""
        mine = ("--filter", f"label=com.docker.compose.project={self.name}")
        found = docker("ps", "--quiet", *mine, "--filter", f"label=com.docker.compose.service={service}").split()
        return found[0] if found else ""

    def rooms(self) -> list[str]:
        """Names of the rooms that are there."""
        told = docker("ps", "--all", "--filter", f"label={LABEL}={self.name}", "--format", "{{.Names}}").split()
        return sorted(name for name in told if name.startswith(f"{self.name}-room-"))

    def start_graders(self, image: str, count: int) -> None:
        """Have ``count`` workers of the grading cluster: compose 1 cannot give them the rights they need."""
        old = [name for name in self._labelled() if name.startswith(f"{self.name}-grader-")]
        if old:
            docker("rm", "--force", *old)
        for number in range(1, count + 1):
            docker(
                *("run", "--detach", "--name", f"{self.name}-grader-{number}", "--network", f"{self.name}_teaching"),
                *("--label", f"{LABEL}={self.name}", "--restart", "unless-stopped", "--init", "--read-only"),
                *("--tmpfs", "/tmp:exec,mode=1777", "--cap-drop", "ALL", "--memory", "2g", "--pids-limit", "2048"),
                *("--security-opt", "no-new-privileges", "--security-opt", "systempaths=unconfined"),
                *("--security-opt", f"seccomp={ROOT / 'docker/desk/seccomp.json'}"),
                *("--security-opt", "apparmor=unconfined", "--cpus", "1"),
                *(image, "worker", "tcp://scheduler:8786", "--nthreads", "1", "--no-dashboard"),
                *("--local-directory", "/tmp"),
            )

    def remove(self, *, volumes: bool) -> None:
        """Remove rooms, graders, services and networks; volumes, which hold everybody's work, only if asked for."""
        if hub := self.container("hub"):  # first: until it is gone it goes on opening rooms
            docker("rm", "--force", hub)
        labels = (f"label={LABEL}={self.name}", f"label=com.docker.compose.project={self.name}")
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                for label in labels:
                    for container in docker("ps", "--all", "--quiet", "--filter", label).split():
                        docker("rm", "--force", container)
                for label in labels:
                    for network in docker("network", "ls", "--quiet", "--filter", label).split():
                        docker("network", "rm", network)
                break
            except ManyHandsError:
                # the last that the hub asked for may still come, and go
                if time.monotonic() > deadline:
                    raise
                time.sleep(_BETWEEN_LOOKS)
        if volumes:
            for volume in self.volumes():
                docker("volume", "rm", "--force", volume)

    def volumes(self) -> list[str]:
        """Every volume of the classroom: the services', and each person's."""
        named = docker("volume", "ls", "--format", "{{.Name}}").split()
        return sorted(name for name in named if name.startswith((f"{self.name}_", f"{self.name}-work-")))

    def _labelled(self) -> list[str]:
        return docker("ps", "--all", "--filter", f"label={LABEL}={self.name}", "--format", "{{.Names}}").split()


def told_to_compose(name: str, port: int, images: Images, state: State) -> dict[str, str]:
    """What compose.yaml asks for."""
    return {
        "CLASSROOM": name,
        "CLASSROOM_PORT": str(port),
        "CLASSROOM_STATE": str(state.folder),
        "SERVICES_IMAGE": images.services,
        "LEARNER_IMAGE": images.learner,
        "GRADING_IMAGE": images.grading,
        **state.secrets(),
    }


@cache
def compose_command() -> tuple[str, ...]:
    """Compose 2 if it is there, else 1. Raises :class:`ManyHandsError` if neither is."""
    for command in (("docker", "compose"), ("docker-compose",)):
        try:
            if subprocess.run([*command, "version"], capture_output=True, check=False).returncode == 0:
                return command
        except OSError:
            continue
    raise ManyHandsError(
        "there is no Docker Compose here",
        remedy="on Debian and Ubuntu: sudo apt-get install docker.io docker-compose; else install its compose plugin",
    )


def docker(*words: str, told: str | None = None) -> str:
    """What a docker command prints. Raises :class:`ManyHandsError` with its last lines."""
    return _run(["docker", *words], f"docker {words[0]} failed", None, told)


def _run(command: list[str], failed: str, environment: Mapping[str, str] | None, told: str | None = None) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, input=told)
    except OSError as error:
        raise ManyHandsError(failed, why=str(error), remedy="sudo apt-get install docker.io") from error
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-_LAST_LINES:]
        raise ManyHandsError(failed, why="\n        ".join(last), remedy="see that `docker ps` works for you")
    return done.stdout
