# Wraps ext/tectra/sequence.h: continuity of one numbered stream.
from libc.stdint cimport uint32_t, uint64_t


cdef extern from "tectra/sequence.h" nogil:
    enum:
        TT_SEQ_NEXT, TT_SEQ_OVERLAP, TT_SEQ_OLD, TT_SEQ_AHEAD
        TT_SEQ_STATE_IDLE, TT_SEQ_STATE_SYNCED, TT_SEQ_STATE_GAP, TT_SEQ_STATE_ENDED

    ctypedef struct tt_sequence:
        uint64_t expected, highest, taken, gaps, lost, recovered, duplicates, overlaps, resets
        uint32_t state

    void tt_sequence_init(tt_sequence *s)
    void tt_sequence_reset(tt_sequence *s, uint64_t expected)
    int tt_sequence_announce(tt_sequence *s, uint64_t next)
    int tt_sequence_offer(tt_sequence *s, uint64_t first, uint64_t last)
    uint64_t tt_sequence_lose(tt_sequence *s, uint64_t next)
    void tt_sequence_end(tt_sequence *s)


cdef class Sequencer:
    cdef tt_sequence c
