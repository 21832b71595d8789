"""A person with a browser who leaves takes along all connections."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from autograder.bench.visitor import Visitor
from tests import loops


class Sessions(RequestHandler):
    def post(self) -> None:
        self.set_status(201)
        self.finish({"kernel": {"id": "k"}})


class Kernel(WebSocketHandler):
    """Says something nobody asked for, as a kernel does, and hangs up when it is told to."""

    def open(self, *_: str) -> None:
        self.write_message("{}")
        self.write_message("{}")


async def leave_a_room(certificate: Path, trust: ssl.SSLContext) -> bool:
    """Open a notebook and close the browser; whether the connection to the kernel is closed then."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    room = [(r"/user/ada/api/sessions", Sessions), (r"/user/ada/api/kernels/k/channels", Kernel)]
    server = HTTPServer(Application(room), ssl_options=context)
    listener, port = bind_unused_port()
    server.add_sockets([listener])
    visitor = Visitor("ada", "", f"https://127.0.0.1:{port}/", trust)
    try:
        await visitor.open_notebook("a.ipynb")
        assert visitor._socket is not None
        assert visitor._socket.protocol is not None
        stream = visitor._socket.protocol.stream
        await visitor.close()
        return bool(stream.closed())
    finally:
        server.stop()
        await server.close_all_connections()


def test_who_leaves_has_no_connection_open(tmp_path: Path) -> None:
    """Else it is closed with the garbage, in some later test, which is blamed for it."""
    authority = trustme.CA()
    certificate = tmp_path / "room.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    assert loops.run(leave_a_room(certificate, trust))
