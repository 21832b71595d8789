"""The panel in a bare page: its own script and styles, a strict content policy, and a stub in the kernel's place."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from autograder.notebook.panel import page as panel_page
from autograder.notebook.panel import wire

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Route

    from autograder.notebook.frame import Frame

ADDRESS = "http://panel.test/"
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'"
_HTML = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>The panel</title>
<link rel="stylesheet" href="/page.css"><link rel="stylesheet" href="/panel.css">
<script type="module" src="/start.js"></script></head>
<body data-jp-theme-light="true"><main id="cell"></main></body></html>"""
_CSS = "body { margin: 0; padding: 12px; background: #fff } body[data-jp-theme-light=false] { background: #111 }"
_START = """
import widget from "/panel.js";
// On a slow machine a test may look like a silent kernel. Where that is not the question, the panel's heart is held.
if (location.hash === "#held") window.setInterval = () => 0;
const heard = new Set();
const model = {
  said: [],
  on(name, does) { if (name === "msg:custom") heard.add(does); },
  off(name, does) { heard.delete(does); },
  send(content) { if (window.deaf) throw new Error("no kernel"); model.said.push(content); },
};
window.model = model;
window.tell = (message) => [...heard].forEach((does) => does(message));
window.show = (el) => widget.render({ model, el });
window.come = () => widget.initialize({ model });
window.again = () => {
  window.leave?.();
  model.last = model.said.at(-1)?.kind;
  model.said.length = 0;
  window.asked = performance.now();
  window.leave = window.show(document.getElementById("cell"));
};
window.again();
document.body.dataset.ready = "";
"""


@dataclass
class Shown:
    """A page that shows a panel. ``asked`` has every address that the page wanted."""

    page: Page
    asked: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def open(self, *, held: bool = False) -> Shown:
        """Load the page; the panel waits for its first frame, and notices no silence if its heart is ``held``."""
        bodies = {
            "": ("text/html", _HTML),
            "page.css": ("text/css", _CSS),
            "panel.css": ("text/css", panel_page.style()),
            "panel.js": ("text/javascript", panel_page.script()),
            "start.js": ("text/javascript", _START),
        }

        def answer(route: Route) -> None:
            name = route.request.url.removeprefix(ADDRESS)
            self.asked.append(route.request.url)
            if name not in bodies:
                route.abort()
                return
            kind, body = bodies[name]
            route.fulfill(content_type=kind, body=body, headers={"Content-Security-Policy": POLICY})

        self.page.route("**/*", answer)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda line: self.faults.append(line.text) if line.type == "error" else None)
        self.page.goto(ADDRESS + ("#held" if held else ""))
        self.page.locator("body[data-ready]").wait_for(state="attached")
        return self

    def again(self) -> None:
        """Take the panel off the page and show another one; what was said before is forgotten but for the last."""
        self.page.evaluate("() => { window.again(); }")
        self.page.wait_for_function("() => model.said.some((each) => each.kind === 'look')")

    def light(self, light: bool) -> None:
        """Change the theme as JupyterLab does."""
        self.page.evaluate("(light) => { document.body.dataset.jpThemeLight = light; }", str(light).lower())

    def whole(self, frame: Frame) -> None:
        """Tell the page a whole frame, and wait until it is painted."""
        self.tell(self.message(frame))

    @staticmethod
    def message(frame: Frame) -> dict[str, Any]:
        """A whole frame as it is sent."""
        return {**wire.whole(frame), "crowded": 1.5}

    def change(self, old: Frame, new: Frame) -> None:
        """Tell the page what changed."""
        self.tell(wire.change(old, new))

    def tell(self, message: dict[str, Any]) -> None:
        """Tell the page something, and wait until it is painted."""
        self.page.evaluate(
            "(text) => { tell(JSON.parse(text));"
            " return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))); }",
            json.dumps(message),
        )

    def said(self, kind: str) -> list[dict[str, Any]]:
        """What the page said to the kernel, of one kind."""
        found: list[dict[str, Any]] = self.page.evaluate("model.said")
        return [message for message in found if message["kind"] == kind]

    def orders(self) -> list[tuple[str, dict[str, Any]]]:
        """The commands that the page gave."""
        return [(message["command"], message["words"]) for message in self.said("do")]

    @property
    def room(self) -> Locator:
        """The panel."""
        return self.page.locator(".mh-control-room")
