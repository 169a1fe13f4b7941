"""Every book of one connection: whatever a decoder gives goes to the book that it is about."""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from tectra.core.errors import DuplicateError, UnknownSymbolError
from tectra.core.msg import BookReason
from tectra.feed.assembly.assembler import BookAssembler
from tectra.feed.assembly.batch import RecordBatch
from tectra.feed.assembly.delta import BookDelta, Refused

__all__ = ["BookGroup", "Decoded"]

# What decoders give: a book message, whole records, a refusal, or nothing about a market.
Decoded: TypeAlias = BookDelta | bytes | Refused | None


class BookGroup:
    """The books that one connection feeds. Owner thread: the feed's."""

    def __init__(self, books: Iterable[BookAssembler] = ()) -> None:
        self._books: dict[int, BookAssembler] = {}
        self.refused: list[Refused] = []
        self.refusals = 0
        for book in books:
            self.add(book)

    def add(self, book: BookAssembler) -> None:
        """Take one more book. Raises DuplicateError."""
        number = book.instrument.instrument_id
        if number in self._books:
            raise DuplicateError(f"book: found instrument {number} twice; allowed: once")
        self._books[number] = book

    def on_decoded(self, found: Decoded, out: RecordBatch) -> None:
        """Hand on one decoded message. A snapshot goes the way of the stream's own.

        What was refused and may have been about a book makes that book invalid, and all of them
        when it does not say which. UnknownSymbolError for the change of a book that is not here.
        """
        if isinstance(found, BookDelta):
            self[found.instrument_id].apply_diff(found, out)
        elif isinstance(found, Refused):
            self._refuse(found, out)
        elif found is not None:
            out.append(found)

    def on_snapshot(self, found: BookDelta | Refused, out: RecordBatch) -> None:
        """Hand on the answer to a request; one that was refused is a failed request."""
        book = self[found.instrument_id]
        if isinstance(found, BookDelta):
            book.apply_snapshot(found, out)
        else:
            self._note(found)
            book.snapshot_failed(found.ts_recv_ns, out)

    def invalidate(self, reason: BookReason, now_ns: int, out: RecordBatch) -> None:
        """No book can be trusted: the link went."""
        for book in self:
            book.invalidate(reason, now_ns, out)

    def do_timers(self, now_ns: int, out: RecordBatch) -> None:
        """Do what is due for every book."""
        for book in self:
            book.do_timers(now_ns, out)

    def _refuse(self, found: Refused, out: RecordBatch) -> None:
        self._note(found)
        if not found.is_book:
            return
        if found.instrument_id:
            self[found.instrument_id].invalidate(BookReason.MALFORMED, found.ts_recv_ns, out)
        else:
            self.invalidate(BookReason.MALFORMED, found.ts_recv_ns, out)

    def _note(self, found: Refused) -> None:
        """Keep the first hundred with their reasons, and count all."""
        self.refusals += 1
        if len(self.refused) < 100:
            self.refused.append(found)

    def __getitem__(self, instrument_id: int) -> BookAssembler:
        if instrument_id not in self._books:
            raise UnknownSymbolError(
                f"book: found instrument {instrument_id}; allowed: one of {len(self._books)}"
            )
        return self._books[instrument_id]

    def __iter__(self) -> Iterator[BookAssembler]:
        return iter(self._books.values())

    def __len__(self) -> int:
        return len(self._books)
