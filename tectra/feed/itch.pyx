# NASDAQ ITCH 5.0 day files as batches of records; symbols of a day; single messages; columns.
#
# ItchFeed owns the mapped file (plain) or one chunk buffer (gzip) and the locate table. One thread
# calls it. next_batch costs one array and 5 to 10 ns a message, nothing per message in Python.
# Wraps ext/tectra/itch.h and itch_scan.h.
"""NASDAQ TotalView-ITCH 5.0: day files to records, with a filter by symbol."""

import mmap
from difflib import get_close_matches

import numpy as np

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.exc cimport PyErr_CheckSignals
from cython cimport final
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memmove

from tectra.core.base cimport TT_E_CLOSED, TT_E_FULL, TT_E_RANGE, TT_E_STOPPED, TT_E_TYPE, TT_OK
from tectra.core.errors import (
    ClosedError, FileFormatError, InputError, OutOfMemoryError, TruncatedInputError,
    UnknownSymbolError,
)
from tectra.feed import trade_date
from tectra.feed.binary_file import BinaryFile

__all__ = ["ItchFeed", "ItchScan", "LocateMap", "decode_message", "gather", "message_size"]

cdef enum:
    CHUNK = 1 << 20          # decompressed bytes a refill asks for
    ROOM = CHUNK + (1 << 17)  # and what a cut message before it may take, twice over
    WINDOW = 1 << 23         # mapped bytes between two looks at Ctrl-C
    BEHIND = 1 << 24         # mapped bytes that are given back at once when they are done with
    SLOT = 64


def message_size(code: str) -> int:
    """Bytes of a message of this type, 0 for a type that ITCH 5.0 does not have."""
    return tt_itch_size(<uint8_t>ord(code)) if len(code) == 1 and ord(code) < 256 else 0


def decode_message(message: bytes, midnight_ns: int = 0, venue_id: int = 0) -> object:
    """The record of one message without framing, as 64 or 128 bytes (uint8).

    Raises FileFormatError for an unknown type, a length that contradicts the type, or a field
    outside its range.
    """
    cdef tt_itch_ctx cx
    cdef uint64_t out[16]
    cdef const uint8_t *raw = message
    cdef int64_t n
    cx.midnight_ns = midnight_ns
    cx.venue_id = venue_id
    cx.map = NULL
    cx.counts = NULL
    cx.strict = 1
    cx.by_type = 0
    n = tt_itch_decode_one(raw, <uint32_t>len(message), &cx, out)
    if n < 0:
        raise FileFormatError(_wrong(<int>n, message))
    return np.frombuffer((<uint8_t *>out)[:n], np.uint8).copy()


cdef str _wrong(int rc, bytes message):
    """What is wrong with a message, for people."""
    code = chr(message[0]) if message else ""
    if rc == TT_E_TYPE:
        return f"unknown message type {code!r}"
    if rc == TT_E_RANGE:
        return f"a field of message {code!r} is outside its range: {message.hex(' ')}"
    if message_size(code):
        return f"message {code!r} has {message_size(code)} bytes, its length says {len(message)}"
    return f"the framing is lost at type {code!r}"


cdef uint64_t _wire_symbol(str symbol) except? 0:
    """A symbol as the number its eight wire bytes are."""
    if not symbol or len(symbol) > 8 or not symbol.isascii():
        raise InputError(f"symbol {symbol!r}: allowed are 1 to 8 ASCII letters, as in 'AAPL'")
    return int.from_bytes(symbol.ljust(8).encode(), "big")


cdef str _symbol_text(uint64_t symbol):
    return int(symbol).to_bytes(8, "big").decode("latin-1").rstrip()


