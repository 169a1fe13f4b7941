"""Records of market data, and feeds of them, for the tests of feeds."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from tectra.core.msg import Side
from tectra.core.record import encode
from tectra.feed.protocol import Slots
from tectra.refdata.instrument import Instrument

__all__ = ["NS", "START", "ListFeed", "add", "bar", "delete", "drain", "level", "quote", "trade"]

NS = 1_000_000_000
START = 1_700_000_000 * NS


def _head(ts: int, instrument_id: int, recv: int | None) -> dict[str, int]:
    recv = ts if recv is None else recv
    return {"ts_event_ns": ts, "ts_recv_ns": recv, "instrument_id": instrument_id, "venue_id": 1}


def level(
    ts: int, side: Side, px: int, qty: int, *, seq: int = 0, i: int = 1, recv: int | None = None,
    flags: int = 0,
) -> bytes:  # fmt: skip
    head = _head(ts, i, recv)
    return encode("book_level", **head, side=side, px=px, qty=qty, seq=seq, flags=flags)


def quote(
    ts: int, bid: int, ask: int, *, qty: int = 5, seq: int = 0, i: int = 1, recv: int | None = None
) -> bytes:
    head = _head(ts, i, recv)
    return encode("quote", **head, bid_px=bid, ask_px=ask, bid_qty=qty, ask_qty=qty, seq=seq)


def trade(
    ts: int, px: int, qty: int = 1, *, i: int = 1, match: int = 0, recv: int | None = None,
    flags: int = 0,
) -> bytes:  # fmt: skip
    head = _head(ts, i, recv)
    return encode("trade", **head, side=Side.BUY, px=px, qty=qty, match_id=match, flags=flags)


def add(ts: int, ref: int, side: Side, px: int, qty: int = 1, *, i: int = 1) -> bytes:
    return encode("book_add", **_head(ts, i, None), side=side, px=px, qty=qty, order_ref=ref)


def delete(ts: int, ref: int, *, i: int = 1) -> bytes:
    return encode("book_delete", **_head(ts, i, None), order_ref=ref)


def bar(ts: int, close: float, *, interval: int = 60 * NS, i: int = 1, **more: float) -> bytes:
    prices = {"open": close, "high": close, "low": close, "close": close, **more}
    kind = {"kind": 1, "interval": interval, "ts_open_ns": ts - interval}
    return encode("bar", **_head(ts, i, None), **kind, volume_qty=1, trades=1, **prices)


class ListFeed:
    """A RecordFeed of records in memory, in batches of so many records."""

    format = "list"
    position = size = 0

    def __init__(
        self, records: Iterable[bytes], instruments: Mapping[int, str] | None = None, *,
        batch: int = 7, definitions: Sequence[Instrument] = (),
    ) -> None:  # fmt: skip
        self._records = list(records)
        self.definitions = {d.instrument_id: d for d in definitions}
        named = {n: d.symbol for n, d in self.definitions.items()}
        self.instruments = {1: "AAA", 2: "BBB"} if instruments is None else dict(instruments)
        self.instruments = named or self.instruments
        self.faults: dict[str, int] = {}
        self._batch, self._at, self.closed = batch, 0, False

    def next_batch(self, max_slots: int = 4096) -> Slots | None:
        if self._at >= len(self._records):
            return None
        take = self._records[self._at : self._at + min(self._batch, max_slots // 2)]
        self._at += len(take)
        return np.frombuffer(b"".join(take), np.uint8)

    def close(self) -> None:
        self.closed = True


def drain(feed: ListFeed, max_slots: int = 4096) -> bytes:
    """Every byte of a feed."""
    out = []
    while (batch := feed.next_batch(max_slots)) is not None:
        assert len(batch) > 0 and len(batch) % 64 == 0
        out.append(batch.tobytes())
    return b"".join(out)
