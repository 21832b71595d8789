"""The folder behind the exchange: what strangers send, and what becomes of it."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from autograder.classroom import exchange
from autograder.classroom.exchange import Store, pack, unpack
from autograder.errors import ManyHandsError
from autograder.grading.settings import COURSE

SLUG = "spread-the-load"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    lab = tmp_path / "exchange" / COURSE / "outbound" / SLUG
    lab.mkdir(parents=True)
    (lab / f"{SLUG}.ipynb").write_text("{}")
    (lab / "conf").mkdir()
    (lab / "conf" / "nginx.conf").write_text("events {}")
    return Store(tmp_path / "exchange")


def inbound(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "exchange" / COURSE / "inbound").iterdir())


def tar(*entries: tuple[str, bytes], kind: bytes = tarfile.REGTYPE) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.size, entry.linkname = kind, len(data), "/etc/passwd"
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


def test_a_lab_arrives_as_it_was_released(store: Store, tmp_path: Path) -> None:
    assert list(store.released()) == [SLUG]
    packed = store.lab(SLUG)
    assert packed is not None
    unpack(packed, tmp_path / "room")
    assert pack(tmp_path / "room") == packed
    before = store.released()
    (tmp_path / "exchange" / COURSE / "outbound" / SLUG / "conf" / "nginx.conf").write_text("http {}")
    assert store.released() != before
    assert store.lab("../inbound") is None
    assert store.lab("no-such-lab") is None


def test_a_submission_bears_the_service_s_name_and_time(store: Store, tmp_path: Path) -> None:
    sent = tar(("lab.ipynb", b"{}"), ("timestamp.txt", b"1999-01-01"), ("submission_secret.txt", b"a" * 128))
    when = store.take("ada", SLUG, sent)
    [kept] = inbound(tmp_path)
    person, slug, stamp, _ = kept.name.split("+")
    assert (person, slug, stamp) == ("ada", SLUG, when)
    assert (kept / "timestamp.txt").read_text() == when != "1999-01-01"
    assert (kept / "submission_secret.txt").read_text() == "a" * 128


@pytest.mark.parametrize("secret", [b"../../x", b"", b"\xff\xfe", b"A" * 64])
def test_a_secret_of_another_form_finds_no_feedback(store: Store, tmp_path: Path, secret: bytes) -> None:
    store.take("ada", SLUG, tar(("submission_secret.txt", secret)))
    [kept] = inbound(tmp_path)
    assert (kept / "submission_secret.txt").read_bytes() != secret
    assert len((kept / "submission_secret.txt").read_text()) == 128


@pytest.mark.parametrize(
    "packed",
    [
        lambda: b"no tar file at all",
        lambda: tar(("../alan+x", b"")),
        lambda: tar(("/tmp/x", b"")),
        lambda: tar(("a/../../x", b"")),
        lambda: tar(("link", b""), kind=tarfile.SYMTYPE),
        lambda: tar(("link", b""), kind=tarfile.LNKTYPE),
        lambda: tar(("pipe", b""), kind=tarfile.FIFOTYPE),
        lambda: tar(("device", b""), kind=tarfile.CHRTYPE),
        lambda: tar(("a", b"1"), ("a", b"2")),
        lambda: tar(("a", b"1"), ("a/b", b"2")),
        lambda: tar(("a\nb", b"1")),
        lambda: tar(("n" * 300, b"1")),
        lambda: tar(*((str(number), b"") for number in range(exchange.LIMIT_FILES + 1))),
        lambda: tar(("big", bytes(exchange.LIMIT_BYTES + 1))),
    ],
)
def test_what_is_no_submission_leaves_nothing_behind(store: Store, tmp_path: Path, packed: Callable[[], bytes]) -> None:
    with pytest.raises(ManyHandsError):
        store.take("ada", SLUG, packed())
    assert inbound(tmp_path) == []
    assert not list(tmp_path.glob("*x"))


@pytest.mark.parametrize("person", ["alan+lab", "../alan", "", ".ada", "a*", "a b"])
def test_a_name_that_nbgrader_would_take_for_another_s(store: Store, tmp_path: Path, person: str) -> None:
    with pytest.raises(ManyHandsError, match="name"):
        store.take(person, SLUG, tar(("lab.ipynb", b"{}")))


def test_nobody_fills_the_exchange(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "LIMIT_KEPT", 2)
    for _ in range(2):
        store.take("ada", SLUG, tar(("lab.ipynb", b"{}")))
    with pytest.raises(ManyHandsError, match="wait already"):
        store.take("ada", SLUG, tar(("lab.ipynb", b"{}")))
    store.take("alan", SLUG, tar(("lab.ipynb", b"{}")))
    with pytest.raises(ManyHandsError, match="not released"):
        store.take("alan", "another-lab", b"")


def test_feedback_is_found_by_its_name_only(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "exchange" / COURSE / "feedback"
    folder.mkdir()
    (folder / f"{'ab' * 16}.html").write_text("well done")
    (tmp_path / "secret.html").write_text("no")
    (folder / f"{'cd' * 16}.html").symlink_to(tmp_path / "secret.html")
    assert store.feedback("ab" * 16) == b"well done"
    assert store.feedback("cd" * 16) is None
    assert store.feedback("../../../secret") is None
    assert store.feedback("ef" * 16) is None
