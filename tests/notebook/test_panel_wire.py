"""What goes over the wire from the kernel to the panel: whole frames, changes, and nothing while nobody looks."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from autograder.notebook.frame import Frame, Mark
from autograder.notebook.panel import page, wire
from autograder.notebook.panel import panel as panel_module
from autograder.notebook.panel.panel import Panel
from tests.notebook.browser import frames

if TYPE_CHECKING:
    from collections.abc import Callable


def put_together(frame: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """What the page makes of a change, said again in Python."""
    after = {**frame, **change["set"]}
    for name, grown in change["grow"].items():
        kept = frame[name][grown["lost"] : grown["lost"] + grown["kept"]]
        after[name] = [*kept, *grown["add"]]
    return after


def plain(frame: Frame) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(json.dumps(asdict(frame)))
    return read


def test_changes_put_together_are_the_frame() -> None:
    story = [frames.piled_up(n) for n in range(1, 60)] + [frames.crashed(n) for n in range(60, 80)]
    story.append(replace(story[-1], number=80, marks=story[-1].marks[2:], log=(), seconds=()))
    seen = plain(story[0])
    for before, after in pairwise(story):
        change = json.loads(json.dumps(wire.change(before, after)))
        assert change["since"] == before.number
        seen = put_together(seen, change)
        assert seen == plain(after)


def test_a_change_is_small_and_does_not_grow() -> None:
    sizes = [len(json.dumps(wire.change(frames.piled_up(n), frames.piled_up(n + 1)))) for n in (1, 4, 400, 404)]
    assert max(sizes) < 2000
    assert len(json.dumps(wire.whole(frames.piled_up(400)))) > 15_000


def test_a_list_that_moves_along_is_told_by_its_new_end() -> None:
    assert wire.grown("abcd", "cdef") == {"lost": 2, "kept": 2, "add": ["e", "f"]}
    assert wire.grown("abcd", "bcdE") == {"lost": 1, "kept": 3, "add": ["E"]}
    assert wire.grown("abc", "abX") == {"lost": 0, "kept": 2, "add": ["X"]}
    assert wire.grown("abc", "xyz") == {"lost": 0, "kept": 0, "add": ["x", "y", "z"]}
    assert wire.grown("", "ab") == {"lost": 0, "kept": 0, "add": ["a", "b"]}
    assert wire.grown("ab", "") == {"lost": 0, "kept": 0, "add": []}


class Room:
    """A room in which time passes when the test says so."""

    def __init__(self) -> None:
        self.number = 1
        self.orders: list[tuple[str, dict[str, Any]]] = []
        self.callbacks: list[Callable[[Frame], bool]] = []

    def frame(self) -> Frame:
        return frames.piled_up(self.number)

    def hear(self, callback: Callable[[Frame], bool]) -> Callable[[], None]:
        self.callbacks.append(callback)
        return lambda: self.callbacks.remove(callback)

    def do(self, command: str, **words: Any) -> None:
        self.orders.append((command, words))

    def tick(self) -> bool:
        """A frame later; whether anybody looked at it."""
        self.number += 1
        looked = [callback(self.frame()) for callback in self.callbacks]
        return any(looked)


class Said:
    """A panel, the room it shows, and what it sent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[dict[str, Any]] = []
        self.room = Room()
        self.panel = Panel(self.room)
        monkeypatch.setattr(self.panel, "send", self.sent.append)

    def hear(self, **content: Any) -> None:
        """What a page says."""
        self.panel._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})

    def kinds(self) -> list[str]:
        return [content["kind"] for content in self.sent]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Said:
    return Said(monkeypatch)


def test_nothing_is_sent_before_a_page_looks_or_after_it_is_hidden(said: Said) -> None:
    assert not said.room.tick()
    assert said.sent == []
    said.hear(kind="look", view="a")
    assert said.kinds() == ["whole"]
    assert said.room.tick()
    assert said.room.tick()
    assert said.kinds() == ["whole", "change", "change"]
    said.hear(kind="away", view="a")
    assert not said.room.tick()
    assert len(said.sent) == 3
    assert not said.panel.looked_at


