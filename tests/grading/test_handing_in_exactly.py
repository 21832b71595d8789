"""What is taken of what was handed in, and every word about the rest: found by changing the code at random.

What such changes still survive changes nothing that can be seen: the case of a codec's name, None where False stands,
how the folder with the random name begins in which things are set aside, the empty path among a lab's folders, and
whether one byte more than the limit is read or two.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import threading
import tracemalloc
from pathlib import Path

import pytest

from autograder.grading import submission, tidy
from autograder.grading.misplaced import put_in_place
from autograder.grading.submission import (
    FILE_LIMIT,
    NOTEBOOK_LIMIT,
    Refused,
    RefusedError,
    Submission,
    read_plain,
    read_submission,
    why_not_plain,
)
from autograder.grading.tidy import DEPTH_LIMIT, ENTRIES_LIMIT, copy_plain

FILES = ("conf/nginx.conf", "answers.json")
WANTED = ("conf/nginx.conf", "timestamp.txt")
TOO_LARGE = "it has 262,145 bytes; the limit is 262,144"
NO_FOLDER = "it is a file, where a folder is expected"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    (folder / "conf").mkdir(parents=True)
    (folder / "conf" / "nginx.conf").write_bytes(b"events {}\n")
    (folder / "lab.ipynb").write_bytes(b"mine")
    (tmp_path / "blank.ipynb").write_bytes(b"blank")
    return folder


def take(folder: Path) -> Submission:
    return read_submission(folder, student="ann", lab="a-lab", files=FILES, notebook="lab.ipynb")


def put(folder: Path) -> tuple[Refused, ...]:
    root = folder.parent
    return tidy.tidy(folder, root / "aside" / "ann", notebook="lab.ipynb", blank=root / "blank.ipynb", wanted=WANTED)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# --- reading --------------------------------------------------------------------------------------------------------


def test_a_submission_is_this_and_its_digest_is_the_same_in_every_version(folder: Path) -> None:
    (folder / "answers.json").write_bytes(b"{}")
    of_config, of_answers = digest(b"events {}\n"), digest(b"{}")
    sums = f'{{"answers.json": "{of_answers}", "conf/nginx.conf": "{of_config}"}}'
    assert take(folder) == Submission(
        *("ann", "a-lab", {"conf/nginx.conf": b"events {}\n", "answers.json": b"{}"}, ()),
        *(digest(f"[{sums}, {{}}]".encode()), digest(b"mine")),
    )


def test_what_was_refused_is_in_the_digest(folder: Path) -> None:
    (folder / "conf" / "nginx.conf").unlink()
    os.mkfifo(folder / "conf" / "nginx.conf")
    os.mkfifo(folder / "answers.json")
    told = '{"answers.json": "it is a pipe, not a file", "conf/nginx.conf": "it is a pipe, not a file"}'
    found = take(folder)
    assert found.refused == tuple(Refused(path, "it is a pipe, not a file") for path in FILES)
    assert found.digest == digest(f"[{{}}, {told}]".encode())


def test_a_reason_that_collecting_noted_is_told_for_what_is_missing_and_cut(folder: Path) -> None:
    notes = [{"path": "answers.json", "reason": "x" * 400}, {"path": "conf", "reason": 7}, {"path": ".", "reason": "r"}]
    (folder / "conf" / "nginx.conf").unlink()
    (folder / "refused.json").write_text(json.dumps(notes))
    assert take(folder).refused == (Refused("conf", "7"), Refused("answers.json", "x" * 300))
    (folder / "refused.json").write_text(json.dumps(notes[2:]))
    assert take(folder).refused == (Refused(".", "r"), Refused(".", "r"))
    (folder / "refused.json").write_text("[" * 10**5)
    assert take(folder).refused == ()


@pytest.mark.parametrize("path", ["", ".", "/etc/hostname", "../in/lab.ipynb", "conf/../lab.ipynb"])
def test_a_path_that_leads_elsewhere_is_not_opened(folder: Path, path: str) -> None:
    with pytest.raises(RefusedError, match=r"^its path leads out of the submission$"):
        read_plain(folder, path, 10)


def refusal(folder: Path, path: str = "conf/nginx.conf") -> str:
    with pytest.raises(RefusedError) as caught:
        read_plain(folder, path, FILE_LIMIT)
    return str(caught.value)


def test_each_thing_that_is_no_plain_file_has_its_reason(folder: Path) -> None:
    os.link(folder / "lab.ipynb", folder / "twice")
    (folder / "link").symlink_to("lab.ipynb")
    (folder / "large").write_bytes(b"#" * (FILE_LIMIT + 1))
    (folder / "inner").symlink_to("conf")
    os.mknod(folder / "socket", stat.S_IFSOCK | 0o600)
    assert [refusal(folder, name) for name in ("twice", "link", "socket", "conf", "large", "inner/x", "large/x")] == [
        "it has a second name elsewhere (a hard link); hand in a copy",
        "it is a symbolic link; hand in the file itself",
        "it is a socket, not a file",
        "it is a folder, where a file is expected",
        TOO_LARGE,
        "the folder inner on its way is a symbolic link",
        "the folder large on its way is no folder",
    ]
    assert why_not_plain(Path("/dev/null").stat()) == "it is a device, not a file"
    with pytest.raises(FileNotFoundError):
        read_plain(folder, "none/x", 10)


@pytest.mark.parametrize(
    ("swap", "reason"),
    [
        ("link", "it cannot be opened (Too many levels of symbolic links)"),
        ("pipe", "it is a pipe, not a file"),
        ("hard link", "it has a second name elsewhere (a hard link); hand in a copy"),
    ],
)
def test_what_took_a_file_s_place_after_the_look_is_not_followed(
    folder: Path, swap: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, real = (folder / "lab.ipynb").stat(), os.stat
    path = folder / "conf" / "nginx.conf"
    path.unlink()
    if swap == "link":
        path.symlink_to(folder / "lab.ipynb")
    elif swap == "pipe":
        os.mkfifo(path)
    else:
        os.link(folder / "lab.ipynb", path)
    monkeypatch.setattr(
        submission.os, "stat", lambda name, **how: looked if name == "nginx.conf" else real(name, **how)
    )
    assert within(lambda: refusal(folder)) == reason


def test_what_took_a_folder_s_place_after_the_look_is_not_followed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, real = (folder / "conf").stat(), os.stat
    (folder / "conf").rename(folder.parent / "elsewhere")
    (folder / "conf").symlink_to(folder.parent / "elsewhere")
    os.mkfifo(folder / "pipe")
    monkeypatch.setattr(
        submission.os, "stat", lambda name, **how: looked if name in ("conf", "pipe") else real(name, **how)
    )
    assert refusal(folder) == "the folder conf on its way cannot be opened (Not a directory)"
    assert within(lambda: refusal(folder, "pipe/x")) == (
        "the folder pipe on its way cannot be opened (Not a directory)"
    )


def within(ask: object) -> str:
    """The answer, of what must not wait for the other end of a pipe."""
    said: list[str] = []
    thread = threading.Thread(target=lambda: said.append(ask()), daemon=True)  # type: ignore[operator]
    thread.start()
    thread.join(60)
    return said[0] if said else "it waits"


def test_a_file_that_never_stands_still_is_read_three_times(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, real, looks = folder / "conf" / "nginx.conf", os.fstat, [0]

    def touching(descriptor: int) -> os.stat_result:
        if stat.S_ISREG(real(descriptor).st_mode):
            looks[0] += 1
            os.utime(path, ns=(looks[0], looks[0]))
        return real(descriptor)

    monkeypatch.setattr(submission.os, "fstat", touching)
    assert refusal(folder) == "it changes while it is read"
    assert looks == [6]


@pytest.mark.parametrize("moves", [1, 2])
def test_a_file_that_stands_still_at_last_is_taken_and_nothing_stays_open(
    folder: Path, moves: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real, looks = folder / "conf" / "nginx.conf", os.fstat, [0]

    def growing(descriptor: int) -> os.stat_result:
        if stat.S_ISREG(real(descriptor).st_mode):
            looks[0] += 1
            if looks[0] in (2, 4)[:moves]:
                with path.open("ab") as file:
                    file.write(b"#")
        return real(descriptor)

    before = sorted(Path("/proc/self/fd").iterdir())
    monkeypatch.setattr(submission.os, "fstat", growing)
    assert read_plain(folder, "conf/nginx.conf", 100) == b"events {}\n" + b"#" * moves
    assert sorted(Path("/proc/self/fd").iterdir()) == before


def test_one_that_grows_without_end_takes_no_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fstat

    def growing(descriptor: int) -> os.stat_result:
        found = real(descriptor)
        if stat.S_ISREG(found.st_mode):
            os.truncate(folder / "conf" / "nginx.conf", 2**26)
        return found

    monkeypatch.setattr(submission.os, "fstat", growing)
    tracemalloc.start()
    try:
        assert refusal(folder) == "it has 67,108,864 bytes; the limit is 262,144"
        assert tracemalloc.get_traced_memory()[1] < 2**23
    finally:
        tracemalloc.stop()


# --- what may stay --------------------------------------------------------------------------------------------------


def test_what_may_not_stay_is_told_with_its_reason_and_kept_by_number(folder: Path) -> None:
    name = "n" * 120
    (folder / name).symlink_to("lab.ipynb")
    (folder / "text").write_bytes(b"#" * (FILE_LIMIT + 1))
    (folder / "lab.ipynb").write_bytes(b"#" * (FILE_LIMIT + 1))
    (folder / "timestamp.txt").mkdir()
    deep = folder.joinpath(*"abcdefgh")
    deep.mkdir(parents=True)
    expected = [
        Refused(name, "it is a symbolic link; hand in the file itself"),
        Refused("text", TOO_LARGE),
        Refused("timestamp.txt", "it is a folder, where a file is expected"),
        Refused("a/b/c/d/e/f/g/h", f"folders are more than {DEPTH_LIMIT} deep"),
    ]
    assert put(folder) == tuple(expected)
    (aside,) = (folder.parent / "aside" / "ann").iterdir()
    assert sorted(entry.name for entry in aside.iterdir()) == [
        *("0000-" + "n" * 100, "0001-text", "0002-timestamp.txt", "0003-h")
    ]
    told = [vars(entry) for entry in expected]
    assert (folder / "refused.json").read_text() == json.dumps(told, indent=1)
    assert (folder / "lab.ipynb").stat().st_size == FILE_LIMIT + 1
    # the next time adds to both
    (folder / "again").symlink_to("lab.ipynb")
    assert put(folder) == (Refused("again", "it is a symbolic link; hand in the file itself"),)
    assert [entry["path"] for entry in json.loads((folder / "refused.json").read_text())] == [
        *(entry.path for entry in expected),
        "again",
    ]
    assert len(list((folder.parent / "aside" / "ann").iterdir())) == 2
    assert sorted(entry.name for entry in folder.iterdir()) == ["a", "conf", "lab.ipynb", "refused.json"]


def test_a_notebook_at_its_limit_stays_and_one_beyond_goes(folder: Path) -> None:
    for size, refused in ((NOTEBOOK_LIMIT, ()), (NOTEBOOK_LIMIT + 1, (16_777_217,))):
        with (folder / "lab.ipynb").open("wb") as file:
            file.truncate(size)
        assert put(folder) == tuple(
            Refused("lab.ipynb", f"it has {bytes_:,} bytes; the limit is 16,777,216") for bytes_ in refused
        )
    assert (folder / "lab.ipynb").read_bytes() == b"blank"


def test_what_is_wanted_does_not_count_and_the_first_of_too_many_is_named(folder: Path) -> None:
    for number in range(ENTRIES_LIMIT):
        (folder / f"x{number:04}").write_bytes(b"")
    assert put(folder) == ()
    (folder / "y").mkdir()
    assert put(folder) == (Refused("y", f"the submission has more than {ENTRIES_LIMIT} files and folders"),)


def test_a_folder_that_is_none_has_its_reason(folder: Path) -> None:
    (folder.parent / "file").write_bytes(b"")
    (folder.parent / "link").symlink_to(folder)
    assert put(folder.parent / "file") == (Refused(".", NO_FOLDER),)
    assert put(folder.parent / "link") == (Refused(".", "it is a symbolic link; hand in the file itself"),)
    (folder / "conf" / "nginx.conf").unlink()
    (folder / "conf").rmdir()
    (folder / "conf").write_bytes(b"file")
    assert put(folder) == (Refused("conf", NO_FOLDER),)


def test_a_manifest_that_is_none_is_begun_anew(folder: Path) -> None:
    for number, text in enumerate(["{}", "7", "nope", "[" * 10**5]):
        (folder / "refused.json").write_text(text)
        (folder / f"link{number}").symlink_to("lab.ipynb")
        assert len(put(folder)) == 1
        assert [entry["path"] for entry in json.loads((folder / "refused.json").read_text())] == [f"link{number}"]


@pytest.mark.parametrize(("length", "stays"), [(200, True), (201, False)])
def test_a_time_may_be_this_long(folder: Path, length: int, stays: bool) -> None:
    (folder / "timestamp.txt").write_text("2026-11-22 10:00:00 UTC".ljust(length))
    assert put(folder) == ()
    assert (folder / "timestamp.txt").exists() is stays


def test_a_folder_that_became_a_link_or_a_pipe_has_nothing_in_it(folder: Path) -> None:
    (folder / "link").symlink_to("conf")
    os.mkfifo(folder / "pipe")
    with submission.open_folder(folder) as root:
        assert [name for name, _ in tidy._listing(root, ("conf",))] == ["nginx.conf"]
        assert (
            within(lambda: str([tidy._listing(root, (name,)) for name in ("link", "pipe", "none")])) == "[[], [], []]"
        )


# --- copying --------------------------------------------------------------------------------------------------------


def test_a_copy_has_deep_files_its_reasons_and_nothing_of_one_that_was_broken_off(folder: Path) -> None:
    deep = folder / "x" / "y"
    deep.mkdir(parents=True)
    (deep / "z").write_bytes(b"deep")
    (folder / "link").symlink_to("lab.ipynb")
    dest = folder.parent / "some" / "where" / "out"
    partial = dest.with_name(".out.partial")
    partial.mkdir(parents=True)
    (partial / "left").write_bytes(b"")
    expected = (Refused("link", "it is a symbolic link; hand in the file itself"),)
    assert copy_plain(folder, dest, WANTED) == expected
    files = {str(path.relative_to(dest)): path.read_bytes() for path in dest.rglob("*") if path.is_file()}
    assert files.pop("refused.json") == json.dumps([vars(entry) for entry in expected], indent=1).encode()
    assert files == {"conf/nginx.conf": b"events {}\n", "lab.ipynb": b"mine", "x/y/z": b"deep"}
    assert not partial.exists()
    assert copy_plain(folder, folder.parent / "never" / "made" / "out", WANTED) == expected


def test_what_cannot_be_read_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = tidy.read_at

    def read_at(root: int, parts: tuple[str, ...], limit: int) -> bytes:
        if parts == ("lab.ipynb",):
            raise OSError(5, "Input/output error")
        return real(root, parts, limit)

    monkeypatch.setattr(tidy, "read_at", read_at)
    dest = folder.parent / "out"
    assert copy_plain(folder, dest, WANTED) == (Refused("lab.ipynb", "it cannot be read (Input/output error)"),)
    assert (dest / "conf" / "nginx.conf").read_bytes() == b"events {}\n"


# --- at the wrong place ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["nginx.conf", "Nginx.CONF ", "nginx.conf.txt", "deep/er/ NGINX.conf .TXT ", "conf/inner/nginx.conf.txt"]
)
def test_a_file_that_can_only_be_the_one_is_moved(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b"mine")
    (tmp_path / "answers.json").write_bytes(b"{}")
    put_in_place(tmp_path, ("conf/inner/nginx.conf", "answers.json"))
    assert (tmp_path / "conf/inner/nginx.conf").read_bytes() == b"mine"
    assert not (tmp_path / name).exists()


def test_what_could_be_two_or_is_there_or_lies_outside_stays(tmp_path: Path) -> None:
    home = tmp_path / "in"
    (home / "nginx.conf").mkdir(parents=True)  # a folder is no file
    put_in_place(home, ("conf/nginx.conf",))
    assert not (home / "conf").exists()
    for name in ("a", "b"):
        (home / name).mkdir()
        (home / name / "nginx.conf").write_bytes(name.encode())
    put_in_place(home, ("conf/nginx.conf", "../nginx.conf"))
    assert not (home / "conf").exists()
    (home / "a" / "nginx.conf").unlink()
    put_in_place(home, ("../nginx.conf", "b/nginx.conf"))
    assert not (tmp_path / "nginx.conf").exists()
    (home / "conf").mkdir()
    (home / "conf" / "nginx.conf").symlink_to("nowhere")
    put_in_place(home, ("conf/nginx.conf", "c/nginx.conf"))
    assert (home / "conf" / "nginx.conf").is_symlink()
    assert (home / "c" / "nginx.conf").read_bytes() == b"b"
