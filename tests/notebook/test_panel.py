"""The panel in a real Chromium, without JupyterLab: what it shows, says, and lets one do, from frames made by hand."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from autograder.notebook.frame import ConfigNow, Line, LookNow
from autograder.notebook.panel import wire
from tests.notebook.browser import frames
from tests.notebook.browser.shown import ADDRESS, Shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]
STILL = "() => document.getAnimations().every((each) => each.playState !== 'running')"
NASTY = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>'


@pytest.fixture(scope="module")
def opened(browser: Browser) -> Iterator[Shown]:
    """A page with a panel, for all tests that need no clock of their own: to open one costs more than to use it."""
    context = browser.new_context()
    context.set_default_timeout(120_000)
    yield Shown(context.new_page()).open(held=True)
    context.close()


@pytest.fixture
def bare(opened: Shown) -> Shown:
    """A panel that has just been shown, and waits for its first frame."""
    opened.page.set_viewport_size({"width": 1300, "height": 1000})
    opened.light(True)
    opened.again()
    opened.page.evaluate("() => { document.activeElement.blur(); }")
    return opened


@pytest.fixture
def shown(bare: Shown) -> Shown:
    """A panel that shows the moment in which most traffic is on one server."""
    bare.whole(frames.piled_up())
    return bare


def barriers(page: Page) -> list[str]:
    """What axe-core finds, a line a finding."""
    page.wait_for_function(STILL)
    options = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response
    assert len(found["passes"]) > 10, "axe-core looked at nothing"
    rules = found["violations"]
    return [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in rules for node in rule["nodes"]]


@pytest.mark.parametrize("light", [True, False], ids=["light", "dark"])
def test_no_barriers(shown: Shown, light: bool) -> None:
    page = shown.page
    shown.light(light)
    page.locator("details").evaluate_all("all => all.forEach((each) => { each.open = true; })")
    assert barriers(page) == []
    shown.change(frames.piled_up(), frames.crashed(2, trouble="nginx refused this config", predicted={}))
    page.get_by_role("button", name="Start over").click()
    assert barriers(page) == []
    shown.change(frames.crashed(2, trouble="nginx refused this config", predicted={}), refused(3))
    assert barriers(page) == []
    assert shown.faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_reader_s_own_colours_are_on_what_is_drawn_too(shown: Shown, scheme: Literal["light", "dark"]) -> None:
    page = shown.page
    page.emulate_media(forced_colors="active", color_scheme=scheme)
    try:
        page.wait_for_function(STILL)
        found = page.evaluate(_DRAWN)
        assert found["theirs"] != found["ground"]
        assert found["drawn"] > 50
        assert found["others"] == []
        page.locator("details").evaluate_all("all => all.forEach((each) => { each.open = true; })")
        assert barriers(page) == []
    finally:
        page.emulate_media(forced_colors="none", color_scheme="light")


_DRAWN = """() => {
  const probe = document.querySelector(".mh-control-room").appendChild(document.createElement("span"));
  const said = (word) => { probe.style.color = word; return getComputedStyle(probe).color; };
  const [theirs, ground] = [said("CanvasText"), said("Canvas")];
  probe.remove();
  const others = new Set();
  let drawn = 0;
  for (const each of document.querySelectorAll(".mh-control-room svg *")) {
    const { fill, stroke } = getComputedStyle(each);
    for (const colour of [fill, stroke]) {
      if (!colour.startsWith("rgb")) continue;
      drawn += 1;
      const known = [theirs, ground, "rgba(0, 0, 0, 0)"].includes(colour);
      if (!known) others.add(`${each.outerHTML.slice(0, 60)} ${colour}`);
    }
  }
  return { theirs, ground, drawn, others: [...others] };
}"""


def refused(number: int) -> frames.Frame:
    """The config was refused, and the stack is gone."""
    frame = frames.crashed(number)
    file = replace(frame.config[0], state="refused", complaint='conf/nginx.conf:12: unknown directive "weihgt"')
    return replace(frame, config=(file,), phase="broken", trouble="The stack is gone: no answer. Press Reset.")


def test_the_picture_in_words(shown: Shown) -> None:
    cards = shown.room.get_by_role("list", name="Servers").get_by_role("listitem")
    expect(cards).to_have_count(4)
    first = re.sub(r"\s+", " ", cards.nth(0).inner_text())
    for words in ("app1", "94 %", "fair 20 %", "over capacity", "queue 111", "busy 100 %", "mem 62 %"):
        assert words in first
    expect(shown.room.get_by_role("list", name="Balancers")).to_contain_text("config a41f")
    expect(shown.room).to_contain_text("concentrated: 94% on one of four servers")
    expect(shown.room).to_contain_text("1.8 % failed")
    wide = [float(width) for width in bands(shown, "stroke-width")]
    assert wide[0] == 38  # clients to balancer
    assert wide[1] == pytest.approx(38 * 0.943, abs=0.1)
    assert wide[2:] == [1.5, 1.5, 1.5]
    assert bands(shown, "d")[1].startswith("M")


def bands(shown: Shown, name: str) -> list[str]:
    """An attribute of all streams that are drawn."""
    found: list[str] = shown.page.locator(".mh-flow:not([hidden]) .mh-band").evaluate_all(
        "(all, name) => all.map((each) => each.getAttribute(name))", name
    )
    return found


def test_a_crash_and_a_recovery_are_seen_without_colours(shown: Shown) -> None:
    card = shown.room.locator(".mh-server").first
    shown.change(frames.piled_up(), frames.crashed(2))
    expect(card).to_contain_text("down, exit 137")
    expect(card.get_by_role("button", name="bring back app1")).to_be_visible()
    expect(card.get_by_role("button", name="kill app1")).to_be_hidden()
    expect(shown.room.locator(".mh-server").nth(1)).to_contain_text("fair 25 %")  # of the three that are left
    well = replace(frames.crashed(3), servers=(frames.server("app1", starts=2), *frames.crashed(3).servers[1:]))
    shown.change(frames.crashed(2), well)
    expect(card).to_contain_text("start 2")
    expect(card.get_by_role("button", name="kill app1")).to_be_visible()


def test_everything_is_reached_by_keyboard_in_the_order_it_is_read(shown: Shown) -> None:
    page = shown.page
    names = []
    for _ in range(40):
        page.keyboard.press("Tab")
        name = page.evaluate(
            "() => { const at = document.activeElement; return at === document.body ? '' :"
            " at.getAttribute('aria-label') ?? at.labels?.[0]?.innerText ?? at.innerText; }"
        )
        if not name:
            break
        names.append(str(name).split("\n")[0].replace("\xa0", " "))
    assert names[:3] == ["Check syntax", "Apply", "Roll back"]
    assert names[3:7] == ["kill app1", "kill app2", "kill app3", "kill app4"]
    assert names[7:11] == [
        "A second of the last two minutes", "The picture as a table", "conf/nginx.conf, line by line", "Load",
    ]  # fmt: skip
    assert names[11] == "many"
    assert names[12:17] == [*(f"{name}, expected share in per cent" for name in frames.NAMES), "Save"]
    for check in frames.checks():
        assert f"Check {check.name}" in names
    assert {"Next hint", "Read in the course", "Check all", "Log (2 lines)", "Start over …"} <= set(names)

    page.get_by_role("button", name="kill app2").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")  # round to the first
    page.keyboard.press("Space")
    page.get_by_role("radio", name="many").focus()
    page.keyboard.press("ArrowRight")
    assert shown.orders() == [
        ("cut_off", {"server": "app2"}), ("kill", {"server": "app2"}), ("set_clients", {"name": "office"}),
    ]  # fmt: skip
    assert page.evaluate("getComputedStyle(document.activeElement.parentElement).outlineStyle") == "solid"


def test_buttons_give_orders(shown: Shown) -> None:
    page = shown.page
    for name in ("Check syntax", "Apply", "Roll back", "Check spread", "Next hint", "Check all"):
        page.get_by_role("button", name=name, exact=True).click()
    page.get_by_role("button", name="bring back app3").click()
    assert shown.orders() == [
        ("check_syntax", {}), ("apply", {}), ("roll_back", {}), ("check", {"name": "spread"}),
        ("hint", {"name": "spread"}), ("check_all", {}), ("bring_back", {"server": "app3"}),
    ]  # fmt: skip


def test_who_is_on_call_reads_speaks_and_acts(shown: Shown) -> None:
    desk = shown.page.get_by_role("region", name="On call")
    expect(desk).to_be_hidden()
    frame = frames.on_call(2)
    shown.whole(frame)
    expect(desk).to_contain_text("Look before you act")
    expect(desk.get_by_role("log").locator("p")).to_have_text(
        [
            "10:05 pager The shop: 94% of the requests fail.",
            "10:09 Support What do we tell them?",
            "10:11 you Everything goes to app1. Next word at 10:20.",
        ]
    )
    assert barriers(shown.page) == []
    desk.get_by_role("button", name="Tell", exact=True).click()
    expect(desk.get_by_label("Tell everybody")).to_be_focused()  # nothing was said, so nothing is sent
    shown.page.keyboard.type("We take it back.")
    shown.page.keyboard.press("Enter")
    desk.get_by_role("button", name="Revert it").click()
    expect(desk.get_by_label("Why")).to_be_focused()
    shown.page.keyboard.type("one machine")
    desk.get_by_role("button", name="Revert it").click()
    desk.get_by_role("button", name="Reload").click()
    desk.get_by_label("Machine").select_option("app2")
    desk.get_by_role("button", name="Restart", exact=True).click()
    assert shown.orders() == [
        ("on_call", {"verb": "tell", "text": "We take it back."}),
        ("on_call", {"verb": "revert", "commit": "5d1f0a3", "why": "one machine"}),
        ("on_call", {"verb": "reload", "balancer": "lb"}),
        ("on_call", {"verb": "restart", "server": "app2"}),
    ]
    assert frame.shift is not None
    again = replace(frame.shift, phase="before", clock="10:05", messages=(), commits=frame.shift.commits)
    shown.change(frame, replace(frame, number=3, shift=again))
    expect(desk.get_by_role("log")).to_be_hidden()
    expect(desk.get_by_text("Look before you act")).to_be_hidden()
    desk.get_by_role("button", name="Begin the shift").click()
    assert shown.orders()[-1] == ("on_call", {"verb": "begin"})
    assert shown.faults == []


def test_what_a_machine_wrote_is_looked_at_below_the_checks(shown: Shown) -> None:
    looks = shown.page.get_by_role("region", name="Look", exact=True)
    looks.get_by_label("Machine").select_option("app2")
    looks.get_by_role("button", name="What it wrote").press("Enter")
    assert shown.orders() == [("look", {"what": "logs", "of": "app2"})]
    expect(looks.get_by_role("button")).to_have_text(["What it wrote"])  # who is not on call has no shop to look at
    before, nasty = frames.piled_up(), f"listening\n{NASTY}"
    said = f"20:15:01 looked at what app2 wrote\n{nasty}"
    wrote = LookNow("20:15:01", "what app2 wrote", nasty)
    after = replace(before, number=2, looked=wrote, log=(*before.log, said))
    shown.change(before, after)
    seen = looks.get_by_role("region", name="You saw: what app2 wrote, 20:15:01")
    expect(seen).to_have_text(nasty)
    expect(seen).to_have_attribute("aria-live", "polite")
    expect(shown.page.locator(".mh-notice").get_by_role("status")).to_have_text("20:15:01 looked at what app2 wrote")
    expect(shown.room.get_by_text("Log (5 lines)")).to_be_visible()
    looks.get_by_role("button", name="What it wrote").focus()
    shown.page.keyboard.press("Tab")
    expect(seen).to_be_focused()  # the arrows scroll it
    long = replace(after, number=3, looked=LookNow("20:15:09", "what app2 wrote", "x\n" * 40))
    shown.change(after, long)
    expect(looks.locator("pre")).to_have_attribute("aria-live", "off")  # nobody wants forty lines read out
    assert barriers(shown.page) == []
    assert shown.page.evaluate("window.hurt") is None
    assert shown.faults == []


def test_who_is_on_call_looks_before_the_picture_with_buttons(shown: Shown) -> None:
    page, frame = shown.page, frames.on_call(2)
    shown.whole(frame)
    looks, desk = (page.get_by_role("region", name=name, exact=True) for name in ("Look", "On call"))
    for name in ("Who answers", "Errors", "Changes"):
        looks.get_by_role("button", name=name).click()
    expect(looks.get_by_role("button", name="Debrief")).to_be_hidden()
    desk.get_by_label("Change").select_option("f00d1e5")
    desk.get_by_role("button", name="Show it").click()
    desk.get_by_role("button", name="Forget what came after").click()
    assert shown.orders() == [
        ("look", {"what": "shares"}),
        ("look", {"what": "errors"}),
        ("look", {"what": "history"}),
        ("look", {"what": "change", "of": "f00d1e5"}),
        ("on_call", {"verb": "reset_to", "commit": "f00d1e5"}),
    ]
    assert page.evaluate("document.querySelector('.mh-looks').previousElementSibling.className") == "mh-shift"
    assert frame.shift is not None
    shown.change(frame, replace(frame, number=3, shift=replace(frame.shift, phase="over")))
    looks.get_by_role("button", name="Debrief").click()
    expect(looks.get_by_role("button", name="Who answers")).to_be_hidden()
    desk.get_by_role("button", name="Another shift").click()
    assert shown.orders()[-2:] == [("look", {"what": "debrief"}), ("on_call", {"verb": "again"})]
    assert barriers(page) == []


def test_only_what_takes_something_away_asks_again(shown: Shown) -> None:
    page = shown.page
    page.get_by_role("button", name="Start over …").press("Enter")
    expect(page.get_by_role("button", name="Keep mine")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Start over …")).to_be_focused()
    assert shown.orders() == []
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Start over", exact=True).click()
    assert shown.orders() == [("reset", {})]


def test_the_load_slider_is_left_alone_while_a_hand_is_on_it(shown: Shown) -> None:
    slider = shown.page.get_by_role("slider", name="Load")
    assert slider.get_attribute("aria-valuetext") == "200 requests a second"
    slider.press("ArrowRight")
    shown.change(frames.piled_up(1), frames.piled_up(2))  # still says 200
    assert slider.input_value() == "205"
    expect(slider).to_have_attribute("aria-valuetext", "205 requests a second")
    shown.page.wait_for_function("() => model.said.some((each) => each.command === 'set_load')")
    assert shown.orders() == [("set_load", {"rate": 205})]


def test_a_prediction_is_summed_saved_and_compared(bare: Shown) -> None:
    shown, page = bare, bare.page
    blank = frames.piled_up(1, predicted={})
    shown.whole(blank)
    fields = page.locator(".mh-guesses input")
    expect(page.locator(".mh-guesses")).not_to_contain_text("observed")  # nothing to compare with yet
    for field, guess in zip(fields.all(), ("20", "20", "20", "30"), strict=True):
        field.fill(guess)
    expect(page.locator(".mh-total")).to_have_text("together 90 %, should be 100 %")
    fields.last.press("Enter")
    assert shown.orders() == []
    fields.last.fill("40")
    expect(page.locator(".mh-total")).to_have_text("together 100 %")
    shown.change(blank, replace(blank, number=2))
    assert fields.last.input_value() == "40"  # a frame does not take away what is being written
    fields.last.press("Enter")
    shares = {"app1": 0.2, "app2": 0.2, "app3": 0.2, "app4": 0.4}
    assert shown.orders() == [("predict", {"shares": shares})]
    expect(page.locator(".mh-total")).to_have_text("saving…")  # asked for is not yet done
    observed = {**blank.observed, "app1": 0.5, "app2": 0.5}
    shown.change(replace(blank, number=2), replace(blank, number=3, observed=observed))
    expect(page.locator(".mh-total")).to_have_text("saving…")
    assert fields.last.input_value() == "40"
    shown.change(replace(blank, number=3, observed=observed), frames.piled_up(4, predicted=shares))
    expect(page.locator(".mh-guesses")).to_contain_text("observed 94 %")
    expect(page.locator(".mh-total")).to_have_text("saved")


def test_a_verdict_names_the_line_and_leads_to_the_course(shown: Shown) -> None:
    page = shown.page
    result = page.locator(".mh-result:visible")
    expect(result).to_have_count(1)  # the one that failed
    expect(result.locator("code")).to_have_text("conf/nginx.conf:12")
    expect(result).to_contain_text("hint 2 of 3")
    expect(result.get_by_role("link")).to_have_attribute("href", "http://127.0.0.1:8000/modules/01-anatomy/")
    before = frames.piled_up()
    running = tuple(replace(one, outcome="running") if one.name == "peak" else one for one in before.checks)
    ended = tuple(
        replace(one, outcome="passed", observed="none of 4 crashed") if one.name == "peak" else one for one in running
    )
    shown.change(before, replace(before, number=2, checks=running))
    expect(page.locator(".mh-check").last).to_contain_text("running …")
    shown.change(replace(before, number=2, checks=running), replace(before, number=3, checks=ended))
    expect(page.locator(".mh-result:visible")).to_contain_text("none of 4 crashed")
    page.get_by_role("button", name="spread many clients").click()
    expect(page.locator(".mh-result:visible")).to_contain_text("Compare the server lines")


@pytest.fixture
def stopped(page: Page) -> Shown:
    """A panel on a page whose clock stands still, and goes when the test says so."""
    page.clock.install(time=0)
    opened = Shown(page).open()
    page.clock.pause_at(3_600)
    page.clock.run_for(3000)  # the panel has noticed the jump
    return opened


def later(shown: Shown, message: dict[str, Any], ms: int = 100) -> None:
    """Tell the page something, and let some milliseconds pass."""
    shown.page.evaluate("(message) => tell(message)", message)
    shown.page.clock.run_for(ms)


def test_the_verdict_is_spoken_when_it_is_news_and_not_too_often(stopped: Shown) -> None:
    live = stopped.page.locator(".mh-unseen[role=status]")
    words = ["concentrated: 94% on one of four servers", "concentrated: 96% on one of four servers"]
    words += ["broken: every request fails", "even: every server gets its fair share"]
    story = [frames.piled_up(number, verdict=text) for number, text in enumerate(words, 1)]
    later(stopped, stopped.message(story[0]))
    expect(live).to_have_text(words[0])
    later(stopped, wire.change(story[0], story[1]), 20_000)
    expect(live).to_have_text(words[0])  # two per cent are no news
    later(stopped, wire.change(story[1], story[2]))
    expect(live).to_have_text(words[2])
    later(stopped, wire.change(story[2], story[3]), 3000)
    expect(live).to_have_text(words[2])  # somebody is still listening to that
    stopped.page.clock.run_for(3000)
    expect(live).to_have_text(words[3])


def test_results_of_commands_are_said_at_once(shown: Shown) -> None:
    notice = shown.page.locator(".mh-notice")
    expect(notice.get_by_role("status")).to_have_text("20:14:40 slow app3: done")
    busy = frames.piled_up(2, phase="busy", doing="apply")
    shown.change(frames.piled_up(1), busy)
    expect(notice).to_have_text("apply …")
    wrong = frames.piled_up(3, trouble="there is no check called 'spred'\n  next  did you mean 'spread'?")
    shown.change(busy, wrong)
    expect(notice).to_contain_text("did you mean 'spread'?")
    load = frames.piled_up(4, log=(*wrong.log, "20:15:01 apply: b77c", "20:15:02 load: 300 requests a second"))
    shown.change(wrong, load)
    expect(notice).to_have_text("20:15:01 apply: b77c")


def test_the_table_says_what_the_picture_says(shown: Shown) -> None:
    shown.page.get_by_text("The picture as a table").press("Enter")
    table = shown.page.get_by_role("table", name="Servers now")
    expect(table.get_by_role("row").nth(4)).to_contain_text("app4")
    rows = [re.sub(r"\s+", " ", row) for row in table.get_by_role("row").all_inner_texts()]
    assert rows[1] == "app1 over capacity 94 % 20 % 188/s 100 % 111 62 % 1 20 %"
    shown.change(frames.piled_up(1), frames.crashed(6))
    expect(table.get_by_role("row").nth(1)).to_contain_text("down, exit 137")


def test_the_two_minutes_can_be_walked(shown: Shown) -> None:
    page = shown.page
    plot = page.get_by_role("slider", name="A second of the last two minutes")
    plot.focus()
    page.keyboard.press("PageUp")
    expect(plot).to_have_attribute("aria-valuetext", re.compile("26.s ago: app1 .*slowed app3"))
    page.keyboard.press("PageUp")
    expect(plot).to_have_attribute("aria-valuetext", re.compile("applied a41f"))
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".mh-readout")).to_contain_text("app4 40 %")
    page.keyboard.press("Home")
    expect(plot).to_have_attribute("aria-valuetext", re.compile("nothing yet"))
    styles = (
        page.locator(".mh-chart")
        .first.locator("path.mh-series")
        .evaluate_all("(all) => all.map((each) => each.getAttribute('stroke-dasharray'))")
    )
    assert len(set(styles)) == 4  # told apart without colours
    expect(page.locator(".mh-chart").first.locator("text.mh-series")).to_have_text(list(frames.NAMES))
    expect(page.locator(".mh-marks")).to_contain_text("applied a41f")


def test_the_config_has_signs_numbers_and_the_complaint_at_its_line(shown: Shown) -> None:
    page = shown.page
    code = page.get_by_role("region", name="conf/nginx.conf, line by line")
    lines = [re.sub(r"\s+", " ", text).strip() for text in code.locator(".mh-line").all_inner_texts()]
    assert lines[1] == "12 removed: - server app1:8080;"
    assert lines[2].startswith("12 added: + server app1:8080 weight=50;")
    expect(page.locator(".mh-complaint")).to_be_hidden()
    shown.change(frames.piled_up(1), replace(refused(2), phase="running", trouble=""))
    expect(page.locator(".mh-complaint")).to_have_text('conf/nginx.conf:12: unknown directive "weihgt"')
    blamed = code.locator("[data-blamed]")
    expect(blamed).to_have_count(1)
    expect(blamed).to_contain_text("weight=50")
    expect(page.locator(".mh-config .mh-chip")).to_have_text("refused")


@pytest.mark.parametrize("width", [1300, 700, 380, 320])
def test_nothing_sticks_out_at_any_width(shown: Shown, width: int) -> None:
    page = shown.page
    page.set_viewport_size({"width": width, "height": 900})
    page.locator("details").evaluate_all("all => all.forEach((each) => { each.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    sticking = page.locator(".mh-room *:not(.mh-unseen, svg *)").evaluate_all(
        "(all) => all.filter((each) => each.getClientRects().length && !each.closest('.mh-unseen')"
        " && each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).overflowX === 'visible'"
        " && getComputedStyle(each).display !== 'inline').map((each) => each.className + ': ' + each.innerText)"
    )
    assert sticking == []


def test_what_others_wrote_stays_text(bare: Shown) -> None:
    shown, page = bare, bare.page
    before = frames.piled_up()
    line = Line("+", 1, ((NASTY, "value"), ("x", '"><b>')))
    check = replace(before.checks[1], why=NASTY, page=f"javascript:{NASTY}", title=NASTY)
    nasty = replace(
        before,
        title=NASTY,
        verdict=NASTY,
        servers=(replace(before.servers[0], name=NASTY), *before.servers[1:]),
        predicted={NASTY: 1.0},
        config=(ConfigNow(NASTY, "refused", (line,), NASTY, NASTY),),
        checks=(check,),
        log=(NASTY,),
        marks=(replace(before.marks[1], text=NASTY, kind=NASTY),),
        populations=((NASTY, NASTY),),
    )
    shown.whole(nasty)
    page.locator("details").evaluate_all("all => all.forEach((each) => { each.open = true; })")
    assert page.locator("img, .mh-control-room script").count() == 0
    assert page.evaluate("window.hurt") is None
    expect(page.get_by_role("link", name="Read in the course")).to_have_count(0)
    expect(page.get_by_role("heading", level=2)).to_have_text(NASTY)
    assert shown.faults == []


def test_still_for_those_who_want_no_motion(shown: Shown) -> None:
    moved = []
    for number, wish in enumerate(("reduce", "no-preference", "no-preference"), 1):
        shown.page.emulate_media(reduced_motion=wish)  # type: ignore[arg-type]
        shown.again()
        shown.whole(frames.piled_up(number))
        moved.append(shown.page.locator(".mh-flows").evaluate("(one) => one.style.getPropertyValue('--moved')"))
    shown.page.emulate_media(reduced_motion="null")
    assert moved[0] == ""
    assert moved[1].endswith("px")


def test_a_page_that_missed_a_frame_asks_for_a_whole_one(shown: Shown) -> None:
    page = shown.page
    assert [message["kind"] for message in page.evaluate("model.said")] == ["look"]
    page.wait_for_function("() => performance.now() - asked > 3000")  # a page asks once a second at most
    shown.change(frames.piled_up(7), frames.piled_up(8))
    assert len(shown.said("look")) == 2
    shown.whole(frames.crashed(9))
    shown.change(frames.crashed(9), frames.crashed(10, title="Another"))
    expect(page.get_by_role("heading", level=2)).to_have_text("Another")


def test_a_view_that_goes_says_so_and_another_one_shows_the_same(shown: Shown) -> None:
    page = shown.page
    shown.again()
    expect(page.get_by_text("Waiting for the lab …")).to_be_visible()
    assert page.evaluate("model.last") == "away"
    shown.whole(frames.crashed(3))
    expect(page.locator(".mh-server")).to_have_count(4)
    expect(page.locator(".mh-control-room")).to_have_count(1)


def test_a_hidden_page_says_so(shown: Shown) -> None:
    page = shown.page
    page.locator("#cell").evaluate("(one) => { one.style.display = 'none'; }")
    page.wait_for_function("() => model.said.at(-1).kind === 'away'")
    page.locator("#cell").evaluate("(one) => { one.style.display = ''; }")
    page.wait_for_function("() => model.said.at(-1).kind === 'look'")


def test_a_silent_kernel_is_told_with_the_way_out_and_taken_back(stopped: Shown) -> None:
    page = stopped.page
    later(stopped, stopped.message(frames.piled_up(1)), 3000)
    trouble = page.get_by_role("alert")
    expect(trouble).to_be_hidden()
    page.clock.run_for(4000)
    expect(trouble).to_contain_text("It may be busy")
    page.evaluate("window.deaf = true")
    page.clock.run_for(12_000)
    expect(trouble).to_contain_text("The kernel has stopped: run the first cell again")
    page.evaluate("window.deaf = false")
    asked = len(stopped.said("look"))
    page.clock.run_for(7000)
    assert len(stopped.said("look")) > asked  # it goes on asking
    later(stopped, stopped.message(frames.piled_up(2)))
    expect(trouble).to_be_hidden()


_GIVEN_UP = "Error displaying widget: model not found"


def test_the_place_that_jupyterlab_gave_up_is_taken_when_the_model_has_come(stopped: Shown) -> None:
    page = stopped.page
    page.evaluate(
        """(text) => { document.getElementById("cell").innerHTML = ["Another widget", "Starting the stack of 'it' …"]
        .map((said) => `<div class=jp-OutputArea>${said}<p class=jupyter-widgets>${text}</p></div>`).join("") }""",
        _GIVEN_UP,
    )
    places = page.locator(".jupyter-widgets")
    page.evaluate("window.come()")
    page.clock.run_for(3000)
    expect(places).to_have_text([_GIVEN_UP, _GIVEN_UP])  # the panel is shown elsewhere
    page.evaluate("() => { window.leave(); window.come(); }")
    page.clock.run_for(3000)
    later(stopped, stopped.message(frames.piled_up()))
    expect(places.nth(0)).to_have_text(_GIVEN_UP)
    expect(places.nth(1).locator(".mh-server")).to_have_count(4)
    expect(stopped.room).to_have_count(1)


def test_a_stack_that_is_gone_says_what_to_do(shown: Shown) -> None:
    shown.change(frames.piled_up(1), refused(2))
    expect(shown.page.get_by_role("alert")).to_contain_text("The stack is gone")
    shown.page.get_by_role("button", name="Reset").click()
    assert shown.orders() == [("reset", {})]
    closed = replace(refused(3), phase="closed", trouble="")
    shown.change(refused(2), closed)
    expect(shown.page.get_by_role("alert")).to_contain_text("This lab is closed")


def test_a_minute_of_frames_changes_the_page_in_place(shown: Shown) -> None:
    page = shown.page
    page.evaluate(
        "() => { window.added = 0; new MutationObserver((all) => all.forEach((each) => each.addedNodes.forEach((one) =>"
        " { if (one.nodeType === 1) window.added += 1; }))).observe(document.getElementById('cell'),"
        " { subtree: true, childList: true }); }"
    )
    nodes = page.evaluate("document.querySelectorAll('#cell *').length")
    for number in range(1, 30):
        shown.change(frames.piled_up(number), frames.piled_up(number + 1))
    assert page.evaluate("window.added") == 0
    assert page.evaluate("document.querySelectorAll('#cell *').length") == nodes
    assert shown.faults == []
    assert {address.rpartition("/")[0] + "/" for address in shown.asked} == {ADDRESS}
