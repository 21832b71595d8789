"""The lab on dead servers proves itself, and what its checks count is counted right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autograder.labs.catalogue import load_lab
from autograder.labs.examiner import examine
from autograder.labs.kinds.done_once import again
from autograder.labs.verdict import Outcome
from autograder.labs.verify import expectations
from autograder.traffic import done
from autograder.traffic.job import Job

if TYPE_CHECKING:
    from pathlib import Path

    from tests.labs.folders import Found

LAB = load_lab("when-a-server-dies")
FOLDERS = [case.name for case in expectations(LAB)]
LONG = ("start", "knocks-at-the-door", "checks-an-hour-apart", "only-redispatch", "only-the-one-that-died")
"""They fail what only time can show; they wait for it and cost no more than the others."""


@pytest.mark.xdist_group("when-a-server-dies")
@pytest.mark.parametrize(
    "folder", [pytest.param(name, marks=pytest.mark.slow if name in LONG else ()) for name in FOLDERS]
)
def test_each_folder_gets_what_it_must(found: Found, folder: str) -> None:
    assert found[folder].result() == []


@pytest.mark.docker
@pytest.mark.slow
def test_on_docker_as_well() -> None:
    right = examine(LAB, LAB.read(LAB.reference), engine="docker", checks=["hangs", "once"])
    wrong = examine(LAB, LAB.read(LAB.folder / "wrong/retries-everything"), engine="docker", checks=["once"])
    assert [one.outcome for one in (*right, *wrong)] == [Outcome.PASSED, Outcome.PASSED, Outcome.FAILED]


def test_who_met_a_dead_server_and_was_not_tried_elsewhere_is_told_so() -> None:
    files = LAB.read(LAB.reference)
    config = files["conf/haproxy.cfg"].replace(b"    option redispatch 1\n", b"").replace(b"inter 500ms", b"inter 3s")
    (verdict,) = examine(LAB, {**files, "conf/haproxy.cfg": config}, checks=["dies"])
    assert verdict.outcome is Outcome.FAILED
    assert "again, and is that at another server" in verdict.why


def test_orders_that_were_carried_out_twice_are_counted_by_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(done, "JOURNAL", str(tmp_path))
    (tmp_path / "app1").write_text("run-0 a1k\nrun-1 a2k\n")
    (tmp_path / "app2").write_text("run-0 b1k\n")
    marks = done.marks(None)
    for name, lines in (("app1", "run-2 a3k\nrun-3 a4\nrun-3 a5\n"), ("app2", "run-2 b2k\nrun-4 b3k\n")):
        with (tmp_path / name).open("a") as file:
            file.write(lines)
    since = done.checkouts(marks)
    assert since == {"lines": 3, "times": {"2": 1, "1": 1}}  # run-3 is a page, and may be read twice
    assert again(since["times"]) == 1
    assert again({"1": 24}) == 0


def test_an_order_is_posted() -> None:
    door = {"address": "198.18.0.1", "port": 80, "protocol": "http/1.1", "tls": False, "proxy_protocol": False}
    clients = [["198.19.1.1", False, "test", "", False, "shop.example"]]
    asked = {"run": "r", "timeout": 1.0, "door": door, "jars": {}, "clients": clients, "posts": [1]}
    job = Job({**asked, "requests": [[0, "/help"], [0, "/checkout"]]})
    assert job.request(0).startswith(b"GET /help HTTP/1.1\r\n")
    assert job.request(1).startswith(b"POST /checkout HTTP/1.1\r\n")
    assert (":method", "POST") in job.headers(1)
    assert (":method", "GET") in job.headers(0)
