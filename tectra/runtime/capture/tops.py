"""The venue's best prices beside those of our book, at the same number."""

from collections import deque

from tectra.book.view import Top
from tectra.core.errors import InputError, NumericError
from tectra.core.fixed import Price
from tectra.refdata.instrument import Instrument
from tectra.runtime.capture.heard import TopHeard
from tectra.runtime.capture.report import BookReport

__all__ = ["Tops"]

_WAITING_MAX = 10_000


class Tops:
    """Two streams that are numbered alike but come each at its own pace: a book of number n is
    compared with the venue's last word up to n, once its next word (above n) has come.
    """

    def __init__(self, report: BookReport) -> None:
        self._report = report
        self._books: deque[tuple[int, int, int, Top]] = deque(maxlen=_WAITING_MAX)
        self._said: deque[TopHeard] = deque(maxlen=_WAITING_MAX)

    def on_book(self, seq: int, top: Top, *, line: int, ts_ns: int, instrument: Instrument) -> None:
        """Our best prices after the update of this number."""
        self._books.append((seq, line, ts_ns, top))
        self._compare(instrument)

    def on_said(self, said: TopHeard, instrument: Instrument | None) -> None:
        """The venue's."""
        self._said.append(said)
        if instrument is not None:
            self._compare(instrument)

    def clear(self) -> None:
        """The book is not valid: nothing to compare."""
        self._books.clear()

    def _compare(self, instrument: Instrument) -> None:
        while self._books and self._said and self._said[-1].seq > self._books[0][0]:
            seq, line, ts_ns, top = self._books.popleft()
            while len(self._said) > 1 and self._said[1].seq <= seq:
                self._said.popleft()
            if self._said[0].seq <= seq:
                self._judge(self._said[0], top, line=line, ts_ns=ts_ns, instrument=instrument)

    def _judge(
        self, said: TopHeard, top: Top, *, line: int, ts_ns: int, instrument: Instrument
    ) -> None:
        exponents = (instrument.px_exponent, instrument.qty_exponent) * 2
        try:
            theirs = [Price(t).raw(e) for t, e in zip(said.texts, exponents, strict=True)]
        except (InputError, NumericError):
            theirs = []
        ours = [top.bid_px, top.bid_qty, top.ask_px, top.ask_qty]
        if ours == theirs:
            self._report.tops_agreed += 1
        else:
            text = f"at number {said.seq}: ours {ours}, the venue's {' '.join(said.texts)}"
            self._report.tops_differed.add(line, ts_ns, text)
