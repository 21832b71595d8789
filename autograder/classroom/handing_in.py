"""The learner's side of the exchange: what nbgrader loads in a room, and what brings released labs there.

nbgrader keeps its own folders in the room, as on a laptop; these carry them over HTTP. The room's token says who it is.
"""

from __future__ import annotations

import json
import os
import shutil
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from nbgrader.exchange.default import ExchangeFetchFeedback, ExchangeSubmit
from nbgrader.utils import notebook_hash

from autograder.classroom.exchange import SECRET, pack
from autograder.classroom.fetching import ask


class Submit(ExchangeSubmit):  # type: ignore[misc]  # nbgrader has no types
    """nbgrader's submit, and then over the exchange; it counts only when that has it."""

    def copy_files(self) -> None:
        """Copy as ever, then send; what could not be sent is not left looking submitted."""
        super().copy_files()
        kept = Path(self.inbound_path) / self.assignment_filename
        try:
            answer = json.loads(ask(f"submissions/{self.coursedir.assignment_id}", pack(kept)))
            self.log.info("The class has it, as of %s", answer["timestamp"])
        except urllib.error.HTTPError as error:
            self._take_back(kept)
            self.fail(f"The class did not take it: {_said(error)}")
        except OSError as error:
            self._take_back(kept)
            self.fail(f"The exchange does not answer, nothing was submitted; try again in a minute ({error})")

    def _take_back(self, kept: Path) -> None:
        shutil.rmtree(kept, ignore_errors=True)
        shutil.rmtree(Path(self.cache_path) / self.assignment_filename.rsplit("+", 1)[0], ignore_errors=True)


class FetchFeedback(ExchangeFetchFeedback):  # type: ignore[misc]  # nbgrader has no types
    """nbgrader's fetch of feedback, after asking the exchange for what is there."""

    def init_src(self) -> None:
        """Bring the pages of this person's submissions, then look as ever."""
        feedback = Path(self.root) / self.coursedir.course_id / "feedback"
        feedback.mkdir(parents=True, exist_ok=True)
        cache = Path(self.cache) / self.coursedir.course_id
        for secret in cache.glob(f"*+{self.coursedir.assignment_id or '*'}+*/{SECRET}"):
            for notebook in secret.parent.glob("*.ipynb"):
                name = notebook_hash(secret=secret.read_text(), notebook_id=notebook.stem)
                try:
                    (feedback / f"{name}.html").write_bytes(ask(f"feedback/{name}"))
                except OSError as error:  # not yet, mostly
                    self.log.debug("no feedback %s: %s", name, error)
        super().init_src()


def _said(error: Any) -> str:
    try:
        told = json.loads(error.read())
        return ". ".join(part for part in (told["what"], told["why"], told["next"]) if part)
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {os.strerror(0) if not error.reason else error.reason}"
