"""Statistics and columns of ITCH files."""

from pathlib import Path

import itch_model
import numpy as np
import pytest

from tectra.core.errors import InputError
from tectra.feed.itch import gather
from tectra.feed.itch_encode import encode
from tectra.feed.itch_stats import collect, columns
from tectra.feed.itch_wire import DTYPES, LAYOUTS, timestamp_ns
from tectra.feed.synthetic import generate_messages


def test_counts_of_a_stream(tmp_path: Path) -> None:
    data = generate_messages(5000, seed=3)
    path = tmp_path / "x.itch"
    path.write_bytes(data + b"\0\x24A")
    told: list[tuple[int, int]] = []
    stats = collect(path, lambda done, size: told.append((done, size)))
    wanted: dict[str, int] = {}
    for message in itch_model.frames(data):
        wanted[chr(message[0])] = wanted.get(chr(message[0]), 0) + 1
    assert stats.messages == wanted
    assert stats.total == 5000
    assert (stats.bytes, stats.disk_bytes) == (len(data) + 3, len(data) + 3)
    assert (stats.trailing_offset, stats.trailing_bytes) == (len(data), 3)
    assert stats.duration_ns == stats.last_ns - stats.first_ns == 4999 * 1000
    assert told[-1] == (len(data) + 3, len(data) + 3)
    assert "ZZZZ" in stats.symbols


def test_a_file_without_a_whole_message(tmp_path: Path) -> None:
    path = tmp_path / "x.itch"
    path.write_bytes(b"\0\x0cS\0")
    stats = collect(path)
    assert (stats.total, stats.first_ns, stats.duration_ns, stats.symbols) == (0, None, 0, ())
    assert (stats.trailing_offset, stats.trailing_bytes) == (0, 4)


def test_columns_hold_every_field(tmp_path: Path) -> None:
    noise = bytes(range(40, 90))
    path = tmp_path / "x.itch"
    messages = [itch_model.random_message(c, noise) for c in sorted(LAYOUTS)] * 3
    path.write_bytes(b"".join(len(m).to_bytes(2, "big") + m for m in messages))
    for code, layout in LAYOUTS.items():
        rows = columns(path, code)
        assert rows.dtype == DTYPES[code]
        assert len(rows) == 3
        message = itch_model.random_message(code, noise)
        assert rows[0].tobytes() == message
        assert timestamp_ns(rows)[0] == int.from_bytes(message[5:11], "big")
        for f in layout.fields:
            value = rows[f.name][0]
            raw = message[f.offset : f.offset + f.width]
            assert value == (raw if f.is_text else int.from_bytes(raw, "big")), (code, f.name)
    with pytest.raises(InputError, match="type 'z'"):
        columns(path, "z")


def test_gather_stops_where_a_message_is_cut() -> None:
    data = b"\0\x0c" + encode("S", 0, 1, "O") + b"\0\x0cS"
    found, used = gather(data, "S")
    assert (bytes(found), used) == (data[2:14], 14)
    assert gather(data, "A") == (pytest.approx(np.empty(0)), 14)
    with pytest.raises(InputError):
        gather(data, "zz")


def test_layout_properties() -> None:
    v = LAYOUTS["V"].fields[0]
    assert (v.width, v.decimals, v.is_price, v.is_text) == (8, 8, True, False)
    assert LAYOUTS["A"].fields[-1].decimals == 4
    assert LAYOUTS["A"].fields[0].decimals == 0
