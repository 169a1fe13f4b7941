"""From the MoldUDP64 packets of several lines to ITCH records in order, in place."""
# Owns the arbiter, the locate table, the watch and a buffer of records that waits to be taken. One
# owner thread: the feed's. A packet that continues the stream is decoded where it lies, without the
# GIL. The buffer grows when the window empties at once, to at most the records of a whole window.
# Wraps ext/tectra/arbiter.h, itch.h and feed_watch.h.

from datetime import UTC, datetime, timedelta

import numpy as np

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cython cimport final
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memmove

from tectra.core.base cimport TT_E_CLOSED, TT_E_MEMORY, TT_OK
from tectra.core.clock cimport Clock
from tectra.core.msg cimport (
    TT_T_BOOK_CLEAR,
    TT_T_BOOK_STATUS,
    TT_T_GAP,
    tt_book_clear,
    tt_book_status,
    tt_gap,
    tt_head,
    tt_rec_bytes,
    tt_rec_init,
)
from tectra.feed.arbiter cimport (
    TT_ARB_AHEAD,
    TT_ARB_NEW,
    Arbiter,
    tt_arb_span,
    tt_arbiter_hold,
    tt_arbiter_lose,
    tt_arbiter_next,
    tt_arbiter_offer,
    tt_arbiter_session,
    tt_mold_packet,
    tt_mold_parse,
)
from tectra.feed.itch cimport (
    TT_ITCH_LOCATES,
    TT_ITCH_PASS,
    TT_ITCH_SKIP,
    LocateMap,
    tt_itch_decode,
)
from tectra.feed.watch cimport FeedWatch, tt_watch_records, tt_watch_stamp

from tectra.core.errors import InputError, OutOfMemoryError
from tectra.feed import trade_date

__all__ = ["ItchStream"]

cdef enum:
    SLOT = 64
    FIRST_SLOTS = 1 << 12
    SHORTEST = 14  # bytes of the shortest message with its length: at most a slot for as many
    MESSAGE_BYTES = 56  # what the window keeps of a message; ITCH has up to 50


