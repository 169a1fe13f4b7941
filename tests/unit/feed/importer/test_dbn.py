"""DBN: the worked bytes of the format's page, every sample file, and Databento's own decoder."""

import struct
from collections import Counter
from pathlib import Path

import pytest
from feed_samples import feed_of, instrument, order_records, rows_of, slots_of

from tectra.core.errors import FileFormatError, InputError, TruncatedInputError
from tectra.feed.formats import open_feed, write_feed
from tectra.feed.importer.dbn_wire import Mapping, Metadata, encode_metadata, read_metadata
from tectra.feed.importer.source import ByteSource

MBO = struct.Struct("<BBHIQQqIBBccQiI")
ES = Metadata(
    3,
    "GLBX.MDP3",
    0,
    1,
    2,
    stype_in=1,
    symbols=("ESH1",),
    mappings=(Mapping("ESH1", ((20201228, 20201229, "5482"),)),),
)


def mbo(
    action: bytes,
    order: int,
    price: int,
    size: int,
    side: bytes = b"B",
    *,
    ts: int = 1000,
    flags: int = 128,
    seq: int = 1,
) -> bytes:
    """One record; the price in units of 1e-9."""
    return MBO.pack(
        14, 0xA0, 1, 5482, ts, order, price, size, flags, 0, action, side, ts + 5, 0, seq
    )


def dbn(folder: Path, *rows: bytes) -> Path:
    path = folder / "x.dbn"
    path.write_bytes(encode_metadata(ES) + b"".join(rows))
    return path


def steps(path: Path) -> list[tuple[object, ...]]:
    return [
        (r["template"], r.get("order_ref"), r.get("px"), r.get("qty"))
        for r in rows_of(open_feed(path))
    ]


def test_worked_bytes(tmp_path: Path) -> None:
    raw = bytes.fromhex(
        "0ea001006a15000007afa6acdbe254168945fed29600000080fb30c5620300000100000080004341"
        "3cdeaaacdbe25416d1590000b0db1100"
    )
    path = dbn(tmp_path, raw.replace(b"\x43\x41\x3c", b"\x41\x41\x3c"))
    feed = open_feed(path)
    assert feed.definitions[5482].px_exponent == -2
    (row,) = rows_of(feed)
    assert row["ts_event_ns"] == 1_609_160_400_000_429_831
    assert row["ts_recv_ns"] == 1_609_160_400_000_704_060
    assert (row["instrument_id"], row["order_ref"]) == (5482, 647_784_973_705)
    assert (row["side"], row["px"], row["qty"], row["flags"]) == (2, 372_275, 1, 2)


def test_metadata_there_and_back() -> None:
    raw = encode_metadata(ES)
    again = read_metadata(raw + b"rest")
    assert again.size == len(raw)
    assert again.size % 8 == 0
    assert (again.dataset, again.symbols, again.mappings) == (ES.dataset, ES.symbols, ES.mappings)
    for cut in range(0, len(raw), 7):
        with pytest.raises(FileFormatError):
            read_metadata(raw[:cut])


def test_order_flow(tmp_path: Path) -> None:
    px = 100_250_000_000
    path = dbn(
        tmp_path,
        mbo(b"A", 1, px, 10),
        mbo(b"A", 2, px, 5),
        mbo(b"C", 1, px, 4),
        mbo(b"M", 2, px, 3),
        mbo(b"M", 2, px + 250_000_000, 3),
        mbo(b"C", 1, px, 6),
        mbo(b"N", 0, px, 0),
    )
    assert steps(path) == [
        ("book_add", 1, 10_025, 10),
        ("book_add", 2, 10_025, 5),
        ("book_cancel", 1, None, 4),
        ("book_cancel", 2, None, 2),
        ("book_replace", 2, 10_050, 3),
        ("book_delete", 1, None, None),
    ]


def test_a_fill_is_an_execution_and_its_cancel_nothing(tmp_path: Path) -> None:
    px = 100_250_000_000
    path = dbn(
        tmp_path,
        mbo(b"A", 1, px, 10),
        mbo(b"A", 2, px, 5),
        mbo(b"T", 0, px, 12, b"A", ts=2000, seq=7),
        mbo(b"F", 1, px, 10, ts=2000, seq=7),
        mbo(b"F", 2, px, 2, ts=2000, seq=7),
        mbo(b"C", 1, px, 10, ts=2000, seq=8),
        mbo(b"C", 2, px, 2, ts=2000, seq=9),
        mbo(b"T", 0, px, 4, b"A", ts=3000, seq=10),
        mbo(b"F", 2, px, 3, ts=3000, seq=10),
        mbo(b"C", 2, px, 3, ts=3000, seq=11),
    )
    assert steps(path) == [
        ("book_add", 1, 10_025, 10),
        ("book_add", 2, 10_025, 5),
        ("book_execute", 1, None, 10),
        ("book_execute", 2, None, 2),
        ("trade", None, 10_025, 1),
        ("book_execute", 2, None, 3),
    ]


