"""The control room in a real JupyterLab on a real stack: predict, break, watch the crash, roll back, check, come back.

With MANYHANDS_SCREENS=DIR the pictures of the README and the site are saved there, light and dark.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import expect

from autograder.labs.catalogue import load_lab
from autograder.launch import jupyter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Locator, Page

pytestmark = [pytest.mark.xdist_group("machine"), pytest.mark.browser, pytest.mark.jupyterlab, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]
LAB = load_lab("spread-the-load")
MINUTE = 60_000
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]
OPEN = 'from autograder.notebook import open_lab\n\nlab = open_lab("{slug}", engine="{engine}")'
UNUSED = (
    *("celltags", "console", "debugger", "extensionmanager", "hub", "imageviewer", "javascript", "lsp", "mathjax"),
    *("mermaid", "pdf", "running", "terminal", "toc", "tooltip", "vega5"),
)
"""Extensions of JupyterLab that a lab does not need: they cost a third of its start."""
SETTINGS = "lab/api/settings/@jupyterlab/apputils-extension:kernels-settings?token=t"


@dataclass(frozen=True)
class Desk:
    """A JupyterLab over a folder with one lab in it, whose config is the mended one."""

    server: str
    folder: Path
    said: Path
    """What the server and its kernels wrote."""

    @property
    def address(self) -> str:
        """Of the lab's notebook."""
        return f"{self.server}lab/tree/{LAB.slug}/lab.ipynb?token=t"

    @property
    def config(self) -> Path:
        """The config that the learner edits."""
        return self.folder / "conf/nginx.conf"


@pytest.fixture
def engine() -> str:
    """Which engine the lab's stack is on; a test may say another one."""
    return "local"


