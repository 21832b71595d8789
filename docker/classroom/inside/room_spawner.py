"""Rooms: a container for each person, on a network of their own, with the rights that docker/desk gives and no more."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import threading
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import disk
import docker.errors
from docker.types import IPAMConfig, IPAMPool
from dockerspawner import DockerSpawner
from jupyterhub.traitlets import ByteSpecification
from jupyterhub.utils import wait_for_http_server
from tornado.web import HTTPError
from traitlets import Integer, Unicode, default

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECCOMP = json.dumps(json.loads(Path("/opt/manyhands/classroom/seccomp.json").read_text()))
LABEL = "manyhands.classroom"
_ROOM_PREFIX = 29
"""Bits of a room's network: six addresses, for the gateway, the proxy and the room."""
_START_SECONDS = 300
"""A room that does not answer by then, counted from its turn, has failed."""
_BETWEEN_WORDS = 1.0
_one_at_a_time = threading.Lock()
_sizes = disk.Sizes()


class Line:
    """Whoever waits for their room to be started: first come, first served, and some at a time."""

    def __init__(self, starting: int) -> None:
        self._turns = asyncio.Semaphore(starting)
        self._waiting: list[object] = []

    @asynccontextmanager
    async def turn(self, one: object) -> AsyncIterator[None]:
        """Wait for one's turn, and have it."""
        self._waiting.append(one)
        try:
            await self._turns.acquire()
        finally:
            self._waiting.remove(one)
        try:
            yield
        finally:
            self._turns.release()

    def before(self, one: object) -> int | None:
        """How many wait in front; None for whoever waits no more."""
        return self._waiting.index(one) if one in self._waiting else None


@cache
def the_line(starting: int) -> Line:
    """The one that everybody waits in."""
    return Line(starting)


