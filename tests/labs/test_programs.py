"""A program of a submission runs however it was saved."""

from __future__ import annotations

import pytest

from autograder.labs.programs import Asked, program_of, run_asked
from autograder.stack.model import Balancer, Server, Stack
from autograder.stack.running import open_stack

ASKED = Asked("rollback.sh", arguments=("now",), writable=("/etc/nginx",))


@pytest.mark.parametrize(
    ("file", "content", "argv"),
    [
        ("rollback.sh", b"echo", ("sh", "rollback.sh")),
        ("rollback.sh", b"#!/bin/bash\necho", ("./rollback.sh",)),
        ("rollback.sh", b"\xef\xbb\xbf#!/bin/sh\r\necho\r\n", ("./rollback.sh",)),
        ("watchdog.py", b"print()", ("python3", "watchdog.py")),
    ],
)
def test_it_is_run_by_what_it_is_written_for(file: str, content: bytes, argv: tuple[str, ...]) -> None:
    program = program_of(Asked(file), {file: content, "other": b"x"})
    assert program is not None
    assert program.argv == argv
    assert b"\r" not in program.files[file]
    assert set(program.files) == {file}


def test_none_is_none() -> None:
    assert program_of(ASKED, {"other.sh": b""}) is None


def test_it_runs_in_the_twin_beside_the_labs_files() -> None:
    script = b"#!/bin/sh\r\ncat note; echo $1 >> /etc/nginx/nginx.conf\r\n"
    with open_stack(Stack("lab", (Balancer("lb", "nginx"),), (Server("app1"),))) as running:
        running.machines.put("lb", "/etc/nginx", {"nginx.conf": b"# first\n"})
        result = run_asked(running, ASKED, {"rollback.sh": script}, {"note": b"read me\n"})
        assert result is not None
        assert (result.ok, result.out) == (True, "read me\n"), result
        assert running.balancer().on_disk() == {"nginx.conf": b"# first\nnow\n"}
        assert run_asked(running, ASKED, {}) is None