@final
cdef class LocateMap:
    """Symbol by stock locate, learned from the messages, and which of them pass.

    `symbols` None passes all. Owned by the thread of its feed.
    """

    def __cinit__(self, symbols=None):
        cdef Py_ssize_t i
        self.asked = None if symbols is None else tuple(dict.fromkeys(symbols))
        if symbols is not None and not self.asked:
            raise InputError("symbols is an empty list: give at least one, or None for all")
        self.c = <tt_itch_map *>malloc(sizeof(tt_itch_map))
        if self.c == NULL:
            raise OutOfMemoryError("ITCH: no memory for the symbols")
        if self.asked is None:
            tt_itch_map_init(self.c, NULL, 0)
            return
        numbers = sorted(_wire_symbol(s) for s in self.asked)
        self.wanted = <uint64_t *>malloc(sizeof(uint64_t) * <size_t>len(numbers))
        if self.wanted == NULL:
            raise OutOfMemoryError("ITCH: no memory for the symbols")
        for i, number in enumerate(numbers):
            self.wanted[i] = number
        tt_itch_map_init(self.c, self.wanted, <uint32_t>len(numbers))

    def __dealloc__(self):
        free(self.c)
        free(self.wanted)

    def symbols(self, *, passing_only: bool = False) -> dict:
        """Symbol by locate, of those seen so far."""
        cdef Py_ssize_t i
        out = {}
        for i in range(TT_ITCH_LOCATES):
            if self.c.symbol[i] and (not passing_only or self.c.gate[i] == TT_ITCH_PASS):
                out[i] = _symbol_text(self.c.symbol[i])
        return out

    def missing(self) -> list:
        """Symbols asked for that no message has named."""
        if self.asked is None:
            return []
        known = set(self.symbols().values())
        return [symbol for symbol in self.asked if symbol not in known]


@final
cdef class ItchScan:
    """Counts messages and learns symbols without making records.

    With `head_only` it stops before the first message of trading. `state` is "open", "ended" (end
    of session), "trading" (head_only) or "lost" (framing by type met what it does not know).
    """

    def __cinit__(self, locates=None, *, bint head_only=False, bint by_type=False):
        self.locates = LocateMap() if locates is None else locates
        self.head_only = head_only
        self.by_type = by_type
        self.state = "open"
        tt_itch_tally_init(&self.tally)

    cdef int run(self, const uint8_t *data, size_t n, size_t *used) except -1:
        cdef int rc
        cdef tt_itch_map *map = self.locates.c
        used[0] = 0
        if self.state != "open":
            return 0
        with nogil:
            rc = tt_itch_scan(data, n, self.by_type, self.head_only, map, &self.tally, used)
        if rc == TT_E_CLOSED:
            self.state = "ended"
        elif rc == TT_E_STOPPED:
            self.state = "trading"
        elif rc != TT_OK:
            self.state = "lost"
        return 0

    def update(self, data) -> int:
        """Take in bytes that start at a message; returns how many were whole messages."""
        cdef Py_buffer view
        cdef size_t used = 0
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            self.run(<const uint8_t *>view.buf, <size_t>view.len, &used)
        finally:
            PyBuffer_Release(&view)
        return used

    @property
    def messages(self) -> dict:
        """Well-formed messages by type."""
        return {chr(i): self.tally.by_type[i] for i in range(256) if self.tally.by_type[i]}

    @property
    def unknown(self) -> int:
        """Messages of types that ITCH 5.0 does not have."""
        return self.tally.unknown

    @property
    def malformed(self) -> int:
        """Messages whose length contradicts the type, or with a field outside its range."""
        return self.tally.malformed

    @property
    def first_ns(self) -> int:
        """Lowest time, nanoseconds since midnight; -1 without messages."""
        return self.tally.first_ns

    @property
    def last_ns(self) -> int:
        """Highest time, nanoseconds since midnight; -1 without messages."""
        return self.tally.last_ns