class RoomSpawner(DockerSpawner):
    """Starts one person's room."""

    classroom = Unicode(help="Name of the classroom; everything it makes begins with it.").tag(config=True)
    addresses = Unicode(help="Where rooms' networks are taken from.").tag(config=True)
    gradebook = Unicode(help="The gradebook's database, for instructors.").tag(config=True)
    site = Unicode(help="The address learners' browsers know.").tag(config=True)
    scratch = Unicode("512m", help="Size of a room's /tmp, which is memory.").tag(config=True)
    processes = Integer(1024, help="How many processes and threads a room may have.").tag(config=True)
    starting = Integer(4, help="How many rooms may be starting; others wait in line.").tag(config=True)
    disk_limit = ByteSpecification("2G", help="How much a person's files may take.").tag(config=True)

    remove = True
    pull_policy = "never"
    use_internal_ip = True

    @property
    def is_instructor(self) -> bool:
        """Whether the hub has this person among the instructors now."""
        return any(group.name == "instructors" for group in self.user.groups)

    async def start(self) -> Any:
        """Make the network, then the room in it."""
        self.cmd = ["python", "-P", "-m", "autograder.classroom.room"]
        self.network_name = self.container_name
        self.volumes = {f"{self.classroom}-work-{{username}}": disk.WORK}
        if self.is_instructor:
            self.volumes |= {
                f"{self.classroom}_class": "/home/jovyan/work/class",
                f"{self.classroom}_exchange": "/home/jovyan/work/exchange",
            }
        self.extra_create_kwargs = {"labels": {LABEL: self.classroom}, "hostname": "many-hands"}
        self.extra_host_config = {
            "network_mode": self.network_name,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges", f"seccomp={SECCOMP}", "apparmor=unconfined"],
            "pids_limit": self.processes,
            "memswap_limit": self.mem_limit,
            "read_only": True,
            "init": True,
            "tmpfs": {"/tmp": f"exec,mode=1777,size={self.scratch}"},
            "ulimits": [
                docker.types.Ulimit(name="core", soft=0, hard=0),
                docker.types.Ulimit(name="fsize", soft=self.disk_limit, hard=self.disk_limit),
            ],
            "log_config": {"type": "json-file", "config": {"max-size": "5m", "max-file": "1"}},
        }
        async with the_line(self.starting).turn(self), asyncio.timeout(_START_SECONDS):
            await self._in_thread(self._make_space)
            await self._in_thread(self._open_network)
            ip, port = await super().start()
            # A turn ends when the room answers: what makes it answer is most of the work.
            await wait_for_http_server(f"http://{ip}:{port}{self.server.base_url}api", timeout=_START_SECONDS)
        return ip, port

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """Tell whoever waits how many are before them, and then that their room starts."""
        said = -1
        while self._spawn_pending:
            before = the_line(self.starting).before(self)
            if before is None:
                break
            if before != said:
                said = before
                people = "nobody is" if before == 0 else "1 person is" if before == 1 else f"{before} people are"
                yield {"progress": 10, "message": f"Many come at once: {people} before you. You keep your place."}
            await asyncio.sleep(_BETWEEN_WORDS)
        yield {"progress": 50, "message": "Your room is being opened."}

    def get_env(self) -> dict[str, str]:
        """What the room is told: beside the hub's own, where to hand in."""
        told = super().get_env()
        told["MANYHANDS_EXCHANGE"] = "http://hub:8000/services/exchange/"
        told["MANYHANDS_SITE"] = self.site
        if self.is_instructor:
            told |= {"MANYHANDS_ROLE": "instructor", "MANYHANDS_DB": self.gradebook}
        return told

    def _docker(self, method: str, *args: Any, **kwargs: Any) -> Any:
        if method == "create_container":
            # an uncovered /proc, as docker/desk/desk.bash explains; the SDK has no word for it
            kwargs["host_config"] |= {"MaskedPaths": [], "ReadonlyPaths": []}
        return super()._docker(method, *args, **kwargs)

    async def start_object(self) -> None:
        """Let an instructor's room reach the gradebook and the cluster."""
        if self.is_instructor:
            await self.docker("connect_container_to_network", self.object_id, f"{self.classroom}_teaching")
        await super().start_object()

    async def stop(self, now: bool = False) -> None:
        """End the room; its files stay in its volume."""
        await super().stop(now=now)
        await self._in_thread(self._close_network)

    async def poll(self) -> Any:
        """As ever, and once in a hub's life: a proxy that was made anew is led back to the rooms that run."""
        state = await super().poll()
        if state is None and not getattr(self, "_led_back", False):
            self._led_back = True
            await self._in_thread(self._open_network)
        if state is None and self.ready and await self._in_thread(self._held) > self.disk_limit:
            self.log.warning("The files of %s are over the limit: the room is closed", self.user.name)
            await self.stop()
            return 0
        return state

    async def get_options_form(self) -> str:
        """Nothing, and the room starts; for somebody with too many files a choice of what may be deleted."""
        held = await self._in_thread(self._held)
        if held <= self.disk_limit:
            return ""
        return disk.form(held, self.disk_limit, await self._in_thread(self._largest))

    @default("options_from_form")
    def _chosen(self) -> Any:
        return lambda told: {"delete": [json.loads(one) for one in told.get("delete", ())]}

    def _files(self) -> tuple[Any, str, str, dict[str, str]]:
        volume = self.format_volume_name(f"{self.classroom}-work-{{username}}", self)
        return self.client, self.image, volume, {LABEL: self.classroom}

    def _held(self) -> int:
        client, _, volume, _ = self._files()
        return _sizes.of(client, volume)

    def _largest(self) -> list[tuple[int, str, int]]:
        return disk.largest(*self._files())

    def _make_space(self) -> None:
        """Delete what was chosen if there is too much, and refuse if there still is."""
        if self._held() <= self.disk_limit:
            return
        files = self._files()
        _, _, volume, _ = files
        held = disk.delete(*files, self.user_options.get("delete", []))
        _sizes.know(volume, held)
        if held > self.disk_limit:
            refused = HTTPError(507, disk.too_many(held, self.disk_limit))
            refused.jupyterhub_message = disk.too_many(held, self.disk_limit)
            raise refused

    async def _in_thread(self, function: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.executor, function)

    def _open_network(self) -> None:
        name, proxy = self.container_name, f"{self.classroom}-proxy"
        with _one_at_a_time:
            if not self.client.networks(names=[f"^{name}$"]):
                self._create_network(name)
            try:
                self.client.connect_container_to_network(proxy, name, aliases=["hub"])
            except docker.errors.APIError as error:
                if "already exists" not in str(error.explanation):
                    raise

    def _create_network(self, name: str) -> None:
        taken = [
            ipaddress.ip_network(pool["Subnet"])
            for network in self.client.networks()
            for pool in network["IPAM"]["Config"] or ()
            if "Subnet" in pool and ":" not in pool["Subnet"]
        ]
        for subnet in ipaddress.ip_network(self.addresses).subnets(new_prefix=_ROOM_PREFIX):
            if any(subnet.overlaps(other) for other in taken):
                continue
            ipam = IPAMConfig(pool_configs=[IPAMPool(subnet=str(subnet))])
            labels = {LABEL: self.classroom}
            try:
                self.client.create_network(name, driver="bridge", internal=True, ipam=ipam, labels=labels)
            except docker.errors.APIError as error:
                if "overlaps" not in str(error.explanation):  # as when another classroom's hub was quicker
                    raise
            else:
                return
        raise RuntimeError(f"no addresses of {self.addresses} are free for another room")

    def _close_network(self) -> None:
        name, proxy = self.container_name, f"{self.classroom}-proxy"
        with _one_at_a_time:
            try:
                self.client.disconnect_container_from_network(proxy, name, force=True)
                self.client.remove_network(name)
            except docker.errors.NotFound:
                pass
