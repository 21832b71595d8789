"""The site, built once a session, strictly, into a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.bench.site.page import Page
from autograder.bench.site.serving import served
from tests.site.pages import NAMES, ROOT


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of the built site. A warning of MkDocs fails the build, and so every test here."""
    target = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(target)],
        cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True,
        text=True, timeout=1200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return target


@pytest.fixture(params=NAMES)
def built(request: pytest.FixtureRequest, site: Path) -> Page:
    """Each page of the course in turn."""
    return Page(site, request.param)


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    """Where the built site is served, on loopback, such as ``http://127.0.0.1:40001``."""
    with served(site) as address:
        yield address
