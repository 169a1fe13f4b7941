from libc.stdint cimport uint8_t, uint64_t

cdef extern from "tectra/digest.h" nogil:
    enum: TT_DIGEST_HEX_BYTES

    ctypedef struct tt_digest:
        uint64_t a
        uint64_t b
        uint64_t count

    void tt_digest_init(tt_digest *d)
    void tt_digest_add(tt_digest *d, const void *rec)
    void tt_digest_slot(tt_digest *d, const void *slot)
    void tt_digest_slots(tt_digest *d, const void *slots, uint64_t n)
    void tt_digest_value(const tt_digest *d, uint64_t *out)
    void tt_digest_hex(const tt_digest *d, char *text)
    uint64_t tt_digest_dirs(tt_digest *out, uint64_t *records, const void *slots, uint64_t n)


cdef class Digest:
    cdef tt_digest state
