"""What Docker is asked about one container: run this, put that there, who runs, what is said."""

from __future__ import annotations

import contextlib
import io
import posixpath
import tarfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from autograder.guard.balancer import BalancerError
from autograder.guard.balancers.place import Ran
from autograder.stack.procfs import Process, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_ENDS_S = 10.0
_UNKNOWN = 124
"""The exit code of what nobody saw the end of."""


class OneContainer:
    """One container. Every method raises :class:`BalancerError`; Docker is asked for the first time by the first."""

    def __init__(self, name: str, container: str) -> None:
        """``name`` is what people call the balancer, ``container`` its name or id."""
        self._name, self._container = name, container
        self._connected: Any = None

    @contextlib.contextmanager
    def _asking(self, doing: str) -> Iterator[Any]:
        from autograder.stack.docker_daemon import asking, connect
        from autograder.stack.engine import EngineError

        try:
            self._connected = self._connected or connect()
            with asking(doing):
                yield self._connected
        except EngineError as error:
            raise BalancerError(
                f"{self._name}: {error.what}", where=self._container, why=error.why, remedy=error.remedy
            ) from None

    def must_run(self) -> None:
        """Whether the container is up."""
        with self._asking("look at the container") as api:
            state = api.inspect_container(self._container)["State"]
        if not state["Running"]:
            raise BalancerError(
                f"{self._name} is not up", where=self._container, why=f"its container is {state['Status']}"
            )

    def run(self, words: Sequence[str]) -> Ran:
        """Run a program there."""
        with self._asking(f"run {words[0]}") as api:
            number = api.exec_create(self._container, list(words))["Id"]
            said = api.exec_start(number).decode(errors="replace")
            # Its output may end a moment before Docker knows how it ended.
            ended = wait_until(lambda: api.exec_inspect(number)["ExitCode"] is not None, _ENDS_S)
            return Ran(int(api.exec_inspect(number)["ExitCode"]) if ended else _UNKNOWN, said)

    def kill(self, signal: str) -> None:
        """Send the container's main process a signal."""
        with self._asking(f"send {signal}") as api:
            api.kill(self._container, signal=signal)

    def processes(self) -> list[Process]:
        """Its processes by pid, as the machine that it is on has them; what files they have open is not told."""
        with self._asking("list its processes") as api:
            rows = api.top(self._container, "-eo pid,ppid,args")["Processes"]
        return [Process(int(pid), int(parent), " ".join(title), (), accepting=False) for pid, parent, *title in rows]

    def fetch(self, folder: str) -> dict[str, bytes]:
        """All files of a folder, by their paths in it."""
        with self._asking(f"read {folder}") as api:
            packed, _ = api.get_archive(self._container, f"{folder.rstrip('/')}/.")
            with tarfile.open(fileobj=io.BytesIO(b"".join(packed))) as archive:
                found = {posixpath.normpath(one.name): archive.extractfile(one) for one in archive if one.isfile()}
                return {name: file.read() for name, file in found.items() if file}

    def put(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Put files into a folder, in this order."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for name, content in files.items():
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(content), 0o644
                archive.addfile(entry, io.BytesIO(content))
        with self._asking(f"write to {folder}") as api:
            api.put_archive(self._container, folder, packed.getvalue())

    def follow(self, since: int) -> Iterator[bytes]:
        """What the container writes since then (epoch seconds), in pieces, each line with its time."""
        with self._asking("read the container's output") as api:
            yield from api.logs(
                self._container, stdout=True, stderr=False, stream=True, follow=True, timestamps=True, since=since
            )

    def clock(self) -> str:
        """What time it is there, as Docker writes it before lines of output."""
        with self._asking("tell the time") as api:
            now = datetime.fromisoformat(api.info()["SystemTime"]).astimezone(UTC)
        return now.strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
