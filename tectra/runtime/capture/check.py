"""Reads a capture from end to end and says what holds."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tectra.core.errors import FileFormatError, InputError, NumericError, TectraError
from tectra.core.msg import BookReason
from tectra.feed.capture import CaptureKind, CaptureLine, CaptureReader
from tectra.feed.said import MessageKind
from tectra.refdata.definition import Definition, canonical_symbol
from tectra.runtime.capture.binance import BinanceReader
from tectra.runtime.capture.book import CheckedBook
from tectra.runtime.capture.bybit import BybitReader
from tectra.runtime.capture.coinbase import CoinbaseReader
from tectra.runtime.capture.detect import detect, venue_of
from tectra.runtime.capture.heard import BookHeard, Heard, VenueReader
from tectra.runtime.capture.kraken import KrakenReader
from tectra.runtime.capture.okx import OkxReader
from tectra.runtime.capture.report import CaptureReport
from tectra.venue.coinbase.book import ConnectionSequence, SequenceVerdict

__all__ = ["check_capture"]

Step = Callable[[int, int], None]
_STEP_EVERY = 1000
_SPOT_ONLY = ("coinbase", "kraken")


def _nothing(_done: int, _total: int) -> None:
    """Progress where nobody looks."""


def _reader(venue: str, symbol: str) -> VenueReader:
    match venue:
        case "binance":
            return BinanceReader(symbol.upper().replace("-", "").replace("/", ""))
        case "bybit":
            return BybitReader()
        case "coinbase":
            return CoinbaseReader()
        case "kraken":
            return KrakenReader()
        case "okx":
            return OkxReader()
    raise InputError(f"venue: found {venue!r}; allowed: binance, bybit, coinbase, kraken, okx")


class _Check:
    """One pass over one file. Owner: the calling thread."""

    def __init__(self, reader: VenueReader, report: CaptureReport, symbol: str) -> None:
        self._reader = reader
        self._report = report
        self._wanted = symbol
        self._books: dict[tuple[str, str], CheckedBook] = {}
        self._definitions: dict[str, Definition] = {}
        self._connections: set[str] = set()
        self._sequences: dict[str, ConnectionSequence] = {}
        # A fetched snapshot whose symbol shows with the first change.
        self._nameless: list[tuple[BookHeard, CaptureLine]] = []
        self._last = CaptureLine(0, CaptureKind.OTHER)

    def run(self, lines: CaptureReader, step: Step) -> None:
        """Every line."""
        for line in lines:
            if lines.lines % _STEP_EVERY == 0:
                step(lines.bytes_done, lines.bytes_total)
            self.take(line)

    def take(self, line: CaptureLine) -> None:
        """One line."""
        report = self._report
        if line.fault:
            self._count("refused", "line")
            report.refused.add(line.number, line.ts_ns, line.fault)
            return
        if line.url:
            self._reader.on_address(line.url)
        if line.kind is CaptureKind.CONNECT:
            self._connect(line)
        if line.kind not in (CaptureKind.RECV, CaptureKind.HTTP):
            return
        self._time(line)
        try:
            heard = self._reader.read(line)
        except (FileFormatError, InputError, NumericError) as error:
            self._refuse(line, error)
            return
        self._hear(heard, line)

    def finish(self) -> None:
        """The file is over."""
        report = self._report
        for snapshot, line in self._nameless:
            report.notes.append(
                f"line {line.number}: a snapshot with {len(snapshot.bids)} bids names no symbol, "
                "and no change came that would"
            )
        for book in self._books.values():
            book.finish(self._last)
            report.books.append(book.report)
        report.books.sort(key=lambda b: (b.symbol, b.channel))
        report.connections = max(len(self._connections), 1)
        report.definitions = len(self._definitions)
        for sequence in self._sequences.values():
            report.sequence_duplicates += sequence.duplicates
        bare = any(not b.is_numbered and not b.checksums_matched for b in report.books)
        if bare and not self._sequences:
            report.notes.append(
                "books without numbers or checksums: a lost message cannot be seen in them"
            )

    # Parts of it

    def _count(self, kind: str, channel: str) -> None:
        channels = self._report.messages.setdefault(kind, {})
        channels[channel] = channels.get(channel, 0) + 1

    def _time(self, line: CaptureLine) -> None:
        report, ts_ns = self._report, line.ts_ns
        if not ts_ns:
            self._last = line
            return
        if line.kind is CaptureKind.RECV and ts_ns < self._last.ts_ns:
            report.time_reversals += 1
        report.first_ns = min(report.first_ns or ts_ns, ts_ns)
        report.last_ns = max(report.last_ns, ts_ns)
        if line.kind is CaptureKind.RECV:
            self._last = line

    def _connect(self, line: CaptureLine) -> None:
        if line.connection not in self._connections:
            self._connections.add(line.connection)
            return
        self._report.reconnects += 1
        self._sequences.pop(line.connection, None)
        for book in self._books.values():
            if book.connection == line.connection:
                book.on_connect(line)

    def _refuse(self, line: CaptureLine, error: TectraError) -> None:
        """A message that cannot be taken. One that looks like a book's leaves the books that it
        names, or all of its connection, in doubt.
        """
        self._count("refused", "message")
        self._report.refused.add(line.number, line.ts_ns, str(error))
        if not any(mark in line.data for mark in self._reader.marks):
            return
        doubtful = [b for (s, _), b in self._books.items() if s.encode() in line.data]
        for book in doubtful or list(self._books.values()):
            if book.connection == line.connection:
                book.invalidate(BookReason.MALFORMED, line)

    def _is_wanted(self, symbol: str) -> bool:
        if not self._wanted:
            return True
        wanted = self._wanted.upper()
        try:
            canonical = canonical_symbol(symbol, self._reader.exchange)
        except InputError:
            canonical = symbol
        plain = wanted.replace("-", "").replace("/", "").replace("_", "")
        return wanted in (symbol.upper(), canonical) or plain == canonical

    def _hear(self, heard: Heard, line: CaptureLine) -> None:
        report = self._report
        symbols = heard.symbols or tuple(b.symbol for b in heard.books)
        if symbols and symbols != ("",) and not any(map(self._is_wanted, symbols)):
            self._follow(heard, line)
            return
        self._count(heard.kind.value, heard.channel)
        for symbol in set(symbols) - {""}:
            report.symbols[symbol] = report.symbols.get(symbol, 0) + 1
        for definition in heard.definitions:
            self._definitions[definition.native] = definition
        if heard.kind is MessageKind.ERROR:
            report.errors.add(line.number, line.ts_ns, f"{heard.channel}: {heard.text}")
        elif heard.kind is MessageKind.UNKNOWN:
            self._unknown(heard, line)
        if not self._follow(heard, line):
            return
        for top in heard.tops:
            for (symbol, _), checked in self._books.items():
                if symbol == top.symbol:
                    checked.on_top(top)
        for book in heard.books:
            if self._is_wanted(book.symbol) or not book.symbol:
                self._book(book, line)

    def _unknown(self, heard: Heard, line: CaptureLine) -> None:
        """A kind of message that may be new; another venue's was not checked, which is a fault."""
        report, venue = self._report, venue_of(line.data)
        text = line.data[:100].decode("utf-8", "replace")
        if venue is None or venue == report.venue:
            report.unknown.add(line.number, line.ts_ns, f"{heard.channel}: {text}")
        else:
            report.foreign.add(line.number, line.ts_ns, f"{venue}: {text}")

    def _follow(self, heard: Heard, line: CaptureLine) -> bool:
        """The numbers of the connection and of products; False for a message seen before."""
        verdict = SequenceVerdict.NEXT
        where = ""
        if heard.seq is not None:
            where, seq = line.connection, heard.seq
        elif heard.product_seq is not None:
            where, seq = heard.product_seq
        else:
            return True
        self._report.sequence_checked += 1
        sequence = self._sequences.setdefault(where, ConnectionSequence())
        due = sequence.expected
        verdict = sequence.offer(seq)
        if verdict is SequenceVerdict.GAP:
            text = f"{where or 'connection'}: found {seq}, due {due}"
            self._report.loose.add(line.number, line.ts_ns, text)
        if verdict is SequenceVerdict.RESTART:
            self._report.reconnects += 1
        if verdict in (SequenceVerdict.GAP, SequenceVerdict.RESTART) and heard.seq is not None:
            gap = verdict is SequenceVerdict.GAP
            for book in self._books.values():
                if book.connection == line.connection:
                    book.invalidate(BookReason.GAP if gap else BookReason.LINK, line)
        return verdict is not SequenceVerdict.OLD

    def _book(self, book: BookHeard, line: CaptureLine) -> None:
        if not book.symbol:
            self._nameless.append((book, line))
            return
        key = (book.symbol, book.channel)
        checked = self._books.get(key)
        if checked is None:
            checked = CheckedBook(self._reader, book, len(self._books) + 1)
            self._books[key] = checked
        if not book.is_fetched:
            checked.connection = line.connection
        definition = self._definitions.get(book.symbol)
        try:
            checked.take(book, line, definition)
            waiting, self._nameless = self._nameless, []
            for snapshot, when in waiting:
                checked.take(snapshot, when, definition)
        except (InputError, NumericError) as error:
            self._count("refused", "message")
            self._report.refused.add(line.number, line.ts_ns, f"{book.symbol}: {error}")


