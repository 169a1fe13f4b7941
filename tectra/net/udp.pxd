# UdpReceiver for Cython callers: poll without the GIL, then look at the datagrams in place.
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from tectra.core.clock cimport Clock

cdef extern from "tectra/datagram.h" nogil:
    enum:
        TT_DATAGRAM_CUT
    ctypedef struct tt_datagram:
        const uint8_t *data
        uint32_t bytes
        uint32_t flags
        int64_t ts_kernel_ns
        int64_t ts_recv_ns

cdef extern from "tectra/udp.h" nogil:
    enum:
        TT_UDP_BATCH
        TT_UDP_SLOT_BYTES
    ctypedef struct tt_udp_counts:
        uint64_t datagrams
        uint64_t bytes
        uint64_t cut
        uint64_t dropped
        uint64_t unstamped
        uint64_t errors
    ctypedef struct tt_udp:
        int fd
        int last_errno
        uint32_t count
        tt_udp_counts counts
        tt_datagram *out
    void tt_udp_init(tt_udp *u, int fd)
    int tt_udp_poll(tt_udp *u)
    void tt_udp_stamp(tt_udp *u, int64_t now_ns)

cdef class UdpReceiver:
    cdef tt_udp *u
    cdef Clock clock
    cdef object sock
    cdef readonly object options
    cdef readonly tuple outcomes
    # How many datagrams came, 0 to TT_UDP_BATCH; TT_E_IO (the kernel refused), TT_E_CLOSED. Those
    # of the poll before are gone. Owner thread only.
    cdef int c_poll(self) noexcept nogil
    # Datagram i of the last poll, valid until the next one; NULL where there is none.
    cdef const tt_datagram *c_datagram(self, uint32_t i) noexcept nogil
