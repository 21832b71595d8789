"""What nginx's variables are worth as a hash key: each is tried on the real nginx, and its traffic is counted.

The names are those of https://nginx.org/en/docs/varindex.html that tell about the answer or about nginx itself, as far
as this nginx knows them. Tried with 1.31.3.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from autograder.bench.claims import Prover
from autograder.mistakes.catalogue import find_mistakes
from autograder.mistakes.key_not_known_yet import BEGUN, BEGUN_IN_STREAM
from autograder.mistakes.mistake import THREE, nginx
from autograder.stack.model import Door
from autograder.traffic.clients import Request, population
from autograder.traffic.send import send

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.stack.running import RunningStack

pytestmark = pytest.mark.xdist_group("keys-before-the-answer")
EMPTY = [
    "upstream_addr",
    "upstream_status",
    "upstream_response_time",
    "upstream_response_length",
    "upstream_connect_time",
    "upstream_header_time",
    "upstream_bytes_sent",
    "upstream_bytes_received",
    "upstream_http_etag",
    "upstream_cookie_session",
    "upstream_trailer_x",
    "upstream_cache_last_modified",
    "sent_http_content_type",
    "sent_http_content_length",
    "sent_http_etag",
    "sent_http_cache_control",
    "sent_http_location",
    "sent_http_transfer_encoding",
    "sent_trailer_x",
    "gzip_ratio",
    "request_completion",
]
"""Empty before there is an answer: nginx deals in turn."""
SAME = [
    "proxy_host",
    "proxy_port",
    "server_addr",
    "server_port",
    "server_protocol",
    "scheme",
    "hostname",
    "nginx_version",
    "pid",
]
"""The same for all requests to a pool, whatever the clients do."""
FEW = ["pipe", "ancient_browser"]
"""The same for all these clients."""
OTHER = ["request_uri", "remote_addr", "remote_port", "request_id", "connection", "msec", "request", "arg_n", "uri"]
"""The request's own."""
IN_STREAM_EMPTY = ["upstream_addr", "upstream_bytes_sent", "upstream_connect_time", "upstream_session_time"]
EACH = 60


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    with Prover() as prover:
        yield prover.stack("nginx")


@pytest.fixture(scope="module")
def shares(stack: RunningStack) -> dict[str, float]:
    """Variable → the largest part that one server gets of the requests of a pool whose key it is."""
    names = [*sorted(BEGUN), *EMPTY, *SAME, *FEW, *OTHER]
    pools = "\n".join(f"upstream by_{name} {{ hash ${name}; {THREE} }}" for name in names)
    places = "\n".join(f"location /{name}/ {{ proxy_pass http://by_{name}; }}" for name in names)
    server = f"variables_hash_max_size 4096; server {{ listen 80; {places} }}"
    config = f"events {{}}\nhttp {{\n{pools}\n{server}\n}}\n"
    applied = stack.apply({stack.stack.balancer.config: config.encode()})
    assert applied.ok, applied.faults
    many = population("many")
    asked = [(name, Request(n, f"/{name}/{n}?n={n}")) for n in range(EACH) for name in names]
    sample = send(stack, many, [request for _, request in asked], concurrency=4)
    assert not sample.failed, sample.failures
    counts = {name: Counter[str]() for name in names}
    for (name, _), fate in zip(asked, sample.fates, strict=True):
        counts[name][fate.server] += 1
    return {name: max(counts[name].values()) / EACH for name in names}


@pytest.mark.parametrize("name", sorted(BEGUN))
def test_what_tells_about_the_answer_is_the_same_for_all_requests(shares: dict[str, float], name: str) -> None:
    # A request that nginx took up a millisecond late has another $request_time.
    assert shares[name] >= (0.8 if name == "request_time" else 1.0)
    assert slugs(name) == {"key-not-known-yet"}


@pytest.mark.parametrize("name", EMPTY)
def test_what_is_empty_before_the_answer_leaves_nginx_dealing_in_turn(shares: dict[str, float], name: str) -> None:
    assert shares[name] == pytest.approx(1 / 3, abs=0.05)
    assert slugs(name) == set()
    assert slugs(f"shop-${name}") == {"key-not-known-yet"}, "the word beside it is a key"
    assert slugs(f"{name}$scheme") == {"key-not-known-yet"}, "so is another constant"


@pytest.mark.parametrize("name", SAME)
def test_what_never_differs_is_one_server(shares: dict[str, float], name: str) -> None:
    assert shares[name] == 1.0
    assert slugs(name) == {"constant-hash-key"}


@pytest.mark.parametrize("name", FEW)
def test_what_hardly_differs_is_one_server_too(shares: dict[str, float], name: str) -> None:
    assert shares[name] == 1.0
    assert slugs(name) == {"hash-of-few-values"}


@pytest.mark.parametrize("name", OTHER)
def test_what_the_request_brings_spreads(shares: dict[str, float], name: str) -> None:
    assert shares[name] < 0.65, "sixty keys on three servers"
    assert "key-not-known-yet" not in slugs(name)
    assert "key-not-known-yet" not in slugs(f"status${name}")


def test_connections_of_a_stream_have_nothing_to_tell_when_they_begin(stack: RunningStack) -> None:
    names = [*sorted(BEGUN_IN_STREAM), "protocol", *IN_STREAM_EMPTY, "remote_addr"]
    doors = {name: 9000 + number for number, name in enumerate(names)}
    pools = "\n".join(
        f"upstream by_{name} {{ hash ${name}; {THREE} }}\nserver {{ listen {port}; proxy_pass by_{name}; }}"
        for name, port in doors.items()
    )
    applied = stack.apply({stack.stack.balancer.config: f"events {{}}\nstream {{\n{pools}\n}}\n".encode()})
    assert applied.ok, applied.faults
    many = population("many")
    most = {}
    for name, port in doors.items():
        door = Door(stack.machines.address(stack.stack.balancer.name), port, "shop.example")
        sample = send(stack, many, many.browse(EACH), concurrency=4, door=door)
        assert not sample.failed, sample.failures
        most[name] = max(sample.shares().values())
    for name in BEGUN_IN_STREAM:
        assert most[name] >= (0.8 if name == "session_time" else 1.0), name
    assert most["protocol"] == 1.0
    for name in IN_STREAM_EMPTY:
        assert most[name] == pytest.approx(1 / 3, abs=0.05), name
    assert most["remote_addr"] < 0.65


def slugs(key: str) -> set[str]:
    """What the catalogue says of a pool with that key; a name is a variable's."""
    text = key if key.startswith("shop-") else f"${key}"
    config = nginx(f'hash "{text}";\n{THREE}')
    return {one.mistake for one in find_mistakes({"nginx.conf": config.encode()}, "nginx.conf")}
