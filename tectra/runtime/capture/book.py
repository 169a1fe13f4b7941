"""One book of a capture, built by the assembler that live feeds use."""

from collections import deque

from tectra.core.errors import InputError, NumericError
from tectra.core.msg import BookReason, BookStatus
from tectra.core.rng import Random
from tectra.core.types import Exchange
from tectra.feed.assembly import (
    AssemblyPolicy,
    AssemblyTelemetry,
    BookAssembler,
    BookDelta,
    RecordBatch,
)
from tectra.feed.capture import CaptureLine
from tectra.refdata.definition import Definition, canonical_symbol, infer_definition
from tectra.refdata.instrument import Instrument
from tectra.runtime.capture.continuity import Continuity
from tectra.runtime.capture.heard import BookHeard, TopHeard, VenueReader
from tectra.runtime.capture.report import BookReport, Span
from tectra.runtime.capture.tops import Tops

__all__ = ["CheckedBook"]

_PENDING_MAX = 100_000
_TAKE_EVERY = 256
_NEVER_NS = 1 << 62


class _Nobody:
    """A recording answers no requests: its snapshots are where they are."""

    def request(self, instrument_id: int, reason: BookReason) -> None:
        """Nothing to do."""


class _Events(AssemblyTelemetry):
    """What assembly says of itself, kept instead of logged."""

    def __init__(self) -> None:
        super().__init__()
        self.reasons: list[BookReason] = []
        self.failed: list[tuple[int, int]] = []

    def on_resync(self, provider: Exchange, symbol: str, reason: BookReason) -> None:
        """Keep why."""
        self.reasons.append(reason)

    def on_checksum_failed(
        self, provider: Exchange, symbol: str, *, expected: int, found: int
    ) -> None:
        """Keep what."""
        self.failed.append((expected, found))


