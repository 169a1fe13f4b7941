"""Books as records, and books from records: what a durable snapshot is made of.

The image of an instrument is a book_clear, its orders as book_add (worst level first, front of the
queue first) or its levels as book_level (worst first), all flagged SNAPSHOT, and a book_status. So
any reader of records can take it in: queues and levels come out as they were. With the priority
numbers beside it, restore() gives every order its own number back as well.
"""
# Owns nothing. The book's owner thread. About 30 ns an order out, 60 ns in. Wraps
# ext/tectra/l3_image.h.

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from tectra.book.depth cimport tt_book_side, tt_book_side_l2, tt_book_step, tt_book_step_at
from tectra.book.l2 cimport L2Book
from tectra.book.l3 cimport L3Book, Slots, tt_l3_batch, tt_l3_image, tt_l3_load, tt_l3_loader
from tectra.core.msg cimport (
    TT_SIDE_BUY,
    TT_T_BOOK_ADD,
    TT_T_BOOK_CLEAR,
    TT_T_BOOK_LEVEL,
    TT_T_BOOK_STATUS,
    tt_book_add,
    tt_book_clear,
    tt_book_level,
    tt_book_status,
    tt_rec_init,
)

from typing import NamedTuple

import numpy as np

from tectra.core.errors import FileFormatError, InputError
from tectra.core.msg import BookReason, BookStatus, MarketFlag

__all__ = ["ImageStamp", "L3Image", "Trust", "l2_image", "l3_image", "load_image", "restore"]

cdef enum:
    SLOTS_PER_BATCH = 1 << 16

_FLAG = int(MarketFlag.SNAPSHOT)


class ImageStamp(NamedTuple):
    """What the records of an image carry: ring_seq, both times, the venue."""

    ring_seq: int
    ts_ns: int
    venue_id: int = 0


class Trust(NamedTuple):
    """How far the book of one instrument can be trusted; seq is the venue's last number in it."""

    status: BookStatus = BookStatus.VALID
    reason: BookReason = BookReason.NONE
    seq: int = 0


class L3Image(NamedTuple):
    """records: whole 64-byte slots; priorities: a uint64 for each book_add among them, in their
    order; next_priority: the number that the next order of the book set would get.
    """

    records: object
    priorities: object
    next_priority: int


cdef int _frame(
    uint8_t *first, uint8_t *last, uint32_t instrument_id, object stamp, object trust
) except -1:
    """The book_clear before and the book_status behind the rows of an instrument."""
    cdef tt_book_clear *clear = <tt_book_clear *>first
    cdef tt_book_status *status = <tt_book_status *>last
    tt_rec_init(clear, TT_T_BOOK_CLEAR)
    tt_rec_init(status, TT_T_BOOK_STATUS)
    clear.ring_seq = status.ring_seq = stamp.ring_seq
    clear.ts_event_ns = clear.ts_recv_ns = stamp.ts_ns
    status.ts_event_ns = status.ts_recv_ns = stamp.ts_ns
    clear.instrument_id = status.instrument_id = instrument_id
    clear.venue_id = status.venue_id = stamp.venue_id
    clear.reason = <uint8_t>int(BookReason.REFRESH)
    clear.seq = status.seq = trust.seq
    status.status = <uint8_t>int(trust.status)
    status.reason = <uint8_t>int(trust.reason)
    return 0


cdef object _trust_of(L3Book book, uint32_t slot, object trust):
    """What was said of an instrument; else VALID, or INVALID where the book refused a record."""
    instrument_id = book.c.books[slot].instrument_id
    if trust is not None and instrument_id in trust:
        return trust[instrument_id]
    if book.c.books[slot].faults:
        return Trust(BookStatus.INVALID, BookReason.MALFORMED)
    return Trust()


