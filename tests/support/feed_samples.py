"""Streams of records for tests of importers and exporters; small valid files of every format."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from tectra.core.msg import BarKind, BookReason, MarketFlag, Side, StatusKind, Template
from tectra.core.record import encode, iter_records
from tectra.core.types import Exchange
from tectra.feed.formats import write_feed
from tectra.feed.importer.base import BlockFeed
from tectra.refdata.instrument import Instrument

__all__ = [
    "FILES",
    "bar_records",
    "book_records",
    "crypto",
    "feed_of",
    "instrument",
    "names_of",
    "order_records",
    "quote_records",
    "rows_of",
    "slots_of",
    "status_record",
    "trade_records",
]

START_NS = 1_340_285_400_000_000_000  # 2012-06-21 09:30 in New York
_LAST = int(MarketFlag.LAST)
_SNAPSHOT = int(MarketFlag.SNAPSHOT)


class _NoFile:
    position = 0
    size = 0

    def close(self) -> None:
        pass


def slots_of(feed: BlockFeed, max_slots: int = 4096) -> bytes:
    """Every record of a feed, which is closed behind it."""
    out = []
    while (batch := feed.next_batch(max_slots)) is not None:
        out.append(batch.tobytes())
    feed.close()
    return b"".join(out)


def rows_of(feed: BlockFeed) -> list[dict[str, object]]:
    """Every record of a feed as fields."""
    return [record.to_dict() for record in iter_records(slots_of(feed))]


def names_of(slots: bytes) -> list[str]:
    """Record type of each record."""
    return [record.template_name for record in iter_records(slots)]


def instrument(**changes: object) -> Instrument:
    fields = {"instrument_id": 1, "symbol": "AAPL", "exchange": Exchange.NASDAQ, "tick": 100}
    return Instrument(**{**fields, **changes})


def feed_of(records: Iterable[bytes], *instruments: Instrument, name: str = "test") -> BlockFeed:
    """Records in memory as a feed."""
    data = np.frombuffer(b"".join(records), np.uint8)
    known = {one.instrument_id: one for one in instruments or (instrument(),)}
    return BlockFeed(name, _NoFile(), known, iter([data] if len(data) else []))


def _record(template: Template, at: int, *, lag: int = 0, **fields: object) -> bytes:
    event = START_NS + 1_000_000 * at
    fixed = {"instrument_id": 1, "venue_id": int(Exchange.NASDAQ)}
    return encode(template, ts_event_ns=event, ts_recv_ns=event + lag, **{**fixed, **fields})


def order_records(*, lag: int = 0, hidden: bool = True) -> list[bytes]:
    """Order flow in which every kind of step happens, consistent as a book."""
    buy, sell, px_unit = int(Side.BUY), int(Side.SELL), 100

    def r(template: Template, at: int, **fields: object) -> bytes:
        return _record(template, at, lag=lag, **fields)

    out = [
        r(Template.BOOK_ADD, i, side=buy, order_ref=10 + i, px=(1000 - i) * px_unit, qty=100 + i)
        for i in range(6)
    ]
    out += [
        r(
            Template.BOOK_ADD,
            6 + i,
            side=sell,
            order_ref=20 + i,
            px=(1002 + i) * px_unit,
            qty=50 + i,
        )
        for i in range(6)
    ]
    out += [
        r(Template.BOOK_EXECUTE, 12, order_ref=10, match_id=1, qty=40),
        r(Template.BOOK_CANCEL, 13, order_ref=10, qty=10),
        r(Template.BOOK_EXECUTE, 14, order_ref=20, match_id=2, qty=50),
        r(Template.BOOK_DELETE, 15, order_ref=21),
        r(
            Template.BOOK_REPLACE,
            16,
            order_ref=11,
            new_order_ref=11,
            px=1001 * px_unit,
            qty=7,
        ),
        r(Template.BOOK_DELETE, 17, order_ref=15),
        r(
            Template.TRADE,
            18,
            side=buy,
            px=1001 * px_unit,
            qty=3,
            match_id=3,
            flags=int(MarketFlag.HIDDEN) * hidden,
        ),
        r(Template.BOOK_ADD, 19, side=buy, order_ref=30, px=1001 * px_unit, qty=9),
        r(Template.BOOK_EXECUTE, 20, order_ref=11, match_id=4, qty=7),
    ]
    return out


def trade_records(*, lag: int = 5_000_000) -> list[bytes]:
    """Trades with a receipt behind the event."""
    sides = (int(Side.BUY), int(Side.SELL))
    return [
        _record(
            Template.TRADE,
            i,
            lag=lag,
            side=sides[i % 2],
            px=100_000_000 + 25 * i,
            qty=1 + 12_345_678 * i,
            match_id=1000 + i,
        )
        for i in range(8)
    ]


def book_records(*, lag: int = 5_000_000) -> list[bytes]:
    """A snapshot of levels, then changes."""
    clear = _record(Template.BOOK_CLEAR, 0, lag=lag, reason=int(BookReason.REFRESH))
    levels = [
        _record(
            Template.BOOK_LEVEL,
            0,
            lag=lag,
            side=1 + i % 2,
            px=99_990_000 + 10_000 * i,
            qty=5 + i,
            flags=_SNAPSHOT | (_LAST if i == 3 else 0),
        )
        for i in range(4)
    ]
    later = [
        _record(Template.BOOK_LEVEL, 1 + i, lag=lag, side=1, px=99_990_000, qty=i % 3, flags=_LAST)
        for i in range(5)
    ]
    return [clear, *levels, *later]


def quote_records(*, lag: int = 5_000_000) -> list[bytes]:
    """Best prices."""
    return [
        _record(
            Template.QUOTE,
            i,
            lag=lag,
            flags=_LAST,
            bid_px=99_990_000 - i,
            bid_qty=10 + i,
            ask_px=100_010_000 + i,
            ask_qty=20 + i,
        )
        for i in range(5)
    ]


def bar_records() -> list[bytes]:
    """Minute bars."""
    minute = 60_000_000_000
    out = []
    for i in range(5):
        opened = START_NS + i * minute
        out.append(
            encode(
                Template.BAR,
                ts_event_ns=opened + minute,
                ts_recv_ns=opened + minute,
                instrument_id=1,
                venue_id=int(Exchange.NASDAQ),
                kind=int(BarKind.TIME),
                ts_open_ns=opened,
                interval=minute,
                open=100.1 + i,
                high=101.7 + i,
                low=99.3,
                close=100.4 + i,
                volume_qty=1000 + i,
                turnover=0.1 * i,
                trades=i,
            )
        )
    return out


def status_record() -> bytes:
    return _record(
        Template.STATUS,
        30,
        kind=int(StatusKind.TRADING_ACTION),
        state=b"H",
        symbol=b"AAPL",
    )


def crypto(**changes: object) -> Instrument:
    """An instrument with prices at 1e-6 and sizes at 1e-8."""
    return instrument(symbol="BTCUSDT", px_exponent=-6, qty_exponent=-8, tick=1, **changes)


def _write(format_name: str, name: str, feed: Callable[[], BlockFeed], **options: object):
    def make(folder: Path) -> tuple[Path, dict[str, object]]:
        path = folder / name
        write_feed(feed(), path, format_name, options=options)
        return path, {}

    return make


def _orders() -> BlockFeed:
    return feed_of(order_records())


def _text(name: str, text: str) -> Callable[[Path], tuple[Path, dict[str, object]]]:
    def make(folder: Path) -> tuple[Path, dict[str, object]]:
        path = folder / name
        path.write_text(text)
        return path, {}

    return make


_BITSTAMP = """\
1430438404518 order_created {"price": "236.47", "amount": "2.0", "id": 65595247, "order_type": 0}
1430438404635 order_changed {"price": "236.47", "amount": "1.78", "id": 65595247, "order_type": 0}
1430438404645 trade {"price": 236.47, "amount": 0.21144331, "id": 8111041}
1430438405647 order_deleted {"price": "236.47", "amount": "1.7", "id": 65595247, "order_type": 0}
"""
_SNAPSHOT_5 = (
    "exchange,symbol,timestamp,local_timestamp,"
    + ",".join(
        f"{s}[{i}].{w}" for i in range(2) for s in ("asks", "bids") for w in ("price", "amount")
    )
    + "\nbitmex,XBTUSD,1600000000000000,1600000000000100,10.5,1,10.0,2,11.0,3,9.5,4\n"
    "bitmex,XBTUSD,1600000000100000,1600000000100100,10.5,2,10.0,2,11.5,3,9.5,4\n"
)
_DERIVATIVE = (
    "exchange,symbol,timestamp,local_timestamp,funding_timestamp,funding_rate,"
    "predicted_funding_rate,open_interest,last_price,index_price,mark_price\n"
    "bitmex,XBTUSD,1600000000000000,1600000000000100,1600000000,0.0001,,281572100.0,7186.5,7186.8,"
    "7186.9\n"
)
_DEPTH = "timestamp,percentage,depth,notional\n2023-01-01 00:00:05,-5,123.5,2000000.25\n"

# A small valid file of every format and kind: a function that writes it and gives its options.
FILES: dict[str, Callable[[Path], tuple[Path, dict[str, object]]]] = {
    "journal": _write("journal", "j", _orders, segment_slots=64),
    "parquet": _write("parquet", "orders.parquet", _orders),
    "parquet one": _write("parquet", "trade.parquet", lambda: feed_of(trade_records())),
    "dbn": _write("dbn", "o.dbn", _orders),
    "dbn zst": _write("dbn", "o.dbn.zst", _orders),
    "dbn trades": _write("dbn", "t.dbn", _orders, schema="trades"),
    "hftbacktest": _write("hftbacktest", "o.npz", _orders, latency_ns=1000),
    "hftbacktest npy": _write("hftbacktest", "o.npy", lambda: feed_of(book_records(), crypto())),
    "lobster": _write("lobster", "AAPL_2012-06-21_message_3.csv", _orders, levels=3),
    "itch": _write("itch", "S062112-v50.itch", _orders),
    "itch gz": _write("itch", "day.itch.gz", _orders),
    "binance trades": _write(
        "binance", "BTCUSDT-trades-x.csv", lambda: feed_of(trade_records(), crypto())
    ),
    "binance aggTrades": _write(
        "binance",
        "BTCUSDT-aggTrades-x.csv",
        lambda: feed_of(trade_records(), crypto()),
        kind="aggTrades",
        header=True,
    ),
    "binance klines": _write(
        "binance", "BTCUSDT-1m-x.csv.gz", lambda: feed_of(bar_records(), crypto()), kind="klines"
    ),
    "binance bookTicker": _write(
        "binance",
        "BTCUSDT-bookTicker-x.csv",
        lambda: feed_of(quote_records(), crypto()),
        kind="bookTicker",
    ),
    "binance bookDepth": _text("BTCUSDT-bookDepth-x.csv", _DEPTH),
    "tardis trades": _write("tardis", "t.csv.gz", lambda: feed_of(trade_records(), crypto())),
    "tardis book": _write(
        "tardis",
        "b.csv",
        lambda: feed_of(book_records(), crypto()),
        kind="incremental_book_L2",
    ),
    "tardis quotes": _write(
        "tardis", "q.csv", lambda: feed_of(quote_records(), crypto()), kind="quotes"
    ),
    "tardis snapshot": _text("s.csv", _SNAPSHOT_5),
    "tardis ticker": _text("d.csv", _DERIVATIVE),
    "csv_bars": _write("csv_bars", "bars.csv", lambda: feed_of(bar_records())),
    "csv_trades": _write("csv_trades", "trades.csv", lambda: feed_of(trade_records(), crypto())),
    "parquet_bars": _write("parquet_bars", "bars.parquet", lambda: feed_of(bar_records())),
    "bitstamp": _text("2015-05-01.log", _BITSTAMP),
}
