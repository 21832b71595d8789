"""What a class keeps in its folder: places, secret, seed, versions, locks: found by changing the code at random.

What such changes still survive changes nothing that can be seen: the case of a codec's or a digest's name, the system's
encoding, which is UTF-8 here, where ours is named, None where False or nothing stands, and that ``token_hex`` takes 32
bytes untold.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autograder.errors import ManyHandsError
from autograder.grading import locks, secret
from autograder.grading.secret import class_secret, seed_of
from autograder.grading.settings import CONFIG_TEXT, Places, nbgrader_settings, server_environment
from autograder.grading.variants import SEED, class_seed, same_rules, settle_seed, variant_of
from autograder.grading.versions import check_version, check_versions, lab_version
from autograder.labs.catalogue import all_labs, load_lab
from autograder.labs.kinds import version_of
from autograder.labs.lab import Start, Variant

LAB = load_lab("spread-the-load")


@pytest.fixture
def places(tmp_path: Path) -> Places:
    (tmp_path / "class").mkdir()
    return Places(tmp_path)


def told(error: ManyHandsError) -> tuple[str, str, str, str]:
    return error.what, error.where, error.why, error.remedy


def short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


# --- places and settings --------------------------------------------------------------------------------------------


def test_every_place_is_where_earlier_versions_put_it() -> None:
    places = Places(Path("/h"))
    found = [
        *(places.course, places.exchange, places.learner, places.records, places.config, places.inbound),
        *(places.source("l"), places.release("l"), places.outbound("l"), places.submitted("s", "l")),
        *(places.autograded("s", "l"), places.written("s", "l"), places.set_aside("s", "l")),
    ]
    assert [str(path.relative_to("/h")) for path in found] == [
        *("class", "exchange", "labs", "class/records", "class/nbgrader_config.py", "exchange/many-hands/inbound"),
        *("class/source/l", "class/release/l", "exchange/many-hands/outbound/l", "class/submitted/s/l"),
        *("class/autograded/s/l", "class/written/l/s.json", "class/set-aside/s/l"),
    ]


@pytest.mark.parametrize(
    ("url", "setting"),
    [
        *((None, {}), ("", {}), ("sqlite:////g.db", {"db_url": "sqlite:////g.db"})),
        ("postgresql://u@h/postgres://x", {"db_url": "postgresql+psycopg://u@h/postgres://x"}),
        ("postgres://u@h/g", {"db_url": "postgresql+psycopg://u@h/g"}),
        ("postgresql+psycopg://u@h/g", {"db_url": "postgresql+psycopg://u@h/g"}),
    ],
)
def test_the_gradebook_is_where_the_environment_says(
    url: str | None, setting: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MANYHANDS_DB", raising=False)
    if url is not None:
        monkeypatch.setenv("MANYHANDS_DB", url)
    found = nbgrader_settings(tmp_path)["CourseDirectory"]
    assert found == {"course_id": "many-hands", "root": str(tmp_path / "class"), **setting}


@pytest.mark.parametrize(
    ("exchange", "role", "carries"),
    [(None, None, False), ("", None, False), ("http://x", None, True), ("http://x", "instructor", False)],
)
def test_only_a_learner_s_room_hands_in_over_http(
    exchange: str | None, role: str | None, carries: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("MANYHANDS_EXCHANGE", exchange), ("MANYHANDS_ROLE", role)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    found: Any = nbgrader_settings(tmp_path)["ExchangeFactory"]
    room = "autograder.classroom.handing_in"
    more = {"submit": f"{room}.Submit", "fetch_feedback": f"{room}.FetchFeedback"} if carries else {}
    assert found == {
        "collect": "autograder.grading.nbgrader_step.Collect",
        "fetch_assignment": "autograder.grading.nbgrader_fetch.Fetch",
        **more,
    }


def test_settings_are_absolute_wherever_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = nbgrader_settings(Path("w"))
    home = str(tmp_path / "w")
    assert found["Exchange"] == {
        **{"root": f"{home}/exchange", "assignment_dir": f"{home}/labs", "cache": f"{home}/.submitted"},
        **{"path_includes_course": False, "timezone": "UTC"},
    }
    assert found["PutInOrder"] == found["ExaminerPreprocessor"] == {"home": home}
    step = "autograder.grading.nbgrader_step"
    assert found["Autograde"] == {
        "exporter_class": f"{step}.SubmissionExporter",
        "pre_convert_hook": f"{step}.before_autograde",
        "post_convert_hook": f"{step}.after_autograde",
        "sanitize_preprocessors": [f"{step}.PutInOrder"],
        "autograde_preprocessors": [
            *(f"{step}.ExaminerPreprocessor", f"{step}.SaveVerdicts"),
            *("nbgrader.preprocessors.AssignLatePenalties", "nbgrader.preprocessors.CheckCellMetadata"),
        ],
        "exclude_overwriting": {lab.slug: list(lab.files) for lab in all_labs()},
    }
    assert found["HTMLExporter"] == {"filters": {"markdown2html": f"{step}.safe_markdown"}}
    assert server_environment(Path("w")) == {"JUPYTER_CONFIG_PATH": f"{home}/class"}
    assert "from autograder.grading.settings import nbgrader_settings" in CONFIG_TEXT


# --- the secret -----------------------------------------------------------------------------------------------------


def test_a_submission_has_the_same_seed_in_every_version() -> None:
    # HMAC-SHA-256 with the key "one" of "14:conf/more.conf0:15:conf/nginx.conf4:good", its first eight bytes, and 1
    assert seed_of(b"one", {"conf/nginx.conf": b"good", "conf/more.conf": b""}) == 8882674615274965031


def test_a_secret_is_made_beside_its_place_and_is_there_at_once(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts: list[Path] = []
    real = os.link

    def link(source: str, place: Path) -> None:
        drafts.append(Path(source))
        assert len(Path(source).read_text()) == 65
        real(source, place)

    monkeypatch.setattr(secret.os, "link", link)
    made = class_secret(places)
    assert class_secret(places) == made
    (draft,) = drafts
    assert (draft.parent, draft.name.startswith(".traffic-secret.")) == (places.course, True)
    (file,) = places.course.iterdir()
    assert (file.name, file.read_text()) == ("traffic-secret", made.hex() + "\n")
    assert class_secret(Places(places.home / "no" / "folder" / "yet"))


def test_of_two_who_make_a_secret_the_first_wins(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(_source: str, place: Path) -> None:
        place.write_text("ab" * 32)
        raise FileExistsError

    monkeypatch.setattr(secret.os, "link", link)
    assert class_secret(places) == b"\xab" * 32
    assert [file.name for file in places.course.iterdir()] == ["traffic-secret"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("abcd\n", "it holds 2 bytes where 32 belong"),
        ("no hex\n", "non-hexadecimal number found in fromhex() arg at position 0"),
        ("é", "'ascii' codec can't decode byte 0xc3 in position 0: ordinal not in range(128)"),
    ],
)
def test_a_secret_that_is_none_is_told_with_its_reason(places: Places, text: str, why: str) -> None:
    path = places.course / "traffic-secret"
    path.write_text(text, "utf-8")
    with pytest.raises(ManyHandsError) as caught:
        class_secret(places)
    assert told(caught.value) == (
        *("the class's secret cannot be read", str(path), why),
        "put it back as it was, or remove it: a new one is made, and what was judged stays as it is",
    )


# --- the seed of variants -------------------------------------------------------------------------------------------


def test_a_seed_is_the_wish_or_the_environment_s_or_made(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = places.course / "variants.json"
    monkeypatch.setenv(SEED, "of all")
    assert settle_seed(places, None, new=True) == class_seed(places) == "of all"
    assert path.read_text() == '{"seed": "of all"}\n'
    assert settle_seed(places, "mine", new=True) == class_seed(places) == "mine"
    assert settle_seed(places, "none", new=True) == class_seed(places) == ""
    assert path.read_text() == '{"seed": ""}\n'
    assert settle_seed(places, "", new=True) != settle_seed(places, "", new=True)
    assert len(class_seed(places)) == 16
    monkeypatch.delenv(SEED)
    assert len(settle_seed(Places(tmp_path / "b"), None, new=True)) == 16
    assert variant_of(places, "ann") == Variant(class_seed(places), "ann")
    assert variant_of(Places(tmp_path / "c"), "ann") is None


def test_a_class_keeps_its_seed_and_says_so(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SEED, "")
    assert settle_seed(places, "none", new=False) == settle_seed(places, None, new=False) == ""
    assert not (places.course / "variants.json").exists()
    rest = (
        str(places.course),
        "labs have been handed out and would be graded against others",
        "leave the seed out, or begin a new class: MANYHANDS_HOME=DIR ./manyhands up",
    )
    with pytest.raises(ManyHandsError) as caught:
        settle_seed(places, "mine", new=False)
    assert told(caught.value) == ("this class has no variants, and 'mine' is asked for", *rest)
    settle_seed(places, "mine", new=True)
    assert settle_seed(places, "mine", new=False) == settle_seed(places, None, new=False) == "mine"
    monkeypatch.setenv(SEED, "none")
    with pytest.raises(ManyHandsError) as caught:
        settle_seed(places, None, new=False)
    assert told(caught.value) == ("this class has the seed mine, and 'none' is asked for", *rest)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("{}", "'seed'"),
        ('{"seed": 7}', "the seed is no text"),
        ("[]", "list indices must be integers or slices, not str"),
    ],
)
def test_a_seed_that_cannot_be_read_is_told_with_its_reason(places: Places, text: str, why: str) -> None:
    (places.course / "variants.json").write_text(text)
    with pytest.raises(ManyHandsError) as caught:
        class_seed(places)
    assert told(caught.value) == (
        *("the class's seed cannot be read", str(places.course / "variants.json"), why),
        'put back {"seed": "…"} as it was; every lab that was handed out has it in .lab/class.json',
    )


def test_a_seed_in_any_script_is_read(places: Places) -> None:
    (places.course / "variants.json").write_bytes('{"seed": "Zoë 李"}'.encode())
    assert class_seed(places) == "Zoë 李"
    assert same_rules(places, LAB)


def test_the_rules_of_a_lab_are_noted_once_and_compared(places: Places) -> None:
    path = places.course / "variants.json"
    assert same_rules(places, LAB)
    assert not path.exists()
    path.write_text('{"seed": "s"}')
    assert same_rules(places, replace(LAB, rules=None))
    assert path.read_text() == '{"seed": "s"}'
    assert same_rules(places, LAB)
    starts, servers = [start.folder for start in LAB.starts], [server.name for server in LAB.stack.servers]
    noted = {"seed": "s", "rules": {LAB.slug: short(repr((LAB.rules, starts, servers)))}}
    assert path.read_text() == json.dumps(noted) + "\n"
    assert same_rules(places, LAB)
    assert not same_rules(places, replace(LAB, starts=(Start("other"),)))
    assert same_rules(places, replace(LAB, slug="b-lab"))
    assert set(json.loads(path.read_text())["rules"]) == {LAB.slug, "b-lab"}


# --- versions -------------------------------------------------------------------------------------------------------


def test_a_version_is_of_all_that_decides_and_of_nothing_else() -> None:
    check = LAB.checks[1]
    alone = replace(LAB, checks=(replace(check, title="", hints=(), page=""),))
    assert check_version(LAB, check) == short(f"{alone.version} {version_of(check.kind)}")
    assert check_version(LAB, replace(check, title="t", hints=("h",), page="p")) == check_version(LAB, check)
    assert check_version(LAB, replace(check, points=9.0)) != check_version(LAB, check)
    versions = {each.name: check_version(LAB, each) for each in LAB.checks}
    assert list(check_versions(LAB).items()) == list(versions.items())
    assert lab_version(LAB) == short(repr(versions))


# --- locks ----------------------------------------------------------------------------------------------------------


def held(path: Path) -> bool:
    """Whether somebody has the kernel's lock on a file."""
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_a_second_run_is_told_which_one_is_under_way(places: Places) -> None:
    path = places.course / ".grading.lock"
    path.write_text("x" * 300)
    since = time.strftime("%H:%M")
    with locks.one_run(places):
        mine = path.read_text()
        assert mine in {
            f"process {os.getpid()} on {os.uname().nodename}, since {now}" for now in (since, time.strftime("%H:%M"))
        }
        with pytest.raises(ManyHandsError) as caught, locks.one_run(places):
            pass
        remedy = "let it end, or stop it with Ctrl-C where it runs: what it judged is kept"
        assert told(caught.value) == ("this class is being graded already", str(places.course), mine, remedy)
        for words, why in ((b" \n", "another run has just begun"), (b"\xff" * 300, "\ufffd" * 200)):
            path.write_bytes(words)
            with pytest.raises(ManyHandsError) as caught, locks.one_run(places):
                pass
            assert caught.value.why == why
        assert held(path)
    assert not held(path)
    path.unlink()
    with locks.one_run(places):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_who_writes_already_goes_on_and_the_first_one_ends_it(places: Places) -> None:
    path = places.course / ".writing.lock"
    with locks.one_writer(places):
        with locks.one_writer(places):
            assert not locks.begin_writing(places)
            assert held(path)
        assert held(path)
    assert not held(path)
    assert locks.begin_writing(places)
    assert held(path)
    locks.end_writing(places)
    assert not held(path)
    with locks.one_log(places):
        assert held(places.course / ".changes.lock")
    assert not held(places.course / ".changes.lock")


def test_who_is_stopped_while_waiting_holds_nothing(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(descriptor: int, how: int) -> None:
        raise KeyboardInterrupt

    before = sorted(Path("/proc/self/fd").iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(locks.fcntl, "flock", stopped)
        with pytest.raises(KeyboardInterrupt):
            locks.begin_writing(places)
    assert sorted(Path("/proc/self/fd").iterdir()) == before
    assert locks.begin_writing(places)
    locks.end_writing(places)
