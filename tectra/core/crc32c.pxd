# CRC-32C for nogil users; pure functions, any thread.
from libc.stddef cimport size_t
from libc.stdint cimport uint32_t

cdef extern from "tectra/crc32c.h" nogil:
    int tt_crc32c_has_instruction()
    uint32_t tt_crc32c(uint32_t seed, const void *data, size_t bytes)
    uint32_t tt_crc32c_table(uint32_t seed, const void *data, size_t bytes)
    uint32_t tt_crc32c_64(uint32_t seed, const void *slot)
    void tt_crc32c_slots(uint32_t seed, const void *data, size_t slots, uint32_t *out)
