"""Grades back to a learning platform: what a real one on loopback received, refused, and was not asked twice."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from autograder.classroom.passback import Launch, Notes, Row, Score, as_text, decide, read, send
from autograder.classroom.passback_service import ITEM, SCORE, Service
from autograder.classroom.sign_in import own_key
from autograder.classroom.state import State
from autograder.errors import ManyHandsError
from tests.classroom.sign_in_accounts import on_loopback
from tests.classroom.sign_in_platform import CLIENT, Platform

LAB, TITLE = "spread-the-load", "Spread the load"


@dataclass
class Class:
    """A classroom's host with its key, and the platform that knows the public half."""

    state: State
    platform: Platform
    http: httpx.Client
    pauses: list[float] = field(default_factory=list)

    def service(self, client: str = CLIENT) -> Service:
        url = f"{self.platform.address}/token"
        return Service(self.http, url, client, own_key(self.state), pause=self.pauses.append)

    def launch(self, name: str, **other: object) -> Launch:
        items = f"{self.platform.address}/courses/7/items?kind=tool"
        told = {"name": name, "user": f"id-{name}", "client_id": CLIENT, "course": "Networks", "items": items}
        return Launch(**{**told, "scopes": (ITEM, SCORE), **other})  # type: ignore[arg-type]

    def push(self, *scores: Score, launches: list[Launch] | None = None) -> tuple[Row, ...]:
        """One run of the command, with notes read from disk."""
        notes = Notes(self.state.folder / "sent", LAB)
        known = [self.launch(score.student) for score in scores] if launches is None else launches
        return send(decide(scores, known, notes), LAB, TITLE, notes, self.service)

    def received(self) -> list[tuple[str, float, float, str]]:
        return [
            (one["userId"], one["scoreGiven"], one["scoreMaximum"], one["gradingProgress"])
            for one in self.platform.scores
        ]


@pytest.fixture
def klass(tmp_path: Path) -> Iterator[Class]:
    state = State(tmp_path)
    own_key(state)
    platform = Platform(tools=json.loads((tmp_path / "hub" / "jwks.json").read_text()))
    with on_loopback(platform.app()) as platform.address, httpx.Client(timeout=30) as http:
        yield Class(state, platform, http)


def test_scores_arrive_in_a_column_made_for_the_lab(klass: Class) -> None:
    rows = klass.push(Score("ada", 9.5, 10), Score("alan", 0, 10, waiting=True))
    assert [row.now for row in rows] == ["sent", "sent"]
    assert klass.received() == [("id-ada", 9.5, 10, "FullyGraded"), ("id-alan", 0, 10, "PendingManual")]
    (item,) = klass.platform.items
    assert (item["label"], item["resourceId"], item["scoreMaximum"]) == (TITLE, f"many-hands:{LAB}", 10)
    assert "2 sent" in as_text(rows)


def test_only_what_changed_is_sent_and_the_column_is_found_again(klass: Class) -> None:
    klass.push(Score("ada", 5, 10), Score("alan", 7, 10))
    before = len(klass.platform.asked)
    rows = klass.push(Score("ada", 5, 10), Score("alan", 7, 10))
    assert [row.now for row in rows] == ["same", "same"]
    assert len(klass.platform.asked) == before  # nobody was asked anything
    rows = klass.push(Score("ada", 6, 10), Score("alan", 7, 10))
    assert [(row.now, row.before) for row in rows] == [("sent", 5), ("same", 7)]
    assert klass.received()[2:] == [("id-ada", 6, 10, "FullyGraded")]
    assert len(klass.platform.items) == 1


def test_the_column_is_found_on_a_later_page(klass: Class) -> None:
    klass.platform.page = 1
    others = [{"id": f"{klass.platform.address}/items/{n}", "resourceId": f"other-{n}"} for n in range(3)]
    ours = {"id": f"{klass.platform.address}/items/3?kind=tool", "resourceId": f"many-hands:{LAB}"}
    klass.platform.items += [*others, ours]
    assert klass.push(Score("ada", 1, 2))[0].now == "sent"
    assert [score["item"] for score in klass.platform.scores] == [3]
    assert len(klass.platform.items) == 4


def test_a_dry_run_says_what_would_be_sent_and_asks_nobody(klass: Class) -> None:
    klass.push(Score("ada", 5, 10))
    before = len(klass.platform.asked)
    notes = Notes(klass.state.folder / "sent", LAB)
    scores = [Score("ada", 6, 10), Score("alan", 7, 10), Score("eve", 1, 10)]
    rows = decide(scores, [klass.launch("ada"), klass.launch("alan")], notes)
    assert [(row.score.student, row.now) for row in rows] == [("ada", "changed"), ("alan", "new"), ("eve", "left out")]
    text = as_text(rows)
    assert "never came from the platform" in text
    assert "1 new, 1 changed, 1 left out" in text
    assert len(klass.platform.asked) == before


@pytest.mark.parametrize("statuses", [[503], [429, 500], [502, 503, 504, 429]])
def test_a_busy_platform_is_asked_again_later(klass: Class, statuses: list[int]) -> None:
    klass.platform.ill = [*statuses]
    assert klass.push(Score("ada", 5, 10))[0].now == "sent"
    expected = [0.0 if status == 429 else pause for status, pause in zip(statuses, (1.0, 2.0, 4.0, 8.0), strict=False)]
    assert klass.pauses == expected  # a platform that says when is believed
    assert len(klass.received()) == 1


