"""formgrader's slow buttons in a process of their own, so that JupyterLab goes on answering while one is pressed.

nbgrader runs them on the server's event loop: nobody gets an answer, and no kernel a message, until a submission is
judged. This is a server extension (``jpserver_extensions`` in the settings that ``./manyhands up`` uses). It answers
the same addresses as nbgrader's own handlers, and is asked first: extensions are loaded in alphabetical order.
"""

from __future__ import annotations

import asyncio
import json
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from jupyter_server.utils import url_path_join
from nbgrader.server_extensions.formgrader.base import BaseApiHandler, check_notebook_dir, check_xsrf
from tornado import web

from autograder.grading import by_hand
from autograder.stack.workers import Workers

_BUTTONS = {
    r"/formgrader/api/submission/([^/]+)/([^/]+)/autograde": "autograde",
    r"/formgrader/api/assignment/([^/]+)/assign": "generate_assignment",
    r"/formgrader/api/assignment/([^/]+)/collect": "collect",
    r"/formgrader/api/assignment/([^/]+)/generate_feedback": "generate_feedback",
    r"/formgrader/api/assignment/([^/]+)/([^/]+)/generate_feedback": "generate_feedback",
}
"""Address → the step of nbgrader's API behind it."""


class _Other:
    """The other process: started when it is first needed, kept warm, and replaced when it dies."""

    def __init__(self) -> None:
        self._workers: Workers | None = None

    async def press(self, home: str, step: str, arguments: tuple[str, ...]) -> dict[str, Any]:
        """Nbgrader's answer: ``success``, and perhaps ``log`` and ``error``. One at a time: there is one gradebook."""
        if self._workers is None:
            self._workers = Workers(1)
        workers = self._workers
        try:
            return await asyncio.wrap_future(workers.submit(press, home, step, arguments))
        except BrokenProcessPool:
            if self._workers is workers:
                self._workers = None
            return {"success": False, "error": "The process that did it died, perhaps for want of memory. Try again."}


def press(home: str, step: str, arguments: tuple[str, ...]) -> dict[str, Any]:
    """Do one step of nbgrader's, in this process."""
    from autograder.grading.frame import Frame

    return Frame(Path(home)).press(step, *arguments)


_OTHER = _Other()


class _Button(BaseApiHandler):  # type: ignore[misc]  # nbgrader has no types
    def initialize(self, step: str) -> None:
        self._step = step

    @web.authenticated
    @check_xsrf  # type: ignore[untyped-decorator]  # nbgrader's
    @check_notebook_dir  # type: ignore[untyped-decorator]  # nbgrader's
    async def post(self, *arguments: str) -> None:
        home = Path(self.coursedir.root).parent
        answer = await _OTHER.press(str(home), self._step, arguments)
        book = self.settings["nbgrader_gradebook"]
        if book is not None:  # what this server remembers of the gradebook is old now
            book.db.rollback()
            book.db.expire_all()
        self.write(json.dumps(answer))


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(app: Any) -> None:
    base = app.web_app.settings["base_url"]
    app.web_app.add_handlers(
        ".*$",
        [
            *((url_path_join(base, address), _Button, {"step": step}) for address, step in _BUTTONS.items()),
            (url_path_join(base, by_hand.ADDRESS), by_hand.Given),
        ],
    )
