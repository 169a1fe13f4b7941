# Records as Python sees them. A Record keeps its buffer alive and never copies it.
from libc.stdint cimport uint8_t, uint32_t

cdef class Record:
    cdef Py_buffer view
    cdef const uint8_t *p
    cdef uint32_t size
    cdef object table
    cdef readonly object template

cdef int refuse_buffer(Py_ssize_t size, str verb) except -1
