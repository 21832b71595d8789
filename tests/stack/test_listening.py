"""Which sockets listen: the kernel answers what ``/proc`` shows, and another network is not taken for ours."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

from autograder.stack import listening


def name(one: socket.socket) -> str:
    return str(Path(f"/proc/self/fd/{one.fileno()}").readlink())


def test_those_that_listen_are_named_and_no_others() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as four,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as six,
        socket.create_connection(four.getsockname()) as client,
        socket.socket() as idle,
    ):
        found = listening.listening_sockets(os.getpid())
        assert {name(four), name(six)} <= found
        assert not {name(client), name(idle)} & found


def test_the_kernel_and_proc_agree() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one:
        mine = int(name(one).strip("socket:[]"))
        asked, read = listening._asked(), listening._read(os.getpid())
        assert mine in asked
        assert mine in read


def test_many_fill_more_than_one_answer() -> None:
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(400)]
    try:
        assert {name(one) for one in servers} <= listening.listening_sockets(os.getpid())
    finally:
        for one in servers:
            one.close()


def test_another_network_is_read_as_it_is() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as ours,
        subprocess.Popen(["unshare", "--user", "--net", "sleep", "60"]) as stranger,
    ):
        try:
            own = Path("/proc/self/ns/net").stat().st_ino
            while Path(f"/proc/{stranger.pid}/ns/net").stat().st_ino == own:  # until unshare has done its work
                assert stranger.poll() is None
            assert name(ours) not in listening.listening_sockets(stranger.pid)
        finally:
            stranger.kill()


def test_a_process_that_is_gone_has_none() -> None:
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    assert listening.listening_sockets(gone.pid) == frozenset()
