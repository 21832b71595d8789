"""Making a stack on Docker: networks on addresses that nobody has, volumes, containers, in an order that saves time."""

from __future__ import annotations

import ipaddress
import json
import random
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from autograder.stack.docker_exec import give_order
from autograder.stack.docker_plan import NUMBERS
from autograder.stack.engine import EngineError
from autograder.stack.model import CLIENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from concurrent.futures import Future

    from autograder.stack.docker_plan import Plan

_AT_ONCE = 8
_LAST_LINES = 20


def make(api: Any, plan: Plan) -> tuple[Plan, dict[str, str]]:
    """Make all of a stack and start everything but the balancers, whose containers hold.

    Returns the plan with the addresses it got, and the ids of the containers by name. Raises what the SDK raises, or
    :class:`EngineError` if no addresses are free; what was made by then is left.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        volumes = [pool.submit(api.create_volume, name, **how) for name, how in plan.volumes().items()]
        plan = _claim_networks(api, plan, pool)
        for volume in volumes:
            volume.result()
        # Those that own the networks come first, so that nobody takes a thread to wait for somebody without one.
        owners = {CLIENTS: _Owner(api, plan, CLIENTS, pool)}
        owners |= {one.name: _Owner(api, plan, one.name, pool) for one in plan.places.held}
        homes = {**plan.places.home, **{one.name: one.name for one in plan.places.held}}
        others = {node: pool.submit(_make_node, api, plan, node, owners[home]) for node, home in homes.items()}
        door = pool.submit(_open_door, api, plan, owners[CLIENTS])
        _wait_for_all([*(owner.started for owner in owners.values()), *others.values(), door])
    made = {owner.name: owner.created.result() for owner in owners.values()}
    return plan, made | {plan.container_name(node): other.result() for node, other in others.items()}


class _Owner:
    """A container that owns a network namespace: others can be made when it is created, and start when it has."""

    def __init__(self, api: Any, plan: Plan, node: str, pool: ThreadPoolExecutor) -> None:
        how = plan.container(api, CLIENTS) if node == CLIENTS else plan.machine(api, plan.places.balancer(node))
        order = plan.order(node) if node == CLIENTS or plan.places.has_order(node) else None
        self.name: str = how["name"]
        self.created = pool.submit(lambda: str(api.create_container(**how)["Id"]))
        self.started = pool.submit(lambda: _start(api, self.created.result(), order))


def _open_door(api: Any, plan: Plan, clients: _Owner) -> None:
    """Connect the clients to this machine, when nobody waits for them any more: it takes a while."""
    clients.started.result()
    api.connect_container_to_network(clients.created.result(), plan.door, ipv4_address=plan.places.door)


def _make_node(api: Any, plan: Plan, node: str, owner: _Owner) -> str:
    import docker.errors

    owner.created.result()
    container: str = api.create_container(**plan.container(api, node))["Id"]
    owner.started.result()
    try:
        return _start(api, container, plan.shop(node) if node in plan.places.home else None)
    except docker.errors.APIError as error:
        owned = owner.created.result()
        if api.inspect_container(owned)["State"]["Running"]:
            raise
        why = api.logs(owned, tail=_LAST_LINES).decode(errors="replace").strip()
        raise EngineError(f"the network of {node} could not be set up", why=why) from error


def _start(api: Any, container: str, order: Mapping[str, Any] | None) -> str:
    api.start(container)
    if order is not None:
        give_order(api, container, json.dumps(order).encode() + b"\n")
    return container


def _claim_networks(api: Any, plan: Plan, pool: ThreadPoolExecutor) -> Plan:
    """Create both networks on addresses that nobody on this daemon has; another stack may be as quick."""
    import docker.errors

    free = _free_numbers(api.networks())
    random.shuffle(free)
    for number in free:
        candidate = plan.with_number(number)
        try:
            _each(pool, partial(_create_network, api, candidate), candidate.networks())
        except docker.errors.APIError as error:
            if "overlap" not in str(error.explanation):
                raise
            _remove_networks(api, candidate)
            continue
        return candidate
    raise EngineError(
        "no addresses are free for another stack",
        why=f"all {len(NUMBERS)} networks of 198.18.0.0/17 are taken on this Docker daemon",
        remedy="stop a stack; docker network ls shows them",
    )


def _create_network(api: Any, plan: Plan, network: str) -> None:
    from docker.types import IPAMConfig, IPAMPool

    ipam = IPAMConfig(pool_configs=[IPAMPool(**plan.pool(network))])
    api.create_network(network, ipam=ipam, **plan.networks()[network])


def _remove_networks(api: Any, plan: Plan) -> None:
    """Give back the networks of a stack that lost a race for its addresses."""
    for network in api.networks(names=list(plan.networks())):
        api.remove_network(network["Id"])


def _free_numbers(networks: Iterable[Mapping[str, Any]]) -> list[int]:
    taken = [
        ipaddress.ip_network(pool["Subnet"])
        for network in networks
        for pool in network["IPAM"]["Config"] or ()
        if "Subnet" in pool and ":" not in pool["Subnet"]
    ]
    candidates = {number: ipaddress.ip_network(f"198.18.{number}.0/24") for number in NUMBERS}
    return [number for number, mine in candidates.items() if not any(mine.overlaps(other) for other in taken)]


def _each(pool: ThreadPoolExecutor, do: Callable[[str], Any], names: Iterable[str]) -> None:
    """Do it for all names at once; wait for all, then raise the first error."""
    _wait_for_all([pool.submit(do, name) for name in names])


def _wait_for_all(jobs: Iterable[Future[Any]]) -> None:
    """Wait for all, then raise the first error."""
    errors = [error for job in [*jobs] if (error := job.exception())]
    if errors:
        raise errors[0]
