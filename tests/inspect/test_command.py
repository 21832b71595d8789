"""Bad input gets one kind answer and exit code 2; what only reads starts nothing."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.cli import main
from autograder.errors import ManyHandsError
from autograder.inspect.config import kind_of, read_configs
from autograder.inspect.mistake_data import mistake_data
from autograder.inspect.progress import Progress
from autograder.mistakes.catalogue import mistakes
from tests.inspect import configs

ROOT = Path(__file__).resolve().parents[2]


def bad(folder: Path, kind: str) -> str:
    path = folder / "nginx.conf"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "empty-folder":
        return str(folder)
    elif kind != "missing":
        contents = {
            "binary": b"\x7fELF\0\0\1\2",
            "large": b"# nothing\n" * 1_048_577,
            "latin-1": b"events {}\n# caf\xe9\n",
            "empty": b"",
        }
        path.write_bytes(contents[kind])
    return str(path)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("missing", "No such file"),
        ("fifo", "not a plain file"),
        ("binary", "not text"),
        ("large", "more than 4 MiB"),
        ("latin-1", "nginx.conf:2: byte 0xe9 is not UTF-8"),
        ("empty", "it is empty"),
        ("empty-folder", "no nginx.conf and no haproxy.cfg"),
    ],
)
def test_what_cannot_be_read_is_said_kindly(
    kind: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", bad(tmp_path, kind)]) == 2
    out, error = capsys.readouterr()
    assert (out, said in error) == ("", True)
    assert len(error.splitlines()) <= 3


def test_files_that_include_each_other_without_end_are_broken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, other in (("nginx", "a"), ("a", "b"), ("b", "a")):
        (tmp_path / f"{name}.conf").write_text(f"include {other}.conf;\n", encoding="utf-8")
    assert main(["inspect", str(tmp_path / "nginx.conf")]) == 2
    out, error = capsys.readouterr()
    assert "Traceback" not in out + error
    assert "does a file include itself?" in out.splitlines()[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "no config is named"),
        (("nginx.conf", "--clients", "man"), "did you mean many?"),
        (("nginx.conf", "--state", "al-up"), "did you mean all-up?"),
        (("nginx.conf", "--capacity", "app1"), "--capacity app1 makes no sense"),
        (("nginx.conf", "--capacity", "app1=-2"), "--capacity app1=-2 makes no sense"),
        (("nginx.conf", "--capacity", "app1=nan"), "--capacity app1=nan makes no sense"),
        (("nginx.conf", "--bogus"), "Unknown option: --bogus"),
        (("--help-mistake", "weight-skw"), "did you mean weight-skew?"),
    ],
)
def test_a_slip_on_the_command_line_is_answered(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", *words]) == 2
    out, error = capsys.readouterr()
    assert (out, said in error) == ("", True)


def test_a_server_that_the_config_does_not_have_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "nginx.conf").write_text(configs.EVEN, encoding="utf-8")
    assert main(["inspect", str(tmp_path / "nginx.conf"), "--capacity", "10.20.1.19=2"]) == 2
    assert "did you mean 10.20.1.1" in capsys.readouterr().err


def test_reading_only_observes_nothing_and_starts_nothing(tmp_path: Path) -> None:
    path = tmp_path / "nginx.conf"
    path.write_text(configs.SKEWED, encoding="utf-8")
    code = (
        "import sys; from autograder.cli import main; code = main(sys.argv[1:]);"
        "slow = {'autograder.stack.twin.twin', 'autograder.stack.local', 'trustme'} & set(sys.modules);"
        "assert not slow, slow; sys.exit(code)"
    )
    command = [sys.executable, "-P", "-c", code, "inspect", str(path), "--static-only", "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=ROOT)
    assert (ran.returncode, ran.stderr) == (1, "")
    found = json.loads(ran.stdout)
    assert (found["verdict"], found["pools"]) == ("undecided", [])
    assert [(one["id"], one["observed"]) for one in found["mistakes"]] == [("weight-skew", False)]


def test_reading_only_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "nginx.conf").write_text(configs.EVEN, encoding="utf-8")
    assert main(["inspect", str(tmp_path / "nginx.conf"), "--static-only"]) == 0
    assert "nothing was observed" in capsys.readouterr().out


def test_several_configs_are_told_one_after_another_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = []
    for number, text in enumerate((configs.SKEWED, configs.EVEN, "", configs.EVEN)):
        path = tmp_path / f"{number}-nginx.conf"
        path.write_text(text, encoding="utf-8")
        names.append(str(path))
    assert main(["inspect", "--static-only", *names]) == 2
    out, error = capsys.readouterr()
    said = [line for line in out.splitlines() if line.startswith(tuple(names))]
    assert [line.split("  ")[0] for line in said] == names
    assert said[2] == f"{names[2]}  not inspected: {names[2]}: it is empty"
    assert out.splitlines()[-1] == "4 configs: 2 without a known mistake, 1 with a known mistake, 1 not inspected"
    assert error == ""


def test_progress_is_one_line_on_a_terminal_and_nothing_elsewhere() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe, None):
        progress = Progress(stream, 3)
        progress.say("a\x1b[2Jb: many, all-up…")
        progress.one_done()
        progress.say("c" * 500)
    first, empty, last = terminal.getvalue().split("\r\x1b[K")[1:]
    assert (first, empty) == ("0 of 3 done; a?[2Jb: many, all-up…", "")
    assert last.startswith("1 of 3 done; ccc")
    assert len(last) < 500
    assert pipe.getvalue() == ""


def test_a_mistake_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "--help-mistake", "weight-skew"]) == 0
    assert "Why it hurts:" in capsys.readouterr().out


def test_every_mistake_is_explained_to_tools(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "--help-mistake", "weight-skew", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["id"], found["proxies"]) == ("weight-skew", ["nginx", "haproxy"])
    assert {"title", "what", "why", "seen", "mend", "instead", "versions", "sources", "examples"} <= set(found)
    assert main(["inspect", "--help-mistake", "weight-skw", "--json"]) == 2
    for mistake in mistakes():
        json.dumps(mistake_data(mistake.slug))


def test_standard_input_is_a_config_of_its_own() -> None:
    (config,) = read_configs(["-"], "", io.BytesIO(configs.HAPROXY_EVEN.encode()))
    assert (config.name, config.main, config.proxy) == ("-", "haproxy.cfg", "haproxy")


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("nginx.conf", "", "nginx"),
        ("edge-haproxy.conf", "", "haproxy"),
        ("lb.cfg", configs.HAPROXY_EVEN, "haproxy"),
        ("lb.cfg", configs.EVEN, "nginx"),
    ],
)
def test_a_config_is_told_by_name_and_content(name: str, text: str, kind: str) -> None:
    assert kind_of(name, text.encode(), name) == kind


def test_what_looks_like_neither_asks_for_a_word() -> None:
    with pytest.raises(ManyHandsError, match="neither nginx nor HAProxy"):
        kind_of("notes.txt", b"hello", "notes.txt")


def test_a_file_in_a_large_folder_is_read_alone(tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text(configs.EVEN, encoding="utf-8")
    for number in range(500):
        (tmp_path / f"{number}.txt").touch()
    (config,) = read_configs([str(tmp_path / "nginx.conf")], "", io.BytesIO())
    assert list(config.files) == ["nginx.conf"]
    assert "too large for a config folder" in config.notes[0]


def test_a_file_brings_its_small_folder_along(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "shop.conf").write_text("# more\n", encoding="utf-8")
    (tmp_path / "nginx.conf").write_text(configs.EVEN, encoding="utf-8")
    (config,) = read_configs([str(tmp_path / "nginx.conf")], "", io.BytesIO())
    assert set(config.files) == {"nginx.conf", "conf.d/shop.conf"}
