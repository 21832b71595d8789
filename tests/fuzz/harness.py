"""What every fuzzer shares: its saved inputs, made-up ones for the tests, and long runs by hand.

Each fuzzer is a module with a function ``one(data)`` that must not raise, and a folder in ``corpus/`` of its name::

    .venv/bin/python -m tests.fuzz.nginx_config 600
    .venv/bin/python -m tests.fuzz.nginx_config 600 --keep /tmp/nginx-corpus

The second form keeps what it finds interesting, and goes on from there the next time. An input that breaks something
is written to the current folder; once mended, it belongs into ``corpus/``, where the tests try it for ever.
"""

from __future__ import annotations

import argparse
import importlib
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

    Fuzzer = Callable[[bytes], None]

CORPUS = Path(__file__).parent / "corpus"
FUZZERS = (
    "haproxy_config",
    "intention",
    "mistakes",
    "needs",
    "nginx_config",
    "notebook",
    "record",
    "stack_file",
)
MAX_LENGTH = 8192
HANGS_S = 20
"""An input that takes longer than this is one that breaks something."""
_WORD = re.compile(rb"[\w.$%/:=-]+|[^\w\s]|\s+")


def fuzzer(name: str) -> Fuzzer:
    """The function ``one`` of a module beside this one."""
    found: Fuzzer = importlib.import_module(f"tests.fuzz.{name}").one
    return found


def saved(name: str) -> list[bytes]:
    """The saved inputs of a fuzzer."""
    return [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]


def two_files(data: bytes, main: str) -> dict[str, bytes]:
    """An input as a config folder: what follows the first NUL byte is a second file, which the first may include."""
    first, _, second = data.partition(b"\0")
    return {main: first, "more/a.conf": second}


def inputs(name: str) -> st.SearchStrategy[bytes]:
    """Saved inputs with words taken out, doubled, or put in from others: what random bytes never come to."""
    seeds = saved(name)
    words = st.sampled_from(sorted({word for seed in seeds for word in _WORD.findall(seed)}))
    odd = st.sampled_from([b"\0", b"\xff", b"\xef\xbb\xbf", b"\r", b'"', b"'", b"\\", b"{", b"}", b";", b"#", b"$"])

    @st.composite
    def changed(draw: st.DrawFn) -> bytes:
        data = draw(st.sampled_from(seeds))
        for _ in range(draw(st.integers(0, 4))):
            start = draw(st.integers(0, len(data)))
            end = min(len(data), start + draw(st.integers(0, 40)))
            instead = draw(words | odd | st.binary(max_size=6) | st.just(data[start:end] * 2))
            data = data[:start] + instead + data[end:]
        return data[:MAX_LENGTH]

    return changed() | st.lists(words | odd, max_size=40).map(b"".join)


def main(name: str) -> None:
    """Fuzz with atheris for so many seconds, or so many runs, and print what it says. Does not return."""
    parser = argparse.ArgumentParser(description=f"fuzz {name}")
    parser.add_argument("seconds", type=int, nargs="?", default=0)
    parser.add_argument("--runs", type=int, default=-1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="a folder for what is found")
    wishes = parser.parse_args()

    import atheris

    with atheris.instrument_imports(include=["autograder", "crossplane"]):
        # Fuzzers import what they try when they are called.
        one = fuzzer(name)
        for data in saved(name):
            one(data)
    kept = wishes.keep or Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
    kept.mkdir(parents=True, exist_ok=True)
    options = [f"-max_total_time={wishes.seconds}", f"-runs={wishes.runs}", f"-seed={wishes.seed}"]
    options += [f"-max_len={MAX_LENGTH}", f"-timeout={HANGS_S}", "-rss_limit_mb=4096", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options, str(kept), str(CORPUS / name)], one)
    atheris.Fuzz()
