"""A JupyterLab of a test's own over a folder with one lab in it, and what any test does with the page that shows it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from axe_playwright_python.sync_playwright import Axe
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import expect

from autograder.launch import jupyter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playwright.sync_api import Locator, Page

ROOT = Path(__file__).resolve().parents[3]
MINUTE = 60_000
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]
UNUSED = (
    *("celltags", "console", "debugger", "extensionmanager", "hub", "imageviewer", "javascript", "lsp", "mathjax"),
    *("mermaid", "pdf", "running", "terminal", "toc", "tooltip", "vega5"),
)
"""Extensions of JupyterLab that a lab does not need: they cost a third of its start."""


@dataclass(frozen=True)
class Desk:
    """A JupyterLab over a folder with one lab in it."""

    server: str
    folder: Path
    said: Path
    """What the server and its kernels wrote."""

    @property
    def address(self) -> str:
        """Of the lab's notebook."""
        return f"{self.server}lab/tree/{self.folder.name}/lab.ipynb?token=t"


@contextmanager
def jupyterlab(place: Path, slug: str, cells: tuple[str, ...], files: Mapping[str, bytes]) -> Iterator[Desk]:
    """JupyterLab with the clone's settings and nobody's own, over a notebook of these cells beside these files."""
    folder = place / slug
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    folder.mkdir(exist_ok=True)
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=[new_code_cell(one) for one in cells], metadata=kernel), folder / "lab.ipynb")
    runtime = place / "runtime"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "IPYTHON"))}
    private = {name: str(place / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
    places = {"JUPYTER_CONFIG_PATH": str(Path(jupyter.__file__).with_name("jupyter_config")), "PYTHONPATH": str(ROOT)}
    (place / "JUPYTER_CONFIG_DIR/labconfig").mkdir(parents=True)
    unused = {f"@jupyterlab/{name}-extension": True for name in UNUSED}
    (place / "JUPYTER_CONFIG_DIR/labconfig/page_config.json").write_text(json.dumps({"disabledExtensions": unused}))
    options = ["root_dir=" + str(place), "port=0", "open_browser=False", "allow_root=True"]
    command = [sys.executable, "-m", "jupyterlab", *(f"--ServerApp.{one}" for one in options)]
    with (place / "said").open("w") as said:
        server = subprocess.Popen(
            [*command, "--IdentityProvider.token=t"],
            env={**kept, **private, **places, "JUPYTER_RUNTIME_DIR": str(runtime)},
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    deadline = time.monotonic() + 120
    while not (notes := list(runtime.glob("jpserver-*.json"))) or not notes[0].read_text().endswith("}"):
        assert server.poll() is None, (place / "said").read_text()
        assert time.monotonic() < deadline, "JupyterLab did not start"
        time.sleep(0.1)  # between two looks
    port = json.loads(notes[0].read_text())["port"]
    yield Desk(f"http://127.0.0.1:{port}/", folder, place / "said")
    server.send_signal(signal.SIGTERM)  # ends its kernels, and they their stacks
    server.wait(60)


def shot(page: Page, name: str) -> None:
    """Pictures of the panel above its checks, where they are wanted: light and dark."""
    if not (place := os.environ.get("MANYHANDS_SCREENS")):
        return
    Path(place).mkdir(parents=True, exist_ok=True)
    page.mouse.move(0, 0)
    for theme, light in (("light", "true"), ("dark", "false")):
        page.evaluate("(light) => { document.body.dataset.jpThemeLight = light; }", light)
        room, below = (page.locator(name).bounding_box() for name in (".mh-room", ".mh-checks"))
        assert room is not None
        assert below is not None
        clip = {"x": room["x"], "y": room["y"], "width": room["width"], "height": below["y"] - room["y"]}
        page.screenshot(path=Path(place) / f"{name}-{theme}.png", animations="disabled", clip=clip)  # type: ignore[arg-type]
    page.evaluate("document.body.dataset.jpThemeLight = 'true'")


def barriers(page: Page) -> list[str]:
    """What axe-core finds in the panel, light and dark."""
    found = []
    for light in ("true", "false"):
        page.evaluate("(light) => { document.body.dataset.jpThemeLight = light; }", light)
        page.wait_for_function("() => document.getAnimations().every((each) => each.playState !== 'running')")
        options = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}
        answer = Axe().run(page, context=".mh-control-room", options=options).response
        assert len(answer["passes"]) > 10, "axe-core looked at nothing"
        found += [f"{rule['id']}: {node['target']}" for rule in answer["violations"] for node in rule["nodes"]]
    page.evaluate("document.body.dataset.jpThemeLight = 'true'")
    return found


def run_first_cell(desk: Desk, page: Page) -> Locator:
    """The panel's place on the page, once the lab's first cell was run in it."""
    expect.set_options(timeout=2 * MINUTE)
    page.set_viewport_size({"width": 1280, "height": 1700})
    page.emulate_media(reduced_motion="reduce")  # what moves is painted by the processor here
    page.goto(desk.address)
    page.locator(".jp-NotebookPanel .jp-CodeCell").first.wait_for()
    page.get_by_text("| Idle").wait_for()  # the kernel; JupyterLab forgets what is run before it is there
    page.locator(".jp-SideBar .lm-TabBar-tab[data-id=filebrowser]").click()  # room for the panel
    page.locator(".jp-CodeCell .jp-InputArea-editor").first.click()
    page.keyboard.press("Control+Enter")
    return page.locator(".mh-control-room")
