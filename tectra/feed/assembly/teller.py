"""How the records of an assembled book are written."""

from tectra.core.level import BookLevel
from tectra.core.msg import BookReason, BookStatus, Template
from tectra.feed.assembly.batch import RecordBatch
from tectra.feed.assembly.build import Build, Step
from tectra.feed.assembly.delta import BookDelta, OrderBook, RawLevels
from tectra.refdata.instrument import Instrument

__all__ = ["BookTeller"]


class BookTeller:
    """Writes the records of one instrument's book into batches. Any thread: holds no state."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._same = {
            "instrument_id": instrument.instrument_id,
            "venue_id": int(instrument.exchange),
        }

    def head(self, ts_event_ns: int, ts_recv_ns: int, seq: int) -> dict[str, int]:
        """What every record starts with; a venue that says no time has that of arrival."""
        return {
            "ts_event_ns": ts_event_ns or ts_recv_ns,
            "ts_recv_ns": ts_recv_ns,
            "seq": seq,
            **self._same,
        }

    def status(
        self,
        out: RecordBatch,
        status: BookStatus,
        *,
        reason: BookReason,
        now_ns: int,
        seq: int,
        step: Step | None = None,
    ) -> None:
        """What the book is from here on, and what was due and found where it is wrong."""
        out.add(
            Template.BOOK_STATUS,
            status=status,
            reason=reason,
            expected=0 if step is None else step.expected,
            found=0 if step is None else step.found,
            **self.head(now_ns, now_ns, seq),
        )

    def clear(self, out: RecordBatch, *, reason: BookReason, now_ns: int, seq: int) -> None:
        """No level is left."""
        out.add(Template.BOOK_CLEAR, reason=reason, **self.head(now_ns, now_ns, seq))

    def whole(self, out: RecordBatch, made: Build, *, reason: BookReason, now_ns: int) -> None:
        """Every level of a book, in the place of those before."""
        head = self.head(made.ts_event_ns, now_ns, made.seq)
        out.add(Template.BOOK_CLEAR, reason=reason, **head)
        out.add_levels(*made.ladder.levels(), snapshot=True, head=head)

    def change(self, out: RecordBatch, delta: BookDelta, step: Step) -> None:
        """The levels of a message, and those which it pushed out of the depth."""
        bids, asks = delta.bids, delta.asks
        if step.gone[0] or step.gone[1]:
            bids, asks = [*bids, *step.gone[0]], [*asks, *step.gone[1]]
        head = self.head(delta.ts_event_ns, delta.ts_recv_ns, delta.last_seq)
        out.add_levels(bids, asks, snapshot=False, head=head)

    def more(
        self, out: RecordBatch, made: Build, *, bids: RawLevels, asks: RawLevels, now_ns: int
    ) -> None:
        """Levels that a comparison has added to a book."""
        head = self.head(made.ts_event_ns, now_ns, made.seq)
        out.add_levels(bids, asks, snapshot=False, head=head)

    def order_book(self, made: Build, levels: int) -> OrderBook:
        """The best levels of a book as a value."""
        price, quantity = self._instrument.price, self._instrument.quantity
        bids, asks = made.ladder.levels(levels)
        return OrderBook(
            provider=self._instrument.exchange,
            symbol=self._instrument.symbol,
            seq=made.seq,
            checksum=made.checksum,
            bids=tuple(BookLevel(price(px), quantity(qty)) for px, qty in bids),
            asks=tuple(BookLevel(price(px), quantity(qty)) for px, qty in asks),
        )
