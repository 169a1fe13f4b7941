"""Files that are no ITCH files, and gzip streams that end or break."""

import gzip
import zlib
from pathlib import Path

import pytest

from tectra.core.errors import ClosedError, FileFormatError, InputError, TruncatedInputError
from tectra.feed import BinaryFile, ItchFeed
from tectra.feed.itch_encode import encode
from tectra.feed.itch_stats import collect
from tectra.feed.synthetic import generate_messages

EVENT = b"\0\x0c" + encode("S", 0, 1, "O")


def test_what_is_no_readable_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        BinaryFile(tmp_path / "missing.itch")
    with pytest.raises(InputError, match="is a directory"):
        BinaryFile(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("x.itch", b"", "is empty"),
        ("x.itch.gz", b"", "is empty"),
        ("x.itch.gz", gzip.compress(b"", mtime=0), "empty after decompression"),
        ("x.itch.gz", EVENT, "named .gz"),
        ("x.itch", b"time,price\n1,2\n" * 20, "not an ITCH 5.0"),
        ("x.itch", b"PK\x03\x04" + bytes(range(200)), "not an ITCH 5.0"),
        ("x.itch", b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00", "not an ITCH 5.0"),
        ("x.itch.gz", gzip.compress(b"hello, world", mtime=0), "not an ITCH 5.0"),
    ],
)
def test_wrong_content(tmp_path: Path, name: str, content: bytes, found: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    for reader in (BinaryFile, ItchFeed, collect):
        with pytest.raises(FileFormatError, match=found):
            reader(path)


def drain(feed: ItchFeed) -> None:
    while feed.next_batch() is not None:
        pass


def test_truncated_gzip_gives_what_it_has_and_then_says_so(tmp_path: Path) -> None:
    data = generate_messages(40_000)
    whole = gzip.compress(data)
    path = tmp_path / "x.itch.gz"
    path.write_bytes(whole[: len(whole) // 2])
    with ItchFeed(path) as feed:
        with pytest.raises(TruncatedInputError, match="gzip stream ends"):
            drain(feed)
        assert 1000 < feed.messages < 40_000
    with pytest.raises(TruncatedInputError, match="download it again"):
        collect(path)


def test_damaged_gzip(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(generate_messages(20_000)))
    whole[-6] ^= 1
    path = tmp_path / "x.itch.gz"
    path.write_bytes(whole)
    with pytest.raises(FileFormatError, match="damaged gzip"):
        collect(path)


def test_gzip_of_several_members(tmp_path: Path) -> None:
    data = generate_messages(1000)
    path = tmp_path / "x.itch.gz"
    path.write_bytes(gzip.compress(data[:5000]) + gzip.compress(data[5000:]) + bytes(512))
    with BinaryFile(path) as file:
        assert b"".join(file.chunks(777)) == data
    assert collect(path).total == 1000


def test_reads_are_bounded_whatever_the_compression(tmp_path: Path) -> None:
    path = tmp_path / "bomb.itch.gz"
    path.write_bytes(gzip.compress(EVENT * 2_000_000, compresslevel=9))
    assert path.stat().st_size < 200_000
    with BinaryFile(path) as file:
        assert max(map(len, file.chunks(1 << 16))) <= 1 << 16


def test_original_name(tmp_path: Path) -> None:
    path = tmp_path / "x.itch.gz"
    with path.open("wb") as raw, gzip.GzipFile("01052026.NASDAQ_ITCH50", "wb", 6, raw, 0) as out:
        out.write(EVENT)
    with BinaryFile(path) as file:
        assert file.original_name == "01052026.NASDAQ_ITCH50"
    with ItchFeed(path) as feed:
        assert str(feed.date) == "2026-01-05"
    path.write_bytes(zlib.compress(EVENT, wbits=31))
    with BinaryFile(path) as file:
        assert file.original_name == ""


def test_closed(tmp_path: Path) -> None:
    path = tmp_path / "x.itch"
    path.write_bytes(EVENT)
    file = BinaryFile(path)
    file.close()
    file.close()
    with pytest.raises(ClosedError):
        file.read()
