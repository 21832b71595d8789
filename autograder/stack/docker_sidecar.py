"""A learner's program on Docker: a container of its own beside the balancer's.

It shares the balancer's network namespace and its folders, and no processes: what a program sends to process 1 goes to
its warden, which has it passed on. The limits are cgroups', a little wider than the warden's own, which says why it
ended something.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.stack.docker_exec import close_stream, connection_of, read_ahead
from autograder.stack.docker_plan import own_program, python_on_node
from autograder.stack.engine import EngineError
from autograder.stack.warden.desk import FOLDER
from autograder.stack.warden.work import GIVEN, WORK
from autograder.stack.watching import PROMTOOL

if TYPE_CHECKING:
    from collections.abc import Callable

    from autograder.stack.docker_plan import Plan
    from autograder.stack.engine import Job

_MIB = 1 << 20
_WARDENS_MIB = 96
"""Memory for the warden, and for what a program may have beyond its limit until it is looked at."""
_GIVEN_MIB = 64
_SPARE_PROCESSES = 64
_BORN_MIB = 4
"""Memory that a fork of a Python takes at once: a flood of them reaches the limit of processes before that of memory,
where the kernel would have to choose whom to end."""
_RIGHTS = ("CHOWN", "DAC_OVERRIDE", "FOWNER")
_HEADER = struct.Struct(">BxxxL")
_LONGEST = 128 * _MIB
_WORDS, _COMPLAINTS = 1, 2
_COMPLAINT_KEPT = 4096


def sidecar(plan: Plan, api: Any, node: str, job: Job, number: int) -> dict[str, Any]:
    """Keyword arguments of ``create_container``. A program may write to all of a volume where it may to a part."""
    disk = f"size={job.disk_bytes},mode=1777,exec"
    processes = job.processes + _SPARE_PROCESSES
    mounts = [
        plan.mount(volume, at, read_only=at.startswith(("/etc", "/srv")) and not _reaches(at, job.writable))
        for at, volume in plan.folders(plan.places.balancer(node)).items()
    ]
    # This machine's own, as on the local engine: in the image it would be a hundred megabytes more.
    mounts += [own_program(PROMTOOL, PROMTOOL)] if Path(PROMTOOL).is_file() else []
    return {
        **plan.shared(node, python_on_node("warden.main")),
        "name": f"{plan.container_name(node)}-program-{number}",
        "host_config": plan.host(
            api,
            mounts=mounts,
            rights=_RIGHTS,
            memory=_WARDENS_MIB + (job.memory_bytes + 2 * job.disk_bytes) // _MIB + processes * _BORN_MIB,
            processes=processes,
            tmpfs={
                **{WORK: disk, "/tmp": disk},
                **{GIVEN: f"size={_GIVEN_MIB}m,mode=0755", FOLDER: "size=1m,mode=0755,exec"},
            },
            shm_size=4 * _MIB,
            network_mode=f"container:{plan.machine_name(node)}",
        ),
    }


def _reaches(at: str, writable: tuple[str, ...]) -> bool:
    return at != "/etc" and any(f"{folder}/".startswith(f"{at}/") for folder in writable)


class Sidecar:
    """See :class:`autograder.stack.engine.Supervised`."""

    def __init__(self, api: Any, how: dict[str, Any], hear: Callable[[str | None], None]) -> None:
        self._api = api
        self._hear = hear
        self._telling = threading.Lock()
        self._gone = threading.Event()
        self._container: str = api.create_container(**how)["Id"]
        try:
            # Attached before it starts, so that no word is missed; when this end closes, its warden ends it.
            wanted = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
            self._stream = api.attach_socket(self._container, params=wanted)
            self._connection: socket.socket = connection_of(self._stream)
            self._connection.settimeout(None)
            api.start(self._container)
        except BaseException:
            self._remove()
            raise
        threading.Thread(target=self._listen, name=how["name"], daemon=True).start()

    def tell(self, line: bytes) -> None:
        """See :class:`Supervised`."""
        with self._telling, contextlib.suppress(OSError):
            self._connection.sendall(line)

    def end(self) -> None:
        """See :class:`Supervised`."""
        self._remove()
        self._gone.wait()

    def _listen(self) -> None:
        pending = bytearray()
        said = {_WORDS: bytearray(), _COMPLAINTS: bytearray()}
        try:
            data = read_ahead(self._stream)
            while data:
                pending += data
                _sort(pending, said)
                self._pass_on(said[_WORDS])
                del said[_COMPLAINTS][:-_COMPLAINT_KEPT]
                data = self._connection.recv(1 << 18)
        except OSError:
            pass  # it was removed, or the daemon ended
        finally:
            with contextlib.suppress(EngineError):
                self._remove()
            if said[_COMPLAINTS]:
                import json

                self._hear(json.dumps({"complaint": said[_COMPLAINTS].decode(errors="replace")}))
            with self._telling:
                close_stream(self._stream)
                self._connection.close()
            self._gone.set()
            self._hear(None)

    def _pass_on(self, words: bytearray) -> None:
        while (end := words.find(b"\n")) >= 0:
            self._hear(words[:end].decode(errors="replace"))
            del words[: end + 1]
        if len(words) > _LONGEST:  # longer than anything a warden says
            self._remove()

    def _remove(self) -> None:
        import docker.errors

        # Its end of the connection may stay open as long as the container is there.
        with contextlib.suppress(docker.errors.NotFound, docker.errors.APIError):
            self._api.remove_container(self._container, force=True)
        with contextlib.suppress(OSError, AttributeError):
            self._connection.shutdown(socket.SHUT_RDWR)


def _sort(pending: bytearray, said: dict[int, bytearray]) -> None:
    """Take whole frames off the stream, each to what was said on its stream."""
    while len(pending) >= _HEADER.size:
        stream, length = _HEADER.unpack_from(pending)
        if len(pending) < _HEADER.size + length:
            return
        said.setdefault(stream, bytearray()).extend(pending[_HEADER.size : _HEADER.size + length])
        del pending[: _HEADER.size + length]