@pytest.fixture
def desk(tmp_path: Path, engine: str) -> Iterator[Desk]:
    """JupyterLab with the clone's settings and nobody's own."""
    folder = tmp_path / LAB.slug
    (folder / "conf").mkdir(parents=True)
    (folder / "conf/nginx.conf").write_bytes(LAB.read(LAB.reference)["conf/nginx.conf"])
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = new_notebook(
        cells=[new_code_cell(OPEN.format(slug=LAB.slug, engine=engine)), new_code_cell("lab.history()")],
        metadata=kernel,
    )
    nbformat.write(notebook, folder / "lab.ipynb")
    runtime = tmp_path / "runtime"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "IPYTHON"))}
    private = {name: str(tmp_path / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
    places = {"JUPYTER_CONFIG_PATH": str(Path(jupyter.__file__).with_name("jupyter_config")), "PYTHONPATH": str(ROOT)}
    (tmp_path / "JUPYTER_CONFIG_DIR/labconfig").mkdir(parents=True)
    unused = {f"@jupyterlab/{name}-extension": True for name in UNUSED}
    (tmp_path / "JUPYTER_CONFIG_DIR/labconfig/page_config.json").write_text(json.dumps({"disabledExtensions": unused}))
    options = ["root_dir=" + str(tmp_path), "port=0", "open_browser=False", "allow_root=True"]
    command = [sys.executable, "-m", "jupyterlab", *(f"--ServerApp.{one}" for one in options)]
    with (tmp_path / "said").open("w") as said:
        server = subprocess.Popen(
            [*command, "--IdentityProvider.token=t"],
            env={**kept, **private, **places, "JUPYTER_RUNTIME_DIR": str(runtime)},
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    deadline = time.monotonic() + 120
    while not (notes := list(runtime.glob("jpserver-*.json"))) or not notes[0].read_text().endswith("}"):
        assert server.poll() is None, (tmp_path / "said").read_text()
        assert time.monotonic() < deadline, "JupyterLab did not start"
        time.sleep(0.1)  # between two looks
    port = json.loads(notes[0].read_text())["port"]
    yield Desk(f"http://127.0.0.1:{port}/", folder, tmp_path / "said")
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


def opened(desk: Desk, page: Page) -> Locator:
    """The panel of the lab, once its first cell was run and every server is in the picture."""
    expect.set_options(timeout=2 * MINUTE)
    page.set_viewport_size({"width": 1280, "height": 1700})
    page.emulate_media(reduced_motion="reduce")  # what moves is painted by the processor here
    page.goto(desk.address)
    page.locator(".jp-NotebookPanel .jp-CodeCell").first.wait_for()
    page.get_by_text("| Idle").wait_for()  # the kernel; JupyterLab forgets what is run before it is there
    page.locator(".jp-SideBar .lm-TabBar-tab[data-id=filebrowser]").click()  # room for the panel
    page.locator(".jp-CodeCell .jp-InputArea-editor").first.click()
    page.keyboard.press("Control+Enter")
    room = page.locator(".mh-control-room")
    expect(room.get_by_role("list", name="Servers").get_by_role("listitem")).to_have_count(4)
    return room


def crowd(desk: Desk, room: Locator) -> None:
    """One word sends nearly everything to one server."""
    mended = desk.config.read_text()
    desk.config.write_text(mended.replace("server app1:8080 ", "server app1:8080 weight=200 "))
    expect(room.locator(".mh-line.mh-new")).to_contain_text("weight=200")
    expect(room.locator(".mh-config .mh-chip")).to_have_text("changed, not applied")
    room.get_by_role("button", name="Apply").click()
    expect(room.locator(".mh-config .mh-chip")).to_have_text("running")
    expect(room.locator(".mh-verdict")).to_contain_text("concentrated")


def crash(room: Locator) -> None:
    """It falls over."""
    load(room, 400)
    expect(servers_in(room).first).to_contain_text("down, exit 137")
    expect(room.locator(".mh-marks")).to_contain_text("crashed")


def roll_back(desk: Desk, room: Locator, mended: str) -> None:
    """The file is mended too, and the servers come up again."""
    load(room, 40)
    room.get_by_role("button", name="Roll back").click()
    expect(room.locator(".mh-config .mh-chip")).to_have_text("rolled back")
    assert desk.config.read_text() == mended
    if room.get_by_role("button", name="Bring all back").is_visible():
        room.get_by_role("button", name="Bring all back").click()
    else:
        servers_in(room).first.get_by_role("button", name="bring back app1").click()
    expect(servers_in(room).first).not_to_contain_text("down")
    expect(room.locator(".mh-verdict")).to_contain_text("even")


def check(room: Locator) -> None:
    """One check, and what came of it."""
    room.get_by_role("button", name="Check spread").click()
    row = room.locator(".mh-check").nth(1)
    expect(row.locator(".mh-outcome")).to_have_text("passed")
    expect(row.locator(".mh-points")).to_have_text("3/3")
    expect(room.locator(".mh-notice")).to_contain_text("check spread: passed")


def servers_in(room: Locator) -> Locator:
    """The servers of the picture."""
    return room.get_by_role("list", name="Servers").get_by_role("listitem")


def test_break_it_watch_it_fall_roll_it_back_and_come_back(desk: Desk, page: Page) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    room = opened(desk, page)
    servers, verdict = servers_in(room), room.locator(".mh-verdict")
    chip = room.locator(".mh-config .mh-chip")

    # Predict, and see it come true.
    for field, guess in zip(room.locator(".mh-guesses input").all(), (20, 20, 20, 40), strict=True):
        field.fill(str(guess))
    room.get_by_role("button", name="Save").click()
    expect(room.locator(".mh-total")).to_have_text("saved")
    assert json.loads((desk.folder / "answers.json").read_text())["shares"]["app4"] == 0.4
    load(room, 90)
    expect(verdict).to_contain_text("even")
    shot(page, "panel-even")

    # A slip is refused, and named with its line; what ran before still runs.
    mended = desk.config.read_text()
    desk.config.write_text(mended.replace("keepalive 32;", "keepalive 32"))
    expect(chip).to_have_text("changed, not applied")
    room.get_by_role("button", name="Apply").click()
    expect(chip).to_have_text("refused")
    expect(room.locator(".mh-complaint")).to_contain_text("conf/nginx.conf:")
    expect(verdict).to_contain_text("even")

    desk.config.write_text(mended)
    crowd(desk, room)
    expect(servers.first.locator(".mh-share b")).to_have_text(re.compile("9.|100"))
    expect(servers.first.locator(".mh-word")).to_have_text(re.compile("gets too much|over capacity"))
    shot(page, "panel-crowded")
    crash(room)
    roll_back(desk, room, mended)
    check(room)
    shot(page, "panel-mended")
    assert barriers(page) == []

    # The page is loaded anew: the same panel, with all it knew.
    page.keyboard.press("Control+s")
    expect(page.locator(".jp-mod-dirty")).to_have_count(0)
    page.reload()
    expect(servers).to_have_count(4)
    expect(room.locator(".mh-check").nth(1).locator(".mh-outcome")).to_have_text("passed")
    expect(room.locator(".mh-guesses")).to_contain_text("observed")
    assert errors == []

    # A page's words go to the kernel itself. JupyterLab would send them to a thread of the kernel's, which it may end
    # too soon when a page is loaded anew on a busy machine; then nothing that the panel asks is ever answered.
    chosen = page.request.get(desk.server + SETTINGS).json()["schema"]["properties"]["commsOverSubshells"]
    assert chosen["default"] == "disabled"
    assert "subshell" not in desk.said.read_text()

    # The kernel is shut down: the panel says so, and what to do. (One that is killed says nothing; see test_panel.)
    (session,) = page.request.get(f"{desk.server}api/sessions?token=t").json()
    page.request.delete(f"{desk.server}api/sessions/{session['id']}?token=t")
    expect(room.get_by_role("alert")).to_have_text("This lab is closed. Open it again: run the first cell.")


def load(room: Locator, rate: int) -> None:
    """Ask for so many requests a second."""
    room.get_by_role("slider", name="Load").fill(str(rate))
    expect(room.locator(".mh-clients")).to_contain_text(f"ask {rate}/s")
