"""Whole production configs, unedited: what is found in each, and that traffic through each door reaches its servers.

A folder under ``twins/<balancer>/`` is a config folder with an ``expect.toml`` beside it:

    doors = ["*:80 shop.example", …]     address:port, then tls, h2, tcp, proxy if so, then the host name asked for
    servers = ["10.0.0.1:80 http", …]    what the config calls a stand-in, what it speaks, tls if so
    unmet = ["part of the line", …]      each of them, in any order
    faults = ["part of the line", …]     if the balancer itself refuses the config
    [reaches]                            which servers answer 40 requests through a door; other doors reach none
    "*:80 shop.example" = ["10.0.0.1:80"]
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from autograder.stack.proxies.proxy import proxy_named
from autograder.stack.twin.conjure import Authority
from autograder.stack.twin.plan import Plan, plan
from autograder.stack.twin.supply import supply
from autograder.stack.twin.twin import open_twin, read_needs
from autograder.traffic.clients import population
from autograder.traffic.send import send

if TYPE_CHECKING:
    from collections.abc import Iterable

    from autograder.stack.proxies.reading import Unmet
    from autograder.stack.twin.doors import Entrance

TWINS = Path(__file__).parent / "twins"
FOLDERS = sorted(path.parent for path in TWINS.glob("*/*/expect.toml"))
_ON_DOCKER = (
    *("nginx/debian-stock", "nginx/rails-puma-deploy", "nginx/tls-upstream-verified"),
    *("haproxy/debian-stock", "haproxy/unix-sockets"),
)
"""Some for the other engine; all run there but ``haproxy/numeric-account`` and ``nginx/resolver-variables``."""
MAIN = {"nginx": "nginx.conf", "haproxy": "haproxy.cfg"}


@pytest.fixture(params=FOLDERS, ids=lambda path: f"{path.parent.name}-{path.name}")
def folder(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture
def expected(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "expect.toml").read_text(encoding="utf-8"))


def files_of(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != "expect.toml")
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def spelled(entrance: Entrance, anywhere: str = "") -> str:
    door = entrance.door
    address = "*" if door.address == anywhere else f"[{door.address}]" if ":" in door.address else door.address
    words = [f"{address}:{door.port}"]
    words += ["tls"] if door.tls else []
    words += [door.protocol] if door.protocol in ("h2", "tcp") else []
    words += ["proxy"] if door.proxy_protocol else []
    return " ".join([*words, door.host])


def servers_of(planned: Plan) -> list[str]:
    return [
        f"{planned.labels[server.name]} {server.speaks}{' tls' if server.certificate else ''}"
        for server in planned.stack.servers
    ]


def agree(unmet: Iterable[Unmet], parts: list[str]) -> None:
    lines = [str(one) for one in unmet]
    assert [line for line in lines if not any(part in line for part in parts)] == []
    assert [part for part in parts if not any(part in line for line in lines)] == []


def test_what_a_config_names_is_found(folder: Path, expected: dict[str, Any]) -> None:
    proxy = folder.parent.name
    files, home, authority = files_of(folder), proxy_named(proxy).folder, Authority()
    needs = read_needs(files, MAIN[proxy], proxy)
    supplied = supply(needs, files, home, authority)
    planned = plan(needs, proxy, MAIN[proxy], home, authority, {})
    assert [spelled(entrance) for entrance in planned.entrances] == expected["doors"]
    assert servers_of(planned) == expected["servers"]
    agree((*needs.unmet, *planned.unmet, *supplied.unmet), expected.get("unmet", []))


def drive(folder: Path, expected: dict[str, Any], engine: str) -> None:
    proxy = folder.parent.name
    crowd = population("many")
    with open_twin(files_of(folder), MAIN[proxy], proxy, engine) as twin:
        faults = [str(fault) for fault in twin.applied.faults]
        assert len(faults) == len(expected.get("faults", [])), faults
        assert twin.applied.ok is not bool(faults)
        assert all(part in fault for part, fault in zip(expected.get("faults", []), faults, strict=True)), faults
        reached = {}
        for entrance in twin.doors if twin.applied.ok else ():
            sample = send(twin.running, crowd, crowd.browse(40), door=entrance.door)
            assert sample.failures == {}, spelled(entrance)
            if sample.counts():
                here = spelled(entrance, twin.running.machines.address(twin.plan.stack.balancer.name))
                reached[here] = sorted(twin.labels[node] for node in sample.counts())
        assert reached == {door: sorted(labels) for door, labels in expected.get("reaches", {}).items()}


def test_traffic_reaches_the_servers_of_an_unedited_config(folder: Path, expected: dict[str, Any]) -> None:
    drive(folder, expected, "local")


@pytest.mark.docker
@pytest.mark.parametrize(
    "folder",
    [TWINS / name for name in _ON_DOCKER],
    ids=lambda path: f"{path.parent.name}-{path.name}",
)
def test_the_other_engine_runs_it_as_well(folder: Path, expected: dict[str, Any]) -> None:
    drive(folder, expected, "docker")


@pytest.mark.docker
def test_a_name_server_that_the_engine_takes_for_itself_is_named() -> None:
    files = files_of(TWINS / "nginx" / "resolver-variables")
    with open_twin(files, "nginx.conf", "nginx", "docker") as twin:
        assert "name server 127.0.0.11:53" in [unmet.what for unmet in twin.unmet]
