"""The latest market data in memory, by symbol: the last N records of each, shared cheaply, saved
and loaded whole, recorded for replay if asked.
"""
# Owns a window of 128-byte cells for each symbol. Any number of threads: every method holds the GIL
# from its first to its last access to the state and calls no Python code in between, so each is one
# step for all others. Some 60 ns to push or to look; copying takes as long as the bytes do.

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cython cimport final
from libc.stdint cimport uint8_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from tectra.core.msg cimport TT_SLOT_BYTES
from tectra.feed.batch cimport tt_batch_width

from pathlib import Path
from struct import Struct, error as StructError
from threading import Lock

import numpy as np

from tectra.core.crc32c import crc32c
from tectra.core.errors import ClosedError, FileFormatError, InputError, OutOfMemoryError
from tectra.core.market import checked_symbol
from tectra.core.msg import DTYPES, HEAD, Template
from tectra.core.record import encode
from tectra.feed.batch import gather, scan
from tectra.journal.reader import JournalReader
from tectra.journal.writer import JournalWriter

__all__ = ["MarketDataStorage"]

cdef enum:
    CELL = 128
    WINDOW_MAX = 1 << 24

_MAGIC = b"TTMDS1\0\0"
_HEAD = Struct("<8sII")
_ENTRY = Struct("<HIQI")
_CRC = Struct("<I")


@final
cdef class _Window:
    """The last records of one symbol."""

    cdef uint8_t *cells
    cdef uint32_t cap
    cdef uint32_t next
    cdef uint32_t count
    cdef uint64_t total

    def __cinit__(self, uint32_t cap):
        self.cells = <uint8_t *>calloc(cap, CELL)
        if self.cells == NULL:
            raise OutOfMemoryError(f"storage: no memory for a window of {cap} records")
        self.cap = cap

    def __dealloc__(self):
        free(self.cells)

    cdef void put(self, const uint8_t *record, uint32_t width) noexcept:
        memcpy(self.cells + <uint64_t>self.next * CELL, record, width * TT_SLOT_BYTES)
        self.next = self.next + 1 if self.next + 1 < self.cap else 0
        if self.count < self.cap:
            self.count = self.count + 1
        self.total = self.total + 1

    cdef const uint8_t *cell(self, uint32_t back) noexcept:
        """The record `back` ahead of the latest."""
        cdef uint32_t at = (self.next + self.cap - 1 - back) % self.cap
        return self.cells + <uint64_t>at * CELL

    cdef object last(self, uint32_t n):
        """The last n records, oldest first, one behind the other."""
        cdef uint32_t i, width, slots = 0
        cdef uint8_t[::1] out
        n = min(n, self.count)
        for i in range(n):
            slots += tt_batch_width(self.cell(i))
        array = np.empty(slots * TT_SLOT_BYTES, np.uint8)
        if not slots:
            return array
        out = array
        # np.empty may have let another thread in: what was counted may have moved on
        slots = 0
        for i in range(n, 0, -1):
            width = tt_batch_width(self.cell(i - 1))
            if (slots + width) * TT_SLOT_BYTES > out.shape[0]:
                return None
            memcpy(&out[slots * TT_SLOT_BYTES], self.cell(i - 1), width * TT_SLOT_BYTES)
            slots += width
        return array if slots * TT_SLOT_BYTES == out.shape[0] else None


@final
cdef class _State:
    """What all clones share."""

    cdef dict windows
    cdef uint32_t window
    cdef object lock
    cdef object writer
    cdef dict ids

    def __cinit__(self, uint32_t window):
        self.windows, self.window, self.lock = {}, window, Lock()
        self.writer, self.ids = None, {}