def test_a_clear_takes_every_order(tmp_path: Path) -> None:
    px = 1_000_000_000
    path = dbn(
        tmp_path,
        mbo(b"A", 1, px, 1),
        mbo(b"A", 2, px, 1),
        mbo(b"R", 0, px, 0, b"N"),
        mbo(b"A", 1, px, 1),
    )
    assert [s[:2] for s in steps(path)] == [
        ("book_add", 1),
        ("book_add", 2),
        ("book_delete", 1),
        ("book_delete", 2),
        ("book_clear", None),
        ("book_add", 1),
    ]


def test_a_trade_whose_fills_come_in_the_next_block(tmp_path: Path) -> None:
    """Reading in pieces of a megabyte changes nothing."""
    px = 1_000_000_000
    rows = [mbo(b"A", i, px, 1, ts=1000) for i in range(1, 18_724)]
    event = [
        mbo(b"T", 0, px, 1, b"A", ts=2000),
        mbo(b"F", 5, px, 1, ts=2000),
        mbo(b"C", 5, px, 1, ts=2000),
    ]
    for shift in (-2, -1, 0):
        path = dbn(
            tmp_path, *rows[: len(rows) + shift], *event, *[mbo(b"N", 0, px, 0, ts=3000)] * 9
        )
        assert steps(path)[-1] == ("book_execute", 5, None, 1)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (mbo(b"Z", 1, 1, 1), "an unknown action"),
        (mbo(b"A", 1, 1, 1, b"x"), "an unknown side"),
        (mbo(b"A", 1, 1, 1, b"N"), "an unknown side"),
        (mbo(b"A", 1, (1 << 63) - 1, 1), "no price"),
        (mbo(b"A", 1, 1, 0), "no size"),
        (mbo(b"A", 1, 1, 1, ts=10), "a time behind a later one"),
        (mbo(b"A", 1, 1, 1, ts=(1 << 63) + 5), "a time beyond"),
        (mbo(b"A", 1, 1, 1)[:4] + bytes(4) + mbo(b"A", 1, 1, 1)[8:], "no instrument"),
        (b"\x0d" + mbo(b"A", 1, 1, 1)[1:52], "a mbo record of 52 bytes"),
    ],
)
def test_damaged_records(tmp_path: Path, row: bytes, said: str) -> None:
    path = dbn(tmp_path, mbo(b"A", 7, 1, 1), row, mbo(b"A", 8, 1, 1, ts=2000))
    with pytest.raises(FileFormatError, match=f"offset .*{said}"):
        slots_of(open_feed(path))
    feed = open_feed(path, options={"strict": False})
    assert [r["order_ref"] for r in rows_of(feed)] == [7, 8]
    assert sum(feed.faults.values()) == 1


def test_cut_files(tmp_path: Path) -> None:
    path = dbn(tmp_path, mbo(b"A", 7, 1, 1), mbo(b"A", 8, 1, 1))
    raw = path.read_bytes()
    for cut in (1, 20, 55):
        path.write_bytes(raw[:-cut])
        with pytest.raises(TruncatedInputError, match=f"{56 - cut} bytes behind the last whole"):
            slots_of(open_feed(path))
    path.write_bytes(raw[:60])
    with pytest.raises(TruncatedInputError, match="metadata of"):
        open_feed(path)
    path.write_bytes(raw[:-112] + b"\x02\xa0" + raw[-110:])
    with pytest.raises(FileFormatError, match="a record of 8 bytes"):
        slots_of(open_feed(path))


SAMPLES = {
    "mbo": {},
    "mbp-1": {"quote": 2},
    "mbp-10": {"book_level": 21},
    "tbbo": {"quote": 2, "trade": 2},
    "trades": {"trade": 2},
    "bbo-1s": {"quote": 4},
    "cmbp-1": {"quote": 2},
    "cbbo-1s": {"quote": 2},
    "ohlcv-1m": {"bar": 2},
    "ohlcv-1d": {},
    "definition": {"instrument": 2},
    "status": {"status": 4},
    "statistics": {},
    "imbalance": {},
}


@pytest.mark.parametrize("schema", SAMPLES)
def test_every_schema_of_every_version(test_data: Path, schema: str) -> None:
    folder = test_data / "databento" / "dbn_tests"
    files = sorted(folder.glob(f"test_data.{schema}.*dbn")) + sorted(
        folder.glob(f"test_data.{schema}.*dbn.zst")
    )
    assert len(files) >= 3
    seen = []
    for path in files:
        rows = rows_of(open_feed(path))
        assert Counter(r["template"] for r in rows) == SAMPLES[schema], path.name
        seen.append([{k: v for k, v in r.items() if k != "ring_seq"} for r in rows])
    assert all(one == seen[0] for one in seen)


