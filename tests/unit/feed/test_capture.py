"""The reader of raw captures: every form of line, every compression, and files that were cut."""

import gzip
import json
import lzma
import os
from pathlib import Path

import pyarrow as pa
import pytest

from tectra.core.errors import FileFormatError, InputError
from tectra.feed.capture import CaptureKind, CaptureLine, CaptureReader

MESSAGE = b'{"e":"trade","t":5}'
WRAPPED = {"t": "recv", "conn": "X.ws.1", "ts": 1618678132.831468, "data": MESSAGE.decode()}


def lines(path: Path) -> list[CaptureLine]:
    with CaptureReader(path) as reader:
        return list(reader)


def write(path: Path, *parts: bytes) -> Path:
    path.write_bytes(b"\n".join(parts) + b"\n")
    return path


def test_forms_of_lines(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl",
        b"1723161255030314667 " + MESSAGE,
        b"1723161255030314667\t" + MESSAGE,
        b"2019-06-01T00:00:28.6199940Z " + MESSAGE,
        MESSAGE,
        b'[1,"x"]',
        json.dumps(WRAPPED).encode(),
        json.dumps({**WRAPPED, "t": "http", "url": "https://x/y"}).encode(),
        json.dumps({**WRAPPED, "t": "send"}).encode(),
        b'{"t":"connect","conn":"X.ws.1","ts":1,"addr":"wss://x"}',
        b'{"t":"header","format":2}',
        b'{"t":"recv","conn":"X","ts":1,"data":{"a":1}}',
        b"7 pong",
    )
    found = lines(path)
    assert [x.number for x in found] == list(range(1, 13))
    assert [x.ts_ns for x in found[:4]] == [1723161255030314667] * 2 + [1559347228619994000, 0]
    assert {x.data for x in found[:4]} == {MESSAGE} and found[4].data == b'[1,"x"]'
    assert (found[5].kind, found[5].ts_ns) == (CaptureKind.RECV, 1618678132831468000)
    assert (found[5].connection, found[5].data) == ("X.ws.1", MESSAGE)
    assert (found[6].kind, found[6].url) == (CaptureKind.HTTP, "https://x/y")
    assert [x.kind for x in found[7:10]] == [
        CaptureKind.SEND, CaptureKind.CONNECT, CaptureKind.HEADER
    ]  # fmt: skip
    assert found[10].data == b'{"a":1}' and found[11].data == b"pong"
    assert not any(x.fault for x in found)


def test_empty_lines_and_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"\r\n  \n5 " + MESSAGE + b"\r\n\n6 " + MESSAGE)
    found = lines(path)
    assert [(x.number, x.ts_ns, x.data) for x in found] == [(3, 5, MESSAGE), (5, 6, MESSAGE)]


@pytest.mark.parametrize(
    "bad",
    [
        b"nonsense",
        b"5",
        b"nonsense {}",
        b"99999999999999999999999 {}",
        b'{"t":"recv","ts":"x","data":"y"}',
        b'{"t":"recv","ts":true,"data":"y"}',
        b'{"t":"recv","ts":-5,"data":"y"}',
        b'{"t":"recv","ts":1,"data":5}',
        b'{"t":"recv","ts":1}',
        b'{"t":"recv","ts":1e400,"data":"y"}',
        b'{"t":"recv",',
        b"\xff\xfe\x00",
    ],
)
def test_a_line_that_is_none_says_so_and_the_next_is_read(tmp_path: Path, bad: bytes) -> None:
    first, second = lines(write(tmp_path / "a", bad, b"5 " + MESSAGE))
    assert first.fault and first.kind is CaptureKind.OTHER and not first.data
    assert second.data == MESSAGE


def packed(form: str, raw: bytes) -> bytes:
    if form == "gzip":
        return gzip.compress(raw)
    if form == "zstd":
        return bytes(pa.Codec("zstd").compress(raw, asbytes=True))
    return raw


@pytest.mark.parametrize("form", ["none", "gzip", "zstd"])
def test_compression_is_known_by_content(tmp_path: Path, form: str) -> None:
    raw = b"".join(b"%d %s\n" % (i, MESSAGE) for i in range(1, 5001))
    path = tmp_path / "capture.dat"
    path.write_bytes(packed(form, raw) + packed(form, raw))
    with CaptureReader(path) as reader:
        found = list(reader)
        assert reader.compression == form and not reader.cut and reader.lines == 10_000
        assert reader.bytes_done == reader.bytes_total == path.stat().st_size
    assert [x.ts_ns for x in found] == list(range(1, 5001)) * 2


