"""The price at which the engine marks a position.

Owns nothing; the thread of the pipeline calls it; a lookup. Wraps pipeline.h.
"""
from libc.stdint cimport int64_t, uint32_t

from tectra.engine.capi cimport tt_pipeline_mark_px2
from tectra.engine.pipeline cimport Pipeline

__all__ = ["mark_px2"]


def mark_px2(Pipeline pipeline not None, instrument, int64_t last_px):
    """Twice the price at which a position is marked: the mid, else the last price the market said,
    else `last_px`, that of its last fill. InputError for an instrument of another run.
    """
    cdef uint32_t slot = pipeline.slot_of(instrument)
    return tt_pipeline_mark_px2(pipeline.c, slot, last_px)
