# What the engine knows of the market and of whom, read for pictures of its state.
from tectra.engine.pipeline cimport Pipeline


cdef class MarketReader:
    cdef readonly Pipeline pipeline
    cdef readonly dict slots
