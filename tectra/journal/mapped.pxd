# A segment file as its writer sees it: allocated, mapped, in the end closed.
from libc.stdint cimport uint8_t, uint32_t

from tectra.journal.journal cimport tt_segment


cdef class TreeRoom:
    cdef uint8_t *level


# `c` is what the writer had in hand, from the moment it goes on in another file.
cdef class MappedSegment:
    cdef tt_segment c
    cdef void *base
    cdef size_t bytes
    cdef readonly int fd
    cdef readonly uint32_t capacity
    cdef public uint32_t segment_id
    cdef public object path

    cdef int map(self) except -1
    cdef int page(self, void *page, uint8_t *root, TreeRoom room) except -1
    cdef void unmap(self) noexcept nogil