class CheckedBook:
    """Feeds one book and counts. Owner: the thread of the check."""

    def __init__(self, reader: VenueReader, first: BookHeard, number: int) -> None:
        self.report = BookReport(first.symbol, first.channel)
        self.connection = ""
        self.continuity = Continuity()
        self.assembler: BookAssembler | None = None
        self._reader = reader
        self._number = number
        self._events = _Events()
        self._batch = RecordBatch()
        self._taken = 0
        self._pending: deque[tuple[BookHeard, CaptureLine]] = deque(maxlen=_PENDING_MAX)
        # Fetched snapshots from before the first change, which shows how the stream is numbered.
        self._early: list[tuple[BookHeard, CaptureLine, Definition | None]] = []
        self._tops = Tops(self.report)

    # Messages

    def take(
        self, book: BookHeard, line: CaptureLine, definition: Definition | None = None
    ) -> None:
        """One message of the book. InputError where it fits no instrument; the book is invalid
        then.
        """
        report = self.report
        if book.is_fetched and not report.updates:
            self._early.append((book, line, definition))
            return
        if book.is_snapshot:
            report.snapshots += 1
        else:
            report.updates += 1
            early, self._early = self._early, []
            for snapshot in early:
                self.take(*snapshot)
        if not book.is_fetched:
            self._check_numbers(book, line)
        if book.is_snapshot and self._needs_fit(book):
            self._fit(book, definition)
        if self.assembler is None:
            report.waiting += 1
            self._pending.append((book, line))
            return
        self._drain()
        self._apply(book, line)

    def on_top(self, said: TopHeard) -> None:
        """The venue's best prices."""
        self._tops.on_said(said, None if self.assembler is None else self.assembler.instrument)

    def invalidate(self, reason: BookReason, line: CaptureLine) -> None:
        """Something outside says that the book cannot be right."""
        if self.assembler is not None and self.assembler.status is BookStatus.VALID:
            self.assembler.invalidate(reason, line.ts_ns, self._batch)
            self._note(line)

    def on_connect(self, line: CaptureLine) -> None:
        """The connection was made anew. Numbers go on where the venue numbers books; a book without
        numbers waits for its snapshot.
        """
        self.continuity.reset()
        if not self.report.is_numbered:
            self.invalidate(BookReason.LINK, line)

    def finish(self, last: CaptureLine) -> None:
        """The file is over: believe a snapshot that nothing contradicted, and say how it stands."""
        report = self.report
        report.duplicates, report.restarts = self.continuity.duplicates, self.continuity.restarts
        if self.assembler is None:
            report.missing = (
                "no snapshot in the capture: numbers were checked, levels were not"
                if report.is_numbered
                else "no snapshot in the capture: levels were not checked"
            )
            return
        # Behind every time of the capture: a fetched snapshot that no change followed.
        self.assembler.do_timers(last.ts_ns + 3_600_000_000_000, self._batch)
        self._note(last)
        report.state = self.assembler.state.name
        book = self.assembler.book
        if book is None:
            if not report.spans and report.snapshots:
                report.missing = "no snapshot that joins the changes: levels were not checked"
            return
        top = book.top()
        instrument = self.assembler.instrument
        report.best_bid = (
            "" if top.bid_px is None else str(instrument.price(top.bid_px).normalize())
        )
        report.best_ask = (
            "" if top.ask_px is None else str(instrument.price(top.ask_px).normalize())
        )
        bids, asks = book.depth_at(1 << 24)
        report.levels = len(bids), len(asks)

    # Parts of it

    def _check_numbers(self, book: BookHeard, line: CaptureLine) -> None:
        rule = self._reader.numbering(book)
        delta = self._reader.delta(book, None, line.ts_ns)
        if rule.covers(delta) is not None:
            self.report.is_numbered = True
        lacks = self.continuity.offer(rule, delta, has_news=bool(book.bids or book.asks))
        if lacks:
            self.report.gaps.add(line.number, line.ts_ns, lacks)

    def _needs_fit(self, book: BookHeard) -> bool:
        """Whether a new assembler begins with this snapshot: the first one, and one that the
        exponents of the book before cannot hold.
        """
        if self.assembler is None:
            return True
        try:
            delta = self._reader.delta(book, self.assembler.instrument, 0)
        except (InputError, NumericError):
            return True
        made = self._reader.rule(book, self.assembler.instrument)
        return made != self.assembler.rule and self.assembler.rule.covers(delta) is None

    def _fit(self, book: BookHeard, definition: Definition | None) -> None:
        """An assembler with exponents that hold the snapshot: as the venue defines the instrument,
        and finer where its numbers are.
        """
        exchange = self._reader.exchange
        inferred = infer_definition(exchange, book.symbol, book.bids + book.asks)
        px, qty = inferred.exponents
        if definition is not None:
            levels = book.bids + book.asks
            px = min(
                definition.exponents[0],
                -max((v.price.normalize().scale for v in levels), default=0),
            )
            qty = min(
                definition.exponents[1],
                -max((v.quantity.normalize().scale for v in levels), default=0),
            )
        try:
            symbol = canonical_symbol(book.symbol, exchange)
        except InputError:
            symbol = f"{exchange.label}-{self._number}"
        instrument = Instrument(self._number, symbol, exchange, px_exponent=px, qty_exponent=qty)
        report = self.report
        report.px_exponent, report.qty_exponent = px, qty
        report.exponents_from = "inferred from levels" if definition is None else "definition"
        self.assembler = BookAssembler(
            instrument,
            self._reader.rule(book, instrument),
            source=_Nobody(),
            random=Random(1),
            policy=AssemblyPolicy(stale_ns=_NEVER_NS, refresh_ns=0, buffer_max=_PENDING_MAX),
            telemetry=self._events,
        )

    def _drain(self) -> None:
        """Changes that came before the first snapshot: venues that fetch it join the two."""
        assembler = self.assembler
        if not self._pending or assembler is None:
            return
        waiting, self._pending = self._pending, deque(maxlen=_PENDING_MAX)
        if assembler.rule.fetches_snapshot:
            for book, line in waiting:
                self._apply(book, line)
            self.report.waiting = 0

    def _apply(self, book: BookHeard, line: CaptureLine) -> None:
        assembler = self.assembler
        assert assembler is not None
        try:
            delta = self._reader.delta(book, assembler.instrument, line.ts_ns)
        except (InputError, NumericError):
            self.invalidate(BookReason.MALFORMED, line)
            raise
        if book.is_snapshot and not book.is_fetched:
            # Subscribed anew: where the count went on elsewhere, the book before is void.
            covers = assembler.rule.covers(delta)
            if covers is not None and delta.last_seq < assembler.seq:
                self.continuity.restarts += 1
                self.invalidate(BookReason.LINK, line)
        if book.is_fetched:
            assembler.apply_snapshot(delta, self._batch)
        else:
            assembler.apply_diff(delta, self._batch)
        wrong_sum = bool(self._events.failed)
        self._count_checksum(delta, line)
        self._note(line)
        is_valid = assembler.status is BookStatus.VALID
        if book.is_snapshot and not book.is_fetched and not is_valid and not wrong_sum:
            self.report.snapshots_refused.add(line.number, line.ts_ns, "crossed, or no levels")
        if assembler.status is BookStatus.VALID and not book.is_fetched:
            made = assembler.book
            if made is not None and assembler.seq:
                self._tops.on_book(
                    assembler.seq, made.top(), line=line.number, ts_ns=line.ts_ns,
                    instrument=assembler.instrument,
                )  # fmt: skip
        self._taken += 1
        if self._taken % _TAKE_EVERY == 0:
            self._batch.take()

    def _count_checksum(self, delta: BookDelta, line: CaptureLine) -> None:
        assembler, report = self.assembler, self.report
        if assembler is None or delta.checksum is None or assembler.rule.checksum is None:
            return
        if self._events.failed:
            for expected, found in self._events.failed:
                text = f"the venue's {expected}, ours {found}"
                report.checksums_failed.add(line.number, line.ts_ns, text)
            self._events.failed.clear()
        elif assembler.status is BookStatus.VALID:
            report.checksums_matched += 1
        else:
            report.checksums_unchecked += 1

    def _note(self, line: CaptureLine) -> None:
        """Spans and reasons since the last call."""
        report, assembler = self.report, self.assembler
        for reason in self._events.reasons:
            report.resyncs[reason.name] = report.resyncs.get(reason.name, 0) + 1
            self._close(line)
            report.spans.append(Span(reason.name, line.number, line.ts_ns))
            self._tops.clear()
        self._events.reasons.clear()
        if assembler is not None and assembler.status is BookStatus.VALID:
            self._close(line)

    def _close(self, line: CaptureLine) -> None:
        spans = self.report.spans
        if spans and not spans[-1].to_line:
            spans[-1].to_line, spans[-1].to_ns = line.number, line.ts_ns
