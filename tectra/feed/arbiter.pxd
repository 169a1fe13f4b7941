# Wraps ext/tectra/arbiter.h and the packets of ext/tectra/mold.h: one stream out of several lines.
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from tectra.feed.sequence cimport tt_sequence


cdef extern from "tectra/mold.h" nogil:
    enum:
        TT_MOLD_SESSION_BYTES
    ctypedef struct tt_mold_packet:
        const uint8_t *session
        uint64_t sequence
        uint32_t count
        uint32_t is_heartbeat
        uint32_t is_end
        const uint8_t *blocks
        uint32_t blocks_bytes
    int tt_mold_parse(const uint8_t *data, size_t n, tt_mold_packet *out)


cdef extern from "tectra/arbiter.h" nogil:
    enum:
        TT_ARB_LINES
        TT_ARB_REPLY
    enum:
        TT_ARB_OLD, TT_ARB_NEW, TT_ARB_AHEAD, TT_ARB_BEAT, TT_ARB_SESSION, TT_ARB_STRAY
    enum:
        TT_ARB_WHOLE, TT_ARB_WAITING, TT_ARB_GAP

    ctypedef struct tt_arb_settings:
        uint32_t lines, slots, slot_bytes
        int64_t hold_ns, settle_ns, dead_ns

    ctypedef struct tt_arb_line:
        int64_t last_ns
        uint64_t next, packets, messages, heartbeats, duplicates, first, ahead, lost, late, stray
        uint32_t is_ended

    ctypedef struct tt_arb_span:
        const uint8_t *blocks
        uint32_t bytes, count
        uint64_t first

    ctypedef struct tt_arbiter:
        tt_sequence seq
        tt_arb_settings set
        tt_arb_line *line
        uint64_t highest, held, overflow, sessions, end
        uint8_t *session
        uint8_t has_session, is_holding

    size_t tt_arbiter_bytes(const tt_arb_settings *settings)
    int tt_arbiter_init(
        tt_arbiter *a, const tt_arb_settings *settings, void *window, uint64_t start,
        int64_t now_ns)
    void tt_arbiter_session(tt_arbiter *a, const uint8_t *session, uint64_t start)
    int tt_arbiter_is_live(const tt_arbiter *a, uint32_t line, int64_t now_ns)
    int tt_arbiter_offer(
        tt_arbiter *a, uint32_t line, const tt_mold_packet *p, int64_t ts_recv_ns, int64_t now_ns,
        tt_arb_span *span)
    const uint8_t *tt_arbiter_next(tt_arbiter *a, uint32_t *bytes, int64_t *ts_recv_ns)
    int tt_arbiter_gap(tt_arbiter *a, int64_t now_ns, uint64_t *first, uint64_t *last)
    uint64_t tt_arbiter_lose(tt_arbiter *a, uint64_t last)
    void tt_arbiter_hold(tt_arbiter *a, int on)


cdef class Arbiter:
    cdef tt_arbiter c
    cdef uint8_t *window
    cdef readonly object settings
    # Numbers that lack and are not held, as (first, last); None where there are none.
    cdef object c_gap(self, int64_t now_ns, int declared_only)