def test_one_that_stays_busy_fails_one_score_and_no_other(klass: Class) -> None:
    klass.platform.ill = [503] * 5
    rows = klass.push(Score("ada", 5, 10), Score("alan", 7, 10))
    assert [row.now for row in rows] == ["failed", "sent"]
    assert "503" in rows[0].why
    rows = klass.push(Score("ada", 5, 10), Score("alan", 7, 10))
    assert [row.now for row in rows] == ["sent", "same"]


def test_a_run_that_was_killed_goes_on_where_it_was(klass: Class) -> None:
    """The platform is gone after the first score: what it took is noted."""

    class GoneError(Exception):
        pass

    notes = Notes(klass.state.folder / "sent", LAB)
    service = klass.service()
    rows = decide([Score("ada", 5, 10), Score("alan", 7, 10)], [klass.launch("ada"), klass.launch("alan")], notes)
    sound = service.score

    def once(*args: object, **kw: object) -> str:
        if klass.platform.scores:
            raise GoneError
        return sound(*args, **kw)  # type: ignore[arg-type]

    service.score = once  # type: ignore[method-assign, assignment]
    with pytest.raises(GoneError):
        send(rows, LAB, TITLE, notes, lambda _: service)
    assert [row.now for row in klass.push(Score("ada", 5, 10), Score("alan", 7, 10))] == ["same", "sent"]


def test_a_token_that_ran_out_is_replaced(klass: Class) -> None:
    service = klass.service()
    launch = klass.launch("ada")
    item = service.item(launch.items, LAB, TITLE, 10)
    klass.platform.tokens.clear()
    service.score(launch.items, item, launch.user, 5, 10, waiting=False)
    assert len(klass.received()) == 1
    assert klass.platform.asked.count("POST /token") == 2


def test_a_platform_that_does_not_know_the_key_says_so(klass: Class, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    own_key(State(tmp_path / "other"))
    klass.platform.tools = json.loads((tmp_path / "other" / "hub" / "jwks.json").read_text())
    (row,) = klass.push(Score("ada", 5, 10))
    assert row.now == "failed"
    assert "the platform does not know us" in row.why
    assert "/hub/lti13/keys" in row.why


def test_two_courses_get_their_own_scores(klass: Class) -> None:
    other = klass.launch("ada", user="id-in-another-course", course="Systems")
    rows = klass.push(Score("ada", 5, 10), launches=[klass.launch("ada"), other])
    assert [row.now for row in rows] == ["sent", "sent"]
    assert {one[0] for one in klass.received()} == {"id-ada", "id-in-another-course"}


def test_a_course_that_lets_us_write_nothing_is_left_out(klass: Class) -> None:
    rows = klass.push(Score("ada", 5, 10), launches=[klass.launch("ada", scopes=(ITEM,))])
    assert [(row.now, row.why) for row in rows] == [("left out", "the platform lets this tool write no grades")]
    assert klass.platform.asked == []


@pytest.mark.parametrize(
    ("items", "says"),
    [
        ("http://canvas.example.org/items", "https only"),
        ("ftp://127.0.0.1/items", "https only"),
    ],
)
def test_grades_and_tokens_go_nowhere_in_the_clear(klass: Class, items: str, says: str) -> None:
    (row,) = klass.push(Score("ada", 5, 10), launches=[klass.launch("ada", items=items)])
    assert row.now == "failed"
    assert says in row.why
    assert klass.platform.asked == []


def test_a_token_is_not_shown_to_another_machine(klass: Class) -> None:
    klass.platform.items.append({"id": "http://127.0.0.1:1/items/0", "resourceId": f"many-hands:{LAB}"})
    (row,) = klass.push(Score("ada", 5, 10))
    assert row.now == "failed"
    assert "another machine" in row.why


def test_the_key_is_its_owner_s_and_stays(tmp_path: Path) -> None:
    first = own_key(State(tmp_path))
    assert (tmp_path / "platform" / "key.pem").stat().st_mode & 0o777 == 0o600
    shown = json.loads((tmp_path / "hub" / "jwks.json").read_text())
    assert not {"d", "p", "q"} & shown["keys"][0].keys()
    assert own_key(State(tmp_path)).private_numbers() == first.private_numbers()
    assert json.loads((tmp_path / "hub" / "jwks.json").read_text()) == shown


def test_a_note_that_cannot_be_read_stops_the_run(tmp_path: Path) -> None:
    (tmp_path / f"{LAB}.json").write_text("{")
    with pytest.raises(ManyHandsError, match="every score is sent once more"):
        Notes(tmp_path, LAB)


def test_what_the_hub_prints_can_be_read() -> None:
    scores, launches = read(
        {
            "scores": [{"student": "ada", "score": 1.0, "most": 2.0, "waiting": False}],
            "launches": [
                {
                    **{"name": "ada", "user": "7", "client_id": CLIENT, "items": "https://c.example/i", "at": 1},
                    **{"course": {"id": "c", "title": "Networks"}, "scopes": [ITEM]},
                }
            ],
        }
    )
    assert scores == (Score("ada", 1.0, 2.0),)
    assert launches == (Launch("ada", "7", CLIENT, "Networks", "https://c.example/i", (ITEM,)),)


def test_the_command_says_what_is_missing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "autograder", "classroom", "grades", LAB, "--dry-run"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "token_url" in done.stderr
    assert "lti13.toml" in done.stderr
