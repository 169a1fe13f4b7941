# Which records of a journal are on the disk. Declarations of ext/tectra/journal_sync.h.
from libc.stdint cimport int64_t, uint32_t, uint64_t

from tectra.core.hist cimport Histogram, tt_hist
from tectra.core.kill cimport tt_kill
from tectra.journal.journal cimport tt_segment

cdef extern from "tectra/journal_sync.h" nogil:
    ctypedef struct tt_sync:
        int dir_fd
        uint32_t failed_segment
    int tt_sync_init(tt_sync *s, tt_segment *seg, tt_kill *kill, tt_hist *sync_ns)
    int tt_sync_begin(tt_sync *s, int fd, uint32_t segment_id)
    int tt_sync_turn(tt_sync *s)
    int tt_sync_start(tt_sync *s, int64_t interval_ns, uint64_t batch)
    void tt_sync_stop(tt_sync *s)
    void tt_sync_free(tt_sync *s)
    int tt_sync_wait(tt_sync *s, uint64_t seq, int64_t until_ns)
    void tt_sync_settled(tt_sync *s, uint32_t segment_id)
    void tt_sync_named(tt_sync *s)
    int tt_sync_one(tt_sync *s, int fd, uint32_t segment_id, uint64_t seq)
    void tt_sync_fail(tt_sync *s, int error, uint32_t segment_id)
    int tt_sync_halt(tt_sync *s)
    void tt_sync_post(tt_sync *s)
    uint64_t tt_sync_await(tt_sync *s, uint64_t seen)
    uint64_t tt_sync_durable(const tt_sync *s)
    int tt_sync_failed(const tt_sync *s)


# `seg` is the segment in the writer's hands; it stays at its place as long as this object lives.
cdef class Commit:
    cdef tt_segment *seg
    cdef tt_sync *s
    cdef Histogram _hist
    cdef object _kill
    cdef object _errors
    cdef readonly str mode
    cdef int _pid
    cdef int _dir_fd
    cdef bint _running

    # Owner: the open segment's file is another one from now on. -1 and an exception: JournalError.
    cdef int begin(self, int fd, uint32_t segment_id) except -1
    # TT_OK or TT_E_IO.
    cdef int turn(self) noexcept nogil