def test_first_book_of_the_sample(test_data: Path) -> None:
    folder = test_data / "databento" / "dbn_tests"
    rows = rows_of(open_feed(folder / "test_data.mbp-10.dbn"))
    levels = [(r["side"], r["px"], r["qty"]) for r in rows[:20]]
    assert levels[:2] == [(1, 372_025, 24), (1, 372_000, 31)]
    assert levels[10:12] == [(2, 372_050, 10), (2, 372_075, 34)]
    (trade, _) = rows_of(open_feed(folder / "test_data.trades.dbn"))
    assert trade["ts_event_ns"] == 1_609_160_400_098_821_953
    assert (trade["px"], trade["qty"], trade["side"], trade["match_id"]) == (
        372_025,
        5,
        2,
        1_170_380,
    )


def test_bars_are_those_of_the_trades(test_data: Path) -> None:
    """One minute recomputed from the trades of the same minute, and stamped at its end."""
    folder = test_data / "databento" / "hist"
    trades = rows_of(open_feed(next(folder.glob("futures_trades_*"))))
    bars = rows_of(open_feed(next(folder.glob("futures_ohlcv-1m_*"))))
    checked = 0
    for bar in bars:
        mine = [
            t
            for t in trades
            if t["instrument_id"] == bar["instrument_id"]
            and bar["ts_open_ns"] <= t["ts_event_ns"] < bar["ts_event_ns"]
        ]
        if not mine or not trades[0]["ts_event_ns"] < bar["ts_open_ns"]:
            continue
        px = [t["px"] / 100 for t in mine]
        assert (bar["open"], bar["high"], bar["low"], bar["close"]) == (
            px[0],
            max(px),
            min(px),
            px[-1],
        )
        assert bar["volume_qty"] == sum(t["qty"] for t in mine)
        checked += 1
    assert checked >= 2


def test_a_session_open(test_data: Path) -> None:
    feed = open_feed(test_data / "databento" / "esh4-glbx-mdp3-20231224.mbo.dbn.zst")
    rows = rows_of(feed)
    assert len(rows) == 8725
    assert {r["template"] for r in rows} == {"book_add"}
    assert feed.definitions[17077].symbol == "ESH4"
    assert sum(r["flags"] & 1 for r in rows) == 8725


@pytest.mark.parametrize("schema", ["mbo", "trades"])
def test_databentos_own_decoder_reads_what_is_written(tmp_path: Path, schema: str) -> None:
    peer = pytest.importorskip("databento_dbn", reason="databento-dbn is not installed")
    path = tmp_path / "x.dbn"
    one = instrument(px_exponent=-9)
    report = write_feed(feed_of(order_records(), one), path, "dbn", options={"schema": schema})
    decoder = peer.DBNDecoder()
    decoder.write(path.read_bytes())
    meta, *rows = decoder.decode()
    assert meta.version == 3
    assert meta.schema == schema
    assert len(rows) == report.rows > 0
    if schema == "mbo":
        first = rows[0]
        assert (first.order_id, first.price, first.size) == (10, 100_000, 100)
        assert (str(first.action), str(first.side)) == ("A", "B")
        assert Counter(str(r.action) for r in rows) == {"A": 13, "C": 6, "T": 4, "F": 3, "M": 1}


@pytest.mark.parametrize("schema", ["mbo", "mbp-1", "trades", "ohlcv-1m", "tbbo"])
def test_values_are_those_of_databentos_decoder(test_data: Path, schema: str) -> None:
    peer = pytest.importorskip("databento_dbn", reason="databento-dbn is not installed")
    path = test_data / "databento" / "dbn_tests" / f"test_data.{schema}.v3.dbn.zst"
    decoder = peer.DBNDecoder()
    decoder.write(ByteSource(path).read(1 << 20))
    _, *rows = decoder.decode()
    feed = open_feed(path)
    ours = [r for r in rows_of(feed) if r["template"] in ("quote", "trade", "bar")]
    ours = [r for r in ours if r["template"] != "quote"] if schema == "tbbo" else ours
    unit = 10 ** (9 + next(iter(feed.definitions.values())).px_exponent)
    for mine, theirs in zip(ours, rows if schema != "mbo" else [], strict=True):
        if schema == "ohlcv-1m":
            assert mine["ts_open_ns"] == theirs.ts_event
            assert mine["open"] == theirs.open / 1e9
            assert mine["volume_qty"] == theirs.volume
        elif schema == "mbp-1":
            assert mine["bid_px"] * unit == theirs.levels[0].bid_px
            assert mine["ask_qty"] == theirs.levels[0].ask_sz
        else:
            assert (mine["px"] * unit, mine["qty"]) == (theirs.price, theirs.size)
            assert mine["ts_recv_ns"] == theirs.ts_recv


def test_what_the_fields_cannot_hold(tmp_path: Path) -> None:
    for one, said in (
        (instrument(qty_exponent=-2), "whole sizes"),
        (instrument(px_exponent=-12), "down to 1e-9"),
        (instrument(px_exponent=6), "beyond the field"),
    ):
        with pytest.raises(InputError, match=said):
            write_feed(feed_of(order_records(), one), tmp_path / "x.dbn", "dbn")
    assert list(tmp_path.iterdir()) == []
