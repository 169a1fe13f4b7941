# The ring for nogil users: `ring.c` (mpmc_page.pxd) is valid until ring.close() and belongs to one
# thread; it has joined after ring.join().
from libc.stdint cimport int64_t, uint32_t, uint64_t

from tectra.core.mpmc_page cimport MpmcPage, tt_mpmc, tt_mpmc_item

cdef extern from "tectra/mpmc.h" nogil:
    int tt_mpmc_try_claim(tt_mpmc *r, uint32_t size, tt_mpmc_item *item)
    int64_t tt_mpmc_try_claim_n(tt_mpmc *r, uint32_t size, tt_mpmc_item *items, uint32_t n)
    int tt_mpmc_commit(tt_mpmc *r, tt_mpmc_item *item, uint32_t tag)
    int tt_mpmc_abort(tt_mpmc *r, tt_mpmc_item *item)
    int tt_mpmc_try_peek(tt_mpmc *r, tt_mpmc_item *item)
    int64_t tt_mpmc_try_peek_n(
        tt_mpmc *r, tt_mpmc_item *items, uint32_t n, uint32_t *end_of_batch
    )
    int tt_mpmc_release(tt_mpmc *r, tt_mpmc_item *item)
    int tt_mpmc_try_push(tt_mpmc *r, const void *rec, uint32_t tag)
    int64_t tt_mpmc_try_push_n(tt_mpmc *r, const void *slots, uint64_t n_slots, uint32_t tag)
    int tt_mpmc_try_pop(tt_mpmc *r, void *out, uint32_t *tag)
    int tt_mpmc_check(const tt_mpmc *r)
    int64_t tt_mpmc_drain(tt_mpmc *r, void *out, uint64_t max_slots)
cdef extern from "tectra/mpmc_wait.h" nogil:
    int tt_mpmc_push_until(
        tt_mpmc *r, const void *rec, uint32_t tag, int64_t until_mono_ns
    )
    int tt_mpmc_pop_until(tt_mpmc *r, void *out, uint32_t *tag, int64_t until_mono_ns)

cdef class MpmcRing(MpmcPage):
    cdef readonly uint32_t tag
    cdef int _sure(self, int rc, str what) except -1
    cdef int _push_buffer(self, object record, uint32_t tag, int64_t timeout_ns) except? -1000
    cdef int _push_slow(self, const void *rec, uint32_t tag, int64_t timeout_ns) except -1
    cdef int64_t _wait_pop(self, void *out, int64_t timeout_ns) except? -1

cdef class MpmcSlot:
    cdef MpmcRing _ring
    cdef tt_mpmc_item _item
    cdef uint32_t _room
    cdef readonly bint writing
    cdef readonly bint done
    cdef int _begin(self, bint writing) except -1
    cdef bint _end(self, int rc) except -1
