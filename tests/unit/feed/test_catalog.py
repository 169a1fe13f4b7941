"""Files by pattern and date, opened and merged whatever their format."""

from pathlib import Path

import numpy as np
import pytest
from feed_records import START, ListFeed, drain, level, trade

from tectra.core.errors import InputError
from tectra.core.msg import Side, Template
from tectra.core.types import Exchange
from tectra.feed.batch import scan
from tectra.feed.catalog import find_files, is_store, merge_files, open_part
from tectra.feed.formats import detect, open_feed, write_feed
from tectra.feed.selection import Selection
from tectra.feed.tick_import import import_file
from tectra.feed.tick_writer import TickStoreWriter
from tectra.refdata.instrument import Instrument


def parquet(path: Path, exchange: Exchange, step: int) -> list[bytes]:
    """Levels and trades of one venue, odd nanoseconds apart."""
    records = []
    for i in range(200):
        ts = START + i * step
        record = level(ts, Side.BUY, 100 + i, 1, seq=i) if i % 3 else trade(ts, i, match=i + 1)
        raw = bytearray(record)
        raw[38:40] = int(exchange).to_bytes(2, "little")
        records.append(bytes(raw))
    definition = Instrument(1, "BTCUSDT", exchange, px_exponent=-2)
    write_feed(ListFeed(records, definitions=[definition]), path, "parquet")
    return records


def test_parquet_of_two_venues_is_replayed_in_time_order(tmp_path: Path) -> None:
    one = parquet(tmp_path / "binance.parquet", Exchange.BINANCE, 1_000_003)
    other = parquet(tmp_path / "bybit.parquet", Exchange.BYBIT, 700_001)
    files = [tmp_path / "binance.parquet", tmp_path / "bybit.parquet"]
    merged = merge_files(files)
    rows = scan(drain(merged))
    times = sorted(int.from_bytes(r[24:32], "little") for r in one + other)
    assert rows.ts_recv_ns.tolist() == times
    venue = {n: int(d.exchange) for n, d in merged.definitions.items()}
    assert [venue[n] for n in rows.instrument_id.tolist()] == rows.venue_id.tolist()
    assert set(rows.template_id.tolist()) == {Template.TRADE, Template.BOOK_LEVEL}
    some = merge_files(
        files,
        Selection(START + 5, START + 10 * 1_000_003, types=frozenset({Template.TRADE})),
    )
    cut = scan(drain(some))
    assert len(cut.slot) == 3 + 4 and (np.diff(cut.ts_recv_ns) > 0).all()


def test_patterns_dates_and_files_read_along(tmp_path: Path) -> None:
    names = ("AAPL_2012-06-21_message_10.csv", "AAPL_2012-06-21_orderbook_10.csv", "b.csv")
    for name in (*names, "AAPL_2012-06-25_message_10.csv"):
        (tmp_path / name).write_text("x")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "c.csv").write_text("x")
    found, outside = find_files([tmp_path / "*.csv"])
    assert [p.name for p in found] == ["b.csv", names[0], "AAPL_2012-06-25_message_10.csv"]
    assert outside == []
    found, outside = find_files([tmp_path / "*.csv"], Selection.of(end="2012-06-22"))
    assert [p.name for p in outside] == ["AAPL_2012-06-25_message_10.csv"]
    assert len(find_files([tmp_path / "**/*.csv"])[0]) == 4
    assert find_files([tmp_path / "b.csv", tmp_path / "b.*"])[0] == [tmp_path / "b.csv"]
    for wrong in ("none.csv", "n*.csv", "no/dir/*.csv"):
        with pytest.raises(InputError, match="found no file"):
            find_files([tmp_path / wrong])


def test_a_store_is_a_format_like_the_others(small_day: Path, tmp_path: Path) -> None:
    path = tmp_path / "st"
    with TickStoreWriter(path) as writer:
        import_file(writer, small_day, open_feed)
    assert is_store(path) and detect(path) == "store"
    whole = drain(open_feed(path), 1 << 14)
    some = open_feed(path, symbols=["MSFT"], options={"to": "2026-01-05T15:00"})
    window = Selection.of(symbols=["MSFT"], end="2026-01-05T15:00")
    data = drain(some, 1 << 14)
    assert data == drain(open_part(path, window), 1 << 14) and 0 < len(data) < len(whole)
    assert {d.symbol for d in some.definitions.values()} == {"MSFT"}
    with pytest.raises(InputError, match="no format"):
        open_part(path, format="itch")