def l3_image(L3Book book not None, stamp, *, trust=None):
    """L3Image of every instrument of a book set, in the order of its slots.

    `trust` by instrument id; not named: VALID, or INVALID where the book refused a record.
    """
    cdef size_t orders = book.c.order_pool.live, at = 0, done = 0
    cdef uint32_t slot
    cdef tt_book_add like
    cdef uint8_t[::1] memory
    cdef uint64_t[::1] prio
    cdef size_t count
    records = np.zeros((orders + 2 * <size_t>book.c.slots) * 64 or 1, np.uint8)
    priorities = np.zeros(orders or 1, np.uint64)
    memory, prio = records, priorities
    tt_rec_init(&like, TT_T_BOOK_ADD)
    like.ring_seq = stamp.ring_seq
    like.ts_event_ns = like.ts_recv_ns = stamp.ts_ns
    like.venue_id = stamp.venue_id
    like.flags = _FLAG
    for slot in range(book.c.slots):
        count = book.c.books[slot].orders
        if count:
            tt_l3_image(
                book.c, slot, &like, <tt_book_add *>&memory[at + 64], &prio[done])
        _frame(
            &memory[at], &memory[at + 64 * (count + 1)], book.c.books[slot].instrument_id, stamp,
            _trust_of(book, slot, trust))
        at += 64 * (count + 2)
        done += count
    return L3Image(records[:at], priorities[:done], book.c.next_prio)


def l2_image(L2Book book not None, stamp, *, trust=None):
    """The records of a price-level book; `trust`: VALID when None."""
    cdef tt_book_side side
    cdef tt_book_step step
    cdef tt_book_level *rec
    cdef uint8_t[::1] memory
    cdef uint32_t s, n
    cdef size_t at = 64
    cdef size_t count = <size_t>book.c.count[0] + book.c.count[1]
    records = np.zeros((count + 2) * 64, np.uint8)
    memory = records
    for s in range(2):
        side = tt_book_side_l2(book.c, s)
        for n in range(side.count, 0, -1):
            step = tt_book_step_at(&side, n - 1)
            rec = <tt_book_level *>&memory[at]
            tt_rec_init(rec, TT_T_BOOK_LEVEL)
            rec.ring_seq = stamp.ring_seq
            rec.ts_event_ns = rec.ts_recv_ns = stamp.ts_ns
            rec.venue_id = stamp.venue_id
            rec.instrument_id = book.instrument_id
            rec.side = TT_SIDE_BUY + s
            rec.flags = _FLAG
            rec.px = step.px
            rec.qty = step.qty
            at += 64
    _frame(&memory[0], &memory[at], book.instrument_id, stamp, Trust() if trust is None else trust)
    return records


def load_image(L3Book book not None, records, priorities, *, next_priority):
    """Build the books of an image in a book set that has no orders yet; slots that it has already
    stay where they are.

    FileFormatError as restore(); InputError when there are orders.
    """
    cdef Slots slots = Slots(records)
    cdef tt_l3_batch batch
    cdef tt_l3_loader loader
    cdef const uint64_t[::1] prio
    cdef int rc
    cdef uint64_t last = next_priority
    cdef uint64_t before = book.faults.total
    cdef const tt_book_clear *rec
    cdef size_t at
    if book.c.order_pool.live:
        raise InputError(f"image: found {book.c.order_pool.live} orders in the books; allowed: 0")
    loader.book, loader.n, loader.at, loader.prio = book.c, 0, 0, NULL
    if priorities is not None and len(priorities):
        prio = priorities
        loader.prio, loader.n = &prio[0], prio.shape[0]
    batch.slots, batch.n, batch.at, batch.faults = slots.p, slots.n, 0, book.faults
    try:
        for at in range(slots.n):
            rec = <const tt_book_clear *>(slots.p + at * 64)
            if rec.template_id == TT_T_BOOK_CLEAR and rec.instrument_id:
                book.add_instrument(rec.instrument_id)
        while batch.at < slots.n:
            batch.until = batch.at + SLOTS_PER_BATCH
            with nogil:
                rc = tt_l3_load(&loader, &batch)
            book.grow_or_check(rc, batch.at)
    finally:
        slots.close()
    cdef uint64_t faults = book.faults.total - before
    if faults or (priorities is not None and loader.at != loader.n):
        raise FileFormatError(
            f"image: {faults} records contradict it, {loader.at} orders with "
            f"{loader.n} priorities; take an older snapshot, or build the books from the feed")
    if priorities is not None:
        book.c.next_prio = max(last, book.c.next_prio)


def restore(records, priorities, *, next_priority, instruments_max=65536):
    """The book set of an image: slots, queues and priority numbers as they were.

    `priorities` None: the orders are numbered anew. FileFormatError when the records contradict
    each other or the priorities are not one for each order.
    """
    cdef L3Book book = L3Book(instruments_max)
    load_image(book, records, priorities, next_priority=next_priority)
    return book
