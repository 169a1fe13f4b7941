"""Bars as the ticks of a replay: what a strategy and the simulated exchange may know of a bar, and
when.

Nothing of a bar exists before its close. At its close it becomes, in this order: four prints (open,
then low and high, or high and low when it closes below its open, then close; a quarter of the
volume each, the rest with the close), and the best bid and offer of a book of one order a side. So
a strategy sees on_trade four times and then on_book_update, all stamped with the close; a resting
order meets the prices of a bar only at that moment; a market order fills at the quote after a bar,
never at a price inside of it. A bar that says no bid and offer is quoted `tick` around its close.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tectra.core.errors import InputError
from tectra.core.msg import DTYPES, MarketFlag, Side, Template
from tectra.core.record import encode
from tectra.feed.protocol import Feed, Slots
from tectra.refdata.instrument import Instrument

__all__ = ["BarTicks"]

_BAR = DTYPES[Template.BAR]
_QUOTE_QTY = 1_000_000


class BarTicks:
    """A feed of ticks out of a feed of bars.

    `instruments` gives exponents and ticks; those it does not name are as on NASDAQ (-4, 0, one
    cent). Prices are rounded to the exponent. Every record but bars passes as it is. `quote_qty` is
    the size of each side of the book, raw. Owned by one thread, and owns the feed.
    """

    def __init__(
        self,
        feed: Feed,
        *,
        instruments: Mapping[int, Instrument] | None = None,
        quote_qty: int = _QUOTE_QTY,
    ) -> None:
        if quote_qty < 1:
            raise InputError(f"quote_qty: found {quote_qty}; allowed: 1 or more")
        self._feed = feed
        self._known = dict(instruments or {})
        self._qty = quote_qty
        self._quotes: dict[int, tuple[int, int]] = {}
        self._last_ns: dict[int, int] = {}
        self._match = 0

    @property
    def instruments(self) -> Mapping[int, str]:
        """Symbol by instrument id."""
        return self._feed.instruments

    def next_batch(self, max_slots: int = 4096) -> Slots | None:
        """The ticks of some bars; more slots than asked for, as a bar becomes eight of them."""
        batch = self._feed.next_batch(max_slots)
        if batch is None:
            return None
        out = bytearray()
        for raw in _records(np.ascontiguousarray(batch)):
            if raw[2:4] == _CODE:
                for record in self._ticks(np.frombuffer(raw, _BAR)[0]):
                    out += record
            else:
                out += raw
        return np.frombuffer(bytes(out), np.uint8)

    def close(self) -> None:
        """Close the feed."""
        self._feed.close()

    def _ticks(self, bar: np.void) -> Iterator[bytes]:
        number, ts = int(bar["instrument_id"]), int(bar["ts_event_ns"])
        if ts < self._last_ns.get(number, ts):
            raise InputError(f"bars of instrument {number}: one closes before the one ahead; sort")
        self._last_ns[number] = ts
        scale, tick = self._scale(number)
        head = {
            "ts_event_ns": ts,
            "ts_recv_ns": max(ts, int(bar["ts_recv_ns"])),
            "instrument_id": number,
            "venue_id": int(bar["venue_id"]),
        }
        yield from self._prints(bar, head, scale)
        close = round(float(bar["close"]) * scale)
        bid, ask = round(float(bar["bid"]) * scale), round(float(bar["ask"]) * scale)
        if not 0 < bid < ask:
            bid, ask = max(1, close - tick), close + tick
        yield from self._requote(number, head, (bid, ask))

    def _scale(self, number: int) -> tuple[float, int]:
        it = self._known.get(number)
        return (10.0**4, 100) if it is None else (10.0**-it.px_exponent, it.tick)

    def _prints(self, bar: np.void, head: dict[str, int], scale: float) -> Iterator[bytes]:
        volume = int(bar["volume_qty"])
        if volume < 1:
            return
        rising = bar["close"] >= bar["open"]
        path = ("open", "low", "high", "close") if rising else ("open", "high", "low", "close")
        part = volume // 4
        for name in path:
            qty = volume - 3 * part if name == "close" else part
            if qty < 1:
                continue
            self._match += 1
            yield encode(
                Template.TRADE,
                px=round(float(bar[name]) * scale),
                qty=qty,
                match_id=self._match,
                side=Side.NONE,
                flags=MarketFlag.HIDDEN,
                **head,
            )

    def _requote(
        self, number: int, head: dict[str, int], quote: tuple[int, int]
    ) -> Iterator[bytes]:
        """Move both sides, first the one that makes way, so that the book is never crossed."""
        last = self._quotes.get(number)
        self._quotes[number] = quote
        refs = (2 * number, 2 * number + 1)
        sides = (Side.BUY, Side.SELL)
        if last is None:
            for i in (0, 1):
                yield encode(
                    Template.BOOK_ADD, order_ref=refs[i], side=sides[i], px=quote[i], qty=self._qty,
                    **head,
                )  # fmt: skip
            return
        for i in (1, 0) if quote[0] > last[0] else (0, 1):
            if quote[i] == last[i] and i == 1:
                continue
            yield encode(
                Template.BOOK_REPLACE, order_ref=refs[i], new_order_ref=refs[i], side=sides[i],
                px=quote[i], qty=self._qty, **head,
            )  # fmt: skip


_CODE = int(Template.BAR).to_bytes(2, "little")


def _records(batch: NDArray[Any]) -> Iterator[bytes]:
    data = batch.tobytes()
    at = 0
    while at < len(data):
        size = (int.from_bytes(data[at : at + 2], "little") + 8 + 63) // 64 * 64
        yield data[at : at + size]
        at += size
