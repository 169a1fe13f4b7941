# One level of a book as an object. Immutable: any thread.
from tectra.core.fixed cimport Price, Quantity

cdef class BookLevel:
    cdef readonly Price price
    cdef readonly Quantity quantity