@final
cdef class ItchStream:
    """Packets in, records out: arbitration, decoding, and what the books must be told.

    `symbols` None takes all. The trade date is `date`, or New York's at the first packet of a
    session. `wall` stamps when records were ready. Owned by the feed's thread.
    """

    def __cinit__(
        self, settings, *, symbols=None, date=None, uint16_t venue_id=0, uint64_t start=1,
        Clock wall=None, uint32_t histograms=1024, int64_t now_ns=0,
    ):
        if settings.message_bytes != MESSAGE_BYTES:
            raise InputError(
                f"message_bytes: found {settings.message_bytes}; allowed: {MESSAGE_BYTES}, what "
                "ITCH needs")
        self.arbiter = Arbiter(settings, start=start, now_ns=now_ns)
        self.watch = FeedWatch(histograms=histograms)
        self.locates = LocateMap(symbols)
        self.wall = wall
        self.asked_date = None if date is None else trade_date.to_date(date)
        self.date = self.asked_date
        self.cx.midnight_ns = 0 if self.date is None else trade_date.midnight_ns(self.date)
        self.cx.map = self.locates.c
        self.cx.counts = &self.counts
        self.cx.venue_id = venue_id
        self.cap = FIRST_SLOTS
        self.out = <uint8_t *>malloc(self.cap * SLOT)
        if self.out == NULL:
            raise OutOfMemoryError("feed: no memory for records")

    def __dealloc__(self):
        free(self.out)

    cdef int reserve(self, size_t slots) noexcept nogil:
        cdef size_t cap = self.cap
        cdef uint8_t *more
        if self.tail + slots <= self.cap:
            return TT_OK
        if self.head:
            memmove(self.out, self.out + self.head * SLOT, (self.tail - self.head) * SLOT)
            self.tail = self.tail - self.head
            self.head = 0
        while self.tail + slots > cap:
            cap *= 2
        if cap != self.cap:
            more = <uint8_t *>realloc(self.out, cap * SLOT)
            if more == NULL:
                return TT_E_MEMORY
            self.out = more
            self.cap = cap
        return TT_OK

    cdef size_t held_slots(self, size_t more) noexcept nogil:
        """Slots that make records of the window and `more` messages: up to two for each, and what
        decode() asks for the last.
        """
        return 2 * (self.arbiter.c.held + more) + (2 + MESSAGE_BYTES) // SHORTEST + 3

    cdef int decode(
        self, const uint8_t *blocks, size_t n, int64_t recv_ns, int64_t now_ns, int watched,
    ) noexcept nogil:
        cdef size_t at = 0, used = 0, slots = 0, first
        cdef uint64_t messages = 0
        cdef int rc = self.reserve(n // SHORTEST + 3)
        if rc != TT_OK:
            return rc
        first = self.tail
        while at < n:
            rc = tt_itch_decode(
                &self.cx, blocks + at, n - at, self.out + self.tail * SLOT, self.cap - self.tail,
                &used, &slots, &messages)
            self.tail = self.tail + slots
            at += used
            self.messages = self.messages + messages
            if rc != TT_E_CLOSED:
                break
            at += 2  # MoldUDP64 allows a message of no bytes; ITCH has none
            self.messages = self.messages + 1
            self.counts.malformed = self.counts.malformed + 1
        slots = self.tail - first
        if watched:
            tt_watch_records(
                &self.watch.c, self.out + first * SLOT, slots, recv_ns,
                recv_ns if self.wall is None else self.wall.c_now(), now_ns)
        else:
            tt_watch_stamp(self.out + first * SLOT, slots, recv_ns)
        return TT_OK

    cdef int drain(self, uint64_t upto, int64_t now_ns) noexcept nogil:
        """What the window has next, to number `upto` - 1."""
        cdef uint8_t block[2 + MESSAGE_BYTES]
        cdef const uint8_t *msg
        cdef uint32_t n = 0
        cdef int64_t recv_ns = 0
        cdef int rc = TT_OK
        if self.arbiter.c.held:
            rc = self.reserve(self.held_slots(0))
        while rc == TT_OK and self.arbiter.c.seq.expected < upto:
            msg = tt_arbiter_next(&self.arbiter.c, &n, &recv_ns)
            if msg == NULL:
                break
            block[0] = 0
            block[1] = <uint8_t>n
            memcpy(block + 2, msg, n)
            rc = self.decode(block, n + 2, recv_ns, now_ns, 1)
        return rc

    cdef int take(
        self, uint32_t line, const uint8_t *data, size_t n, int64_t recv_ns, int64_t now_ns,
    ) noexcept nogil:
        cdef tt_mold_packet p
        cdef tt_arb_span span
        cdef int rc = tt_mold_parse(data, n, &p)
        cdef int kind
        if rc != TT_OK:
            self.malformed_packets = self.malformed_packets + 1
            return rc
        # Room for all of it comes first: what the arbiter handed on once it does not hand on again.
        rc = self.reserve(n // SHORTEST + 3 + self.held_slots(p.count))
        if rc != TT_OK:
            return rc
        self.packets = self.packets + 1
        self.last_recv_ns = recv_ns
        kind = tt_arbiter_offer(&self.arbiter.c, line, &p, recv_ns, now_ns, &span)
        if kind == TT_ARB_NEW:
            rc = self.decode(span.blocks, span.bytes, recv_ns, now_ns, 1)
            if rc == TT_OK and self.arbiter.c.held:
                rc = self.drain(<uint64_t>-1, now_ns)
        elif kind == TT_ARB_AHEAD and not self.arbiter.c.is_holding:
            rc = self.drain(<uint64_t>-1, now_ns)
        return kind if rc == TT_OK else rc

    cdef int grown(self, int rc) except -1:
        if rc == TT_E_MEMORY:
            raise OutOfMemoryError("feed: no memory for the records that wait; take them sooner")
        return rc

    def offer(self, uint32_t line, data, int64_t recv_ns, int64_t now_ns) -> int:
        """take() for bytes: PacketKind, below 0 for a datagram that is no packet."""
        cdef Py_buffer view
        cdef int rc
        if self.date is None and recv_ns:
            self.set_date(recv_ns)
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            rc = self.take(line, <const uint8_t *>view.buf, <size_t>view.len, recv_ns, now_ns)
        finally:
            PyBuffer_Release(&view)
        return self.grown(rc)

    def set_date(self, int64_t recv_ns) -> None:
        """The trade date that New York has at this time, when none was given."""
        if self.asked_date is not None:
            return
        day = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=recv_ns // 10**9)).date()
        if day.year >= 1988 and trade_date.midnight_ns(day) > recv_ns:
            day -= timedelta(days=1)
        if day.year >= 1988:
            self.date = day
            self.cx.midnight_ns = trade_date.midnight_ns(day)

    def start_session(self, bytes session, int64_t recv_ns) -> None:
        """Go on with another session from number 1: symbols and date are learned anew."""
        self.locates = LocateMap(self.locates.asked)
        self.cx.map = self.locates.c
        self.date = self.asked_date
        self.set_date(recv_ns)
        tt_arbiter_session(&self.arbiter.c, <const uint8_t *>session, 1)

    def select(self, symbols) -> tuple:
        """Let these symbols pass from now on, None all: (instruments that came in, that left)."""
        cdef LocateMap was = self.locates, now = LocateMap(symbols)
        cdef uint32_t i
        came, left = [], []
        wanted = None if symbols is None else set(now.asked)
        names = was.symbols()
        now.c.learned = was.c.learned
        for i in range(1, <uint32_t>TT_ITCH_LOCATES):
            if not was.c.symbol[i]:
                continue
            passes = wanted is None or names[i] in wanted
            now.c.symbol[i] = was.c.symbol[i]
            now.c.gate[i] = TT_ITCH_PASS if passes else TT_ITCH_SKIP
            if passes != (was.c.gate[i] == TT_ITCH_PASS):
                (came if passes else left).append(i)
        self.locates = now
        self.cx.map = now.c
        return tuple(came), tuple(left)

    @property
    def waiting(self) -> int:
        """Slots of records that wait to be taken."""
        return self.tail - self.head

    def records(self, Py_ssize_t max_slots):
        """Up to `max_slots` (at least 2) slots of whole records, in a new array; empty when none
        wait.
        """
        cdef size_t n = self.tail - self.head, whole = 0, step
        cdef const uint8_t *start = self.out + self.head * SLOT
        cdef uint8_t[::1] room
        if max_slots < 2:
            raise InputError(f"room for {max_slots} slots; a record takes up to 2")
        if n > <size_t>max_slots:
            while True:
                step = tt_rec_bytes(start + whole * SLOT) // SLOT
                if whole + step > <size_t>max_slots:
                    break
                whole += step
            n = whole
        array = np.empty(n * SLOT, np.uint8)
        if n:
            room = array
            memcpy(&room[0], start, n * SLOT)
            self.head += n
        if self.head == self.tail:
            self.head = self.tail = 0
        return array

    @property
    def expected(self) -> int:
        """The number due."""
        return self.arbiter.c.seq.expected

    @property
    def highest(self) -> int:
        """The highest number that anyone brought or announced."""
        return self.arbiter.c.highest

    @property
    def session(self) -> bytes:
        """The session's ten bytes."""
        return self.arbiter.session

    @property
    def window(self) -> int:
        """Messages that the window holds."""
        return self.arbiter.c.set.slots

    def gap(self, int64_t now_ns):
        """(first, last) of a declared gap, or None."""
        return self.arbiter.c_gap(now_ns, 1)

    def missing(self, int64_t now_ns):
        """(first, last) of the numbers that lack at the head, or None."""
        return self.arbiter.c_gap(now_ns, 0)

    def drain_to(self, uint64_t seq, int64_t now_ns=0) -> None:
        """Make records of what the window has next, before number `seq`."""
        self.grown(self.drain(seq, now_ns or self.watch.c.channel.seen_ns))

    def give_up(self, uint64_t last) -> None:
        """Say that the missing numbers up to `last` are lost, and go on behind them."""
        self.grown(self.reserve(1 + self.held_slots(0)))  # all of it, or nothing
        cdef tt_gap *r = <tt_gap *>self.put(TT_T_GAP, 0)
        r.venue_id = self.cx.venue_id
        r.first_seq = self.arbiter.c.seq.expected
        r.last_seq = last
        tt_arbiter_lose(&self.arbiter.c, last)
        if not self.arbiter.c.is_holding:
            self.drain_to(<uint64_t>-1)

    def announce(self, uint64_t next_seq) -> None:
        """Hear from elsewhere that `next_seq` comes next."""
        if next_seq > 0 and next_seq - 1 > self.arbiter.c.highest:
            self.arbiter.c.highest = next_seq - 1

    def hold(self, bint on) -> None:
        """Hold every message, or let them out again."""
        tt_arbiter_hold(&self.arbiter.c, on)
        if not on:
            self.drain_to(<uint64_t>-1)

    def load(self, bytes messages) -> None:
        """Records of a snapshot's messages, framed like BinaryFILE."""
        cdef uint64_t before = self.messages
        self.grown(self.decode(
            <const uint8_t *>messages, <size_t>len(messages), self.last_recv_ns, 0, 0))
        self.messages = before

    cdef void *put(self, uint16_t template_id, uint32_t instrument_id) except NULL:
        cdef tt_head *r
        self.grown(self.reserve(1))
        r = <tt_head *>(self.out + self.tail * SLOT)
        tt_rec_init(r, template_id)
        r.ts_event_ns = r.ts_recv_ns = self.last_recv_ns
        r.instrument_id = instrument_id
        self.tail += 1
        return r

    def put_clear(self, uint32_t instrument_id, uint8_t reason) -> None:
        """A book_clear record."""
        cdef tt_book_clear *r = <tt_book_clear *>self.put(TT_T_BOOK_CLEAR, instrument_id)
        r.reason = reason
        r.venue_id = self.cx.venue_id
        r.seq = self.arbiter.c.seq.expected - 1

    def put_status(
        self, uint32_t instrument_id, uint8_t status, uint8_t reason, *, uint64_t expected=0,
        uint64_t found=0,
    ) -> None:
        """A book_status record; seq is the number of the last message before it."""
        cdef tt_book_status *r = <tt_book_status *>self.put(TT_T_BOOK_STATUS, instrument_id)
        r.status = status
        r.reason = reason
        r.venue_id = self.cx.venue_id
        r.seq = self.arbiter.c.seq.expected - 1
        r.expected = expected
        r.found = found

    @property
    def unknown(self) -> int:
        """Messages of types that ITCH 5.0 does not have."""
        return self.counts.unknown

    @property
    def malformed(self) -> int:
        """Messages with a length that contradicts the type, or a field out of range."""
        return self.counts.malformed

    @property
    def filtered(self) -> int:
        """Messages of symbols nobody asked for."""
        return self.counts.filtered
