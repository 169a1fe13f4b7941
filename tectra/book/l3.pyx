"""The order-by-order book of a whole market: from order flow to queues and best prices."""
# Owns the memory of one tt_l3 and grows it. One owner thread writes and reads. Tens of nanoseconds
# a record in a batch, about 100 ns for a Python call on one record. Wraps ext/tectra/l3.h.

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cython cimport final
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset
from posix.mman cimport MAP_ANONYMOUS, MAP_FAILED, MAP_PRIVATE, PROT_READ, PROT_WRITE, mmap, munmap

from tectra.core.base cimport TT_E_FULL, TT_NO_PX, TT_OK
from tectra.core.msg cimport (
    TT_SIDE_BUY,
    TT_SIDE_SELL,
    TT_T_END,
    tt_book_level,
    tt_head,
    tt_rec_bytes,
    tt_template_bytes,
)
from tectra.core.rc cimport check, check_with
from tectra.core.stop cimport stop_flag, tt_stop_check
from tectra.journal.digest cimport TT_DIGEST_HEX_BYTES, tt_digest, tt_digest_hex, tt_digest_init

import numpy as np

from tectra.book.view import (
    LADDER,
    ORDER,
    TOPS,
    BookState,
    Fault,
    FaultReport,
    Top,
    changes_dtype,
    checked_levels,
)
from tectra.core.errors import (
    CapacityError,
    InputError,
    OutOfMemoryError,
    TruncatedInputError,
    UnknownOrderError,
    UnknownSymbolError,
)
from tectra.core.msg import DTYPES, Side, Template
from tectra.core.rc import CODES

__all__ = ["L3Book", "Slots"]

cdef extern from "<sys/mman.h>" nogil:
    enum:
        MADV_HUGEPAGE
    int madvise(void *address, size_t size, int advice)

cdef enum:
    HUGE_PAGE = 1 << 21
    HUGE_FROM = 1 << 24     # smaller arenas would waste most of a huge page
    SLOTS_PER_BATCH = 1 << 16
    ROWS_PER_BATCH = 1 << 12
    SLOT_BYTES = 64
    NO_SLOT = 0xFFFFFFFF

cdef uint32_t _FIRST_CAP[7]
_FIRST_CAP[:] = [1 << 12, 1 << 12, 1 << 11, 1 << 13, 1 << 4, 1 << 10, 1 << 6]


cdef size_t _room(size_t size) noexcept nogil:
    # a huge page more than asked for, so that a large arena can begin on one
    return size if size < HUGE_FROM else size + HUGE_PAGE


cdef void *_map(size_t size) except NULL:
    # Zero pages, given when touched. munmap needs no alignment, so the mapping's own address is
    # what is kept.
    cdef int rights = PROT_READ | PROT_WRITE
    cdef void *p = mmap(NULL, _room(size), rights, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    if p == MAP_FAILED:
        raise OutOfMemoryError(
            f"book: no memory for {size} bytes; track fewer instruments or free memory")
    if size >= HUGE_FROM:
        madvise(p, _room(size), MADV_HUGEPAGE)
    return p


@final
cdef class Slots:
    """A contiguous buffer of records in 64-byte slots.

    Keeps its owner alive and locked until close().
    """

    def __cinit__(self, object source not None):
        PyObject_GetBuffer(source, &self.view, PyBUF_SIMPLE)
        self.held = True
        self.p = <const char *>self.view.buf
        self.n = <size_t>self.view.len // SLOT_BYTES
        if self.view.len % SLOT_BYTES:
            raise TruncatedInputError(
                f"records: found {self.view.len} bytes; allowed: a multiple of 64; read the rest "
                "of the last record")
        if <uintptr_t>self.p % 8:
            raise InputError(
                "records: found memory that is not 8-byte aligned; copy it first (bytes(...))")

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.view)

    cdef int close(self) except -1:
        if self.held:
            self.held = False
            PyBuffer_Release(&self.view)
        return 0


cdef tt_l3_batch _batch(Slots slots, tt_l3_faults *faults) noexcept:
    cdef tt_l3_batch batch
    batch.slots = slots.p
    batch.n = batch.until = slots.n
    batch.at = 0
    batch.faults = faults
    return batch


