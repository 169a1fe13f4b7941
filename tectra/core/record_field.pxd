# Fields of records for the codec and for columns. Any thread, with the GIL.
from libc.stdint cimport uint8_t

cdef enum:
    # Kind of a field; of an integer its width in bytes, negative when signed.
    KIND_TEXT = 100
    KIND_FLOAT = 101
    KIND_ARRAY = 102

cdef int template_number(object template) except -1
cdef int fill_record(uint8_t *p, int template, dict fields) except -1