@final
cdef class MarketDataStorage:
    """The last `window` records of each symbol. Safe from any number of threads; a clone shares
    everything and costs one object.

    `record_to`: a new directory that gets a journal of every record, for replay(); records then
    carry the journal's ring_seq.
    """

    cdef _State state

    def __cinit__(self, uint32_t window=1024, record_to=None):
        if not 0 < window <= WINDOW_MAX:
            raise InputError(f"window: found {window}; allowed: 1 to {WINDOW_MAX:,} records")
        self.state = _State(window)
        if record_to is not None:
            session = {"mode": "storage", "window": window}
            self.state.writer = JournalWriter(Path(record_to), session=session)

    # ---- writing ----

    cdef object window_of(self, object symbol):
        found = self.state.windows.get(symbol)
        if found is None:
            checked_symbol(symbol)
            found = self.state.windows.setdefault(symbol, _Window(self.state.window))
        return <_Window>found

    def push(self, symbol, record) -> None:
        """Add one record (bytes or an array), the oldest gives way. InputError for what is none."""
        cdef Py_buffer view
        cdef _Window window
        cdef uint32_t width
        PyObject_GetBuffer(record, &view, PyBUF_SIMPLE)
        try:
            if <uintptr_t>view.buf % 8:
                return self.push(symbol, bytes(record))
            width = 0
            if view.len >= TT_SLOT_BYTES:
                width = tt_batch_width(<const uint8_t *>view.buf)
            if width == 0 or width * TT_SLOT_BYTES != view.len:
                raise InputError(
                    f"record: found {view.len} bytes that are no record; allowed: one of this "
                    "schema")
            if self.state.writer is None:
                window = self.window_of(symbol)
                window.put(<const uint8_t *>view.buf, width)
                return
        finally:
            PyBuffer_Release(&view)
        self._record(symbol, np.frombuffer(record, np.uint8))

    def push_many(self, symbol, slots) -> int:
        """Add records that stand one behind the other; returns how many. Nothing is added when
        one of them is none.
        """
        cdef Py_buffer view
        cdef _Window window
        cdef Py_ssize_t at = 0, n
        cdef uint32_t width
        cdef int count = 0
        PyObject_GetBuffer(slots, &view, PyBUF_SIMPLE)
        try:
            if <uintptr_t>view.buf % 8:  # a record is read where it lies
                return self.push_many(symbol, bytes(slots))
            n = view.len // TT_SLOT_BYTES
            while at < n:
                width = tt_batch_width(<const uint8_t *>view.buf + at * TT_SLOT_BYTES)
                if width == 0 or at + width > n:
                    break
                at += width
                count += 1
            if at * TT_SLOT_BYTES != view.len:
                raise InputError(f"records: slot {at} of {n} begins no whole record")
            at = 0
            if count and self.state.writer is None:
                window = self.window_of(symbol)
            while self.state.writer is None and at < n:
                width = tt_batch_width(<const uint8_t *>view.buf + at * TT_SLOT_BYTES)
                window.put(<const uint8_t *>view.buf + at * TT_SLOT_BYTES, width)
                at += width
        finally:
            PyBuffer_Release(&view)
        if self.state.writer is not None and count:
            self._record(symbol, np.frombuffer(slots, np.uint8))
        return count

    def _record(self, symbol, data) -> None:
        """Into the journal and the window, in one order for both."""
        cdef const uint8_t[::1] raw = data
        cdef const uint8_t[::1] numbered
        cdef Py_ssize_t at = 0
        cdef uint32_t width
        cdef _State state = self.state
        cdef _Window window
        checked_symbol(symbol)
        with state.lock:
            if state.writer is None:
                raise ClosedError("the recording of this storage is closed")
            number = int(data[:64].view(HEAD)["instrument_id"][0])
            owner = state.ids.get(number)
            if owner != symbol and (owner is not None or symbol in state.ids.values()):
                raise InputError(
                    f"{symbol}: found instrument id {number}; allowed in a storage that records: "
                    f"one id for each symbol, and {owner or 'another id is ' + symbol} has it")
            if owner is None:
                state.writer.append(encode(
                    "instrument", instrument_id=number, symbol=symbol,
                    ring_seq=state.writer.last_ring_seq + 1))
                state.ids[number] = symbol
            window = self.window_of(symbol)
            while at < raw.shape[0]:
                width = tt_batch_width(&raw[at])
                record = bytearray(data[at : at + width * TT_SLOT_BYTES])
                record[8:16] = (state.writer.last_ring_seq + 1).to_bytes(8, "little")
                state.writer.append(record)
                numbered = record
                window.put(&numbered[0], width)
                at += width * TT_SLOT_BYTES

    # ---- reading ----

    def last(self, symbol, n=None):
        """The last n records (default: all that are kept), oldest first, as slots; a copy."""
        cdef _Window window = self.state.windows.get(symbol)
        cdef uint32_t wanted = self.state.window
        if n is not None:
            if n < 0:
                raise InputError(f"n: found {n}; allowed: 0 and more")
            wanted = min(n, wanted)
        if window is None:
            return np.empty(0, np.uint8)
        while (found := window.last(wanted)) is None:
            pass
        return found

    def latest(self, symbol):
        """The last record as bytes, or None."""
        cdef _Window window = self.state.windows.get(symbol)
        cdef const uint8_t *cell
        if window is None or window.count == 0:
            return None
        cell = window.cell(0)
        return (<const char *>cell)[: tt_batch_width(cell) * TT_SLOT_BYTES]

    def total(self, symbol) -> int:
        """Records ever pushed for a symbol."""
        cdef _Window window = self.state.windows.get(symbol)
        return 0 if window is None else window.total

    def symbols(self) -> list:
        """Symbols with a window, sorted."""
        return sorted(list(self.state.windows))

    @property
    def window(self) -> int:
        """Records kept for each symbol."""
        return self.state.window

    def __len__(self):
        return len(self.state.windows)

    def clone(self):
        """Another handle to the same data."""
        cdef MarketDataStorage other = MarketDataStorage.__new__(MarketDataStorage)
        other.state = self.state
        return other

    # ---- snapshots and replay ----

    def snapshot(self) -> bytes:
        """All that is kept, as bytes for restore(). Each symbol's window is of one moment."""
        parts = []
        for symbol in self.symbols():
            window = self.state.windows[symbol]
            records = self.last(symbol)
            name = symbol.encode()
            parts += [
                _ENTRY.pack(len(name), len(records), (<_Window>window).total, 0), name,
                records.tobytes()]
        body = _HEAD.pack(_MAGIC, self.state.window, len(self)) + b"".join(parts)
        return body + _CRC.pack(crc32c(body))

    @staticmethod
    def restore(data):
        """A storage from a snapshot. FileFormatError for anything else."""
        end = max(0, len(data) - 4)
        body, crc = bytes(data[:end]), bytes(data[end:])
        if end < _HEAD.size or _CRC.unpack(crc)[0] != crc32c(body):
            raise FileFormatError("storage snapshot: damaged, cut or none; take another one")
        magic, window, count = _HEAD.unpack_from(body)
        if magic != _MAGIC:
            raise FileFormatError(f"storage snapshot: found {magic!r}; allowed: {_MAGIC!r}")
        out = MarketDataStorage(window)
        at = _HEAD.size
        try:
            for _ in range(count):
                length, size, total, _reserved = _ENTRY.unpack_from(body, at)
                at += _ENTRY.size
                symbol = body[at : at + length].decode()
                at += length
                out.push_many(symbol, np.frombuffer(body, np.uint8, size, at))
                (<_Window>(<MarketDataStorage>out).state.windows[symbol]).total = total
                at += size
        except (StructError, ValueError) as error:
            raise FileFormatError(f"storage snapshot: {error}") from error
        return out

    def save(self, path) -> None:
        """Write a snapshot; the file gets its name when it is whole. OSError."""
        target = Path(path)
        fresh = target.with_name(target.name + ".part")
        try:
            fresh.write_bytes(self.snapshot())
            fresh.replace(target)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise

    @staticmethod
    def load(path):
        """A storage from a file that save() wrote. FileFormatError, InputError."""
        try:
            data = Path(path).read_bytes()
        except FileNotFoundError:
            raise InputError(f"no such file: {path}") from None
        return MarketDataStorage.restore(data)

    @staticmethod
    def replay(path, uint32_t window=1024):
        """A storage from the journal of one that recorded: every record again, in order.
        JournalError.
        """
        out = MarketDataStorage(window)
        symbols = {}
        for part in JournalReader(path).slots():
            slots = part.reshape(-1)
            rows = scan(slots)
            names = np.zeros(len(rows.slot), np.bool_)
            for i in np.flatnonzero(rows.template_id == Template.INSTRUMENT).tolist():
                number = int(rows.instrument_id[i])
                if number not in symbols:
                    record = gather(slots, rows.slot[i : i + 1]).view(DTYPES[Template.INSTRUMENT])
                    symbols[number] = record["symbol"][0].decode()
                    names[i] = True
            for number, symbol in symbols.items():
                meant = (rows.instrument_id == number) & ~names
                if meant.any():
                    out.push_many(symbol, gather(slots, rows.slot[meant]))
        return out

    def close(self) -> None:
        """End the recording, for all clones; what is in memory stays. May be called twice."""
        with self.state.lock:
            writer, self.state.writer = self.state.writer, None
            if writer is not None:
                writer.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
