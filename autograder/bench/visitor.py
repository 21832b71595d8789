"""One learner, as their browser is: signs in, waits for a room, opens a notebook's kernel and runs cells in it.

Only HTTP and websockets, through the classroom's own door; nothing of the classroom's code is used here.
"""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import httpx
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

if TYPE_CHECKING:
    import ssl

HURRY_SECONDS: Final = 180.0
"""How long one request may take: a hub on a machine that is full is slow, and a browser would wait as well."""
_BETWEEN_LOOKS: Final = 1.0
_NOT_READY: Final = 503


class RefusedError(Exception):
    """The classroom did not do what it was asked; with its own words."""

    def __init__(self, what: str, status: int, page: str) -> None:
        super().__init__(f"{what}: {status} {words_of(page)[:300]}")
        self.status, self.page = status, page


@dataclass
class Visitor:
    """A person with a browser. ``base`` is the classroom's address, with a slash at its end."""

    name: str
    password: str
    base: str
    trust: ssl.SSLContext
    browser: httpx.AsyncClient = field(init=False)
    waited_behind: int = 0
    """The most people that the page said were before them."""
    _socket: WebSocketClientConnection | None = field(init=False, default=None)
    _session: str = field(init=False, default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        self.browser = httpx.AsyncClient(
            base_url=self.base, verify=self.trust, timeout=HURRY_SECONDS, follow_redirects=True
        )

    async def sign_in(self) -> None:
        """Fill in the form. Raises :class:`RefusedError` if the hub does not let this person in."""
        await self.browser.get("hub/login")
        told = {"username": self.name, "password": self.password, "_xsrf": self._cookie("_xsrf", "/hub/")}
        answer = await self.browser.post("hub/login", params={"next": "/hub/home"}, data=told)
        if answer.status_code != 200 or answer.url.path != "/hub/home":
            raise RefusedError(f"{self.name} cannot sign in", answer.status_code, answer.text)

    async def enter(self) -> None:
        """Ask for the room and wait as the page does, until JupyterLab answers.

        Raises:
            RefusedError: every room is taken, or the room did not start.
        """
        answer = await self.browser.get(f"hub/spawn/{self.name}")
        while answer.url.path.startswith("/hub/spawn-pending/"):
            await self._watch_progress(answer)
            answer = await self.browser.get(f"user/{self.name}/lab")
        if answer.status_code == 200 and answer.url.path.startswith(f"/user/{self.name}/"):
            answer = await self.browser.get(f"user/{self.name}/lab")  # sets the cookies for what follows
        if answer.status_code != 200 or not answer.url.path.startswith(f"/user/{self.name}/lab"):
            raise RefusedError(f"{self.name} gets no room", answer.status_code, answer.text)

    async def _watch_progress(self, page: httpx.Response) -> None:
        """Listen as the waiting page's script does; its word on how many are before is noted."""
        found = re.search(r'EventSource\("([^"]+)"\)', page.text)
        if found is None:  # the room has just become ready, or has failed: the next page says which
            await asyncio.sleep(_BETWEEN_LOOKS)
            return
        address = found[1].replace("\\u0026", "&").replace("&amp;", "&")
        async with self.browser.stream("GET", address, timeout=httpx.Timeout(HURRY_SECONDS, read=None)) as events:
            async for line in events.aiter_lines():
                if not line.startswith("data:"):
                    continue
                told = json.loads(line.removeprefix("data:"))
                if before := re.search(r"(\d+) (?:person is|people are) before you", told.get("message", "")):
                    self.waited_behind = max(self.waited_behind, int(before[1]))
                if told.get("failed"):
                    raise RefusedError(f"the room of {self.name} failed", 500, told.get("message", ""))
                if told.get("ready"):
                    return

    async def leave(self) -> None:
        """Close the room, as the button on the hub's page does; and again while the hub has just been started."""
        headers = {"X-XSRFToken": self._cookie("_xsrf", "/hub/"), "Referer": f"{self.base}hub/home"}
        address = f"hub/api/users/{self.name}/server"
        while (answer := await self.browser.delete(address, headers=headers)).status_code == _NOT_READY:
            await asyncio.sleep(_BETWEEN_LOOKS)
        if answer.status_code not in (202, 204):
            raise RefusedError(f"{self.name} cannot leave", answer.status_code, answer.text)

    async def save(self, path: str, text: str) -> None:
        """Save a file in the room."""
        told = {"type": "file", "format": "text", "content": text}
        await self._room("PUT", f"api/contents/{path}", told)

    async def read(self, path: str) -> str:
        """What is in a file of the room."""
        return str((await self._room("GET", f"api/contents/{path}"))["content"])

    async def open_notebook(self, path: str) -> None:
        """Start the kernel of a notebook and connect to it."""
        told = {"type": "notebook", "name": path, "path": path, "kernel": {"name": "python3"}}
        made = await self._room("POST", "api/sessions", told)
        kernel = made["kernel"]["id"]
        address = f"{self.base}user/{self.name}/api/kernels/{kernel}/channels?session_id={self._session}"
        cookies = "; ".join(f"{one.name}={one.value}" for one in self._cookies(f"/user/{self.name}/"))
        request = HTTPRequest(
            address.replace("https:", "wss:", 1),
            headers={"Cookie": cookies, "Origin": self.base.rstrip("/")},
            ssl_options=self.trust,
            request_timeout=HURRY_SECONDS,
            connect_timeout=HURRY_SECONDS,
        )
        try:
            self._socket = await websocket_connect(request, ping_interval=30, max_message_size=64 << 20)
        except HTTPClientError as error:
            raise RefusedError(f"the kernel of {self.name} cannot be reached", error.code, str(error)) from error

    async def run(self, code: str) -> str:
        """Run a cell; what it printed. Raises :class:`RefusedError` if it failed or the connection broke."""
        assert self._socket is not None, "open_notebook comes first"
        asked = uuid.uuid4().hex
        header = {"msg_id": asked, "msg_type": "execute_request", "username": self.name, "session": self._session}
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": True}
        message = {
            **{"header": {**header, "version": "5.3", "date": ""}, "parent_header": {}, "metadata": {}},
            **{"content": content, "channel": "shell", "buffers": []},
        }
        await self._socket.write_message(json.dumps(message))
        printed, ended, replied = "", False, False
        while not (ended and replied):  # the reply and the output come on channels of their own
            said = await self._socket.read_message()
            if said is None:
                raise RefusedError(f"the kernel of {self.name} hung up", 0, printed)
            if isinstance(said, bytes):  # a widget's picture
                continue
            one = json.loads(said)
            if one["parent_header"].get("msg_id") != asked:
                continue
            kind, told = one["msg_type"], one["content"]
            if kind == "stream":
                printed += told["text"]
            elif kind == "execute_reply":
                replied = True
                if told["status"] != "ok":
                    raise RefusedError(f"a cell of {self.name} failed", 0, f"{told.get('evalue', '')} {printed}")
            elif kind == "status" and told["execution_state"] == "idle":
                ended = True
        return printed

    async def close(self) -> None:
        """Close the browser: all its connections are closed then, and not when their garbage is collected."""
        if self._socket is not None:
            self._socket.close()
            while await self._socket.read_message() is not None:
                pass  # what the kernel still says, until it hangs up, too; for five seconds at most
        await self.browser.aclose()

    async def _room(self, method: str, path: str, told: Any = None) -> Any:
        headers = {"X-XSRFToken": self._cookie("_xsrf", f"/user/{self.name}/")}
        answer = await self.browser.request(method, f"user/{self.name}/{path}", json=told, headers=headers)
        if answer.status_code not in (200, 201):
            raise RefusedError(f"{method} {path} of {self.name}", answer.status_code, answer.text)
        return answer.json()

    def _cookies(self, path: str) -> list[Any]:
        return [one for one in self.browser.cookies.jar if path.startswith(one.path)]

    def _cookie(self, name: str, path: str) -> str:
        """The cookie that a browser would send there: of those that fit, the one for the longest path."""
        fit = [one for one in self._cookies(path) if one.name == name]
        return str(max(fit, key=lambda one: len(one.path)).value) if fit else ""


def words_of(page: str) -> str:
    """What a person reads on a page of HTML, from its heading on, less markup and scripts; without one, all of it."""
    main = re.search(r"<h1.*?(?=<div class=\"modal|</body>)", page, re.DOTALL)
    bare = re.sub(r"<(script|style)\b.*?</\1>|<!--.*?-->|<[^>]*>", " ", main[0] if main else page, flags=re.DOTALL)
    return " ".join(bare.split())
