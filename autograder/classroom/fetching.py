"""Asking the exchange from a room, and bringing released labs into it."""

from __future__ import annotations

import json
import os
import shutil
import urllib.request
from typing import TYPE_CHECKING, Final

from autograder.classroom.exchange import unpack
from autograder.grading.own_copy import copy_for, own_name
from autograder.grading.record import write_whole
from autograder.grading.settings import EXCHANGE, Places

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENCE_SECONDS: Final = 60
_NOTE: Final = ".released.json"


def ask(path: str, body: bytes | None = None) -> bytes:
    """What the exchange answers. Raises :class:`OSError` (``urllib.error.HTTPError`` is one) when it does not."""
    request = urllib.request.Request(
        os.environ[EXCHANGE] + path,
        data=body,
        headers={
            "Authorization": f"token {os.environ['JUPYTERHUB_API_TOKEN']}",
            "Content-Type": "application/x-tar",
        },
    )
    with urllib.request.urlopen(request, timeout=_PATIENCE_SECONDS) as answer:
        data: bytes = answer.read()
    return data


def bring_labs(places: Places, say: Callable[[str], None]) -> None:
    """Bring what was released since; hand out labs that this person has no copy of. Nothing of theirs is touched.

    Raises:
        OSError: the exchange does not answer; what came before stays.
        ManyHandsError: what came is not a lab, or a lab is not known here.
    """
    places.inbound.mkdir(parents=True, exist_ok=True)
    note = places.exchange / _NOTE
    have: dict[str, str] = json.loads(note.read_bytes()) if note.is_file() else {}
    for slug, digest in json.loads(ask("labs")).items():
        dest = places.outbound(slug)
        if have.get(slug) != digest or not dest.is_dir():
            partial = dest.with_name(f".{slug}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            unpack(ask(f"labs/{slug}"), partial)
            shutil.rmtree(dest, ignore_errors=True)
            partial.rename(dest)
            have[slug] = digest
            write_whole(note, json.dumps(have).encode())
        hand_out(places, slug, say)


def hand_out_released(places: Places, say: Callable[[str], None]) -> None:
    """An instructor's own copies of the labs that are released: the exchange's folder is in their room."""
    for released in sorted(places.outbound("").glob("*/")):
        hand_out(places, released.name, say)


def hand_out(places: Places, slug: str, say: Callable[[str], None]) -> None:
    """This person's own copy of a released lab, if there is none. It appears whole or not at all."""
    dest = places.learner / slug
    if dest.exists():
        return
    places.learner.mkdir(parents=True, exist_ok=True)
    partial = places.learner / f".{slug}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    copy_for(own_name(), places.outbound(slug), partial)
    partial.rename(dest)
    say(f"{slug} is here")
