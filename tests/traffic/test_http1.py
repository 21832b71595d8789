"""Reading answers: any split of any answer reads the same, and what is no answer is said to be none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.traffic.http1 import HEAD_LIMIT, Answer, UnreadableError

NAMES = st.sampled_from(["Server", "Date", "X-Served-By", "Connection-Hint", "Set-Cookies", "Length"])
WORDS = st.text("abcXYZ019 =;,/-", max_size=20).map(str.strip)


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, int, str, bool, tuple[str, ...]]:
    """An answer with its status, receipt, whether the connection stays, and cookies; only whole at its last byte."""
    status = draw(st.integers(200, 599))
    receipt = draw(st.sampled_from(["", "deadBEEF1"]))
    cookies = tuple(draw(st.lists(st.sampled_from(["a=1", "route=s1; Path=/", "b="]), max_size=2)))
    body = draw(st.binary(max_size=60))
    version = draw(st.sampled_from(["1.1", "1.0"]))
    option = draw(st.sampled_from(["", "close", "keep-alive", "Close"]))
    how = draw(st.sampled_from(["length", "chunked"]))
    fields = [(draw(NAMES), draw(WORDS)) for _ in range(draw(st.integers(0, 3)))]
    fields += [("Set-Cookie", cookie) for cookie in cookies]
    if receipt:
        fields.append((draw(st.sampled_from(["X-Receipt", "x-receipt"])), receipt))
    if option:
        fields.append((draw(st.sampled_from(["Connection", "connection"])), option))
    if status in (204, 304):
        body = b""
        how = "none"
    if how == "length":
        fields.append(("Content-Length", str(len(body))))
    elif how == "chunked":
        fields.append(("Transfer-Encoding", "chunked"))
        parts = [body[n : n + 7] for n in range(0, len(body), 7)]
        body = b"".join(b"%x;ext=1\r\n%b\r\n" % (len(part), part) for part in parts)
        body += b"0\r\n" + draw(st.sampled_from([b"", b"Trailer: yes\r\n"])) + b"\r\n"
    before = draw(
        st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"])
    )
    head = f"HTTP/{version} {status} Some Words\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields)
    keep = option.lower() != "close" if version == "1.1" else option == "keep-alive"
    return before + head.encode() + b"\r\n" + body, status, receipt, keep, cookies


@given(answers(), st.data())
def test_any_split_of_any_answer_reads_the_same(
    answer: tuple[bytes, int, str, bool, tuple[str, ...]], data: st.DataObject
) -> None:
    text, status, receipt, keep, cookies = answer
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    read = Answer()
    whole = [read.feed(part) for part in parts if part]
    assert whole == [False] * (len(whole) - 1) + [True]
    assert (read.status, read.receipt, read.keep, read.cookies) == (status, receipt, keep, cookies)


@given(st.lists(st.binary(min_size=1, max_size=80), min_size=1, max_size=6))
def test_garbage_is_unreadable_or_not_whole_and_nothing_else(parts: list[bytes]) -> None:
    read = Answer()
    try:
        whole = [read.feed(part) for part in parts]
    except UnreadableError:
        return
    assert not any(whole)
    assert not read.end()


@given(answers(), st.data())
def test_an_answer_with_a_wrong_byte_never_raises_anything_else(
    answer: tuple[bytes, int, str, bool, tuple[str, ...]], data: st.DataObject
) -> None:
    text = bytearray(answer[0])
    for _ in range(data.draw(st.integers(1, 3))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    read = Answer()
    for number in range(len(text)):
        try:
            if read.feed(bytes(text[number : number + 1])):
                break
        except UnreadableError:
            break


@pytest.mark.parametrize(
    "text",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n",
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * HEAD_LIMIT,
    ],
)
def test_what_is_no_answer_is_unreadable(text: bytes) -> None:
    with pytest.raises(UnreadableError):
        Answer().feed(text)


def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    read = Answer()
    assert not read.feed(b"HTTP/1.1 200 OK\r\nX-Receipt: r1\r\n\r\nsome of it")
    assert read.end()
    assert (read.status, read.receipt, read.keep) == (200, "r1", False)


def test_an_answer_cut_short_is_not_whole() -> None:
    read = Answer()
    assert not read.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nsome")
    assert not read.end()


def test_bytes_that_nobody_asked_for_end_a_kept_connection() -> None:
    read = Answer()
    assert read.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n")
    assert not read.keep
