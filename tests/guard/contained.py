"""The small production with its balancer in a container.

nginx writes to the container's output, and its files are copied in; HAProxy's folder is mounted, and read-only there.
"""

from __future__ import annotations

import contextlib
import secrets
from typing import Any

from docker.errors import NotFound

from autograder.guard.balancers.one_container import OneContainer
from autograder.stack.docker_daemon import connect
from autograder.stack.docker_image import ensure_image
from autograder.stack.docker_owner import owner_labels
from tests.guard.production import Production

FOLDER = "/etc/lb"


class Contained(Production):
    """As :class:`Production`. The container has this machine's network, so the servers are where they were."""

    def __init__(self, proxy: str) -> None:
        super().__init__(proxy)
        self.api: Any = connect()
        self.container = f"manyhands-guard-{secrets.token_hex(4)}"

    def start_balancer(self) -> str:
        mounted, config = self.proxy == "haproxy", f"{FOLDER}/{self.main}"
        # the pid file, the error log and the socket that the config names
        binds = {str(self.home): {"bind": str(self.home), "mode": "rw"}}
        if mounted:
            binds[str(self.home / "conf")] = {"bind": FOLDER, "mode": "ro"}
            command = ["haproxy", "-W", "-db", "-f", config]
        else:
            command = ["nginx", "-p", "/tmp/", "-e", "stderr", "-c", config]
        self.api.create_container(
            ensure_image(self.api),
            command,
            name=self.container,
            labels=owner_labels("guard"),
            host_config=self.api.create_host_config(network_mode="host", binds=binds),
        )
        if not mounted:
            config = (self.home / "conf" / self.main).read_bytes()
            OneContainer("edge", self.container).put("/", {f"{FOLDER}/{self.main}".lstrip("/"): config})
        self.api.start(self.container)
        how = f'kind = "container"\ncontainer = "{self.container}"\nfolder = "{FOLDER}"'
        return f'{how}\nmount = "{self.home}/conf"\nstats = "{self.home}/stats.sock"' if mounted else how

    def config(self, first: str = "", stick: str = "") -> str:
        return super().config(first, stick).replace(f"{self.home}/access.log", "/dev/stdout")

    def lies_there(self) -> str:
        return OneContainer("edge", self.container).fetch(FOLDER)[self.main].decode()

    def __exit__(self, *what: object) -> None:
        with contextlib.suppress(NotFound):
            self.api.remove_container(self.container, force=True)
        self.api.close()
        super().__exit__(*what)
