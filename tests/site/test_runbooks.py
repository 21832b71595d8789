"""Runbooks: one printed page each, and a first command that counts what the servers count."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from autograder.stack.model import Balancer, Server, Stack
from autograder.stack.running import open_stack
from autograder.traffic.clients import population
from autograder.traffic.send import send
from tests.facts.shop import lines, nginx

if TYPE_CHECKING:
    from playwright.sync_api import Page

COURSE = Path(__file__).parents[2] / "course"
RUNBOOKS = sorted(path.stem for path in (COURSE / "runbooks").glob("*.md") if path.stem != "index")


@pytest.mark.browser
@pytest.mark.parametrize("name", RUNBOOKS)
def test_a_runbook_is_one_page_of_paper(page: Page, address: str, name: str) -> None:
    page.goto(f"{address}/runbooks/{name}.html")
    assert len(re.findall(rb"/Type /Page\b", page.pdf(format="A4"))) == 1


def test_the_first_command_counts_shares_in_a_log_of_module_5() -> None:
    (form,) = re.findall(r"```nginx\n(log_format.*?)```", (COURSE / "modules/05-monitoring/index.md").read_text(), re.S)
    command = re.search(r"\$ tail -n 2000 \S+ \| (awk .*)", (COURSE / "runbooks/one-server.md").read_text())
    assert command is not None
    servers = tuple(Server(f"app{number}") for number in range(1, 4))
    crowd, skewed = population("many"), lines(3).replace("app1:8080", "app1:8080 weight=8")
    with open_stack(Stack("log", (Balancer("lb", "nginx", 80, "nginx.conf"),), servers)) as running:
        assert running.apply({"nginx.conf": nginx(skewed, form).encode()}).ok
        counted = send(running, crowd, crowd.browse(100, seed=1)).counts()
        addresses = {running.machines.address(server.name): server.name for server in servers}
        log = running.machines.fetch("lb", "/var/log/nginx").files["access.log"]
    told = subprocess.run(["sh", "-c", command.group(1)], input=log, capture_output=True, check=True).stdout.decode()
    rows = [line.split() for line in told.splitlines()]
    assert {addresses[address.partition(":")[0]]: int(count) for count, address in rows} == counted
