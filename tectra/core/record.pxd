# Records as Python sees them. One of decode() keeps its buffer alive, one of iter_records() has its
# bytes inside.
from libc.stdint cimport uint8_t, uint16_t, uint32_t

cdef union RecordMemory:
    Py_buffer view
    uint8_t own[128]

cdef class Record:
    cdef const uint8_t *p  # its bytes, memory.own or inside memory.view; NULL: not made by decode()
    cdef uint32_t size
    cdef uint16_t number  # of its template
    cdef RecordMemory memory
    cdef object _value(self, object name)

cdef class _Records:
    cdef Py_buffer view
    cdef Py_ssize_t at
    cdef int _end(self) except -1

cdef int refuse_buffer(Py_ssize_t size, str verb) except -1
