"""What a live feed knows of each instrument: silences and latencies, in memory of fixed size."""
# Owns the rows and histograms of one tt_watch. One owner thread: the feed's. Some 5 to 10 ns a
# record with histograms. Wraps ext/tectra/feed_watch.h.

import numpy as np

from cython cimport final
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport calloc, free

from tectra.core.hist cimport tt_hist, tt_hist_mean, tt_hist_quantile
from tectra.core.shm cimport tt_load_relaxed64

from tectra.core.errors import InputError, OutOfMemoryError

__all__ = ["ENTRY", "INSTRUMENTS", "FeedWatch"]

INSTRUMENTS = 65_536
ENTRY = np.dtype([
    ("seen_ns", "<i8"), ("interval_ns", "<i8"), ("records", "<u8"), ("lag_ns", "<i8"),
    ("hist", "<u4"), ("halt", "u1"), ("is_stale", "u1"), ("pad", "V2"),
])


cdef dict _summary(const tt_hist *h):
    return {
        "count": tt_load_relaxed64(&h.count),
        "mean": tt_hist_mean(h),
        "p50": tt_hist_quantile(h, 0.5),
        "p99": tt_hist_quantile(h, 0.99),
        "p99.9": tt_hist_quantile(h, 0.999),
        "max": tt_hist_quantile(h, 1.0),
    }


@final
cdef class FeedWatch:
    """Rows by instrument id (0 to 65,535), and latency histograms of the first `histograms` - 1
    instruments that speak; the others share one (0: none are kept).

    A histogram pair takes 8 KiB once it is used. Owned by the feed's thread.
    """

    def __cinit__(self, *, uint32_t histograms=1024):
        if histograms > 65_537:
            raise InputError(f"histograms: found {histograms}; allowed: 0 to 65,537")
        self.rows = np.zeros(INSTRUMENTS, ENTRY)
        self.view = self.rows
        if histograms:
            self.memory = <uint8_t *>calloc(1, tt_watch_bytes(histograms))
            if self.memory == NULL:
                raise OutOfMemoryError(f"feed: no memory for {histograms} histograms")
        tt_watch_init(&self.c, &self.view[0], <uint32_t>INSTRUMENTS, self.memory, histograms)

    def __dealloc__(self):
        free(self.memory)

    @property
    def entries(self):
        """The rows up to the highest instrument that spoke; writing `is_stale` is the feed's."""
        return self.rows[: self.c.last_instrument + 1]

    @property
    def channel(self) -> dict:
        """seen_ns, interval_ns, records and lag_ns of all instruments together."""
        return {
            "seen_ns": self.c.channel.seen_ns, "interval_ns": self.c.channel.interval_ns,
            "records": self.c.channel.records, "lag_ns": self.c.channel.lag_ns,
        }

    @property
    def ahead(self) -> int:
        """Records whose event lies behind their receipt: the clocks disagree."""
        return self.c.ahead

    @property
    def histograms(self) -> int:
        """Histogram pairs in use, that of the rest included."""
        return self.c.pairs

    def set_stale(self, uint32_t instrument_id, bint stale) -> None:
        """Mark an instrument; what follows a stale time is not learned as usual."""
        self.rows[instrument_id]["is_stale"] = stale

    def records(self, batch, *, int64_t recv_ns, int64_t ready_ns, int64_t now_ns) -> None:
        """Take note of whole records (a writable uint8 array of slots), and stamp their receipt."""
        cdef uint8_t[::1] slots = batch
        if slots.shape[0]:
            tt_watch_records(
                &self.c, &slots[0], <size_t>slots.shape[0] // 64, recv_ns, ready_ns, now_ns)

    def latency(self, uint32_t instrument_id) -> dict:
        """Nanoseconds from event to receipt and from receipt to the record being ready: count,
        mean, p50, p99, p99.9, max of both. `shared`: those of all who found no histogram of their
        own. Empty when there is none.
        """
        cdef const tt_hist *h
        cdef uint32_t pair, which
        if instrument_id >= self.c.entries or self.view[instrument_id].hist == 0:
            return {}
        pair = self.view[instrument_id].hist - 1
        out = {"shared": pair == 0}
        for which, name in enumerate(("event_to_receipt", "dispatch")):
            h = tt_watch_hist(&self.c, pair, which)
            out[name] = _summary(h)
        return out
