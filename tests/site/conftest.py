"""The site, built once a session, strictly, into a folder of its own."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.bench.site.page import Page
from autograder.bench.site.serving import served
from tests.site.pages import NAMES, ROOT

INDEX = "search/search_index.json"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of the built site, one for all workers. A warning of MkDocs fails the build, and so every test here."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    target, told = folder / "built-site", folder / "built-site.txt"
    with (folder / "built-site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            told.write_text(build(target))
    assert told.read_text() == "", told.read_text()
    return target


def build(target: Path) -> str:
    """Build the site; what MkDocs said where it could not. With ``--quiet`` it would not count its warnings."""
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(target)],
        cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True,
        text=True, timeout=1200, check=False,
    )  # fmt: skip
    return (done.stdout + done.stderr or "MkDocs failed") if done.returncode else ""


@pytest.fixture(params=NAMES)
def built(request: pytest.FixtureRequest, site: Path) -> Page:
    """Each page of the course in turn."""
    return Page(site, request.param)


@pytest.fixture(scope="session")
def whole(site: Path) -> Iterator[str]:
    """Where the built site is served, on loopback, such as ``http://127.0.0.1:40001``."""
    with served(site) as address:
        yield address


@pytest.fixture(scope="session")
def address(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the site is served without its words for the search, which every page would read anew."""
    light = tmp_path_factory.mktemp("light") / "site"
    shutil.copytree(site, light, copy_function=os.link)
    index = json.loads((site / INDEX).read_text("utf-8"))
    (light / INDEX).unlink()  # a link: what is written would be the site's
    (light / INDEX).write_text(json.dumps(index | {"docs": index["docs"][:5]}))
    with served(light) as address:
        yield address
