"""`up` and `down`, run for real: processes, ports and files before, during and after."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import urllib.request
import uuid
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import websocket

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.launch.conftest import Bench, Up

Wait = Callable[..., None]

pytestmark = pytest.mark.xdist_group("machine")  # they share one clone, and each one is a heavy load


def test_from_nothing_both_answer_then_down_leaves_nothing(bench: Bench) -> None:
    shutil.rmtree(bench.home)
    up = bench.up()
    with urllib.request.urlopen(up.site) as answer:
        assert "Many Hands" in answer.read().decode()
    assert up.ask("api/status")["kernels"] == 0
    assert {"labs.md", "labs"} <= {entry["name"] for entry in up.ask("api/contents")["content"]}
    for lab in bench.labs():
        assert (bench.home / "labs" / lab["slug"] / f"{lab['slug']}.ipynb").is_file()

    again = bench.run("up", "--no-browser")
    assert again.returncode == 0
    assert "already running" in again.stdout
    assert up.site in again.stdout
    assert up.lab in again.stdout

    down = bench.run("down")
    assert (down.returncode, down.stdout) == (0, "stopped\n")
    assert up.process.wait() == 0
    assert bench.processes() == {}
    assert all(is_free(port) for port in up.ports)
    assert bench.left_over() == []
    down = bench.run("down")
    assert (down.returncode, down.stdout) == (0, "nothing is running\n")


def test_ctrl_c_ends_a_kernel_too_and_that_kernel_knew_this_clone(bench: Bench, clone: Path) -> None:
    up = bench.up()
    kernel = start_kernel(up)
    code = "import autograder, os; print(autograder.__file__, os.environ['MANYHANDS_HOME'], sep='|')"
    assert execute(up, kernel, code).strip() == f"{clone}/autograder/__init__.py|{bench.home}"
    assert any("ipykernel_launcher" in command for command in bench.processes().values())
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait() == 0
    assert bench.processes() == {}
    assert all(is_free(port) for port in up.ports)
    assert bench.left_over() == []


def test_closing_the_terminal_while_it_starts_ends_it(bench: Bench, wait_until: Wait) -> None:
    starting = bench.start("up", "--no-browser")
    wait_until(lambda: bench.note().get("leash"))
    starting.send_signal(signal.SIGHUP)
    assert starting.wait() == 0
    assert bench.processes() == {}
    assert bench.left_over() == []


def test_killing_up_ends_what_it_started_and_what_that_started(bench: Bench, wait_until: Wait) -> None:
    up = bench.up()
    # a learner's own program that wants to stay: a session of its own, deaf to TERM, its parent gone
    stubborn = "trap '' TERM; echo deaf; while :; do read -t 1 < /dev/zero || :; done"
    command = ["setsid", "bash", "-c", stubborn]
    execute(up, start_kernel(up), f"import subprocess; subprocess.Popen({command}, stdout=-1).stdout.readline()")
    assert any("trap" in command for command in bench.processes().values())

    up.process.kill()
    up.process.wait()
    wait_until(bench.gone)
    assert all(is_free(port) for port in up.ports)

    down = bench.run("down")
    assert down.returncode == 0
    assert "killed" in down.stdout
    assert bench.left_over() == []


def test_up_right_after_a_killed_up_starts_afresh(bench: Bench, wait_until: Wait) -> None:
    starting = bench.start("up", "--no-browser")
    wait_until(lambda: bench.note().get("leash"))
    starting.kill()
    starting.wait()
    up = bench.up()
    assert up.ask("api/status")["started"]
    assert bench.note()["lab"] == up.lab
    assert bench.run("down").returncode == 0
    assert bench.processes() == {}


def test_a_taken_port_that_was_asked_for_is_refused_by_name(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
        for option in ("--port-site", "--port-lab"):
            up = bench.run("up", "--no-browser", option, port)
            assert up.returncode == 2
            assert f"port {port} is taken" in up.stderr
            assert "by pid " in up.stderr
            assert option in up.stderr
            assert "Traceback" not in up.stderr
    assert bench.gone()
    assert not (bench.home / ".up.json").exists()


def test_someone_elses_server_on_the_note_s_pid_is_left_alone(bench: Bench) -> None:
    """A note with a pid that was given to another process: that process must survive `down`."""
    with subprocess.Popen(["sleep", "600"]) as bystander:
        note = {"up": {"pid": bystander.pid, "started": 1}, "leash": None, "site": "", "lab": ""}
        (bench.home / ".up.json").write_text(json.dumps(note))
        assert bench.run("down").returncode == 0
        assert bystander.poll() is None
        bystander.kill()


def test_taken_usual_ports_are_stepped_over_nbgrader_is_on_and_news_are_off(bench: Bench) -> None:
    with listening(8000), listening(8888):
        up = bench.up(ports=False)
        assert 8000 not in up.ports
        assert 8888 not in up.ports
        assert "port 8000 is taken by pid" in up.said
        assert "port 8888 is taken by pid" in up.said
    page = up.fetch("lab").decode()
    config = json.loads(page.split('id="jupyter-config-data" type="application/json">')[1].split("</script>")[0])
    assert "@jupyter/nbgrader" in [extension["name"] for extension in config["federated_extensions"]]
    news = up.ask("lab/api/settings/@jupyterlab/apputils-extension:notification")["schema"]["properties"]
    assert news["fetchNews"]["default"] == "false"
    assert news["checkForUpdates"]["default"] is False
    listed = up.ask("assignments?course_id=many-hands")
    assert listed["success"], listed
    released = [entry["name"] for entry in up.ask("formgrader/api/assignments")]
    assert sorted(released) == sorted(lab["slug"] for lab in bench.labs())


def start_kernel(up: Up) -> str:
    kernel: str = up.ask("api/kernels", b'{"name": "python3"}')["id"]
    assert execute(up, kernel, "print(1 + 1)").strip() == "2"
    return kernel


def execute(up: Up, kernel: str, code: str) -> str:
    """What the code printed."""
    address = up.server.replace("http", "ws") + f"api/kernels/{kernel}/channels?token={up.token}"
    channel = websocket.create_connection(address, timeout=300)
    message = uuid.uuid4().hex
    header = {"msg_id": message, "msg_type": "execute_request", "username": "", "session": uuid.uuid4().hex}
    content = {"code": code, "silent": False}
    channel.send(
        json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"})
    )
    printed = ""
    while True:
        reply = json.loads(channel.recv())
        if reply["parent_header"].get("msg_id") != message:
            continue
        if reply["msg_type"] == "stream":
            printed += reply["content"]["text"]
        if reply["msg_type"] == "error":
            pytest.fail("\n".join(reply["content"]["traceback"]))
        if reply["msg_type"] == "status" and reply["content"]["execution_state"] == "idle":
            channel.close()
            return printed


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@contextmanager
def listening(port: int) -> Iterator[None]:
    """Make sure that somebody listens on this port: we, unless someone else does already."""
    if not is_free(port):
        yield
        return
    with socket.create_server(("127.0.0.1", port)):
        yield
