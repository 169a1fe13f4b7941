# C-level face of the ITCH 5.0 feed. All of it belongs to one thread; fill() is the engine's way in.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "tectra/itch.h" nogil:
    enum:
        TT_ITCH_LOCATES
        TT_ITCH_NEW
        TT_ITCH_PASS
        TT_ITCH_SKIP
    ctypedef struct tt_itch_map:
        uint8_t *gate
        uint64_t *symbol
        const uint64_t *wanted
        uint32_t wanted_n
        uint32_t learned
    ctypedef struct tt_itch_counts:
        uint64_t unknown
        uint64_t malformed
        uint64_t filtered
    ctypedef struct tt_itch_ctx:
        int64_t midnight_ns
        tt_itch_map *map
        tt_itch_counts *counts
        uint16_t venue_id
        uint8_t strict
        uint8_t by_type
    uint32_t tt_itch_size(uint8_t type)
    void tt_itch_map_init(tt_itch_map *map, const uint64_t *wanted, uint32_t wanted_n)
    int64_t tt_itch_decode_one(
        const uint8_t *msg, uint32_t len, const tt_itch_ctx *cx, void *out)
    int tt_itch_decode(
        const tt_itch_ctx *cx, const uint8_t *bytes, size_t n, void *slots_out, size_t slot_cap,
        size_t *consumed, size_t *slots, uint64_t *messages)

cdef extern from "tectra/itch_scan.h" nogil:
    ctypedef struct tt_itch_tally:
        uint64_t *by_type
        uint64_t unknown
        uint64_t malformed
        int64_t first_ns
        int64_t last_ns
    void tt_itch_tally_init(tt_itch_tally *tally)
    int tt_itch_scan(
        const uint8_t *bytes, size_t n, int by_type, int head_only, tt_itch_map *map,
        tt_itch_tally *tally, size_t *consumed)
    int tt_itch_gather(
        const uint8_t *bytes, size_t n, int by_type, uint8_t type, uint8_t *out, size_t cap,
        size_t *consumed, size_t *count)


cdef class LocateMap:
    cdef tt_itch_map *c
    cdef uint64_t *wanted
    cdef readonly tuple asked


cdef class ItchScan:
    cdef tt_itch_tally tally
    cdef readonly LocateMap locates
    cdef readonly bint head_only
    cdef readonly bint by_type
    cdef readonly str state
    cdef int run(self, const uint8_t *data, size_t n, size_t *used) except -1


cdef class ItchFeed:
    cdef tt_itch_counts counts
    cdef tt_itch_ctx cx
    cdef object file
    cdef object mapped
    cdef Py_buffer view
    cdef bint has_view
    cdef bint done
    cdef uint8_t *chunk
    cdef const uint8_t *data
    cdef size_t size
    cdef size_t at
    cdef int64_t base
    cdef readonly LocateMap locates
    cdef readonly object path
    cdef readonly object date
    cdef readonly bint end_of_session
    cdef readonly uint64_t messages
    cdef readonly int64_t trailing_bytes
    cdef Py_ssize_t fill(self, void *out, size_t cap) except -1
    cdef int step(self, void *out, size_t cap, size_t *slots) except -1
    cdef int refill(self) except -1
    cdef int finish(self) except -1
