from libc.stdint cimport uint32_t, uint64_t

from tectra.journal.journal cimport tt_segment


# Owner thread only. `c` stays valid and at its place as long as the writer object lives; after
# close() every tt_journal_append on it says TT_E_CLOSED.
cdef class JournalWriter:
    cdef tt_segment *c
    cdef readonly object path
    cdef readonly bint closed
    cdef void *_file
    cdef void *_next
    cdef int _fd
    cdef int _next_fd
    cdef size_t _bytes
    cdef uint32_t _segment_id
    cdef uint32_t _capacity
    cdef uint64_t _records
    cdef uint64_t _epoch
    cdef uint64_t _run_seed
    cdef int _clock
    cdef bint _daily
    cdef object _claim
    cdef object _manifest
    cdef list _unsynced

    # Append, rotating when the segment is full or its day is over. Raises as rotate() does.
    cdef int push(self, const void *rec) except -1 nogil
    cdef object _append(self, const char *data, Py_ssize_t size)
    cdef int _map(self, void **file, int *fd) except -1
    cdef int _activate(self) except -1
    cdef object _finish(self)
    cdef int _unmap(self) noexcept
    cdef int _shut(self, object result) except -1
