"""A book assembler with a source of snapshots in the test's hand, and a reader of what it tells."""

from typing import Any

from tectra.core.msg import BookReason, BookStatus, MarketFlag, Side, Template
from tectra.core.record import iter_records
from tectra.core.rng import Random
from tectra.core.types import Exchange
from tectra.feed.assembly import (
    AssemblyPolicy,
    AssemblyTelemetry,
    BookAssembler,
    BookDelta,
    BookRule,
    RecordBatch,
)
from tectra.feed.resync import ResyncPolicy
from tectra.refdata.instrument import Instrument

__all__ = ["SECOND", "Asked", "Reader", "Scene", "change", "whole"]

SECOND = 1_000_000_000
ID = 7
INSTRUMENT = Instrument(ID, "BTCUSDT", Exchange.BINANCE, px_exponent=-2, qty_exponent=-3)


def change(first: int, last: int | None = None, **more: Any) -> BookDelta:
    """A change; `now` is its time of arrival, `ts` that of the venue."""
    return _delta(False, (first, first if last is None else last), **more)


def whole(seq: int, **more: Any) -> BookDelta:
    """A snapshot."""
    return _delta(True, (seq, seq), **more)


def _delta(is_snapshot, covers, *, bids=(), asks=(), now=1, ts=0, **more):
    return BookDelta(
        instrument_id=ID,
        is_snapshot=is_snapshot,
        first_seq=covers[0],
        last_seq=covers[1],
        bids=tuple(bids),
        asks=tuple(asks),
        ts_recv_ns=now,
        ts_event_ns=ts,
        prev_seq=more.pop("prev", None),
        **more,
    )


class Asked:
    """A SnapshotSource that only remembers what it was asked."""

    def __init__(self) -> None:
        self.reasons: list[BookReason] = []

    def request(self, instrument_id: int, reason: BookReason) -> None:
        assert instrument_id == ID
        self.reasons.append(reason)


class Reader:
    """Whoever reads the records: levels in dicts, and whether they may be believed."""

    def __init__(self) -> None:
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.status = BookStatus.NONE
        self.told: list[tuple[Template, int]] = []
        self.seq = 0

    def read(self, slots: Any) -> None:
        """Apply records; those that are no part of a book fail."""
        for record in iter_records(b"" if slots is None else slots):
            assert record.get_int("instrument_id") == ID
            if record.template is Template.BOOK_LEVEL:
                side = self.bids if record.get_int("side") == Side.BUY else self.asks
                px, qty = record.get_int("px"), record.get_int("qty")
                side.pop(px, None)
                if qty:
                    side[px] = qty
                self.told.append((record.template, record.get_int("flags")))
            elif record.template is Template.BOOK_CLEAR:
                self.bids.clear()
                self.asks.clear()
                self.told.append((record.template, record.get_int("reason")))
            else:
                assert record.template is Template.BOOK_STATUS
                self.status = BookStatus(record.get_int("status"))
                self.told.append((record.template, int(self.status)))
            self.seq = record.get_int("seq")

    @property
    def is_valid(self) -> bool:
        return self.status is BookStatus.VALID

    def levels(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        return sorted(self.bids.items(), reverse=True), sorted(self.asks.items())


class Scene:
    """An assembler, its source, and a reader that has seen every record after each call."""

    def __init__(self, rule: BookRule, *, seed: int = 1, **policy: Any) -> None:
        patience = policy.pop("resync", ResyncPolicy(jitter=0.0))
        self.source = Asked()
        self.telemetry = AssemblyTelemetry()
        self.book = BookAssembler(
            INSTRUMENT,
            rule,
            source=self.source,
            random=Random(seed),
            policy=AssemblyPolicy(resync=patience, **policy),
            telemetry=self.telemetry,
        )
        self.out = RecordBatch(8)
        self.reader = Reader()

    def __getattr__(self, name: str) -> Any:
        """A method of the assembler, with the batch given and read."""
        method = getattr(self.book, name)

        def call(*args: Any, **named: Any) -> Any:
            found = method(*args, self.out, **named)
            self.reader.read(self.out.take())
            self.agree()
            return found

        return call

    def agree(self) -> None:
        """What was told is what the assembler holds, and it says VALID exactly when it is."""
        own = self.book.book
        assert self.reader.status is self.book.status or self.book.status is BookStatus.NONE
        if own is None:
            assert not self.reader.bids and not self.reader.asks and not self.reader.is_valid
        else:
            assert self.reader.levels() == own.depth_at(1 << 20)
            assert own.check()


SNAPSHOT, LAST = int(MarketFlag.SNAPSHOT), int(MarketFlag.LAST)
