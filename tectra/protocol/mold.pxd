# MoldUDP64 for Cython callers: the C functions themselves, in place, without the GIL.
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "tectra/mold.h" nogil:
    enum:
        TT_MOLD_HEAD_BYTES
        TT_MOLD_SESSION_BYTES
        TT_MOLD_HEARTBEAT
        TT_MOLD_END
        TT_MOLD_REQUEST_MAX
    ctypedef struct tt_mold_packet:
        const uint8_t *session
        uint64_t sequence
        uint32_t count
        uint32_t is_heartbeat
        uint32_t is_end
        const uint8_t *blocks
        uint32_t blocks_bytes
    int tt_mold_parse(const uint8_t *data, size_t n, tt_mold_packet *out)
    const uint8_t *tt_mold_next(const tt_mold_packet *p, uint32_t *at, uint32_t *size)
    void tt_mold_put_head(
        uint8_t *out, const uint8_t *session, uint64_t sequence, uint16_t count)

cdef class PacketBuilder:
    cdef readonly str session
    cdef readonly int payload_max
    cdef uint64_t first
    cdef uint32_t count
    cdef uint32_t size
    cdef uint8_t[10] raw_session
    cdef uint8_t *data
