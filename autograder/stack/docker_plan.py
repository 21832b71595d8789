"""What a stack looks like on Docker: its networks, volumes and containers, as the Docker API wants them described.

::

    browser on this machine ── 127.0.0.1:random ── door ──┐
                                          clients (.10) and servers (.11, .12, …),
                                          and .9 for all of 198.19.0.0/16
                                                          │ wire
                                                    balancer (.2)

The *wire* is a bridge on which the machine itself has no address, and on which the way to everywhere else leads to
the clients, who answer for 198.19.0.0/16 and forward nothing. So every address there is a client with a real source
address, while balancers and servers reach neither the machine nor the world. (Docker's own ``internal`` networks
drop packets from addresses outside the network where ``bridge-nf-call-iptables`` is 1, and do give the machine an
address.) The *door* is an ordinary bridge without a way out; only the clients' container is on it.

Every node is a container of its own, but servers and clients share a network namespace, and a balancer has one that
outlives it: see :mod:`autograder.stack.docker_places`.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.stack.container import DOOR_PORT
from autograder.stack.docker_owner import owner_labels
from autograder.stack.docker_places import NODE, UNIX, Places
from autograder.stack.engine import JOURNAL, OPT
from autograder.stack.model import CLIENTS, PROMETHEUS, Balancer, Server, Stack
from autograder.stack.shop_spec import DISK, ShopSpec
from autograder.stack.watching import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NUMBERS = range(128)
"""Stacks that fit side by side: each has one 198.18.<number>.0/24, half of it wire and half of it door. The other half
of 198.18.0.0/16 is for stand-ins."""

WRITABLE = ("etc", "run", "srv", "var")
"""Folders of a balancer that can be written and that outlive its main process."""

READY_SECONDS = 30.0
"""How long servers may take until they accept connections."""

_HELD = "/run/manyhands/held"
_MIB = 1024 * 1024
_VOLUME_BYTES = 64 * _MIB
_JOURNAL_BYTES = 1024 * _MIB
_PYTHON = ("python3", "-I", "-S", "-c")
_NOBODY = (
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    *("--inh-caps=-all,+net_admin", "--ambient-caps=-all,+net_admin"),
)
"""A server is nobody, but may lose packets: some kernels want that right for a socket filter (others do not)."""
_BALANCER_RIGHTS = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID", "SYS_CHROOT")


def python_on_node(module: str, *arguments: str) -> list[str]:
    """Command line that runs ``main()`` of one of our modules in a container."""
    code = f"import sys; sys.path.insert(0, '{OPT}/lib'); from autograder.stack.{module} import main; main()"
    return [*_PYTHON, code, *arguments]


@dataclass(frozen=True)
class Plan:
    """One stack on Docker: ``key`` is its id there, ``number`` the third byte of its addresses.

    ``programs`` are a user's own binaries by the name of the balancer program they take the place of.
    """

    stack: Stack
    key: str
    image: str
    number: int
    programs: Mapping[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.places.check()  # a stack that has no place here is refused before anything is made

    @cached_property
    def places(self) -> Places:
        """Where everything is."""
        return Places(self.stack, self.number)

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

    def machine_name(self, balancer: str) -> str:
        """Name of the container that owns a balancer's network namespace."""
        return f"{self.container_name(balancer)}-machine"

    def networks(self) -> dict[str, dict[str, Any]]:
        """Name → keyword arguments of ``create_network``, but for ``ipam``: that is :meth:`pool`."""
        quiet = {"com.docker.network.bridge.enable_ip_masquerade": "false"}
        no_host = {"com.docker.network.bridge.inhibit_ipv4": "true"}
        shared = {"driver": "bridge", "labels": self.labels}
        return {self.wire: {**shared, "options": quiet | no_host}, self.door: {**shared, "options": quiet}}

    def pool(self, network: str) -> dict[str, Any]:
        """Addresses of a network, as ``docker.types.IPAMPool`` takes them."""
        start = self.places.start
        if network == self.door:
            return {"subnet": f"{start}.128/25", "gateway": f"{start}.129"}
        return {
            "subnet": self.places.wire,
            "gateway": f"{start}.1",
            "aux_addresses": {"DefaultGatewayIPv4": self.places.gateway},
        }

    def volumes(self) -> dict[str, dict[str, Any]]:
        """Name → keyword arguments of ``create_volume``. All are in memory and of limited size."""
        modes = {self.journal: "0777"}
        sizes = {self.journal: _JOURNAL_BYTES}
        for balancer in self.places.held:
            modes |= {name: "1777" if at == "/tmp" else "0755" for at, name in self.folders(balancer).items()}
        return {
            name: {
                "driver": "local",
                "driver_opts": {
                    "type": "tmpfs",
                    "device": "tmpfs",
                    "o": f"size={sizes.get(name, _VOLUME_BYTES)},mode={mode}",
                },
                "labels": self.labels,
            }
            for name, mode in modes.items()
        }

    def folders(self, balancer: Balancer) -> dict[str, str]:
        """Writable folder of a balancer → name of the volume it is on."""
        # Its config is on a volume of its own: what may write there may not write to the rest of /etc.
        folders = [*(f"/{folder}" for folder in WRITABLE), f"/etc/{balancer.proxy}", *self.places.mounts(balancer)]
        return {at: f"{self.container_name(balancer.name)}{at.replace('/', '-')}" for at in folders}

    def container(self, api: Any, node: str) -> dict[str, Any]:
        """Keyword arguments of ``create_container`` for a node."""
        if node == CLIENTS:
            return self._clients(api)
        for balancer in self.places.held:
            if balancer.name == node:
                return self._balancer(api, balancer)
        return self._server(api, self.stack.server(node))

    def _server(self, api: Any, server: Server) -> dict[str, Any]:
        home = self.places.home[server.name]
        mounts = [self.mount(self.journal, JOURNAL)]
        command = python_on_node("container", "shop")
        if server.address.startswith(UNIX):
            mounts += self._mounts(self.stack.balancer, NODE)
            rights: Sequence[str] = ("DAC_OVERRIDE",)  # the folder of its socket may be anybody's
        else:
            command, rights = [*_NOBODY, *command], ("NET_ADMIN", "SETGID", "SETUID")
        return {
            **self.shared(server.name, command),
            "host_config": self.host(
                api,
                mounts=mounts,
                # What is written to the journal counts as memory of who writes it.
                memory=128 + _JOURNAL_BYTES // _MIB,
                processes=64,
                file_bytes=_JOURNAL_BYTES,
                rights=rights,
                tmpfs={f"{DISK}/{server.name}": f"size={_MIB},mode=1777"},
                network_mode=f"container:{self.container_name(home) if home == CLIENTS else self.machine_name(home)}",
            ),
        }

    def _balancer(self, api: Any, balancer: Balancer) -> dict[str, Any]:
        folders, accounts = balancer.around.folders, balancer.around.accounts
        mounts = self._mounts(balancer, "")
        if own := self.programs.get(balancer.proxy):
            mounts.append(own_program(own, f"{OPT}/{balancer.proxy}/{balancer.proxy}"))
        if balancer.name == PROMETHEUS and Path(PROGRAM).is_file():
            mounts.append(own_program(PROGRAM, PROGRAM))
        return {
            **self.shared(balancer.name, python_on_node("hold", *map(_words, (accounts, folders)))),
            "host_config": self.host(
                api,
                mounts=mounts,
                rights=_BALANCER_RIGHTS,
                memory=512,
                processes=512,
                network_mode=f"container:{self.machine_name(balancer.name)}",
            ),
        }

    def machine(self, api: Any, balancer: Balancer) -> dict[str, Any]:
        """Keyword arguments of ``create_container`` for the container that owns a balancer's network namespace.

        It also holds the balancer's folders, which are in memory and would go with the last who has them.
        """
        busy = self.places.has_order(balancer.name)
        rights = ("DAC_OVERRIDE", "NET_ADMIN") if busy else ()
        return {
            **self.shared(balancer.name, python_on_node("container", "machine") if busy else ["sleep", "infinity"]),
            "name": self.machine_name(balancer.name),
            "networking_config": self._on_wire(api, balancer.name),
            "host_config": self.host(
                api,
                mounts=self._mounts(balancer, NODE),
                rights=rights,
                memory=128,
                processes=64,
                **self._network_owner(balancer.name),
            ),
        }

    def _clients(self, api: Any) -> dict[str, Any]:
        looking = [
            self.mount(self.folders(one)["/var"], f"{_HELD}/{one.name}", read_only=True) for one in self.places.held
        ]
        return {
            **self.shared(CLIENTS, python_on_node("container", "clients")),
            "ports": [DOOR_PORT],
            "networking_config": self._on_wire(api, CLIENTS),
            "host_config": self.host(
                api,
                mounts=[self.mount(self.journal, JOURNAL), *looking],
                rights=("NET_ADMIN",),
                memory=1024,
                processes=512,
                port_bindings={DOOR_PORT: ("127.0.0.1",)},
                **self._network_owner(CLIENTS),
            ),
        }

    def order(self, node: str) -> dict[str, Any]:
        """What the container that owns the network namespace of clients or a balancer is told to do."""
        order = {**self.places.order(node), "wire": self.places.wire, "patience": READY_SECONDS}
        if node == CLIENTS:
            first = self.stack.balancer
            order["door"] = self.places.door
            order["balancer"] = [self.places.addresses[first.name], first.port]
            order["filled"] = [f"{_HELD}/{one.name}/.ready" for one in self.places.held]
        return order

    def shop(self, server: str) -> dict[str, Any]:
        """What a server's container is told to do."""
        one = self.stack.server(server)
        return asdict(ShopSpec.of(one, self.places.host(one)))

    def user(self, node: str) -> str:
        """Whose rights a program that is run beside a node's main process has; empty for the container's own."""
        return "nobody" if node in self.places.home and not self.stack.server(node).address.startswith(UNIX) else ""

    def witness(self, api: Any, node: str, container: str) -> dict[str, Any]:
        """A clean container that shares processes and network, but no files, with a running balancer.

        What is read about a balancer is read from there, so that nothing a config or a submission does to its own
        container can forge it.
        """
        return {
            **self.shared(node, ["sleep", "infinity"]),
            "name": f"{self.container_name(node)}-witness",
            "host_config": self.host(
                api,
                mounts=(),
                memory=128,
                processes=64,
                rights=("DAC_OVERRIDE", "SYS_PTRACE"),
                network_mode=f"container:{self.machine_name(node)}",
                pid_mode=f"container:{container}",
            ),
        }

    def shared(self, node: str, command: Sequence[str]) -> dict[str, Any]:
        """What every container is made with."""
        return {
            "image": self.image,
            "command": list(command),
            "name": self.container_name(node),
            "labels": self.labels,
            "working_dir": "/tmp",
            "stdin_open": True,
        }

    def _on_wire(self, api: Any, node: str) -> Any:
        endpoint = api.create_endpoint_config(ipv4_address=self.places.addresses[node])
        return api.create_networking_config({self.wire: endpoint})

    def _network_owner(self, node: str) -> dict[str, Any]:
        """What only a container with a network namespace of its own is told."""
        sysctls = {"net.ipv4.ip_forward": "0", "net.ipv4.ip_unprivileged_port_start": "0"}
        if self.places.ipv6:
            sysctls["net.ipv6.conf.all.disable_ipv6"] = "0"
        if node == CLIENTS:
            # Servers may start a moment before their addresses are there. What is for nobody is refused at once, and
            # every time: for that it must be looked at as if it were to be forwarded.
            sysctls |= {"net.ipv4.ip_forward": "1", "net.ipv4.icmp_ratelimit": "0", "net.ipv4.ip_nonlocal_bind": "1"}
            if self.places.ipv6:
                sysctls |= {"net.ipv6.conf.all.forwarding": "1", "net.ipv6.ip_nonlocal_bind": "1"}
        return {
            "network_mode": self.wire,
            "extra_hosts": self.places.hosts(node),
            # Clients answer no questions, so names lead nowhere; and who asks for one that nobody has is told soon.
            "dns": [self.places.gateway],
            "dns_opt": ["timeout:1", "attempts:1"],
            "sysctls": sysctls,
        }

    def host(
        self,
        api: Any,
        *,
        mounts: Sequence[Any],
        memory: int,
        processes: int,
        file_bytes: int = _VOLUME_BYTES,
        rights: Sequence[str] = (),
        tmpfs: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Any:
        """The host config of every container: no rights but those named, nothing to write to but mounts and tmpfs."""
        from docker.types import LogConfig, Ulimit

        in_memory = {"/tmp": f"size={_VOLUME_BYTES},mode=1777,exec", **(tmpfs or {})}
        return api.create_host_config(
            cap_drop=["ALL"],
            cap_add=list(rights),
            security_opt=["no-new-privileges"],
            read_only=True,
            mounts=list(mounts),
            tmpfs={at: how for at, how in in_memory.items() if at not in {mount["Target"] for mount in mounts}},
            mem_limit=memory * _MIB,
            memswap_limit=memory * _MIB,
            pids_limit=processes,
            ulimits=[
                Ulimit(name="core", soft=0, hard=0),
                Ulimit(name="fsize", soft=file_bytes, hard=file_bytes),
            ],
            log_config=LogConfig(type="json-file", config={"max-size": "4m", "max-file": "2"}),
            **more,
        )

    def _mounts(self, balancer: Balancer, under: str) -> list[Any]:
        """A balancer's folders, below ``under``."""
        return [self.mount(volume, f"{under}{folder}") for folder, volume in self.folders(balancer).items()]

    def mount(self, volume: str, target: str, read_only: bool = False) -> Any:
        """A volume at a place."""
        from docker.types import Mount

        return Mount(target, volume, type="volume", no_copy=True, read_only=read_only)


def own_program(path: Path | str, target: str) -> Any:
    """A program of this machine, as a mount that can only be read."""
    from docker.types import Mount

    return Mount(target, str(path), type="bind", read_only=True)


def _words(values: Sequence[str]) -> str:
    return json.dumps(list(values))
