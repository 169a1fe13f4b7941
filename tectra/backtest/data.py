"""Market data for a run: a file or a feed, the instruments chosen from it, and its batches from the
first record on.
"""

import difflib
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np

from tectra.core.errors import FileFormatError, InputError, UnknownSymbolError
from tectra.core.msg import HEAD, Template
from tectra.core.types import Exchange
from tectra.feed.formats import FORMATS, detect, open_feed
from tectra.feed.itch import ItchFeed
from tectra.feed.protocol import Feed, Slots
from tectra.feed.quality.gate import require_validated
from tectra.journal.scan import walk
from tectra.refdata.instrument import Instrument

__all__ = ["MarketData", "open_data"]

# NASDAQ quotes in cents from one dollar on (Rule 612 of Regulation NMS).
_NASDAQ_TICK = 100
# Batches that are read to find out whether a feed has single orders at all.
_AHEAD_MAX = 256
_ADDS = (Template.BOOK_ADD, Template.BOOK_ADD_ATTRIBUTED)


class MarketData:
    """A feed whose instruments are settled. Reads ahead until the symbols asked for are known, and
    gives what it read first.
    """

    def __init__(
        self, feed: Feed, symbols: Sequence[str] | None, *, batch_slots: int = 4096
    ) -> None:
        self._feed = feed
        self._batch_slots = batch_slots
        self._ahead: list[Slots] = []
        self.instruments = self._settle(symbols)
        self.first_ns = self._first_ns()

    def _settle(self, symbols: Sequence[str] | None) -> tuple[Instrument, ...]:
        """Read on until every symbol has an id; without symbols, until the first order. A feed with
        definitions has told them already.
        """
        defined = getattr(self._feed, "definitions", None)
        if defined is not None:
            known = {d.symbol: d for d in defined.values()}
            return tuple(known[s] for s in (sorted(known) if symbols is None else symbols))
        wanted = None if symbols is None else set(symbols)
        while True:
            known = {symbol: number for number, symbol in self._feed.instruments.items()}
            if wanted is not None and wanted <= set(known):
                break
            batch = self._feed.next_batch(self._batch_slots)
            if batch is None:
                break
            self._ahead.append(batch)
            if wanted is None and _has_orders(batch):
                known = {symbol: number for number, symbol in self._feed.instruments.items()}
                break
        missing = [] if wanted is None else sorted(wanted - set(known))
        if missing:
            every = self._all_symbols()
            close = difflib.get_close_matches(missing[0].upper(), every, n=3)
            hint = f"close to it: {', '.join(close)}; " if close else ""
            raise UnknownSymbolError(
                f"symbol: found {missing[0]!r}, which is not among the {len(every):,} of this "
                "data; "
                f"{hint}`tectra itch stats` counts them"
            )
        chosen = sorted(known) if symbols is None else list(dict.fromkeys(symbols))
        return tuple(Instrument(known[s], s, Exchange.NASDAQ, tick=_NASDAQ_TICK) for s in chosen)

    def _all_symbols(self) -> list[str]:
        locates = getattr(self._feed, "locates", None)
        return sorted(
            set((locates.symbols() if locates is not None else self._feed.instruments).values())
        )

    def _first_ns(self) -> int:
        while not any(len(b) for b in self._ahead):
            batch = self._feed.next_batch(self._batch_slots)
            if batch is None:
                return 0
            self._ahead.append(batch)
        first = next(b for b in self._ahead if len(b))
        return int(first[:64].view(HEAD)["ts_recv_ns"][0])

    def batches(self) -> Iterator[Slots]:
        """Every batch, once."""
        while self._ahead:
            yield self._ahead.pop(0)
        while (batch := self._feed.next_batch(self._batch_slots)) is not None:
            yield batch

    @property
    def midnight_ns(self) -> int:
        """Start of the venue's day, nanoseconds since the epoch; 0 where the date is not known."""
        return getattr(self._feed, "midnight_ns", 0)

    @property
    def utc_offset(self) -> timedelta:
        """Of the venue's clock on the day of the data; nil where the date is not known."""
        midnight_ns = (
            getattr(self._feed, "midnight_ns", 0) if getattr(self._feed, "date_known", False) else 0
        )
        return -timedelta(microseconds=midnight_ns // 1_000) % timedelta(days=-1)

    def close(self) -> None:
        """Give up the feed's file."""
        self._feed.close()

    @property
    def feed(self) -> Feed:
        """The feed itself."""
        return self._feed

    def need_orders(self, path: str | Path) -> None:
        """Raise InputError unless the first records have single orders among them."""
        while not any(_has_orders(batch) for batch in self._ahead):
            batch = self._feed.next_batch(self._batch_slots)
            if batch is None or len(self._ahead) == _AHEAD_MAX:
                raise InputError(_without_orders(path, "the records"))
            self._ahead.append(batch)


def _without_orders(path: str | Path, what: str) -> str:
    able = ", ".join(sorted(name for name, one in FORMATS.items() if one.has_orders))
    return (
        f"{path}: {what} hold no single orders (book_add), which the book of a backtest is built "
        f"from; allowed: order by order data, as {able} can hold it"
    )


def _has_orders(batch: Slots) -> bool:
    if not len(batch):
        return False
    starts, _ = walk(batch)
    kinds = batch.reshape(-1, 64)[starts].view(HEAD)["template_id"]
    return bool(np.isin(kinds, _ADDS).any())


def open_data(
    path: str | Path,
    symbols: Sequence[str] | None,
    *,
    date: str | None = None,
    strict: bool = False,
    allow_unvalidated: bool = False,
) -> MarketData:
    """Market data of any format that holds single orders, told by its content, with the symbols
    chosen (default: all of them). Parquet has to have passed `tectra data validate`, unless
    `allow_unvalidated`.

    `date` is the trade date of formats that carry none. Raises InputError for a format without
    orders, FileFormatError, UnknownSymbolError.
    """
    if isinstance(symbols, str) or (symbols is not None and not len(symbols)):
        raise InputError(
            f"symbols: found {symbols!r}; allowed: a list such as ['AAPL'], or None for all"
        )
    try:
        name = detect(path)
    except FileFormatError as unknown:
        # A day file whose first messages are damaged is still one.
        try:
            return _open_itch(path, symbols, date=date, strict=strict)
        except (FileFormatError, InputError):
            raise unknown from None
    if name == "itch":
        return _open_itch(path, symbols, date=date, strict=strict)
    if not FORMATS[name].has_orders:
        raise InputError(_without_orders(path, FORMATS[name].title))
    if name == "parquet" and not allow_unvalidated:
        require_validated(path)
    told = {"date": date} if date is not None and "date" in FORMATS[name].options else {}
    feed = open_feed(path, name, symbols=symbols, options=told)
    try:
        market = MarketData(feed, symbols)
        market.need_orders(path)
        return market
    except BaseException:
        feed.close()
        raise


def _open_itch(
    path: str | Path, symbols: Sequence[str] | None, *, date: str | None, strict: bool
) -> MarketData:
    feed = ItchFeed(path, symbols=symbols, date=date, strict=strict, venue_id=int(Exchange.NASDAQ))
    try:
        market = MarketData(feed, symbols)
        if not market.instruments:
            raise InputError(f"{path}: no symbol in it; `tectra itch stats` shows what it holds")
        return market
    except BaseException:
        feed.close()
        raise
