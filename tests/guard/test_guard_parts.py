"""The guard's parts, each by itself: the log that shows its changes, settings, counts, logs, and git."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autograder.errors import ManyHandsError
from autograder.guard.audit import AuditLog
from autograder.guard.balancers.access_log import AccessLog
from autograder.guard.balancers.commands import CommandBalancer
from autograder.guard.balancers.runtime_api import StatsReader
from autograder.guard.counts import ServerCount, Window, since
from autograder.guard.repository import Repository
from autograder.guard.settings import BalancerAt, Git, SettingsError, load_settings
from autograder.guard.state import State, StateFile, Step, Underway
from autograder.guard.tally import Growing, Tally

# --- the log


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    found = AuditLog(tmp_path)
    for number in range(5):
        found.append("alert", f"event {number}", change="abc", data={"number": number})
    return found


def test_an_untouched_log_is_well_and_goes_on_in_another_process(log: AuditLog, tmp_path: Path) -> None:
    again = AuditLog(tmp_path)
    again.append("alert", "ünïcode \n and a line break \udcff")
    assert again.verify() == ()
    assert [event.number for event in again.events()] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("how", "line"),
    [
        (lambda lines: [lines[0], lines[1].replace("event 1", "event 9"), *lines[2:]], 2),
        (lambda lines: [*lines[:2], *lines[3:]], 3),
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], 2),
        (lambda lines: lines[:3], 4),
        (lambda lines: [*lines, lines[-1]], 6),
        (lambda lines: [*lines[:3], "no JSON", lines[4]], 4),
        (lambda _: [], 1),
        (lambda lines: lines[1:], 1),
    ],
)  # fmt: skip
def test_what_was_done_to_a_log_is_found_and_the_line_named(log: AuditLog, tmp_path: Path, how, line: int) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "audit.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("".join(f"{one}\n" for one in how(lines)), encoding="utf-8")
    (wrong,) = log.verify()
    assert wrong.startswith(f"{path}:{line}: ")


def test_an_edited_line_with_a_new_digest_breaks_the_chain_behind_it(log: AuditLog, tmp_path: Path) -> None:
    from autograder.guard.chain import Event, sealed

    path = tmp_path / "audit.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    forged = sealed(Event(**{**json.loads(lines[1]), "said": "nothing happened"}))
    lines[1] = json.dumps(forged.to_dict())
    path.write_text("".join(f"{one}\n" for one in lines), encoding="utf-8")
    (wrong,) = log.verify()
    assert wrong.startswith(f"{path}:3: ")


def _cut(lines: list[bytes], at: int, _: int) -> list[bytes]:
    return lines[: at + 1] if at + 1 < len(lines) else lines[:-1]


def _take_out(lines: list[bytes], at: int, _: int) -> list[bytes]:
    return lines[:at] + lines[at + 1 :]


def _swap(lines: list[bytes], at: int, other: int) -> list[bytes]:
    other = other if other != at else (at + 1) % len(lines)
    lines[at], lines[other] = lines[other], lines[at]
    return lines


def _edit(lines: list[bytes], at: int, byte: int) -> list[bytes]:
    place = byte % len(lines[at])
    lines[at] = lines[at][:place] + bytes([(lines[at][place] + 1 + byte) % 256 or 1]) + lines[at][place + 1 :]
    return lines


def _space(lines: list[bytes], at: int, _: int) -> list[bytes]:
    lines[at] = lines[at].replace(b": ", b":  ", 1)
    return lines


def _again(lines: list[bytes], at: int, _: int) -> list[bytes]:
    return [*lines[: at + 1], *lines[at:]]


@settings(max_examples=50)
@given(
    how=st.sampled_from([_cut, _take_out, _swap, _edit, _space, _again]),
    count=st.integers(2, 8),
    at=st.integers(0, 7),
    other=st.integers(0, 254),
)
def test_nothing_can_be_cut_swapped_or_edited_unseen_whoever_writes_on(
    how: Callable[[list[bytes], int, int], list[bytes]], count: int, at: int, other: int
) -> None:
    """Seen by who verifies; also after another guard wrote on, as nobody looked."""
    with tempfile.TemporaryDirectory() as place:
        log, path = AuditLog(Path(place)), Path(place) / "audit.jsonl"
        for number in range(count):
            log.append("alert", f"event {number}", data={"number": number})
        lines = path.read_bytes().splitlines(keepends=True)
        wrong = how([*lines], at % count, other % count if how is _swap else other)
        assume(wrong != lines)
        path.write_bytes(b"".join(wrong))
        assert AuditLog(Path(place)).verify(), wrong
        again = AuditLog(Path(place))
        if how is _cut:
            assert "were cut off" in again.lost()
        again.append("alert", "on")
        assert again.lost() == ""  # told once
        assert again.verify(), path.read_bytes()


def test_a_head_or_a_whole_log_that_is_gone_is_seen_for_good(log: AuditLog, tmp_path: Path) -> None:
    (tmp_path / "audit.head").unlink()
    again = AuditLog(tmp_path)
    assert "the head of the log is gone" in again.lost()
    again.append("alert", "on")
    assert (again.lost(), len(again.verify())) == ("", 1)
    for path in (tmp_path / "audit.head", tmp_path / "audit.jsonl"):
        path.unlink()
    assert (log.lost(), log.verify()) == ("", ())  # as where nobody ever wrote
    assert "the log is gone" in log.lost(worked=True)


def test_a_line_that_the_head_was_not_told_of_before_the_machine_stopped_is_well(log: AuditLog, tmp_path: Path) -> None:
    before = (tmp_path / "audit.head").read_bytes()
    log.append("alert", "the last one")
    (tmp_path / "audit.head").write_bytes(before)
    again = AuditLog(tmp_path)
    again.append("alert", "on")
    assert (again.lost(), again.verify(), len(again.events())) == ("", (), 7)


def test_half_a_line_is_taken_away_and_said(log: AuditLog, tmp_path: Path) -> None:
    with (tmp_path / "audit.jsonl").open("ab") as file:
        file.write(b'{"number": 6, "at"')
    assert log.verify() == ()  # nothing that was written down is missing
    again = AuditLog(tmp_path)
    again.append("alert", "on")
    assert [event.kind for event in again.events()][-2:] == ["torn", "alert"]
    assert again.verify() == ()


# --- state


def test_the_state_comes_back_as_it_was(tmp_path: Path) -> None:
    window = Window(1.5, (ServerCount("app1", 3, 1, up=False, queued=2, pool="shop"),), 4)
    change = Underway("abc", Step.WATCH, before=(window,), canary=(window, window), touched=("a", "b"), why="w")
    state = State("good", change, "frozen", {"x": "y"})
    StateFile(tmp_path).write(state)
    assert StateFile(tmp_path).read() == state
    (tmp_path / "state.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ManyHandsError, match="not as a guard wrote it"):
        StateFile(tmp_path).read()


# --- settings

TOML = """[git]
repo = "."
config = "nginx.conf"
[[balancer]]
name = "edge"
proxy = "nginx"
folder = "/etc/nginx"
pid_file = "/run/nginx.pid"
access_log = "/var/log/nginx/guard.log"
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ('proxy = "nginx"', 'proxy = "ngnix"', 6, "nginx"),
        ("pid_file", "pidfile", 8, "pid_file"),
        ('config = "nginx.conf"\n', "", 1, "config"),
        ('access_log = "/var/log/nginx/guard.log"\n', "", 4, "access_log"),
        ("[git]", "[gti]", 1, "git"),
        ("[git]", "[watch]\nwindow_s = -1\n[git]", 2, "number"),
        ("[git]", "[intent]\nshares = 3\n[git]", 2, "text"),
        ("[git]", "[inspect]\nrun = 1\n[git]", 2, "true or false"),
        ('name = "edge"', 'name = "edge"\nkind = "ssh"', 6, "local"),
        ('name = "edge"', 'name = "edge"\nkind = "container"', 4, "container = "),
    ],
)
def test_a_mistake_in_the_settings_names_its_line(tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    path = tmp_path / "guard.toml"
    assert old in TOML
    path.write_text(TOML.replace(old, new), encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert (caught.value.where, said in f"{caught.value} ") == (f"{path}:{line}", True)


def test_the_documented_settings_can_be_used(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "course" / "reference" / "guard.md"
    text = page.read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
    (tmp_path / "guard.toml").write_text(text, encoding="utf-8")
    found = load_settings(tmp_path / "guard.toml")
    assert [one.kind for one in found.balancers] == ["local", "container", "commands"]
    assert found.git.repo == Path("/srv/configs")


# --- counting


def test_counters_that_begin_anew_never_get_less() -> None:
    growing = Growing()
    assert growing.added({"a": 100}, "one") == {"a": 0}  # from before our time
    assert growing.added({"a": 105}, "one") == {"a": 5}
    assert growing.added({"a": 2, "b": 3}, "one") == {"a": 2, "b": 3}  # it was reset
    assert growing.added({"a": 50}, "two") == {"a": 50}  # another process counts


def test_windows_are_differences_by_server_and_pool() -> None:
    tally = Tally()
    tally.add("shop", "app1", milliseconds=30)
    before = tally.window()
    tally.add("shop", "app1", failed=1, milliseconds=70)
    tally.add("api", "app1", 2)
    tally.mark("shop", "app2", up=False, queued=3)
    tally.add_unserved(1)
    now = since(tally.window(), before)
    counted = {one.name: (one.requests, one.failed, sum(one.latency), one.up) for one in now.servers}
    assert counted == {"shop/app1": (1, 1, 1, True), "api/app1": (2, 0, 0, True), "shop/app2": (0, 0, 0, False)}
    assert (now.requests, now.failed) == (4, 2)


def test_haproxy_failures_are_told_by_server_and_by_none() -> None:
    head = "# pxname,svname,stot,hrsp_5xx,qcur,ttime,status\n"
    told = iter(
        [
            f"Pid: 1\n\n{head}in,FRONTEND,0,5,,,OPEN\nshop,app1,100,2,0,8,UP\nshop,BACKEND,100,5,0,8,UP\n",
            f"Pid: 1\n\n{head}in,FRONTEND,0,12,,,OPEN\nshop,app1,110,5,1,8,DOWN\nshop,BACKEND,110,12,0,8,UP\n",
        ]
    )
    reader, tally = StatsReader(lambda _: next(told)), Tally()
    reader.read(tally)
    reader.read(tally)
    window = tally.window()
    (app1,) = window.servers
    assert (app1.name, app1.requests, app1.failed, app1.up, app1.queued) == ("shop/app1", 10, 3, False, 1)
    assert window.unserved == 4


def line(to: str, status: int = 200, pool: str = "shop") -> str:
    return json.dumps({"pool": pool, "to": to, "status": str(status), "took": "0.010"}) + "\n"


def test_the_access_log_is_read_on_over_rotation_and_emptying(tmp_path: Path) -> None:
    path, tally = tmp_path / "guard.log", Tally()
    path.write_text(line("10.0.0.9:80"), encoding="utf-8")  # from before our time
    log = AccessLog(path)
    log.read(tally)
    with path.open("a", encoding="utf-8") as file:
        file.write(line("10.0.0.1:80") + line("10.0.0.1:80, 10.0.0.2:80", 502) + "not JSON\n" + line("", pool=""))
        file.write(line("shop", 502) + line("10.0.0.1:80")[:20])
        file.flush()
        log.read(tally)
        path.rename(tmp_path / "guard.log.1")
        log.read(tally)  # between two files
        file.write(line("10.0.0.1:80")[20:])
    path.write_text(line("10.0.0.3:80 : 10.0.0.1:80"), encoding="utf-8")
    log.read(tally)
    os.truncate(path, 0)
    log.read(tally)
    with path.open("a", encoding="utf-8") as file:
        file.write(line("10.0.0.2:80"))
    log.read(tally)
    log.close()
    window = tally.window()
    counted = {one.name: (one.requests, one.failed) for one in window.servers}
    assert counted == {"shop/10.0.0.1:80": (3, 0), "shop/10.0.0.2:80": (2, 1)}
    assert window.unserved == 1


def test_a_balancer_of_commands_is_told_and_asked(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    script = tmp_path / "tool.sh"
    script.write_text(
        f"""case $1 in
            check) grep -q good "$2/nginx.conf" || {{ echo "line 1: bad" >&2; exit 1; }} ;;
            install) cp "$2/nginx.conf" {there}/nginx.conf ;;
            loaded) printf '{{"nginx.conf": "%s"}}' "$(cat {there}/nginx.conf)" ;;
            counts) cat {there}/counts.json ;;
        esac
        """,
        encoding="utf-8",
    )
    tool = ("sh", str(script))
    at = BalancerAt(
        "edge", "nginx", "commands", check=(*tool, "check", "{folder}"), install=(*tool, "install", "{folder}"),
        reload=(*tool, "reload"), loaded=(*tool, "loaded"), counts=(*tool, "counts"),
    )  # fmt: skip
    balancer = CommandBalancer(at, "nginx.conf")
    assert balancer.check({"nginx.conf": b"good"}) == ()
    assert balancer.check({"nginx.conf": b"evil"}) == ("line 1: bad",)
    balancer.load({"nginx.conf": b"good"}, ())
    assert balancer.runs({"nginx.conf": b"good"})
    assert not balancer.runs({"nginx.conf": b"other"})
    for requests in (10, 25):
        told = {"servers": [{"name": "app1", "requests": requests, "failed": 1}], "unserved": requests}
        (there / "counts.json").write_text(json.dumps(told), encoding="utf-8")
        window = balancer.counts()
    assert (window.servers[0].requests, window.servers[0].failed, window.unserved) == (15, 0, 15)
    (there / "counts.json").write_text("[]", encoding="utf-8")
    with pytest.raises(ManyHandsError, match="nobody understands"):
        balancer.counts()


# --- git


class Versions:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch", "main")
        self.repository = Repository(Git(folder, "lb/nginx.conf"))

    def git(self, *words: str) -> str:
        who = {f"GIT_{one}_{what}": "ops@shop.example" for one in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        return subprocess.run(
            ["git", *words], cwd=self.folder, env=os.environ | who, capture_output=True, text=True, check=True
        ).stdout.strip()

    def commit(self, **files: str) -> str:
        for name, text in files.items():
            path = self.folder / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "change")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def versions(tmp_path: Path) -> Versions:
    return Versions(tmp_path)


def test_a_revert_takes_back_the_change_and_nothing_else(versions: Versions) -> None:
    good = versions.commit(lb__nginx_conf="good\n", README="one\n")
    versions.commit(README="two\n")  # somebody else's
    bad = versions.commit(lb__nginx_conf="bad\n", lb__more_conf="new\n")
    versions.commit(README="three\n")  # and later
    done = versions.repository.revert(bad, good, "because")
    assert done.moved
    assert versions.repository.files(done.commit) == versions.repository.files(good)
    assert versions.git("show", "main:README") == "three"
    assert (versions.folder / "lb" / "nginx.conf").read_text(encoding="utf-8") == "good\n"
    assert versions.git("status", "--porcelain") == ""
    assert versions.repository.revert(bad, good, "again").commit == done.commit  # once


def test_a_change_that_others_built_upon_goes_back_to_the_good_version(versions: Versions) -> None:
    good = versions.commit(lb__nginx_conf="good\n")
    bad = versions.commit(lb__nginx_conf="bad\n")
    versions.commit(lb__nginx_conf="bad, and more\n")
    done = versions.repository.revert(bad, good, "because")
    assert versions.repository.files(done.commit) == {"nginx.conf": b"good\n"}
    assert versions.git("rev-list", "--count", "main") == "4"


def test_what_somebody_works_at_in_the_checkout_is_left_alone(versions: Versions) -> None:
    good = versions.commit(lb__nginx_conf="good\n")
    bad = versions.commit(lb__nginx_conf="bad\n")
    (versions.folder / "lb" / "nginx.conf").write_text("half an idea\n", encoding="utf-8")
    done = versions.repository.revert(bad, good, "because")
    assert not done.moved
    assert "git merge" in done.why
    assert versions.git("rev-parse", "main") == bad
    assert (versions.folder / "lb" / "nginx.conf").read_text(encoding="utf-8") == "half an idea\n"
    assert versions.repository.files(done.commit) == {"nginx.conf": b"good\n"}


def test_a_revert_is_pushed_to_where_others_look(versions: Versions, tmp_path_factory: pytest.TempPathFactory) -> None:
    there = tmp_path_factory.mktemp("there")
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch", "main", str(there)], check=True)
    good = versions.commit(lb__nginx_conf="good\n")
    bad = versions.commit(lb__nginx_conf="bad\n")
    versions.git("remote", "add", "origin", str(there))
    versions.git("push", "--quiet", "origin", "main")
    repository = Repository(Git(versions.folder, "lb/nginx.conf", remote="origin"))
    assert repository.tip() == bad
    done = repository.revert(bad, good, "because")
    assert (done.moved, done.why) == (True, "")
    seen = subprocess.run(["git", "-C", str(there), "rev-parse", "main"], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == done.commit
    # Somebody else goes on from there.
    other = tmp_path_factory.mktemp("other")
    subprocess.run(["git", "clone", "--quiet", str(there), str(other)], check=True)
    elsewhere = Versions.__new__(Versions)
    elsewhere.folder = other
    newer = elsewhere.commit(lb__nginx_conf="better\n")
    elsewhere.git("push", "--quiet", "origin", "main")
    assert repository.tip() == newer
    assert (versions.folder / "lb" / "nginx.conf").read_text(encoding="utf-8") == "better\n"
