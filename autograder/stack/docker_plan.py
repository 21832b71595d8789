"""What a stack looks like on Docker: its networks, volumes and containers, as the Docker API wants them described.

::

    browser on this machine ── 127.0.0.1:random ── door ──┐
                                                       clients (.10, and .9 for all of 198.19.0.0/16)
                                                          │ wire
                                        ┌─────────────────┼─────────────────┐
                                    balancer (.2)      app1 (.11)        app2 (.12)  …

The *wire* is a bridge on which the machine itself has no address, and on which the way to everywhere else leads to
the clients, who answer for 198.19.0.0/16 and forward nothing. So every address there is a client with a real source
address, while balancers and servers reach neither the machine nor the world. (Docker's own ``internal`` networks
drop packets from addresses outside the network where ``bridge-nf-call-iptables`` is 1, and do give the machine an
address.) The *door* is an ordinary bridge without a way out; only the clients' container is on it.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from autograder.stack.container import DOOR_PORT
from autograder.stack.docker_owner import owner_labels
from autograder.stack.engine import JOURNAL, OPT, EngineError
from autograder.stack.model import CLIENTS, Stack
from autograder.stack.shop import ShopSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MANY_CLIENTS = "198.19.0.0/16"
NUMBERS = range(256)
"""Stacks that fit side by side: each has one 198.18.<number>.0/24, half of it wire and half of it door."""

WRITABLE = ("etc", "run", "srv", "var")
"""Folders of a balancer that can be written and that outlive its main process."""

READY_SECONDS = 30.0
"""How long servers may take until they accept connections."""

_MIB = 1024 * 1024
_FIRST_BALANCER, _GATEWAY, _CLIENTS, _FIRST_SERVER, _LAST = 2, 9, 10, 11, 126
_VOLUME_BYTES = 64 * _MIB
_PYTHON = ("python3", "-I", "-S", "-c")
_BALANCER_RIGHTS = ("CHOWN", "DAC_OVERRIDE", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID", "SYS_CHROOT")


def python_on_node(module: str, *arguments: str) -> list[str]:
    """Command line that runs ``main()`` of one of our modules in a container."""
    code = f"import sys; sys.path.insert(0, '{OPT}/lib'); from autograder.stack.{module} import main; main()"
    return [*_PYTHON, code, *arguments]


@dataclass(frozen=True)
class Plan:
    """One stack on Docker: ``key`` is its id there, ``number`` the third byte of its addresses."""

    stack: Stack
    key: str
    image: str
    number: int

    def __post_init__(self) -> None:
        balancers, servers = len(self.stack.balancers), len(self.stack.servers)
        if balancers > _GATEWAY - _FIRST_BALANCER or servers > _LAST - _FIRST_SERVER + 1:
            raise EngineError(
                f"a stack of {balancers} balancers and {servers} servers is too big for the Docker engine",
                why=f"it has addresses for {_GATEWAY - _FIRST_BALANCER} and {_LAST - _FIRST_SERVER + 1}",
                remedy="use --engine local, or a smaller stack",
            )

    def with_number(self, number: int) -> Plan:
        """The same stack at other addresses."""
        return replace(self, number=number)

    @property
    def labels(self) -> dict[str, str]:
        """Labels of everything that belongs to this stack."""
        return owner_labels(self.key)

    @property
    def wire(self) -> str:
        """Name of the network between the nodes."""
        return f"manyhands-{self.key}-wire"

    @property
    def door(self) -> str:
        """Name of the network between this machine and the clients' container."""
        return f"manyhands-{self.key}-door"

    @property
    def journal(self) -> str:
        """Name of the volume with the servers' journals."""
        return f"manyhands-{self.key}-journal"

    def container_name(self, node: str) -> str:
        """Name of a node's container."""
        return f"manyhands-{self.key}-{re.sub('[^A-Za-z0-9_.-]', '-', node)}"

    def addresses(self) -> dict[str, str]:
        """IPv4 address of every node."""
        last = {CLIENTS: _CLIENTS}
        last |= {balancer.name: _FIRST_BALANCER + n for n, balancer in enumerate(self.stack.balancers)}
        last |= {server.name: _FIRST_SERVER + n for n, server in enumerate(self.stack.servers)}
        return {name: f"198.18.{self.number}.{byte}" for name, byte in last.items()}

    def networks(self) -> dict[str, dict[str, Any]]:
        """Name → keyword arguments of ``create_network``, but for ``ipam``: that is :meth:`pool`."""
        quiet = {"com.docker.network.bridge.enable_ip_masquerade": "false"}
        no_host = {"com.docker.network.bridge.inhibit_ipv4": "true"}
        shared = {"driver": "bridge", "labels": self.labels}
        return {self.wire: {**shared, "options": quiet | no_host}, self.door: {**shared, "options": quiet}}

    def pool(self, network: str) -> dict[str, Any]:
        """Addresses of a network, as ``docker.types.IPAMPool`` takes them."""
        start = f"198.18.{self.number}"
        if network == self.door:
            return {"subnet": f"{start}.128/25", "gateway": f"{start}.129"}
        return {
            "subnet": f"{start}.0/25",
            "gateway": f"{start}.1",
            "aux_addresses": {"DefaultGatewayIPv4": f"{start}.{_GATEWAY}"},
        }

    def volumes(self) -> dict[str, dict[str, Any]]:
        """Name → keyword arguments of ``create_volume``. All are in memory and of limited size."""
        modes = {self.journal: "0777"}
        for balancer in self.stack.balancers:
            modes |= {self._volume(balancer.name, folder): "0755" for folder in WRITABLE}
        return {
            name: {
                "driver": "local",
                "driver_opts": {"type": "tmpfs", "device": "tmpfs", "o": f"size={_VOLUME_BYTES},mode={mode}"},
                "labels": self.labels,
            }
            for name, mode in modes.items()
        }

    def _volume(self, balancer: str, folder: str) -> str:
        return f"{self.container_name(balancer)}-{folder}"

    def container(self, api: Any, node: str) -> dict[str, Any]:
        """Keyword arguments of ``create_container`` for a node."""
        if node == CLIENTS:
            return self._clients(api)
        if any(balancer.name == node for balancer in self.stack.balancers):
            return self._balancer(api, node)
        return self._server(api, node)

    def _server(self, api: Any, node: str) -> dict[str, Any]:
        spec = ShopSpec.of(self.stack.server(node), self.addresses()[node])
        return {
            **self._shared(api, node, python_on_node("container", "shop", json.dumps(asdict(spec)))),
            "user": "nobody",
            "host_config": self._host(api, mounts=[self._mount(self.journal, JOURNAL)], memory=128, processes=64),
        }

    def _balancer(self, api: Any, node: str) -> dict[str, Any]:
        mounts = [self._mount(self._volume(node, folder), f"/{folder}") for folder in WRITABLE]
        return {
            **self._shared(api, node, python_on_node("hold")),
            "stdin_open": True,
            "host_config": self._host(api, mounts=mounts, rights=_BALANCER_RIGHTS, memory=512, processes=512),
        }

    def _clients(self, api: Any) -> dict[str, Any]:
        """Clients also hold the balancers' folders, which are in memory and would go with the last who has them."""
        start, balancer, addresses = f"198.18.{self.number}", self.stack.balancer, self.addresses()
        order = {
            "own": MANY_CLIENTS,
            "gateway": f"{start}.{_GATEWAY}/25",
            "wire": f"{start}.0/25",
            "balancer": [addresses[balancer.name], balancer.port],
            "servers": [[addresses[server.name], server.port] for server in self.stack.servers],
            "patience": READY_SECONDS,
        }
        mounts = [self._mount(self.journal, JOURNAL)]
        for one in self.stack.balancers:
            for folder in WRITABLE:
                name = self._volume(one.name, folder)
                mounts.append(self._mount(name, f"/run/manyhands/nodes/{name}", read_only=True))
        return {
            **self._shared(api, CLIENTS, python_on_node("container", "clients", json.dumps(order))),
            "ports": [DOOR_PORT],
            "networking_config": api.create_networking_config({self.door: api.create_endpoint_config()}),
            "host_config": self._host(
                api,
                mounts=mounts,
                rights=("NET_ADMIN",),
                memory=1024,
                processes=512,
                port_bindings={DOOR_PORT: ("127.0.0.1",)},
                network_mode=self.door,
            ),
        }

    def witness(self, api: Any, node: str, container: str) -> dict[str, Any]:
        """A clean container that shares processes and network, but no files, with a running balancer.

        What is read about a balancer is read from there, so that nothing a config or a submission does to its own
        container can forge it.
        """
        shared = {"pid_mode": f"container:{container}", "network_mode": f"container:{container}"}
        return {
            "image": self.image,
            "command": ["sleep", "infinity"],
            "name": f"{self.container_name(node)}-witness",
            "labels": self.labels,
            "host_config": api.create_host_config(
                **self._limits(memory=128, processes=64), **shared, cap_add=["DAC_OVERRIDE", "SYS_PTRACE"]
            ),
        }

    def _shared(self, api: Any, node: str, command: Sequence[str]) -> dict[str, Any]:
        endpoint = api.create_endpoint_config(ipv4_address=self.addresses()[node])
        return {
            "image": self.image,
            "command": list(command),
            "name": self.container_name(node),
            "labels": self.labels,
            "working_dir": "/tmp",
            "networking_config": api.create_networking_config({self.wire: endpoint}),
        }

    def _host(
        self,
        api: Any,
        *,
        mounts: Sequence[Any],
        memory: int,
        processes: int,
        rights: Sequence[str] = (),
        network_mode: str = "",
        port_bindings: Mapping[int, Any] | None = None,
    ) -> Any:
        return api.create_host_config(
            **self._limits(memory, processes),
            cap_add=list(rights),
            mounts=list(mounts),
            network_mode=network_mode or self.wire,
            port_bindings=port_bindings,
            extra_hosts=self.addresses(),
            # Clients answer no questions, so names lead nowhere; and who asks for one that nobody has is told soon.
            dns=[f"198.18.{self.number}.{_GATEWAY}"],
            dns_opt=["timeout:1", "attempts:1"],
            sysctls={"net.ipv4.ip_forward": "0", "net.ipv4.ip_unprivileged_port_start": "0"},
        )

    def _limits(self, memory: int, processes: int) -> dict[str, Any]:
        from docker.types import LogConfig, Ulimit

        return {
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges"],
            "read_only": True,
            "tmpfs": {"/tmp": f"size={_VOLUME_BYTES},mode=1777,exec"},
            "mem_limit": memory * _MIB,
            "memswap_limit": memory * _MIB,
            "pids_limit": processes,
            "ulimits": [
                Ulimit(name="core", soft=0, hard=0),
                Ulimit(name="fsize", soft=_VOLUME_BYTES, hard=_VOLUME_BYTES),
            ],
            "log_config": LogConfig(type="json-file", config={"max-size": "4m", "max-file": "2"}),
        }

    def _mount(self, volume: str, target: str, read_only: bool = False) -> Any:
        from docker.types import Mount

        return Mount(target, volume, type="volume", no_copy=True, read_only=read_only)
