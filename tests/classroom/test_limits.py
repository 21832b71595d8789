"""A real classroom with narrow limits: who is idle, and who fills the disk, loses a room and none of their files."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from html import unescape

import pytest

from autograder.classroom.disk import files_of_people
from autograder.classroom.host import Host
from autograder.classroom.people import Person
from autograder.classroom.settings import Quota, bytes_of
from tests.classroom.conftest import PASSWORD, Classroom, Room, docker, lab_opens, opened_classroom, wait_until

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.xdist_group("machine")]

DISK = "64m"
WORK = "/home/jovyan/work"


@pytest.fixture(scope="module")
def classroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Classroom]:
    people = [Person("ada", password=PASSWORD), Person("alan")]
    quota = Quota(processes=512, idle_minutes=1, disk=DISK)
    with opened_classroom(tmp_path_factory.mktemp("limits"), quota, people, at_once=2) as opened:
        yield opened


def is_there(room: Room) -> bool:
    return bool(docker("ps", "--quiet", "--filter", f"name=^{room.container}$"))


def works(room: Room) -> bool:
    """Use the room, as somebody does who has its page open."""
    return room.browser.get(f"user/{room.name}/api/contents/labs").status_code == 200


def fill(room: Room, name: str, mega: int, check: bool = True) -> str:
    return docker(
        "exec", room.container, "dd", "if=/dev/zero", f"of={WORK}/{name}", "bs=1M", f"count={mega}", check=check
    )


def identity(room: Room) -> str:
    return docker("inspect", "--format", "{{.Id}} {{.State.StartedAt}}", room.container)


def test_who_fills_the_disk_chooses_what_to_delete_before_the_room_opens_again(
    classroom: Classroom, ada: Room, alan: Room
) -> None:
    started = identity(ada)
    browser = alan.browser
    docker("exec", alan.container, "sh", "-c", f"echo mine > {WORK}/labs/kept.txt")
    fill(alan, "too-large.bin", 80, check=False)
    held = docker("exec", alan.container, "stat", "--format", "%s", f"{WORK}/too-large.bin")
    assert int(held) <= bytes_of(DISK)  # no file is ever larger than all may be
    docker("exec", alan.container, "rm", f"{WORK}/too-large.bin")
    fill(alan, "one <b>.bin", 40)
    fill(alan, "two.bin", 40)
    wait_until(lambda: works(ada) and not is_there(alan), "alan's room is closed")
    assert files_of_people(Host(classroom.settings.name))["alan"] > bytes_of(DISK)

    # Not on to a room that is just being closed: its address is nobody's then.
    spawning = lambda: browser.get("hub/spawn/alan", follow_redirects=False)  # noqa: E731
    wait_until(lambda: "Your files take too much room" in spawning().text, "alan is asked what may go")
    page = spawning()
    assert "may be 64 MB" in page.text
    assert "<b>.bin" not in page.text
    choices = {re.search(r'"([^"]*)"', choice)[1]: choice for choice in boxes(page.text)}  # type: ignore[index]
    assert {"one <b>.bin", "two.bin"} <= set(choices)
    action = unescape(re.search(r'action="([^"]*)"', page.text)[1])  # type: ignore[index]
    browser.post(action, files={"nothing": ("", b"")})
    wait_until(lambda: "may be 64 MB" in browser.get("hub/spawn/alan").text, "alan is asked again")
    assert not is_there(alan)

    with docker_counting():
        browser.post(action, data={"delete": choices["two.bin"]}, files={"nothing": ("", b"")})
        wait_until(lambda: lab_opens(browser, "alan"), "alan's room is open again")
    there = docker("exec", alan.container, "sh", "-c", f"cd {WORK} && ls && cat labs/kept.txt")
    assert "mine" in there
    assert "one <b>.bin" in there
    assert "two.bin" not in there
    assert identity(ada) == started


def test_an_idle_room_is_closed_and_a_busy_one_is_not(classroom: Classroom, ada: Room, alan: Room) -> None:
    started = identity(ada)
    docker("exec", alan.container, "sh", "-c", f"echo mine > {WORK}/labs/idle.txt")
    wait_until(lambda: works(ada) and not is_there(alan), "the idle room is closed")
    assert identity(ada) == started
    again = classroom.room("alan")
    assert docker("exec", again.container, "cat", f"{WORK}/labs/idle.txt") == "mine"


@contextmanager
def docker_counting() -> Iterator[None]:
    """Somebody else asks Docker how much disk is used, all the time: one alone is answered, and it may take long."""
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            docker("system", "df", check=False)

    with ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            pool.submit(ask)
        try:
            yield
        finally:
            over.set()


def boxes(page: str) -> list[str]:
    return [unescape(value) for value in re.findall(r'name="delete" value="([^"]*)"', page)]
