# Compiled users cimport from tectra.book.l3, tectra.book.l2 and tectra.book.metrics.
