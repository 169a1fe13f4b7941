# Return codes become exceptions here and nowhere else. Any thread; takes the GIL only when the code
# is negative.
cdef int check(int rc) except -1 nogil
cdef int check_with(int rc, object context) except -1