def check_capture(
    path: Path | str,
    *,
    venue: str | None = None,
    market: str | None = None,
    symbol: str = "",
    snapshots: Sequence[Path] = (),
    step: Step = _nothing,
) -> CaptureReport:
    """Check one file. `venue` is found out where it is not given; `symbol` limits the check to one;
    `snapshots` are files with REST snapshots that the capture itself lacks (Binance).

    OSError where a file cannot be read, FileFormatError for a file of another venue or market.
    """
    path = Path(path)
    if venue is not None:
        _reader(venue, symbol)  # a name that is none is said before the file is read
    name = detect(path, venue)
    if market in ("linear", "inverse") and name in _SPOT_ONLY:
        raise InputError(
            f"--market: found {market} with {name}; allowed with binance, bybit and okx"
        )
    reader = _reader(name, symbol)
    report = CaptureReport(str(path), name, market or "")
    check = _Check(reader, report, symbol)
    for file in snapshots:
        check.take(CaptureLine(0, CaptureKind.HTTP, data=Path(file).read_bytes().strip()))
    with CaptureReader(path) as lines:
        check.run(lines, step)
        report.compression, report.lines = lines.compression, lines.lines
        report.bytes, report.cut = lines.bytes_total, lines.cut
    check.finish()
    report.market = " and ".join(sorted(reader.markets)) or report.market
    if market is not None and reader.markets - {market}:
        raise FileFormatError(
            f"{path}: found messages of {name} {report.market}; allowed: {market}, as --market says"
        )
    if symbol and not report.books and not report.symbols:
        report.notes.append(f"found no message of {symbol}")
    return report
