"""The terminal's pictures of a frame, and the full screen's keys, on frames made by hand."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from autograder.errors import ManyHandsError
from autograder.labs.catalogue import all_labs, load_lab
from autograder.labs.lab import Variant
from autograder.notebook.frame import (
    BalancerNow,
    CheckNow,
    ConfigNow,
    Frame,
    Line,
    LookNow,
    Mark,
    MessageNow,
    Second,
    ServerNow,
    ShiftNow,
)
from autograder.notebook.terminal import predictions, traffic, work
from autograder.notebook.terminal.desk import Desk
from autograder.notebook.terminal.dialogs import Agreed, Choice, Help, Typed
from autograder.notebook.terminal.editor import edit, find_editor
from autograder.notebook.terminal.opening import what_counts
from autograder.notebook.terminal.screen import LabApp, LabScreen
from autograder.notebook.terminal.style import KEYS_LINES, KEYS_ON_CALL
from autograder.notebook.terminal.task import task_of
from tests import loops

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.app import App
    from textual.pilot import Pilot

FAIR = {"app1": 0.2, "app2": 0.2, "app3": 0.2, "app4": 0.4}


def server(name: str, share: float, condition: str = "up", exit_code: int | None = None) -> ServerNow:
    return ServerNow(
        name=name,
        condition=condition,
        share=share,
        fair=FAIR[name],
        rate=40 * share,
        busy=share,
        queue=round(30 * share),
        memory=share,
        capacity=50.0,
        starts=1,
        exit_code=exit_code,
    )


def line(sign: str, number: int, text: str) -> Line:
    head, space, rest = text.partition(" ")
    return Line(sign, number, ((head, "name"), (space + rest, "value")))


CONFIG = tuple(line(" ", number, f"directive{number} value;") for number in range(1, 9))
CONFIG += (line("-", 9, "server app1:8080 weight=20;"), line("+", 9, "server app1:8080;"))
CONFIG += tuple(line(" ", number, f"directive{number} value;") for number in range(10, 30))

FRAME = Frame(
    number=7,
    at=75.0,
    phase="running",
    doing="",
    trouble="",
    title="Spread the load",
    clients="many",
    populations=(("many", "1,000 people in 250 networks"), ("office", "everybody behind one address")),
    rate=40.0,
    most=200.0,
    verdict="concentrated: 96 % on one of four servers",
    alarm=True,
    throughput=38.0,
    failing=0.021,
    p50_ms=12.0,
    p99_ms=88.0,
    balancers=(BalancerNow("lb", "nginx", up=True, digest="3f2a"),),
    servers=(
        server("app1", 0.96),
        server("app2", 0.0),
        server("app3", 0.0, "down", exit_code=137),
        server("app4", 0.04, "slow"),
    ),
    seconds=tuple(Second(at, 40, 38, at % 3, 12.0, float(at), {"app1": 0.96}) for at in range(1, 70)),
    marks=(Mark(3.0, "apply", "nginx runs 3f2a"), Mark(60.0, "crash", "app3")),
    config=(ConfigNow("conf/nginx.conf", "changed", CONFIG, "the last known good"),),
    checks=(
        CheckNow("starts", "nginx accepts the config", 1, 1, "passed"),
        CheckNow(
            "spread",
            "every server gets its fair share",
            0,
            3,
            "failed",
            stale=True,
            observed="96 % of 600 requests reached app1",
            why="nginx.conf:9: weight=20",
            next="Compare the server lines with one another.",
            page="modules/01-anatomy/",
            hint_number=2,
            hints=3,
        ),
        CheckNow("office", "everybody behind one office address", 0, 2, "untried"),
    ),
    predicted={"app1": 0.25, "app2": 0.25, "app3": 0.25, "app4": 0.25},
    observed={"app1": 0.96},
    log=("nginx runs 3f2a", "app3 crashed: exit 137"),
)


class StubRoom:
    """Shows the frame it is given, and writes down what it is told."""

    def __init__(self, frame: Frame = FRAME) -> None:
        self.now = frame
        self.told: list[tuple[str, dict[str, Any]]] = []

    def frame(self) -> Frame:
        return self.now

    def do(self, command: str, **words: Any) -> None:
        self.told.append((command, words))


def on_screen(app: App[None]) -> str:
    """All letters that are on the screen now."""
    return "\n".join("".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips())


def drive(
    room: StubRoom, size: tuple[int, int], steps: Callable[[LabApp, Pilot[None]], Awaitable[None]], **desk: Any
) -> None:
    """Show a room on a screen of ``size`` (places, lines) and do the steps."""

    async def run() -> None:
        app = LabApp(Desk(room, desk.pop("folder", Path()), desk.pop("files", ("conf/nginx.conf",)), **desk))
        async with app.run_test(size=size, notifications=True) as pilot:
            await pilot.pause()
            await steps(app, pilot)

    loops.run(run())


async def until(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    """Let the screen go on until a condition holds."""
    for _ in range(1000):
        if condition():
            return
        await pilot.pause(0.02)
    pytest.fail(f"in vain; on the screen:\n{on_screen(pilot.app)}")


# What a frame looks like.


def test_a_server_is_told_by_words_numbers_and_signs() -> None:
    rows = traffic.servers(FRAME, 80, "app2").plain.splitlines()
    assert max(map(len, rows)) <= 80
    assert re.search(r"^ 1 app1 +█+│█+· +96% +20% +25% +38/s +96% +29 +▲ too much$", rows[1])
    assert re.search(r"^▸2 app2 +·+│·+ +0% +20% .*○ gets nothing", rows[2])
    assert "✗ down (exit 137)" in rows[3]
    assert "! slow" in rows[4]


def test_a_listener_gets_numbers_without_bars() -> None:
    text = traffic.servers(FRAME, 80, bars=False).plain
    assert not set("█·│▸") & set(text)
    assert re.search(r"^app1 +96% +20% +25% +38/s", text, re.MULTILINE)
    assert "guess" not in traffic.servers(replace(FRAME, predicted={}), 80).plain


@pytest.mark.parametrize(
    ("share", "fair", "drawn"),
    [(0, 0.25, "··│·"), (1, 0.25, "█│██"), (0.01, 0.5, "█·│·"), (0.5, 1, "██·│"), (2, 0, "│███")],
)
def test_a_bar_is_as_long_as_the_share_and_has_a_stroke_at_the_fair_one(share: float, fair: float, drawn: str) -> None:
    expected = {"··│·": "·│··"}.get(drawn, drawn)
    assert traffic.bar(share, fair, 4) == expected


def test_a_line_of_little_bars_shows_the_newest_and_leaves_nothing_blank() -> None:
    assert traffic.spark([9, 9, 0, 1, 8], 3) == " ▁█"
    assert traffic.spark([], 3) == "   "


def test_marks_come_newest_first_and_whole() -> None:
    assert traffic.marks(FRAME, 80).plain == "  1:00 crash app3 · 0:03 apply nginx runs 3f2a"
    assert traffic.marks(FRAME, 20).plain == "  1:00 crash app3"
    assert traffic.marks(FRAME, 20, 2).plain.splitlines()[1].startswith("  0:03 apply")


def test_the_heading_says_what_is_going_on() -> None:
    assert "[check spread …]" in traffic.heading(replace(FRAME, phase="busy", doing="check spread"), 99).plain
    assert "nobody sends" in traffic.heading(replace(FRAME, rate=0.0), 99).plain
    assert "the stack is gone" in traffic.verdict(replace(FRAME, trouble="the stack is gone\n  press R"), 99).plain
    assert traffic.verdict(replace(FRAME, alarm=False, verdict="even: all is well"), 99).plain == "● even: all is well"
    assert traffic.verdict(replace(FRAME, alarm=False, verdict="undecided: wait"), 99).plain == "… undecided: wait"
    assert len(traffic.heading(FRAME, 20).plain) <= 20


def test_a_config_shows_what_changed_and_a_little_around_it() -> None:
    rows = work.config(FRAME).plain.splitlines()
    assert rows[0] == "conf/nginx.conf  saved, not applied: press a  (+ and -: against the last known good)"
    assert rows[1:5] == [
        "      ⋯",
        "    7 directive7 value;",
        "    8 directive8 value;",
        "-   9 server app1:8080 weight=20;",
    ]
    assert rows[5] == "+   9 server app1:8080;"
    assert rows[-1] == "      ⋯"
    same = replace(FRAME.config[0], lines=CONFIG[:8], state="refused", complaint="nginx.conf:3: unknown directive")
    rows = work.config(replace(FRAME, config=(same,))).plain.splitlines()
    assert rows[1] == "✗ nginx.conf:3: unknown directive"
    assert len(rows) == 2 + 8


def test_a_failed_check_says_what_was_observed_why_and_what_next() -> None:
    text = work.checks(FRAME, 60).plain
    assert "✓ starts  passed  1 of 1" in text
    assert "✗ spread  failed, before you changed the files  0 of 3" in text
    for part in (
        "observed: 96 % of 600",
        "why: nginx.conf:9",
        "next (hint 2 of 3): Compare",
        "read: modules/01-anatomy/",
    ):
        assert part in text
    assert "– office  not tried yet" in text
    assert text.endswith("1 of 6 points")


def test_a_prediction_is_read_as_people_type_it() -> None:
    assert predictions.read("app1=25, app2:25 app3=12.5% app4=37.5", list(FAIR)) == {
        "app1": 25.0,
        "app2": 25.0,
        "app3": 12.5,
        "app4": 37.5,
    }
    with pytest.raises(ManyHandsError, match="no server called 'ap1'") as caught:
        predictions.read("ap1=25", list(FAIR))
    assert "did you mean app" in str(caught.value)
    with pytest.raises(ManyHandsError, match="not understood"):
        predictions.read("a quarter", list(FAIR))


def test_the_editor_is_the_learners_own_or_a_kind_word(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text('#!/bin/sh\necho "$1" > "$2"\n')
    mine.chmod(0o755)
    assert find_editor({"EDITOR": f"{mine} -w", "PATH": ""}) == [str(mine), "-w"]
    edit([str(mine), "edited"], tmp_path / "file")
    assert (tmp_path / "file").read_text() == "edited\n"
    with pytest.raises(ManyHandsError, match="no-such-editor, which is not here"):
        find_editor({"VISUAL": "no-such-editor", "PATH": ""})
    with pytest.raises(ManyHandsError, match="no editor here"):
        find_editor({"PATH": str(tmp_path)})


# The full screen.


@pytest.mark.parametrize("size", [(80, 24), (200, 50), (40, 10), (120, 30)])
def test_the_screen_fits_any_terminal(size: tuple[int, int]) -> None:
    async def look(app: LabApp, pilot: Pilot[None]) -> None:
        text = on_screen(app)
        rows = text.splitlines()
        assert (max(map(len, rows)), len(rows)) == size
        assert "Spread the load" in text
        if size[0] < 80:
            return
        for word in ("concentrated: 96 %", "app4", "96%", "✗ down (exit 137)", "p99", "1:00 crash app3", "exit 137"):
            assert word in text
        assert all(words in text for words in KEYS_LINES)
        assert "▸1 app1" in text
        assert "✗ spread" in text
        assert ("+   9 server app1:8080;" in text) is (size[0] >= 120)

    drive(StubRoom(), size, look)


def test_a_key_for_everything() -> None:
    room = StubRoom()

    async def press(app: LabApp, pilot: Pilot[None]) -> None:
        await pilot.press("a", "s", "r", "C", "k", "down", "l", "3", "x", "up", "b", "B", "plus", "minus")
        assert room.told == [
            ("apply", {}),
            ("check_syntax", {}),
            ("roll_back", {}),
            ("check_all", {}),
            ("kill", {"server": "app1"}),
            ("slow", {"server": "app2"}),
            ("cut_off", {"server": "app3"}),
            ("bring_back", {"server": "app2"}),
            ("bring_back", {"server": "all"}),
            ("set_load", {"rate": 60.0}),
            ("set_load", {"rate": 27.0}),
        ]
        room.told.clear()
        room.now = replace(FRAME, rate=6.0)
        await pilot.press("minus")
        room.now = replace(FRAME, rate=0.0)
        await pilot.press("plus")
        room.now = replace(FRAME, rate=190.0)
        await pilot.press("plus")
        assert [words["rate"] for _, words in room.told] == [0.0, 5.0, 200.0]

    drive(room, (80, 24), press)


def test_what_a_machine_wrote_is_on_a_page_of_its_own_once_it_was_looked_at() -> None:
    room = StubRoom()

    async def press(app: LabApp, pilot: Pilot[None]) -> None:
        await pilot.press("w")
        assert "lb    what it wrote" in on_screen(app)
        assert "shares" not in on_screen(app)  # nobody is on call
        await pilot.press("down", "enter")
        assert room.told == [("look", {"what": "logs", "of": "app1"})]
        room.now = replace(FRAME, looked=LookNow("20:15:01", "what app1 wrote", "listening\n[red]x"))
        await until(pilot, lambda: "20:15:01 what app1 wrote" in on_screen(app))
        assert "[red]x" in on_screen(app)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, LabScreen))
        await pilot.pause(0.5)
        assert isinstance(app.screen, LabScreen)  # once is enough

    drive(room, (80, 24), press)


def test_who_is_on_call_can_look_at_the_shop_with_a_key_too() -> None:
    room = StubRoom(replace(FRAME, shift=ShiftNow("on", "10:12", "12:05")))

    async def press(app: LabApp, pilot: Pilot[None]) -> None:
        await pilot.press("w", "enter")
        assert room.told == [("look", {"what": "shares"})]
        assert all(words in on_screen(app) for words in KEYS_ON_CALL)
        assert max(map(len, (*KEYS_LINES, *KEYS_ON_CALL))) <= 80
        room.now = replace(FRAME, shift=ShiftNow("over", "12:05", "12:05"))
        await pilot.press("w")
        await until(pilot, lambda: "beside the best" in on_screen(app))

    drive(room, (80, 24), press, on_call=StubShift())


class StubShift:
    """Writes down what is typed."""

    def __init__(self) -> None:
        self.typed: list[str] = []

    def answer(self, line: str) -> str:
        self.typed.append(line)
        return "10:13  lb1 was reloaded"


def test_who_is_on_call_types_what_is_to_be_done_and_reads_what_came_of_it() -> None:
    said = (MessageNow("10:05", "pager", "The shop: 94% of the requests fail."),)
    shift = ShiftNow("on", "10:12", "12:05", said, (("5d1f0a3", "09:58  Eli: Try the new pool"),))
    desk = StubShift()

    async def press(app: LabApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "94% of the requests fail" in on_screen(app))
        assert "5d1f0a3" in on_screen(app)
        await pilot.press("o", *"reload", "space", *"lb1", "enter")
        await until(pilot, lambda: "lb1 was reloaded" in on_screen(app))
        assert desk.typed == ["reload lb1"]
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, LabScreen))

    drive(StubRoom(replace(FRAME, shift=shift)), (100, 30), press, on_call=desk)


def test_what_asks_before_it_acts() -> None:
    room = StubRoom()

    async def press(app: LabApp, pilot: Pilot[None]) -> None:
        def shown(kind: type) -> Callable[[], bool]:
            return lambda: isinstance(app.screen, kind)

        async def ask(key: str, kind: type, *keys: str) -> None:
            await pilot.press(key)
            await until(pilot, shown(kind))
            await pilot.press(*keys)
            await until(pilot, shown(LabScreen))

        await pilot.press("c")
        await until(pilot, lambda: "spread  failed: every server" in on_screen(app))
        await pilot.press("enter")  # the first that is not passed
        await until(pilot, shown(LabScreen))
        await pilot.press("tab")
        await until(pilot, lambda: "✗ spread" not in on_screen(app))
        await ask("h", Choice, "down", "enter")
        await until(
            pilot, lambda: re.search(r"▸checks.*\n – office", on_screen(app))
        )  # what was asked about comes first
        await ask("p", Choice, "down", "enter")
        await ask("p", Choice, "escape")
        await ask("R", Agreed, "enter")
        await ask("R", Agreed, "y")
        await ask("g", Typed, "backspace", "backspace", "2", "5", "enter")
        await ask("g", Typed, *"nonsense", "enter")
        await until(pilot, lambda: "not understood" in on_screen(app))
        await ask("question_mark", Help, "escape")
        assert room.told == [
            ("check", {"name": "spread"}),
            ("hint", {"name": "office"}),
            ("set_clients", {"name": "office"}),
            ("reset", {}),
            ("predict", {"shares": dict.fromkeys(FAIR, 25.0)}),
        ]

    drive(room, (80, 24), press)


def test_tab_turns_the_page_and_new_frames_are_drawn() -> None:
    room = StubRoom()

    async def press(app: LabApp, pilot: Pilot[None]) -> None:
        assert "✗ spread" in on_screen(app)
        await pilot.press("tab")
        await until(pilot, lambda: "+   9 server app1:8080;" in on_screen(app))
        await pilot.press("tab")
        await until(pilot, lambda: "nginx runs 3f2a" in on_screen(app).rpartition("▸log")[2])
        room.now = replace(FRAME, verdict="even: each has its fair share", alarm=False)
        await until(pilot, lambda: "● even: each has its fair share" in on_screen(app))
        await pilot.resize_terminal(200, 50)
        await until(pilot, lambda: "✗ spread" in on_screen(app))
        await pilot.press("q")
        assert app._exit

    drive(room, (80, 24), press)


def test_what_there_is_to_do_has_a_key() -> None:
    async def press(app: LabApp, pilot: Pilot[None]) -> None:
        await pilot.press("t")
        await until(pilot, lambda: "The shop fails [every] morning" in on_screen(app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, LabScreen))

    drive(StubRoom(), (80, 24), press, task="# Mornings\n\nThe shop fails [every] morning.")


def test_each_lab_tells_its_task_in_the_learners_own_words(tmp_path: Path) -> None:
    for lab in all_labs():
        said = task_of(lab, tmp_path)
        assert said.startswith(f"# {lab.title}\n")
        assert "By the end you can" in said
        assert all(str(tmp_path / name) in said for name in lab.files)
        assert "%%" not in said
        assert "\n\n\n" not in said
        paragraphs = [line for line in said.split("\n\n") if not line.startswith(("|", "- ", "What ", "#", "Here"))]
        assert all("\n" not in line for line in paragraphs), "a paragraph is one line"
    mine = load_lab("spread-the-load", Variant("a seed", "ada"))
    said = task_of(mine, tmp_path)
    assert all(f"| {server.name} |" in said for server in mine.stack.servers)
    assert "app1" not in said
    assert "Step by step" not in said
    (tmp_path / "spread-the-load.ipynb").touch()
    assert f"Step by step: {tmp_path / 'spread-the-load.ipynb'}" in task_of(mine, tmp_path)


def test_submitting_asks_and_tells_where() -> None:
    submitted = []

    def submit() -> str:
        submitted.append(True)
        return "in the exchange"

    async def press(app: LabApp, pilot: Pilot[None]) -> None:
        await pilot.press("S")
        await until(pilot, lambda: isinstance(app.screen, Agreed))
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, LabScreen))
        await pilot.press("S")
        await until(pilot, lambda: isinstance(app.screen, Agreed))
        await pilot.press("y")
        await until(pilot, lambda: "in the exchange" in on_screen(app))
        assert submitted == [True]

    drive(StubRoom(), (80, 24), press, submit=submit)


def test_without_colours_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def look(app: LabApp, pilot: Pilot[None]) -> None:
        assert app.no_color
        assert "▲ too much" in on_screen(app)

    drive(StubRoom(), (80, 24), look)


def test_all_files_that_count_are_named_where_a_lab_opens_in_lines() -> None:
    told = what_counts(Path("/home/ada"), load_lab("read-the-traffic").files)
    assert told == "In /home/ada, conf/nginx.conf, conf/haproxy.cfg and answers.json are graded."
    assert what_counts(Path("/home/ada"), ("conf/nginx.conf",)) == "/home/ada/conf/nginx.conf is the file to mend."