cdef uint8_t _side(object side) except 0:
    cdef int value = int(side)
    if value != TT_SIDE_BUY and value != TT_SIDE_SELL:
        raise InputError(f"side: found {side!r}; allowed: Side.BUY, Side.SELL")
    return <uint8_t>value


@final
cdef class L3Book:
    """Order-by-order books of up to `instruments_max` instruments, first in, first out at a price.

    Order references are unique over the whole set. px and qty are raw mantissas. A record that
    contradicts the book changes nothing, is counted by kind, and the first sixteen are kept with
    their ring_seq (fault_report()). Memory grows as needed. Owner thread: the one that applies.
    """

    def __cinit__(self, instruments_max=65536):
        cdef uint32_t count
        cdef int arena
        if not 1 <= instruments_max <= 1 << 24:
            raise InputError(f"instruments_max: found {instruments_max}; allowed: 1 to {1 << 24}")
        count = instruments_max
        self.c = <tt_l3 *>calloc(1, sizeof(tt_l3))
        self.faults = <tt_l3_faults *>calloc(1, sizeof(tt_l3_faults))
        if self.c == NULL or self.faults == NULL:
            raise OutOfMemoryError("book: no memory")
        self.c.slots_max = count
        self.fixed = _map(tt_l3_fixed_bytes(count))
        for arena in range(TT_L3_ARENAS):
            self.mem[arena] = _map(tt_l3_arena_bytes(arena, _FIRST_CAP[arena]))
        tt_l3_attach(self.c, count, self.fixed, self.mem, _FIRST_CAP)

    def __dealloc__(self):
        cdef int arena
        if self.fixed != NULL:
            for arena in range(TT_L3_ARENAS):
                if self.mem[arena] != NULL:
                    munmap(self.mem[arena], _room(tt_l3_arena_bytes(arena, self.cap_of(arena))))
            munmap(self.fixed, _room(tt_l3_fixed_bytes(self.c.slots_max)))
        free(self.faults)
        free(self.c)

    cdef uint32_t cap_of(self, uint32_t arena) noexcept:
        # before attach the arenas have their first size
        cdef uint32_t cap = tt_l3_arena_cap(self.c, arena)
        return cap if cap else _FIRST_CAP[arena]

    cdef int grow(self) except -1:
        """Double the arena that the last TT_E_FULL asked for.

        CapacityError when it cannot grow further.
        """
        cdef uint32_t arena = self.c.short_of
        cdef uint32_t cap = tt_l3_arena_cap(self.c, arena)
        cdef size_t old_bytes = tt_l3_arena_bytes(arena, cap)
        cdef void *mem
        if cap >= <uint32_t>1 << 30:
            raise CapacityError(
                f"book: arena {arena} holds {cap} items and cannot grow; split the instruments")
        mem = _map(tt_l3_arena_bytes(arena, cap * 2))
        munmap(tt_l3_regrow(self.c, arena, mem, cap * 2), _room(old_bytes))
        self.mem[arena] = mem
        return 0

    cdef int grow_or_check(self, int rc, size_t done) except -1:
        # between two parts of a batch: make room, hear Ctrl-C
        if rc == TT_E_FULL:
            try:
                return self.grow()
            except OutOfMemoryError as error:
                error.slots_done = done
                raise
        check(rc)
        return check(tt_stop_check(stop_flag()))

    cdef uint32_t slot_of(self, object instrument_id) except? 0xFFFFFFFF:
        cdef uint32_t slot = tt_l3_slot(self.c, instrument_id)
        if slot == NO_SLOT:
            raise UnknownSymbolError(
                f"instrument_id: found {instrument_id}; known: {self.c.slots} instruments, see "
                "instrument_ids")
        return slot

    cdef int apply_one(self, const tt_head *rec, tt_book_effect *fx) except -1:
        """Apply one whole record, growing as needed; faults are counted and raised."""
        cdef int rc = tt_l3_apply(self.c, rec, fx)
        while rc == TT_E_FULL:
            self.grow()
            rc = tt_l3_apply(self.c, rec, fx)
        if rc < 0:
            tt_l3_note_fault(self.c, self.faults, rec, rc)
            check_with(rc, f"record {rec.ring_seq} of instrument {rec.instrument_id}")
        return fx.kind != TT_FX_NONE

    # Writing

    def apply(self, records) -> int:
        """Apply records in 64-byte slots (bytes, NumPy array); returns how many changed a book.

        Faults are counted. OutOfMemoryError says how many slots are in the book (slots_done), here
        and in the other batches; rows found until then are lost.
        """
        cdef Slots slots = Slots(records)
        cdef tt_l3_batch batch = _batch(slots, self.faults)
        cdef uint64_t applied = 0
        cdef int rc
        try:
            while batch.at < slots.n:
                batch.until = batch.at + SLOTS_PER_BATCH
                with nogil:
                    rc = tt_l3_run(self.c, &batch, &applied)
                self.grow_or_check(rc, batch.at)
        finally:
            slots.close()
        return applied

    def apply_record(self, record) -> bool:
        """Apply one record; True when a book changed.

        A record that contradicts the book raises and changes nothing.
        """
        cdef Slots slots = Slots(record)
        cdef tt_book_effect fx
        cdef const tt_head *rec = <const tt_head *>slots.p
        try:
            if slots.n == 0 or tt_rec_bytes(rec) > slots.n * SLOT_BYTES or (
                rec.template_id < TT_T_END
                and tt_rec_bytes(rec) < tt_template_bytes[rec.template_id]
            ):
                raise TruncatedInputError(
                    f"record: found {slots.n * SLOT_BYTES} bytes, fewer than it says it has")
            return self.apply_one(rec, &fx) != 0
        finally:
            slots.close()

    def add_instrument(self, instrument_id: int) -> int:
        """Open an empty book before its first order; returns its dense slot. Known instruments keep
        theirs.
        """
        cdef uint32_t slot = 0
        cdef int rc = tt_l3_open(self.c, instrument_id, &slot)
        while rc == TT_E_FULL:
            self.grow()
            rc = tt_l3_open(self.c, instrument_id, &slot)
        if rc < 0:
            raise CapacityError(
                f"instruments: found one more than instruments_max {self.c.slots_max}; raise it")
        return slot

    def record_changes(self, records, instrument_id: int, levels: int = 1):
        """Apply records; returns a row (changes_dtype(levels)) for each distinct state of the
        instrument's top levels.
        """
        cdef Slots slots = Slots(records)
        cdef tt_l3_batch batch = _batch(slots, self.faults)
        cdef tt_l3_watch watch
        cdef int rc
        cdef int64_t[::1] last = np.empty(4 * checked_levels(levels), np.int64)
        cdef int64_t[:, ::1] rows
        chunks = []
        memset(&watch, 0, sizeof(watch))
        watch.instrument_id = instrument_id
        watch.levels = levels
        watch.last = &last[0]
        watch.cap = ROWS_PER_BATCH
        tt_l3_state(self.c, watch.instrument_id, watch.levels, watch.last)
        try:
            while batch.at < slots.n:
                chunk = np.empty((ROWS_PER_BATCH, 2 + 4 * levels), np.int64)
                rows = chunk
                watch.rows = &rows[0, 0]
                watch.used = 0
                with nogil:
                    rc = tt_l3_run_watch(self.c, &batch, &watch)
                chunks.append(chunk[: watch.used])
                self.grow_or_check(rc, batch.at)
        finally:
            slots.close()
        found = np.concatenate(chunks) if chunks else np.empty((0, 2 + 4 * levels), np.int64)
        return found.view(changes_dtype(levels)).reshape(-1)

    def level_updates(self, records):
        """Apply records; returns the book_level records (whole quantity, 0 = gone) of every level
        that they changed. A book_clear stays one: tell it by template_id; L2Book.apply understands
        both.
        """
        cdef Slots slots = Slots(records)
        cdef tt_l3_batch batch = _batch(slots, self.faults)
        cdef tt_l3_outlet outlet
        cdef int rc
        cdef uint8_t[::1] room
        chunks = []
        try:
            while batch.at < slots.n:
                chunk = np.empty(ROWS_PER_BATCH * SLOT_BYTES, np.uint8)
                room = chunk
                outlet.out = <tt_book_level *>&room[0]
                outlet.cap = ROWS_PER_BATCH
                outlet.used = 0
                with nogil:
                    rc = tt_l3_run_publish(self.c, &batch, &outlet)
                chunks.append(chunk[: outlet.used * SLOT_BYTES])
                self.grow_or_check(rc, batch.at)
        finally:
            slots.close()
        found = np.concatenate(chunks) if chunks else np.empty(0, np.uint8)
        return found.view(DTYPES[Template.BOOK_LEVEL])

    # Reading

    @property
    def instrument_ids(self) -> list:
        """Instruments in order of appearance; the index is the slot."""
        return [self.c.books[i].instrument_id for i in range(self.c.slots)]

    @property
    def live_orders(self) -> int:
        """Orders in all books."""
        return self.c.order_pool.live

    def top(self, instrument_id: int):
        """Best prices as a Top. UnknownSymbolError for an instrument never seen; so for all readers
        below.
        """
        cdef const tt_top *t = tt_l3_top(self.c, self.slot_of(instrument_id))
        return Top(
            None if t.bid_px == TT_NO_PX else t.bid_px, t.bid_qty,
            None if t.ask_px == TT_NO_PX else t.ask_px, t.ask_qty, t.bid_orders, t.ask_orders)

    def best_bid(self, instrument_id: int):
        """(px, qty) of the best bid, None when there is none."""
        cdef const tt_top *t = tt_l3_top(self.c, self.slot_of(instrument_id))
        return None if t.bid_px == TT_NO_PX else (t.bid_px, t.bid_qty)

    def best_ask(self, instrument_id: int):
        """(px, qty) of the best ask, None when there is none."""
        cdef const tt_top *t = tt_l3_top(self.c, self.slot_of(instrument_id))
        return None if t.ask_px == TT_NO_PX else (t.ask_px, t.ask_qty)

    def mid_price(self, instrument_id: int):
        """(bid + ask) / 2 in px units, None unless both sides are there.

        Top.mid_px2 is exact at any size.
        """
        twice = self.top(instrument_id).mid_px2
        return None if twice is None else twice / 2

    def spread(self, instrument_id: int):
        """ask - bid in px units, negative when crossed, None unless both sides are there."""
        return self.top(instrument_id).spread_px

    def state(self, instrument_id: int):
        """BookState flags: empty sides, locked, crossed; 0 is fit for trading."""
        return BookState(tt_top_state(tt_l3_top(self.c, self.slot_of(instrument_id))))

    def levels(self, instrument_id: int, n: int):
        """The top n levels, best first, as an array of dtype LADDER with n rows."""
        cdef uint32_t slot = self.slot_of(instrument_id), count = checked_levels(n, 1 << 24)
        cdef int64_t[:, ::1] px = np.full((2, count), TT_NO_PX, np.int64)
        cdef int64_t[:, ::1] qty = np.zeros((2, count), np.int64)
        cdef uint32_t[:, ::1] orders = np.zeros((2, count), np.uint32)
        out = np.empty(count, LADDER)
        tt_l3_levels(self.c, slot, TT_SIDE_BUY, count, &px[0, 0], &qty[0, 0], &orders[0, 0])
        tt_l3_levels(self.c, slot, TT_SIDE_SELL, count, &px[1, 0], &qty[1, 0], &orders[1, 0])
        out["bid_px"], out["ask_px"] = px[0], px[1]
        out["bid_qty"], out["ask_qty"] = qty[0], qty[1]
        out["bid_orders"], out["ask_orders"] = orders[0], orders[1]
        return out

    def tops(self):
        """Best prices of every instrument as an array of dtype TOPS; the row is the slot."""
        cdef uint8_t[::1] memory = np.empty(self.c.slots * sizeof(tt_l3_top_row) or 1, np.uint8)
        tt_l3_tops(self.c, <tt_l3_top_row *>&memory[0])
        return np.asarray(memory)[: self.c.slots * sizeof(tt_l3_top_row)].view(TOPS)

    def depth_at(self, instrument_id: int, levels: int):
        """(bids, asks): lists of (px, qty), best first, at most `levels` of each."""
        cdef uint32_t slot = self.slot_of(instrument_id)
        have = max(self.c.books[slot].levels[0], self.c.books[slot].levels[1], 1)
        rows = self.levels(instrument_id, min(checked_levels(levels, 1 << 24), have))
        bids = rows[: self.c.books[slot].levels[0]]
        asks = rows[: self.c.books[slot].levels[1]]
        return (
            list(zip(bids["bid_px"].tolist(), bids["bid_qty"].tolist())),
            list(zip(asks["ask_px"].tolist(), asks["ask_qty"].tolist())))

    def level_qty(self, instrument_id: int, side, px: int) -> int:
        """Whole quantity at a price, 0 when nothing rests there."""
        return tt_l3_level_qty(self.c, self.slot_of(instrument_id), _side(side), px)

    def orders(self, instrument_id: int, side):
        """Every order of a side as an array of dtype ORDER: best price first, front of the queue
        first.
        """
        cdef uint32_t slot = self.slot_of(instrument_id)
        cdef uint8_t wanted = _side(side)
        cdef uint32_t count = tt_l3_list(self.c, slot, wanted, 0, NULL)
        cdef uint64_t[:, ::1] rows
        raw = np.empty((count, 4), np.uint64)
        if count:
            rows = raw
            tt_l3_list(self.c, slot, wanted, count, <tt_l3_listed *>&rows[0, 0])
        return raw.view(ORDER).reshape(-1)

    def order(self, order_ref: int):
        """(instrument_id, side, px, qty, prio) of a resting order.

        UnknownOrderError when it is not in the book.
        """
        cdef int64_t px = 0, qty = 0
        cdef uint8_t side = 0
        cdef uint32_t slot = 0
        cdef uint64_t prio = 0
        cdef int rc = tt_l3_order(self.c, order_ref, &px, &qty, &side, &slot, &prio)
        check_with(rc, f"order {order_ref}")
        return (self.c.books[slot].instrument_id, Side(side), px, qty, prio)

    def queue_ahead(self, order_ref: int) -> int:
        """Quantity that stands before an order at its price.

        UnknownOrderError when it is not in the book.
        """
        if tt_l3_ahead(self.c, order_ref) < 0:
            raise UnknownOrderError(
                f"order_ref: found {order_ref}, which is not in the book; it may have left")
        return tt_l3_ahead(self.c, order_ref)

    # Trust

    def faults_of(self, instrument_id: int) -> int:
        """Records that could not be applied since the last clear; a book is valid while it is 0."""
        return self.c.books[self.slot_of(instrument_id)].faults

    def fault_report(self):
        """FaultReport over all instruments since construction."""
        cdef int code, i, kept = <int>min(self.faults.total, <uint64_t>TT_L3_FAULTS_KEPT)
        by_name = {}
        first = []
        for code in range(1, TT_L3_FAULT_KINDS):
            if self.faults.by_code[code]:
                by_name[_name(-code)] = self.faults.by_code[code]
        for i in range(kept):
            f = self.faults.first[i]
            first.append(Fault(
                f.ring_seq, f.ts_event_ns, f.instrument_id, f.template_id, f.order_ref, f.code,
                _name(f.code)))
        return FaultReport(self.faults.total, by_name, tuple(first))

    def check(self, instrument_id=None) -> bool:
        """Integrity of one book or of all: queues, sums, ladders, index, cached tops. False: memory
        or code is wrong.
        """
        if instrument_id is None:
            return tt_l3_check_all(self.c) == TT_OK
        return tt_l3_check(self.c, self.slot_of(instrument_id)) == TT_OK

    def digest(self, *, priorities: bool = True) -> str:
        """32 hexadecimal digits over every order in queue order, instruments by id: equal for equal
        books. Without `priorities` their numbers do not count. An empty book is as good as none.
        """
        cdef tt_digest d
        cdef char text[TT_DIGEST_HEX_BYTES]
        tt_digest_init(&d)
        for slot in np.argsort(self.tops()["instrument_id"]).tolist():
            tt_l3_digest_slot(self.c, slot, priorities, &d)
        tt_digest_hex(&d, text)
        return text[:32].decode()


cdef object _name(int code):
    return CODES[code][0] if code in CODES else str(code)
