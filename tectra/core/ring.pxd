# The ring for nogil users: `ring.c` is valid until ring.close(). One thread pushes, one peeks and
# releases. The C functions are declared in ring_page.pxd.
from libc.stdint cimport int64_t

from tectra.core.ring_page cimport (
    TT_SPSC_CAPACITY_MAX,
    TT_SPSC_CAPACITY_MIN,
    TT_SPSC_OVERWRITE,
    TT_SPSC_STAMP,
    RingPage,
    tt_spsc,
    tt_spsc_bytes,
    tt_spsc_drain,
    tt_spsc_init,
    tt_spsc_open,
    tt_spsc_peek,
    tt_spsc_release,
    tt_spsc_try_pop,
    tt_spsc_try_push,
    tt_spsc_try_push_n,
)

cdef class SpscRing(RingPage):
    cdef int _push_buffer(self, object record, int64_t timeout_ns) except? -1000
    cdef int _push_slow(self, const void *rec, int64_t timeout_ns) except -1
    cdef int64_t _wait_pop(self, void *out, int64_t timeout_ns) except? -1
