"""Where a shop listens before its container has all its addresses."""

from __future__ import annotations

import subprocess
import sys

import pytest

from autograder.stack import reception
from tests import loops

LATE = """
import asyncio
from autograder.stack import namespace, reception

async def late(host):
    namespace.own_addresses(["127.0.0.2/8"])  # the device is up from now on
    listening = asyncio.create_task(reception._listening(host, 8080))
    await asyncio.wait({listening}, timeout=0.1)
    assert not listening.done()
    namespace.own_addresses([f"{host}/128" if ":" in host else f"{host}/32"])
    with await listening as listener:
        print(listener.getsockname()[0])

asyncio.run(late("HOST"))
"""


@pytest.mark.parametrize("host", ["198.51.100.7", "2001:db8::7"])
def test_it_may_be_there_a_moment_before_its_address(host: str) -> None:
    command = ["unshare", "--user", "--map-root-user", "--net", sys.executable, "-c", LATE.replace("HOST", host)]
    assert subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip() == host


def test_an_address_that_never_comes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reception, "_ADDRESS_SECONDS", 0.0)
    with pytest.raises(OSError, match="assign requested address"):
        loops.run(reception._listening("198.51.100.7", 0))