@pytest.mark.parametrize("form", ["none", "gzip", "zstd"])
@pytest.mark.parametrize("part", [0.999, 0.5, 0.1])
def test_a_file_that_was_cut(tmp_path: Path, form: str, part: float) -> None:
    # Text that does not pack well, so that a part of the bytes is a part of the lines.
    raw = b"".join(b'%d {"n":"%x"}\n' % (i, pow(7919, i, 1 << 512)) for i in range(1, 4001))
    whole = packed(form, raw)
    path = tmp_path / "cut"
    path.write_bytes(whole[: int(len(whole) * part)])
    with CaptureReader(path) as reader:
        found = list(reader)
        assert "cut" in reader.cut or "damaged" in reader.cut
    assert not any(x.fault for x in found)
    numbers = [x.ts_ns for x in found]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 4000 * part - 400


def test_a_whole_last_line_without_its_end_is_no_cut(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"5 " + MESSAGE)
    with CaptureReader(path) as reader:
        assert len(list(reader)) == 1 and not reader.cut
    path.write_bytes(b"4 {}\n5 " + MESSAGE[:-3])
    with CaptureReader(path) as reader:
        assert len(list(reader)) == 1
        assert "inside a message" in reader.cut


def test_damage_within_a_compressed_file(tmp_path: Path) -> None:
    raw = b"".join(b'%d {"n":"%x"}\n' % (i, pow(7919, i, 1 << 256)) for i in range(1, 4001))
    whole = bytearray(packed("gzip", raw))
    whole[len(whole) // 2] ^= 0x55
    path = tmp_path / "damaged"
    path.write_bytes(whole)
    with CaptureReader(path) as reader:
        list(reader)
        assert "damaged" in reader.cut


def test_files_that_are_none(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    assert lines(empty) == []
    with pytest.raises(OSError, match="missing"):
        CaptureReader(tmp_path / "missing")
    with pytest.raises(OSError, match=r"directory|Is a"):
        CaptureReader(tmp_path)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe: found a pipe; allowed: a file"):
        CaptureReader(tmp_path / "pipe")


def test_recordings(test_data: Path) -> None:
    for path in sorted(test_data.glob("*/cf_*")) + sorted(test_data.glob("*/hbt_spot*")):
        with CaptureReader(path) as reader:
            found = list(reader)
            assert not reader.cut and not any(x.fault for x in found), path
            assert sum(x.kind is CaptureKind.RECV for x in found) > 200


@pytest.mark.parametrize(
    "last", [b'1723161255030314667\t{"e": "x y"}', b"1723161255030314667 pong", b'[1, "a"]']
)
def test_a_last_line_without_its_end_is_whole_in_every_form(tmp_path: Path, last: bytes) -> None:
    (tmp_path / "a").write_bytes(b'1 {"e":1}\n' + last)
    with CaptureReader(tmp_path / "a") as reader:
        assert [x.fault for x in reader] == ["", ""] and not reader.cut
    (tmp_path / "a").write_bytes(b'1 {"e":1}\n17231612550303')
    with CaptureReader(tmp_path / "a") as reader:
        assert len(list(reader)) == 1 and "cut" in reader.cut


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    for line in (b'{"e":1}', b'7 {"e":1}'):
        (tmp_path / "a").write_bytes(b"\xef\xbb\xbf" + line + b"\r\n")
        (found,) = lines(tmp_path / "a")
        assert found.data == b'{"e":1}' and not found.fault


def test_a_time_beyond_64_bits_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"9223372036854775807 {}\n9223372036854775808 {}\n")
    good, bad = lines(tmp_path / "a")
    assert good.ts_ns == (1 << 63) - 1 and not good.fault
    assert "9223372036854775808" in bad.fault


def test_frames_that_zstd_passes_over_may_stand_ahead(tmp_path: Path) -> None:
    """Packers that work in parallel write their index so."""
    for first in (0x50, 0x5F):
        head = bytes((first, 0x2A, 0x4D, 0x18, 4, 0, 0, 0)) + b"abcd"
        (tmp_path / "a").write_bytes(head + packed("zstd", b'1 {"e":1}\n'))
        (found,) = lines(tmp_path / "a")
        assert found.data == b'{"e":1}'


def test_another_packing_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(lzma.compress(b'1 {"e":1}\n'))
    with pytest.raises(FileFormatError, match="packed as xz; allowed: plain, gzip or zstd"):
        CaptureReader(tmp_path / "a")