def gather(data, code: str, *, by_type: bool = False) -> tuple:
    """Messages of one type out of framed bytes: (uint8 array of them, bytes that were whole)."""
    cdef Py_buffer view
    cdef size_t used = 0, count = 0, size = message_size(code)
    cdef uint8_t letter
    cdef uint8_t[::1] out
    cdef int framing = by_type
    if size == 0:
        raise InputError(f"no ITCH 5.0 message has type {code!r}")
    letter = ord(code)
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        array = np.empty(max(1, view.len // <Py_ssize_t>(size + 2)) * size, np.uint8)
        out = array
        with nogil:
            tt_itch_gather(
                <const uint8_t *>view.buf, <size_t>view.len, framing, letter, &out[0],
                <size_t>out.shape[0] // size, &used, &count)
    finally:
        PyBuffer_Release(&view)
    return array[: count * size], used


@final
cdef class ItchFeed:
    """One ITCH 5.0 day file as batches of records in file order.

    Plain files are mapped, .gz files are read in chunks. `symbols` None takes all; else their
    messages and those of the whole market pass. instrument_id is the stock locate. Times are
    nanoseconds UTC. The trade date is `date`, or that of the file name, or that of the name which
    gzip kept; without any the day is 1970-01-01 UTC and `date_known` is False.

    A malformed or unknown message is counted and skipped; `strict` raises FileFormatError with its
    offset instead, and TruncatedInputError for bytes left behind the last whole message.

    Raises InputError (no such file, a directory), FileFormatError (not ITCH 5.0),
    UnknownSymbolError, TruncatedInputError (gzip cut). Owned by one thread.
    """

    def __cinit__(self, path, *, symbols=None, date=None, bint strict=False, int venue_id=0):
        self.file = BinaryFile(path)
        try:
            self._start(symbols, date, strict, venue_id)
        except BaseException:
            self.close()
            raise

    def _start(self, symbols, date, bint strict, int venue_id) -> None:
        self.path = self.file.path
        if date is None:
            named = trade_date.date_of_name(self.path)
            self.date = named or trade_date.date_of_name(self.file.original_name)
        else:
            self.date = trade_date.to_date(date)
        self.locates = LocateMap(symbols)
        self.cx.midnight_ns = 0 if self.date is None else trade_date.midnight_ns(self.date)
        self.cx.map = self.locates.c
        self.cx.counts = &self.counts
        self.cx.venue_id = venue_id
        self.cx.strict = strict
        self.cx.by_type = self.file.by_type
        if self.file.compressed:
            self.chunk = <uint8_t *>malloc(ROOM)
            if self.chunk == NULL:
                raise OutOfMemoryError(f"{self.path}: no memory to unpack it into")
            self.data = self.chunk
        else:
            self.mapped = self.file.map()
            self.file.close()  # the map holds the file on its own
            PyObject_GetBuffer(self.mapped, &self.view, PyBUF_SIMPLE)
            self.has_view = True
            self.data = <const uint8_t *>self.view.buf
            self.size = <size_t>self.view.len
        self._read_directory()

    def __dealloc__(self):
        if self.has_view:
            PyBuffer_Release(&self.view)
        free(self.chunk)

    def _read_directory(self) -> None:
        """Learn the symbols that the file lists ahead of trading, so that a wrong one is refused
        before a run and not after it."""
        cdef ItchScan scan = ItchScan(self.locates, head_only=True, by_type=self.file.by_type)
        cdef size_t used = 0
        if not self.file.compressed:
            scan.run(self.data, self.size, &used)
        else:
            with BinaryFile(self.path) as head:
                left = b""
                try:
                    for data in head.chunks():
                        left += data
                        left = left[scan.update(left):]
                        if scan.state != "open":
                            break
                except FileFormatError:
                    return  # met again, with its offset, where the records are read
        if "R" in scan.messages or scan.state != "trading":
            self._refuse_missing()

    def _refuse_missing(self) -> None:
        missing = self.locates.missing()
        if not missing:
            return
        known = sorted(set(self.locates.symbols().values()))
        close = [c for m in missing for c in get_close_matches(m.upper(), known, 3)]
        hint = f"close matches: {', '.join(close)}" if close else "nothing there comes close"
        listed = ", ".join(known) if len(known) <= 12 else f"{len(known):,} symbols"
        raise UnknownSymbolError(
            f"{self.path} has no symbol {', '.join(missing)}; {hint}; it lists {listed or 'none'}")

    @property
    def instruments(self) -> dict:
        """Symbol by instrument id (the stock locate) of what passes, as far as it is known."""
        return self.locates.symbols(passing_only=True)

    @property
    def date_known(self) -> bool:
        """False when the day is 1970-01-01 for want of a date."""
        return self.date is not None

    @property
    def midnight_ns(self) -> int:
        """Midnight of the trade date in New York, nanoseconds since the epoch UTC."""
        return self.cx.midnight_ns

    @property
    def filtered(self) -> int:
        """Messages of symbols nobody asked for."""
        return self.counts.filtered

    @property
    def unknown(self) -> int:
        """Messages of types that ITCH 5.0 does not have, skipped."""
        return self.counts.unknown

    @property
    def malformed(self) -> int:
        """Messages with a length that contradicts the type, or a field out of range; skipped."""
        return self.counts.malformed

    @property
    def offset(self) -> int:
        """Bytes of the (decompressed) file that are done with: the next message starts there."""
        return self.base + <int64_t>self.at

    @property
    def disk_position(self) -> int:
        """Bytes of the file on disk that were read; of a plain file those that are done with."""
        if self.chunk == NULL:
            return self.offset
        if self.done or self.file is None:
            return self.path.stat().st_size
        return self.file.disk_position

    def next_batch(self, Py_ssize_t max_slots=4096):
        """Up to `max_slots` (at least 2) slots of whole records in a new array, None at the end."""
        array = np.empty(max(max_slots, 0) * SLOT, np.uint8)
        slots = self.next_batch_into(array)
        return array[: slots * SLOT] if slots else None

    def next_batch_into(self, out) -> int:
        """Fill a writable buffer with whole records; returns slots of 64 bytes, 0 at the end."""
        cdef Py_buffer view
        cdef Py_ssize_t slots
        PyObject_GetBuffer(out, &view, PyBUF_WRITABLE)
        try:
            slots = self.fill(view.buf, <size_t>view.len // SLOT)
        finally:
            PyBuffer_Release(&view)
        return slots

    cdef Py_ssize_t fill(self, void *out, size_t cap) except -1:
        """Slots written, 0 at the end. `out` is 8-byte aligned and has room for `cap` slots."""
        cdef size_t slots = 0
        if self.file is None:
            raise ClosedError(f"{self.path} is closed")
        if cap < 2:
            raise InputError(f"room for {cap} slots; a record takes up to 2")
        while not self.done:
            self.step(out, cap, &slots)
            if slots:
                return <Py_ssize_t>slots
            PyErr_CheckSignals()
        return 0

    cdef int step(self, void *out, size_t cap, size_t *slots) except -1:
        """One pass of the decoder over what is at hand."""
        cdef size_t used = 0, n = min(self.size - self.at, <size_t>WINDOW)
        cdef uint64_t messages = 0
        cdef const uint8_t *start = self.data + self.at
        cdef int rc
        with nogil:
            rc = tt_itch_decode(&self.cx, start, n, out, cap, &used, slots, &messages)
        self.at += used
        self.messages += messages
        if self.chunk == NULL and self.at // BEHIND != (self.at - used) // BEHIND:
            self._give_back(self.at - used)
        if rc == TT_E_CLOSED:
            self.at += 2
            self.end_of_session = True
            self.finish()
        elif rc == TT_OK:
            if self.at + (n - used) == self.size and slots[0] == 0 and not self.refill():
                self.finish()
        elif rc != TT_E_FULL and slots[0] == 0:
            self._stop_at(rc)
        return 0

    def _give_back(self, size_t before) -> None:
        """Unmap pages behind the reader; they stay in the cache of the system, and what a process
        holds does not grow with the file."""
        cdef size_t first = before // BEHIND * BEHIND
        self.mapped.madvise(mmap.MADV_DONTNEED, first, self.at // BEHIND * BEHIND - first)

    def _stop_at(self, rc: int) -> None:
        """A message that the decoder will not pass: strict, or framing by type that is lost."""
        cdef size_t left = self.size - self.at
        cdef size_t n = left - 2
        message = bytes(self.data[self.at + 2 : self.at + 2 + min(n, <size_t>64)])
        if not self.cx.by_type:
            n = int.from_bytes(self.data[self.at : self.at + 2], "big")
            message = bytes(self.data[self.at + 2 : self.at + 2 + n])
        if self.cx.strict:
            raise FileFormatError(f"{self.path}, offset {self.offset:,}: {_wrong(rc, message)}")
        self.counts.unknown += rc == TT_E_TYPE
        self.counts.malformed += rc != TT_E_TYPE
        self.finish()

    cdef int refill(self) except -1:
        """Move the cut message to the front and read on. Returns 0 at the end of the file."""
        cdef size_t left = self.size - self.at
        cdef Py_ssize_t n
        cdef const uint8_t *raw
        if self.chunk == NULL:
            return 0
        memmove(self.chunk, self.chunk + self.at, left)
        self.base += <int64_t>self.at
        self.at = 0
        self.size = left
        data = self.file.read(CHUNK)
        raw = data
        n = len(data)
        memcpy(self.chunk + left, raw, <size_t>n)
        self.size += <size_t>n
        return n > 0

    cdef int finish(self) except -1:
        """Say what is left and whether all symbols were met."""
        self.done = True
        self.trailing_bytes = <int64_t>(self.size - self.at)
        if self.chunk != NULL:
            self.trailing_bytes += sum(map(len, self.file.chunks()))
            self.file.close()
        if self.locates.c.wanted != NULL:
            self._refuse_missing()
        if self.cx.strict and self.trailing_bytes:
            raise TruncatedInputError(
                f"{self.path}, offset {self.offset:,}: {self.trailing_bytes:,} bytes behind the "
                "last whole message")
        return 0

    def close(self) -> None:
        """Give up the file. May be called twice; counters stay readable."""
        if self.has_view:
            PyBuffer_Release(&self.view)
            self.has_view = False
            self.mapped.close()
        if self.file is not None:
            self.file.close()
        self.mapped = None
        self.file = None
        self.data = NULL
        self.done = True

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
