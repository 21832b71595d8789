"""The whole way of a lab on the full screen of a real terminal, small and large, by the keys that it names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from autograder.labs.catalogue import load_lab
from autograder.notebook.terminal.style import KEYS_LINES
from tests.notebook.pty_screen import Letters, PtyScreen

if TYPE_CHECKING:
    from tests.launch.conftest import Bench

LAB = load_lab("spread-the-load")
MENDED = LAB.read(LAB.reference)["conf/nginx.conf"]
GIVEN = LAB.read(LAB.start)["conf/nginx.conf"]


def test_the_screen_of_the_test_is_what_a_terminal_makes_of_the_codes() -> None:
    screen = Letters(6, 2)
    for part in ("lost\x1b[?1049h\x1b[2;3Hab\x1b[1", ";38;5;7mc\x1b[1;1Hx\x1b[0", "m\x1b]0;title\x07yz\x1b[2;5Hfgh"):
        screen.feed(part)
    assert screen.rows() == ["xyz", "  abfg"]
    assert screen.beyond == "h"
    screen.feed("\x1b[?1049lin a shell\r\nbye\r\n")
    assert screen.rows() == ["bye", ""]
    assert screen.beyond == "h"


@pytest.mark.xdist_group("machine")
@pytest.mark.slow
@pytest.mark.parametrize(("places", "lines"), [(80, 24), (120, 40)])
def test_from_the_first_look_to_the_submission(bench: Bench, places: int, lines: int) -> None:
    folder = bench.home / "labs" / LAB.slug
    config = folder / "conf/nginx.conf"
    editor = bench.home.with_name("editor")
    editor.write_text(f"#!/bin/sh\ncp '{LAB.reference / 'conf/nginx.conf'}' \"$1\"\n", encoding="utf-8")
    editor.chmod(0o755)
    environment = {**bench.environment(), "VISUAL": str(editor)}
    screen = PtyScreen((bench.script, "lab", LAB.slug), environment, places, lines)
    see, press = screen.see, screen.press
    try:
        see("concentrated: 100% on one of four servers")
        see(r"▸1 app1 +█+│█+ +100%")
        screen.wait(lambda: screen.letters.rows()[-2:] == list(KEYS_LINES), "the keys")

        press("g")
        see("What part of the requests")
        see("app4=0")
        press("\x15")  # all of the line away
        screen.wait(lambda: "app4=0" not in screen.text, "an empty line")
        press("app1=20 app2=20 app3=20 app4=40")
        see("app1=20 app2=20 app3=20 app4=40")
        press("\r")
        screen.wait((folder / "answers.json").exists, "a prediction")
        see("predict: app1 20%")

        press("e")
        see("saved, not applied")
        assert config.read_bytes() == MENDED
        press("a")
        see(r"app4 +█+·*│?█*·* +(3[5-9]|4\d)%")
        see("even: ")
        press("+++")
        see(r"load: \d+ requests a second")

        press("c")
        see("Which check")
        press("\x1b[B\r")
        see("✓ spread  passed")
        press("w")
        see("Look at what")
        press("\r")
        see("what lb wrote")
        see(r'"server":"198.18.0.1\d:8080"')
        see("Esc: back")
        press("\x1b")
        screen.wait(lambda: "╭" not in screen.text, "a log that was put away")

        press("r")
        see(r"app1 +█+│█+ +100%")
        assert config.read_bytes() == GIVEN
        press("e")
        see("saved, not applied")
        press("a")
        see("even: ")
        press("S")
        see("Submit your work")
        press("y")
        inbound = bench.home / "exchange" / "many-hands" / "inbound"
        screen.wait(lambda: list(inbound.glob(f"*+{LAB.slug}+*/conf/nginx.conf")), "a submission")
        see("submitted")

        press("?")
        see("choose who sends")
        press("\x1b")
        screen.wait(lambda: "╭" not in screen.text, "a page of help that was put away")
        assert screen.letters.beyond == ""
        press("q")
        assert screen.end() == 0
        assert "goes on where you were" in screen.text.replace("\n", "")
    finally:
        screen.close()
    (handed_in,) = inbound.glob(f"*+{LAB.slug}+*")
    assert (handed_in / "conf/nginx.conf").read_bytes() == MENDED
    assert json.loads((handed_in / "answers.json").read_text())["shares"]["app4"] == 0.4
    assert bench.gone()
