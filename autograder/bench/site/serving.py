"""The built site on loopback, as a web host would give it: compressed, and with the headers that a host adds."""

from __future__ import annotations

import contextlib
import functools
import gzip
import http.server
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_PACKED = (".html", ".css", ".js", ".json", ".svg")
"""Files that shrink."""


@contextlib.contextmanager
def served(site: Path, headers: Mapping[str, str] | None = None, *, packed: bool = False) -> Iterator[str]:
    """Serve a folder on a free port while the block runs; yields the address, such as ``http://127.0.0.1:40001``.

    ``headers`` go with every answer. ``packed`` sends text gzipped, as hosts do.
    """
    handler = functools.partial(_Files, headers or {}, packed, directory=str(site))
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class _Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128  # a browser asks for ten files at once, and this machine may be busy
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a browser that leaves a page breaks off what it was loading."""


class _Files(http.server.SimpleHTTPRequestHandler):
    def __init__(self, headers: Mapping[str, str], packed: bool, *args: object, directory: str) -> None:
        self._headers, self._packed = headers, packed
        super().__init__(*args, directory=directory)  # type: ignore[arg-type]  # http.server takes them as they come

    def do_GET(self) -> None:
        """Send a file."""
        path = self.translate_path(self.path)
        if not (self._packed and path.endswith(_PACKED)):
            super().do_GET()
            return
        try:
            with open(path, "rb") as file:  # noqa: PTH123  # the base class gives a string
                body = gzip.compress(file.read())
        except OSError:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def end_headers(self) -> None:
        for name, value in self._headers.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""
