"""The distinct-error log: each kind of trouble of the hot path once, with how often and when."""
# Owns a mapping with the page in it, shared or private. Hot threads note over `c` without the GIL
# (some 3 ns), Python through note() (some 150 ns); any process reads. Formatting is the reader's.
# Wraps ext/tectra/errlog.h.

from enum import IntEnum
from typing import NamedTuple

from cython cimport final
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from tectra.core.base cimport TT_OK
from tectra.core.clock cimport tt_now_ns
from tectra.core.rc cimport check_with
from tectra.core.shared_page cimport SharedPage
from tectra.core.shm cimport (
    Mapping,
    attach_mapping,
    create_mapping,
    private_mapping,
    tt_load_acquire64,
)

from tectra.core.errors import InputError, StateError
from tectra.core.rc import CODES

__all__ = ["ErrorEntry", "ErrorLog", "Place", "USER_PLACE_MIN"]

USER_PLACE_MIN = TT_PLACE_USER


class Place(IntEnum):
    """Where trouble was seen. Numbers from USER_PLACE_MIN on are the user's own."""

    BOOK = TT_PLACE_BOOK
    FEED = TT_PLACE_FEED
    ORDERS = TT_PLACE_ORDERS
    POSITION = TT_PLACE_POSITION
    RISK = TT_PLACE_RISK
    GATE = TT_PLACE_GATE
    JOURNAL = TT_PLACE_JOURNAL
    RING = TT_PLACE_RING
    STRATEGY = TT_PLACE_STRATEGY
    CLOCK = TT_PLACE_CLOCK
    CONTROL = TT_PLACE_CONTROL


class ErrorEntry(NamedTuple):
    """One kind of trouble. Times in nanoseconds since the epoch, sequences are ring_seq.

    With several writers, last_seq and last_ns may be of two of them.
    """

    place: int
    code: int
    total: int
    first_seq: int
    last_seq: int
    first_ns: int
    last_ns: int

    def text(self, places=None) -> str:
        """One line for people; `places` names the user's own: {1024: "my decoder"}."""
        named = dict(places or {})
        if self.place not in named and self.place in Place.__members__.values():
            named[self.place] = Place(self.place).name.lower()
        where = named.get(self.place, f"place {self.place}")
        name, _, meaning = CODES.get(self.code, (f"code {self.code}", None, "unlisted"))
        seqs = f"first {self.first_seq}, last {self.last_seq}"
        return f"{where}: {name} x {self.total} (ring_seq {seqs}): {meaning}"


cdef uint64_t _size(object capacity) except 0:
    cdef uint64_t size = 0
    if isinstance(capacity, int) and 0 < capacity <= TT_ERRLOG_MAX:
        size = tt_errlog_bytes(capacity)
    if size == 0:
        raise InputError(
            f"capacity of an error log: found {capacity!r}; allowed: a power of two from 1 to "
            f"{TT_ERRLOG_MAX}"
        )
    return size


cdef ErrorLog _page(Mapping mapping, uint64_t capacity):
    """A page over the mapping; with a capacity it is new and laid out first."""
    cdef ErrorLog self = ErrorLog.__new__(ErrorLog)
    cdef tt_errlog *page = <tt_errlog *> mapping.base
    if capacity != 0:
        check_with(tt_errlog_init(page, capacity, tt_now_ns()), "error log")
    self.bind(mapping, tt_errlog_check(page, mapping.bytes), "error log")
    self.c = page
    self.capacity = self.head.capacity
    return self


@final
cdef class ErrorLog(SharedPage):
    """Trouble of hot threads by place and code, in a page that another process can read.

    Any thread notes, in any process that attached it writable; anyone reads. Entries stay until the
    page goes.
    """

    _kind = "error log"
    _made = ("an error log", "ErrorLog")

    @staticmethod
    def create(name, capacity=256):
        """Make a page in shared memory for `capacity` (a power of two) kinds of trouble. Its
        close() removes the name. DuplicateError when the name is taken.
        """
        cdef uint64_t size = _size(capacity)
        return _page(create_mapping(name, size), capacity)

    @staticmethod
    def attach(name, *, bint writable=False):
        """Read, or also note in, a page that another process made."""
        return _page(attach_mapping(name, writable, "error log"), 0)

    @staticmethod
    def private(capacity=256):
        """A page of this process alone."""
        return _page(private_mapping(_size(capacity)), capacity)

    cdef void leave(self, bint mapped) noexcept:
        self.c = NULL

    def note(self, place, int32_t code, uint64_t ring_seq, int64_t ts_ns):
        """Note trouble with the record ring_seq at ts_ns. False when the table has no room for
        another kind: counted in `lost`.
        """
        if self.c is NULL:
            self.require()
        if not self.mapping.writable:
            raise StateError("error log: found it attached for reading; attach it writable=True")
        if not 0 < place <= TT_PLACE_MAX:
            raise InputError(
                f"place of an error: found {place!r}; allowed: a Place, or {TT_PLACE_USER} to "
                f"{TT_PLACE_MAX}"
            )
        return tt_errlog_note_shared(self.c, <uint32_t> place, code, ring_seq, ts_ns) == TT_OK

    def entries(self):
        """What is noted so far, the first trouble first: a list of ErrorEntry."""
        cdef tt_errlog_view view
        cdef uint64_t i
        self.require()
        out = []
        for i in range(self.capacity):
            if tt_errlog_read(self.c, i, &view):
                out.append(
                    ErrorEntry(
                        view.place, view.code, view.count, view.first.ring_seq,
                        view.last.ring_seq, view.first.ns, view.last.ns,
                    )
                )
        out.sort(key=lambda entry: (entry.first_ns, entry.first_seq, entry.place, entry.code))
        return out

    @property
    def lost(self):
        """Notes that found no room."""
        self.require()
        return tt_load_acquire64(&self.c.lost)
