from libc.stdint cimport int64_t, uint32_t, uint64_t

from tectra.journal.commit cimport Commit
from tectra.journal.journal cimport tt_segment
from tectra.journal.mapped cimport MappedSegment


# Owner thread only. `c` stays valid and at its place as long as the writer object lives; after
# close() every tt_journal_append on it says TT_E_CLOSED.
cdef class JournalWriter:
    cdef tt_segment *c
    cdef readonly object path
    cdef readonly bint closed
    cdef readonly object options
    # True in the mode "sync": call make_durable() before an order leaves.
    cdef readonly bint sends_wait
    cdef Commit _commit
    cdef MappedSegment _open
    cdef object _finisher
    cdef object _claim
    cdef object _manifest
    cdef object _pid
    cdef uint32_t _segment_id
    cdef uint32_t _capacity
    cdef uint64_t _records
    cdef uint64_t _slots
    cdef uint64_t _epoch
    cdef uint64_t _run_seed
    cdef int64_t _began_ns
    cdef int64_t _ended_ns
    cdef int _clock

    # Append, rotating when the segment is full or its day is over. Raises as rotate() does.
    cdef int push(self, const void *rec) except -1 nogil
    # What was appended is on the disk when this returns, in the modes group-commit and sync; raises
    # JournalError when a sync failed.
    cdef int make_durable(self) except -1 nogil
    cdef object _append(self, const char *data, Py_ssize_t size)
    cdef int _activate(self, MappedSegment fresh) except -1
    cdef int _keep(self, MappedSegment full) except -1
    cdef int _drop(self) except -1
    cdef int _shut(self, object result) except -1
