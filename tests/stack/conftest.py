"""Stacks for tests: the same configs for both balancers, on both engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autograder.stack.model import Balancer, Server, Stack
from autograder.stack.running import RunningStack, open_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ENGINES = ["local", pytest.param("docker", marks=pytest.mark.docker)]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["nginx", "haproxy"])
def proxy(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def opened() -> Iterator[Callable[..., RunningStack]]:
    """Open stacks that are closed when the test ends, however it ends."""
    stacks: list[RunningStack] = []

    def open_one(proxy: str, engine: str, servers: tuple[Server, ...] | None = None) -> RunningStack:
        chosen = servers or tuple(Server(f"app{n}") for n in (1, 2, 3))
        stacks.append(open_stack(Stack("test", (Balancer("lb", proxy),), chosen), engine))
        return stacks[-1]

    yield open_one
    for stack in stacks:
        stack.close()


def config(proxy: str, servers: str = "app1 app2 app3", more: str = "") -> dict[str, bytes]:
    """A plain config for the pool; ``more`` is appended as a comment, to make another config that does the same."""
    names = servers.split()
    if proxy == "nginx":
        members = "\n".join(f"    server {name}:8080;" for name in names)
        text = f"""events {{}}
http {{
  upstream shop {{
    zone shop 64k;
{members}
  }}
  server {{
    listen 80;
    location / {{ proxy_pass http://shop; }}
  }}
}}
# {more}
"""
        return {"nginx.conf": text.encode()}
    members = "\n".join(f"  server {name} {name}:8080" for name in names)
    text = f"""defaults
  mode http
  timeout client 10s
  timeout server 10s
  timeout connect 1s
frontend web
  bind :80
  default_backend shop
backend shop
  balance roundrobin
{members}
# {more}
"""
    return {"haproxy.cfg": text.encode()}
