"""Whatever lies on a disk, one kind answer: read, left out by name, or refused with a reason. Nothing hangs."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.cli import main
from autograder.errors import ManyHandsError
from autograder.inspect import config as config_module
from autograder.inspect.config import Config, Reader, named, read_config
from tests.inspect import configs

ROOT = Path(__file__).resolve().parents[2]


def written(folder: Path, text: str = configs.EVEN, name: str = "nginx.conf") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def refused(path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["inspect", str(path)]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in error
    assert len(error.splitlines()) <= 3
    return error


def read(folder: Path) -> Config:
    return read_config(folder / "nginx.conf")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("device", "is not a plain file"),
        ("folder", "no nginx.conf and no haproxy.cfg"),
        ("loop", "Too many levels of symbolic links"),
        ("dangling", "No such file"),
        ("nul-name", "no file has a name like that"),
        ("white", "it is empty"),
        ("nul-bytes", "it is not text"),
        ("utf-16", "it is not text"),
        ("ten-megabytes", "more than 4 MiB"),
        ("one-huge-line", "too large to be read"),
        ("ten-thousand-servers", "names 10000 servers, and a twin has room for"),
    ],
)
def test_what_is_no_config_is_refused_with_a_reason(
    kind: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "nginx.conf"
    many = " ".join(f"server 10.{n // 65536}.{n // 256 % 256}.{n % 256}:80;" for n in range(10_000))
    contents = {
        "white": b"\n \n\t\n",
        "nul-bytes": configs.EVEN.encode() + b"\0",
        "utf-16": configs.EVEN.encode("utf-16"),
        "ten-megabytes": b"# nothing\n" * 1_048_577,
        "one-huge-line": configs.nginx("server a;", more="# " + "x" * 3_000_000).encode(),
        "ten-thousand-servers": configs.nginx(many).encode(),
    }
    if kind in contents:
        path.write_bytes(contents[kind])
    elif kind == "folder":
        path.mkdir()
    elif kind in ("loop", "dangling"):
        path.symlink_to("nginx.conf" if kind == "loop" else "nowhere.conf")
    path = {"device": Path("/dev/zero"), "nul-name": Path("a\0b")}.get(kind, path)
    assert said in refused(path, capsys)


def test_a_crlf_config_is_read_and_a_byte_order_mark_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nginx.conf"
    path.write_bytes(configs.EVEN.replace("\n", "\r\n").encode())
    assert read(tmp_path).notes == ()
    path.write_bytes(b"\xef\xbb\xbf" + configs.EVEN.encode())
    (note,) = read(tmp_path).notes
    assert "byte order mark" in note


def test_links_inside_the_folder_are_followed_and_those_out_of_it_left_out_by_name(tmp_path: Path) -> None:
    outside = written(tmp_path / "outside", "secret", "key.pem")
    folder = tmp_path / "site"
    written(folder)
    written(folder, "# a", "sites-available/a.conf")
    (folder / "sites-enabled").symlink_to("sites-available")
    (folder / "one.conf").symlink_to("sites-available/a.conf")
    (folder / "key.pem").symlink_to(outside)
    (folder / "other").symlink_to(outside.parent)
    (folder / "gone.conf").symlink_to("nowhere")
    found = read(folder)
    assert set(found.files) == {"nginx.conf", "one.conf", "sites-available/a.conf", "sites-enabled/a.conf"}
    assert found.notes == (
        "left out, a link that leads nowhere: gone.conf",
        "left out, a link out of the folder: key.pem, other",
    )


def test_links_that_lead_in_a_circle_end(tmp_path: Path) -> None:
    written(tmp_path, "# a", "a/x.conf")
    written(tmp_path)
    (tmp_path / "a" / "up").symlink_to("..")
    (tmp_path / "a" / "self").symlink_to(".")
    (tmp_path / "a" / "loop").symlink_to("loop")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "to-a").symlink_to("../a")
    (tmp_path / "a" / "to-b").symlink_to("../b")
    found = read(tmp_path)
    assert {"nginx.conf", "a/x.conf", "b/to-a/x.conf"} <= set(found.files)
    assert len(found.files) < 20
    assert any("a/loop" in note for note in found.notes)


def test_a_config_named_by_a_link_is_read_where_the_link_is(tmp_path: Path) -> None:
    real = written(tmp_path / "real")
    written(tmp_path / "here", "# a", "conf.d/a.conf")
    (tmp_path / "here" / "edge.conf").symlink_to(real)
    found = read_config(tmp_path / "here" / "edge.conf", "nginx")
    assert set(found.files) == {"edge.conf", "conf.d/a.conf"}
    assert found.files["edge.conf"] == configs.EVEN.encode()


def test_fifos_devices_and_unreadable_files_beside_a_config_are_left_out_by_name(tmp_path: Path) -> None:
    written(tmp_path)
    os.mkfifo(tmp_path / "queue")
    (tmp_path / "odd").symlink_to("/dev/zero")
    assert set(read(tmp_path).files) == {"nginx.conf"}
    assert read(tmp_path).notes == ("left out, a link out of the folder: odd", "left out, no plain file: queue")


def test_a_large_folder_leaves_the_file_alone(tmp_path: Path) -> None:
    written(tmp_path)
    with (tmp_path / "dump.sql").open("wb") as file:
        file.truncate(1 << 40)
    found = read(tmp_path)
    assert set(found.files) == {"nginx.conf"}
    assert "too large for a config folder" in found.notes[0]


def test_configs_are_found_below_folders_once_and_hidden_copies_are_not(tmp_path: Path) -> None:
    for name in ("b/nginx.conf", "a/haproxy.cfg", "a/.git/nginx.conf", ".venv/x/nginx.conf", "a/other.conf"):
        written(tmp_path, name=name)
    found = named([str(tmp_path), str(tmp_path / "b"), "-", "-"])
    assert [os.path.relpath(name, tmp_path) if name != "-" else "-" for name in found] == [
        "a/haproxy.cfg",
        "b/nginx.conf",
        "-",
    ]


def test_half_a_disk_is_not_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_module, "MOST_SEARCHED", 3)
    for number in range(5):
        written(tmp_path, name=f"{number}.txt")
    with pytest.raises(ManyHandsError, match="holds more than 3 files"):
        named([str(tmp_path)])


def test_a_name_that_is_no_text_is_shown_safely(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9\x1b[2J")
    written(folder)
    assert main(["inspect", "--static-only", str(folder / "nginx.conf")]) == 0
    assert main(["inspect", "--static-only", "--json", str(folder / "nginx.conf")]) == 0
    assert main(["inspect", str(folder / "missing.conf")]) == 2
    assert "\x1b" not in "".join(capsys.readouterr())


@pytest.mark.parametrize("form", ["", "-"])
def test_standard_input_may_be_closed(form: str, tmp_path: Path) -> None:
    path = written(tmp_path)
    command = [sys.executable, "-P", "-m", "autograder", "inspect", "--static-only", form or str(path)]
    ran = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" <&-', "sh", *command], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert "Traceback" not in ran.stderr
    assert ran.returncode == (2 if form else 0)
    assert ("standard input is closed" in ran.stderr) == bool(form)


def test_standard_input_that_is_no_config_is_refused() -> None:
    for text in (b"", b"\0", b"\xff", b"x" * (5 << 20), b"hello"):
        with pytest.raises(ManyHandsError):
            Reader("", io.BytesIO(text)).read("-")
