"""The ITCH encoder: what it refuses, and files that appear only when whole."""

from pathlib import Path

import itch_model
import pytest

from tectra.core.errors import ClosedError, InputError
from tectra.feed import ItchWriter
from tectra.feed.itch_encode import encode, encode_fields
from tectra.feed.itch_stats import collect, columns
from tectra.feed.itch_wire import LAYOUTS


def test_lengths_of_all_types() -> None:
    for code, layout in LAYOUTS.items():
        body = ["" if f.is_text else 0 for f in layout.fields]
        message = encode(code, 1, 2, *body)
        assert len(message) == itch_model.SIZES[code] == layout.size
        for f in layout.fields:
            part = message[f.offset : f.offset + f.width]
            assert part == (b" " if f.is_text else b"\0") * f.width


@pytest.mark.parametrize(
    ("args", "found"),
    [
        (("z", 1, 1), "no ITCH 5.0 message has type 'z'"),
        (("D", 1, 1), "order_reference_number:u64"),
        (("D", 1, 1, 2, 3), "order_reference_number:u64"),
        (("D", 1, 1, -1), "order_reference_number"),
        (("D", 1, 1, 1 << 64), "order_reference_number"),
        (("D", 65536, 1, 1), "message 'D'"),
        (("D", 1, 1 << 48, 1), "48 bits"),
        (("Y", 1, 1, "TOOLONGNAME", "0"), "holds 8"),
        (("Y", 1, 1, "é", "0"), "message 'Y'"),
    ],
)
def test_refuses(args: tuple, found: str) -> None:
    with pytest.raises(InputError, match=found):
        encode(*args)


def test_fields_by_name() -> None:
    fields = {"order_reference_number": 7, "canceled_shares": 5}
    assert encode_fields("X", fields, stock_locate=3, timestamp=9) == encode("X", 3, 9, 7, 5)
    with pytest.raises(InputError, match="canceled_shares"):
        encode_fields("X", {"order_reference_number": 7})
    with pytest.raises(InputError, match="no ITCH"):
        encode_fields("z", {})


@pytest.mark.parametrize("name", ["x.itch", "x.itch.gz"])
def test_writer(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with ItchWriter(path) as out:
        out.write("S", 0, 5, "O")
        out.write_framed(b"\0\x13" + encode("D", 1, 6, 7), 1)
        assert not path.exists()
    assert out.messages == 2
    stats = collect(path)
    assert (stats.messages, stats.end_of_session) == ({"S": 1, "D": 1}, True)
    assert columns(path, "D")["order_reference_number"].tolist() == [7]
    out.close()
    for late in (lambda: out.write("S", 0, 5, "C"), lambda: out.write_framed(b"", 0)):
        with pytest.raises(ClosedError):
            late()
    empty = ItchWriter(tmp_path / "y.itch")
    with pytest.raises(InputError, match="1 to 65,535"):
        empty.write_message(b"")
    empty.abort()


@pytest.mark.parametrize("name", ["x.itch", "x.itch.gz"])
def test_nothing_is_left_of_a_write_that_failed(tmp_path: Path, name: str) -> None:
    def fail() -> None:
        with ItchWriter(tmp_path / name) as out:
            out.write("S", 0, 5, "O")
            out.write("S", 0, 5, "OO")

    with pytest.raises(InputError):
        fail()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="cannot write"):
        ItchWriter(tmp_path / "no" / "such" / "folder.itch")


def test_same_messages_same_bytes(tmp_path: Path) -> None:
    for name in ("a.itch.gz", "b.itch.gz"):
        with ItchWriter(tmp_path / name) as out:
            out.write("S", 0, 5, "O")
    assert (tmp_path / "a.itch.gz").read_bytes() == (tmp_path / "b.itch.gz").read_bytes()


def test_what_is_no_plain_file_is_not_replaced(tmp_path):
    for there in (tmp_path, Path("/dev/null")):
        with pytest.raises(InputError, match="no plain file"):
            ItchWriter(there)
    assert not list(tmp_path.iterdir())
    assert Path("/dev/null").is_char_device()
