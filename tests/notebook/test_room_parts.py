"""What frames are made of: words of a config, counted seconds, a memory that survives being killed."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from autograder.labs.catalogue import all_labs, load_lab
from autograder.notebook import room_traffic
from autograder.notebook.course_pages import SITE_VARIABLE, address_of
from autograder.notebook.logbook import Logbook
from autograder.notebook.room_config import compared
from autograder.notebook.room_stream import gentle
from autograder.notebook.room_traffic import Tally
from autograder.traffic.sample import Fate, Sample

if TYPE_CHECKING:
    from pathlib import Path

FAIR = {"app1": 0.2, "app2": 0.2, "app3": 0.2, "app4": 0.4}
NGINX = b"""upstream shop { # two
  server app1:8080 weight=2;
  hash "$host" consistent;
}
"""
HAPROXY = b"""backend shop
  balance roundrobin  # in turn
  server app1 app1:8080 check
"""


def sample(counts: dict[str, int], failed: int = 0, first: int = 0) -> Sample:
    """Requests of so many different clients (from ``first`` on), answered in turn as evenly as the counts allow."""
    left = dict(counts)
    fates = []
    while any(left.values()):
        for name in [name for name, count in left.items() if count]:
            left[name] -= 1
            fates.append(Fate(first + len(fates), "198.19.0.1", 200, "", 10.0 + len(fates), name))
    fates += [Fate(len(fates) + n, "198.19.0.1", 0, "refused", 0.0, "") for n in range(failed)]
    return Sample("many", "many", tuple(fates), 0.2)


@pytest.mark.parametrize(("proxy", "text"), [("nginx", NGINX), ("haproxy", HAPROXY)])
def test_words_of_a_line_make_the_line(proxy: str, text: bytes) -> None:
    lines = compared(text, None, proxy)
    assert ["".join(word for word, _ in line.words) for line in lines] == text.decode().splitlines()
    assert {line.sign for line in lines} == {" "}
    kinds = {word: kind for line in lines for word, kind in line.words}
    assert kinds["server"] == "name"
    assert kinds["app1:8080"] == "value"
    assert kinds["# two" if proxy == "nginx" else "# in turn"] == "comment"
    assert proxy != "nginx" or (kinds['"$host"'], kinds["{"]) == ("string", "punctuation")


def test_lines_are_compared_with_numbers_of_their_own_files() -> None:
    before = NGINX.replace(b" weight=2", b"").replace(b"# two", b"# two\n# and more")
    changed = [(line.sign, line.number) for line in compared(NGINX, before, "nginx") if line.sign != " "]
    assert changed == [("-", 2), ("-", 3), ("+", 2)]


def test_seconds_hold_what_began_in_them() -> None:
    zero = time.monotonic() - 3
    tally = Tally(zero)
    tally.add(zero + 0.92, sample({"app1": 2, "app4": 2}), 0.2)  # half before the turn of the second, half after
    tally.add(zero + 2.0, sample({}), 0.2)
    first, second = tally.seconds()
    assert (first.at, first.sent, second.at, second.sent) == (0, 2, 1, 2)
    assert first.shares == {"app1": 0.5, "app4": 0.5}
    assert (first.p50_ms, first.p99_ms) == (10, 11)
    # What is late is counted where it began.
    tally.add(zero + 0.1, sample({"app2": 1}, failed=3), 0.2)
    assert (tally.seconds()[0].sent, tally.seconds()[0].failed) == (6, 3)


@pytest.mark.parametrize(
    ("counts", "failed", "up", "words", "alarm"),
    [
        ({"app1": 96, "app4": 4}, 0, FAIR, "concentrated: 96% on one of four servers", True),
        ({"app1": 200, "app2": 80, "app3": 80, "app4": 160}, 0, FAIR, "app1 gets 38%, its fair share is 20%", True),
        ({"app1": 60, "app2": 60, "app4": 100}, 0, FAIR, "concentrated: app3 gets nothing", True),
        (
            {"app1": 200, "app2": 200, "app3": 200, "app4": 400},
            0,
            FAIR,
            "even: every server gets its fair share",
            False,
        ),
        ({"app1": 300, "app4": 600}, 0, ("app1", "app4"), "even: each of the two that are up", False),
        ({"app1": 300, "app4": 600}, 100, ("app1", "app4"), "; 10% of the requests fail", True),
        ({"app1": 2, "app2": 2, "app3": 2, "app4": 4}, 0, FAIR, "undecided: 10 requests", False),
        ({}, 10, FAIR, "broken: every request fails", True),
        ({}, 0, FAIR, "undecided: no answer yet", False),
        ({"app1": 10}, 0, (), "broken: no server is up", True),
    ],
)
def test_the_verdict_says_no_more_than_was_counted(
    counts: dict[str, int], failed: int, up: tuple[str, ...], words: str, alarm: bool
) -> None:
    tally = Tally(time.monotonic())
    tally.add(time.monotonic(), sample(counts, failed), 0.2)
    judged = tally.judged(FAIR, up)
    assert words in judged.words
    assert judged.alarm is alarm


def test_at_a_low_rate_half_a_minute_is_judged_and_no_more_than_since_the_last_change() -> None:
    soon = time.monotonic() + 60  # so that nothing is late, however slow this machine is
    tally = Tally(soon - 40)
    for number in range(28, 0, -1):
        tally.add(soon - number, sample({"app1": 4, "app2": 4, "app3": 4, "app4": 8}, first=number * 100), 1.0)
    assert tally.judged(FAIR, FAIR).words == "even: every server gets its fair share"
    changed = Tally(time.monotonic())
    changed.add(time.monotonic(), sample({"app1": 400, "app2": 400, "app3": 400, "app4": 800}), 1.0)
    changed.forget_judged()
    changed.add(time.monotonic(), sample({"app1": 4, "app2": 4, "app3": 4, "app4": 8}), 1.0)
    assert changed.judged(FAIR, FAIR).words == "undecided: 20 requests do not tell yet"


def test_what_the_last_seconds_show_is_not_thinned_by_what_was_before() -> None:
    soon = time.monotonic() + 60
    tally = Tally(soon - 40)
    for number in range(28, 0, -1):
        crowded = {"app1": 38, "app4": 2} if number <= 4 else {"app1": 8, "app2": 8, "app3": 8, "app4": 16}
        tally.add(soon - number, sample(crowded, first=number * 100), 1.0)
    judged = tally.judged(FAIR, FAIR)
    assert judged.alarm
    assert judged.shares["app1"] > 0.4


@pytest.mark.parametrize("late_s", [8.0, 60.0])
def test_what_is_told_late_is_judged_all_the_same(late_s: float) -> None:
    start = time.monotonic() - late_s
    tally = Tally(start)
    tally.add(start, sample({"app1": 96, "app4": 4}), 1.0)
    tally.add(start + 3.0, sample({"app1": 96, "app4": 4}, first=100), 1.0)  # those between were left out
    assert tally.judged(FAIR, FAIR).words == "concentrated: 96% on one of four servers"
    assert tally.now().throughput == 50
    assert [second.sent for second in tally.seconds()] == [100, 0, 0]


def test_what_was_told_long_ago_is_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    tally = Tally(time.monotonic())
    tally.add(time.monotonic(), sample({"app1": 96, "app4": 4}), 1.0)
    assert tally.fresh
    awake = time.monotonic() + 30
    monkeypatch.setattr(room_traffic, "time", SimpleNamespace(monotonic=lambda: awake))
    assert not tally.fresh
    assert tally.now().throughput == 0
    assert tally.judged(FAIR, FAIR).words == "undecided: no answer yet"


def test_a_lab_begins_with_what_one_server_alone_can_answer_even_in_part() -> None:
    rates = {lab.slug: gentle(lab.stack) for lab in all_labs()}
    assert set(rates.values()) <= {40.0, 50.0}
    assert rates["spread-the-load"] == 50.0
    assert rates["too-much"] == 40.0  # 42 a second are all that one of its servers can


@pytest.mark.parametrize(("turns", "seconds"), [(True, 8), (False, 15)])
def test_an_even_pool_is_said_to_be_even_from_the_traffic_with_which_a_lab_begins(turns: bool, seconds: int) -> None:
    stack = load_lab("spread-the-load").stack
    fair = stack.fair_shares()
    rate = int(gentle(stack))
    said = 0
    for seed in range(20):
        draw = random.Random(seed)
        soon = time.monotonic() + 60
        tally = Tally(soon - seconds)
        for number in range(seconds):
            lots = Counter(draw.choices(list(fair), list(fair.values()), k=rate))
            counts = {name: round(part * rate) for name, part in fair.items()} if turns else dict(lots)
            tally.add(soon - seconds + number, sample(counts, first=number * 100), 1.0)
        said += tally.judged(fair, fair).words.startswith("even")
    assert said >= (20 if turns else 15)


def test_what_was_sent_before_a_change_is_not_judged() -> None:
    tally = Tally(time.monotonic())
    tally.add(time.monotonic(), sample({"app1": 500}), 0.2)
    tally.forget_judged()
    assert tally.judged(FAIR, FAIR).words == "undecided: no answer yet"
    assert tally.judged(FAIR, FAIR, sending=False).words == "nobody sends"


def test_a_stump_of_a_line_costs_no_other(tmp_path: Path) -> None:
    logbook = Logbook(tmp_path)
    logbook.write("apply", "first")
    with (tmp_path / ".lab/history.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"time": "2026-11-2')
    logbook.write("apply", "second")
    assert [entry.result for entry in logbook.entries()] == ["first", "second"]


def test_answers_that_cannot_be_read_are_set_aside_with_a_word(tmp_path: Path) -> None:
    logbook = Logbook(tmp_path)
    for number in range(2):
        (tmp_path / "answers.json").write_text(f"{{broken {number}")
        assert logbook.predictions() == {}
        assert "is kept as answers.json.broken" in logbook.predict("shares", {"app1": 1.0})
    assert (tmp_path / "answers.json.broken").read_text() == "{broken 0"
    assert (tmp_path / "answers.json.broken1").read_text() == "{broken 1"
    assert logbook.predict("more", 1) == ""
    assert logbook.predictions() == {"shares": {"app1": 1.0}, "more": 1}


_WRITES = """
import sys
from pathlib import Path
from autograder.labs.catalogue import all_labs, load_lab
from autograder.notebook.course_pages import SITE_VARIABLE, address_of
from autograder.notebook.logbook import Logbook
logbook = Logbook(Path(sys.argv[1]))
for number in range(10**9):
    logbook.write("apply", "x" * 5000)
    logbook.predict("shares", {"app1": 1.0, "note": "y" * 50000})
    print(number, flush=True)
"""


def test_a_kernel_killed_while_it_writes_loses_nothing_that_was_written(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-P", "-c", _WRITES, str(tmp_path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        for _ in range(20):
            writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        told = 20 + len(writer.stdout.read().splitlines())
    assert json.loads((tmp_path / "answers.json").read_text())["shares"]["app1"] == 1.0
    logbook = Logbook(tmp_path)
    assert len(logbook.entries()) in (told, told + 1)
    logbook.write("apply", "after")
    assert logbook.entries()[-1].result == "after"


def test_a_page_is_on_the_site_that_runs_or_in_the_clone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SITE_VARIABLE, "http://127.0.0.1:8000/")
    assert address_of("modules/01-anatomy/#shares") == "http://127.0.0.1:8000/modules/01-anatomy/#shares"
    assert address_of("") == ""
    monkeypatch.delenv(SITE_VARIABLE)
    assert address_of("modules/01-anatomy/#shares").endswith("/course/modules/01-anatomy/index.md")
    assert address_of("modules/no-such/") == ""
