# The tops of many books while records pass: for how long each state held, spreads, depth.
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from tectra.book.l3 cimport L3Book, tt_top
from tectra.core.hist cimport tt_hist

cdef enum:
    WATCH_LEVELS = 5
    WATCH_BUCKETS = 1024


cdef struct tt_watch:
    uint32_t instrument_id
    uint8_t kind        # 0 nothing yet, 1 orders, 2 levels, 3 quotes
    uint8_t told        # the wrong state that was told last
    uint64_t row        # of the record that set the best prices
    uint64_t updates
    int64_t since_ns
    int64_t depth_ns    # when the ladder is looked at next
    tt_top top
    uint64_t state_ns[16]
    tt_hist *spread
    tt_hist *depth[10]


cdef class BookWatch:
    cdef L3Book orders
    cdef tt_watch *watch
    cdef uint32_t count
    cdef uint32_t room
    cdef list levels
    cdef list held
    cdef readonly list events
    cdef readonly dict counts
    cdef uint32_t detailed
    cdef uint32_t kept
    cdef int64_t start_ns
    cdef int64_t width_ns
    cdef double[::1] bucket_records
    cdef double[::1] bucket_spread
    cdef double[::1] bucket_ns
    cdef object memory
    cdef object others
    cdef int open(self, uint32_t instrument_id) except -1
    cdef int note(self, str kind, uint32_t at, uint64_t row, int64_t ts, object found) except -1
    cdef int settle(self, uint32_t at, int64_t ts) except -1
    cdef int sample(self, uint32_t at) except -1
    cdef int apply(self, uint32_t at, const void *record, uint64_t row) except -1
    cdef int clear(self, uint32_t at) except -1
    cdef int bucket(self, int64_t ts) except -1