def test_a_second_page_gets_all_of_a_frame_and_the_first_may_leave(said: Said) -> None:
    said.hear(kind="look", view="a")
    said.room.tick()
    said.hear(kind="look", view="b")
    assert said.kinds() == ["whole", "change", "whole"]
    said.hear(kind="away", view="a")
    said.room.tick()
    assert said.kinds()[-1] == "change"
    assert said.sent[-1]["since"] == 2


def test_a_page_that_is_silent_for_long_is_gone(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(panel_module, "monotonic", lambda: now)
    said.hear(kind="look", view="a")
    now += panel_module.PATIENCE_S - 1
    said.hear(kind="here", view="a")
    now += panel_module.PATIENCE_S - 1
    said.room.tick()
    assert said.kinds() == ["whole", "change"]
    now += 2
    said.room.tick()
    assert len(said.sent) == 2


def test_a_page_that_comes_back_without_a_word_is_sent_a_whole_frame(
    said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(panel_module, "monotonic", lambda: now)
    said.hear(kind="look", view="a")
    now += panel_module.PATIENCE_S + 1
    said.room.tick()
    said.hear(kind="here", view="a")
    said.room.tick()
    assert said.kinds() == ["whole", "whole"]


def test_orders_reach_the_room_and_nothing_else_does(said: Said) -> None:
    said.hear(kind="do", command="kill", words={"server": "app1"}, view="a")
    said.hear(kind="do", command="apply")
    said.hear(kind="do", command="check", words={"command": "reset", "name": "spread"})
    said.hear(kind="do", command="check", words=["spread"])
    said.hear(kind="dance")
    said.panel._handle_msg({"content": {"data": {"method": "custom", "content": "words"}}, "buffers": []})
    assert said.room.orders == [
        ("kill", {"server": "app1"}), ("apply", {}), ("check", {"name": "spread"}), ("check", {}),
    ]  # fmt: skip


def test_a_closed_panel_hears_no_more(said: Said) -> None:
    said.hear(kind="look", view="a")
    said.panel.close()
    said.room.tick()
    assert said.room.callbacks == []
    assert said.kinds() == ["whole"]


def test_old_frames_that_come_late_are_left_out(said: Said) -> None:
    said.room.number = 5
    said.hear(kind="look", view="a")
    said.room.callbacks[0](frames.piled_up(4))
    assert said.kinds() == ["whole"]


def test_marks_are_sent_once(said: Said) -> None:
    before = frames.piled_up(1)
    after = replace(before, number=2, marks=(*before.marks, Mark(111.0, "check", "spread: failed")))
    grown = wire.change(before, after)["grow"]["marks"]
    assert grown == {"lost": 0, "kept": 3, "add": [{"at": 111.0, "kind": "check", "text": "spread: failed"}]}


def test_the_script_is_one_module_of_modest_size() -> None:
    script = page.script()
    assert len(script.encode()) + len(page.style().encode()) <= 100_000
    assert re.findall(r"^import\b.*", script, re.MULTILINE) == []
    assert re.findall(r"^export\b.*", script, re.MULTILINE) == ["export default { initialize, render };"]
    modules = page.order(page.MAIN)
    assert sorted(modules) == sorted(path.name for path in page.FOLDER.glob("*.js"))
    assert len(modules) == len(set(modules))
    assert modules.index("dom.js") < modules.index("icons.js") < modules.index("server.js") < modules.index("main.js")


def test_no_module_writes_markup_or_reaches_out() -> None:
    for path in page.FOLDER.iterdir():
        text = path.read_text(encoding="utf-8")
        for word in (
            "innerHTML",
            "outerHTML",
            "insertAdjacent",
            "document.write",
            "eval(",
            "fetch(",
            "@import",
            "url(",
        ):
            assert word not in text, f"{path.name}: {word}"
        assert len(text.splitlines()) <= 400


def test_modules_in_a_circle_are_refused(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.js").write_text('import { b } from "./b.js";\nexport const a = 1;\n')
    (tmp_path / "b.js").write_text('import {\n  a,\n} from "./a.js";\nexport const b = 2;\n')
    monkeypatch.setattr(page, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"a\.js → b\.js → a\.js"):
        page.order("a.js")
