# The counter page for nogil users: `page.c` is valid until page.close(). Claim the indices first,
# then tt_counter_add.
from libc.stdint cimport int64_t, uint64_t

from tectra.core.shared_page cimport SharedPage
from tectra.core.shm cimport tt_shm_head

cdef extern from "tectra/counters.h" nogil:
    enum:
        TT_COUNTERS_MAX
        TT_COUNTER_NAME_BYTES
    ctypedef struct tt_counter:
        char name[56]
    ctypedef struct tt_counters:
        tt_shm_head head
        tt_counter counter[1]
    uint64_t tt_counters_bytes(uint64_t capacity)
    int tt_counters_init(tt_counters *c, uint64_t capacity, int64_t now_ns)
    int tt_counters_check(const tt_counters *c, uint64_t bytes)
    int64_t tt_counters_find(const tt_counters *c, const char *name)
    int64_t tt_counters_claim(tt_counters *c, const char *name)
    int tt_counter_is_ready(const tt_counters *c, uint64_t i)
    void tt_counter_add(tt_counters *c, uint64_t i, uint64_t n)
    void tt_counter_add_shared(tt_counters *c, uint64_t i, uint64_t n)
    void tt_counter_set(tt_counters *c, uint64_t i, uint64_t value)
    void tt_counter_max(tt_counters *c, uint64_t i, uint64_t value)
    uint64_t tt_counter_get(const tt_counters *c, uint64_t i)

cdef class Counters(SharedPage):
    cdef tt_counters *c
    cdef readonly uint64_t capacity
    cdef int _writable(self, uint64_t index) except -1
