"""The exchange over HTTP: released labs out, submissions in, feedback out. Who asks is what the hub says.

Behind it is nbgrader's own exchange folder, so that an instructor releases, collects and returns as always.
"""

from __future__ import annotations

import json
import os
from typing import Any

from jupyterhub.services.auth import HubAuthenticated
from tornado import ioloop, web

from autograder.classroom import exchange
from autograder.errors import ManyHandsError

PREFIX = os.environ["JUPYTERHUB_SERVICE_PREFIX"]
STORE = exchange.Store("/srv/exchange")


class _Handler(HubAuthenticated, web.RequestHandler):
    def prepare(self) -> None:
        if self.current_user is None or self.current_user.get("kind") != "user":
            raise web.HTTPError(403)

    @property
    def person(self) -> str:
        return str(self.current_user["name"])

    def check_xsrf_cookie(self) -> None:
        """Tokens only: no browser ever sends one by itself."""

    def get_login_url(self) -> str:
        raise web.HTTPError(403)


class Labs(_Handler):
    async def get(self) -> None:
        self.write(await _apart(STORE.released))


class Lab(_Handler):
    async def get(self, slug: str) -> None:
        packed = await _apart(STORE.lab, slug)
        if packed is None:
            raise web.HTTPError(404)
        self.set_header("Content-Type", "application/x-tar")
        self.write(packed)


class Submission(_Handler):
    async def post(self, slug: str) -> None:
        try:
            when = await _apart(STORE.take, self.person, slug, self.request.body)
        except ManyHandsError as error:
            self.set_status(400)
            self.finish(json.dumps({"what": error.what, "why": error.why, "next": error.remedy}))
            return
        self.write({"timestamp": when})


class Feedback(_Handler):
    async def get(self, name: str) -> None:
        page = await _apart(STORE.feedback, name)
        if page is None:
            raise web.HTTPError(404)
        self.set_header("Content-Type", "application/octet-stream")  # never shown by a browser on the hub's address
        self.write(page)


async def _apart(function: Any, *arguments: Any) -> Any:
    return await ioloop.IOLoop.current().run_in_executor(None, function, *arguments)


def main() -> None:
    handlers = [
        (PREFIX + "labs", Labs),
        (PREFIX + "labs/([a-z0-9-]+)", Lab),
        (PREFIX + "submissions/([a-z0-9-]+)", Submission),
        (PREFIX + "feedback/([0-9a-f]{32,64})", Feedback),
    ]
    web.Application(handlers).listen(
        9000, "0.0.0.0", max_buffer_size=exchange.LIMIT_BYTES, max_body_size=exchange.LIMIT_BYTES
    )
    ioloop.IOLoop.current().start()


main()
