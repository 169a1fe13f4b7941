"""Messages of a day file one by one: the same as by the length prefixes, cut files told."""

import gzip
from pathlib import Path

import pytest

from tectra.core.errors import FileFormatError
from tectra.feed.itch_encode import encode
from tectra.feed.itch_messages import ItchMessages

MESSAGES = [encode("S", 0, 1, "O"), encode("D", 1, 2, 3), encode("D", 1, 3, 4)]
FRAMED = b"".join(len(m).to_bytes(2, "big") + m for m in MESSAGES)


def read(path: Path, data: bytes) -> tuple[list[bytes], int]:
    path.write_bytes(data)
    with ItchMessages(path) as file:
        return list(file), file.trailing_bytes


def test_with_and_without_an_end(tmp_path):
    assert read(tmp_path / "x", FRAMED) == (MESSAGES, 0)
    assert read(tmp_path / "x", FRAMED + b"\0\0") == (MESSAGES, 0)
    assert read(tmp_path / "x", FRAMED + b"\0\0behind") == (MESSAGES, 6)
    assert read(tmp_path / "x.gz", gzip.compress(FRAMED)) == (MESSAGES, 0)


def test_cut_at_every_byte(tmp_path):
    for size in range(14, len(FRAMED)):
        got, left = read(tmp_path / "x", FRAMED[:size])
        assert got == MESSAGES[: len(got)]
        assert left == size - sum(2 + len(m) for m in got) < 21


def test_zero_prefixes(tmp_path):
    bare = b"".join(b"\0\0" + m for m in MESSAGES)
    assert read(tmp_path / "x", bare) == (MESSAGES, 0)
    with pytest.raises(FileFormatError, match="framing is lost"):
        read(tmp_path / "x", bare + b"\0\0?" + bytes(20))


def test_a_whole_day_equals_its_prefixes(small_day):
    data = gzip.decompress(small_day.read_bytes())
    want, at = [], 0
    while size := int.from_bytes(data[at : at + 2], "big"):
        want.append(data[at + 2 : at + 2 + size])
        at += 2 + size
    with ItchMessages(small_day) as file:
        assert list(file) == want
        assert file.progress[0] == file.progress[1]
