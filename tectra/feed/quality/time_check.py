"""Times: receipts that go back, clocks that jump, pauses in the updates of a book."""

import numpy as np
from numpy.typing import NDArray

from tectra.core.msg import Template
from tectra.feed.quality.columns import Columns, Last
from tectra.feed.quality.finding import Findings, ValidationLimits

__all__ = ["TimeCheck"]

_MARKET = tuple(int(t) for t in Template if int(t) <= int(Template.BOOK_CLEAR))
_BOOK = (*(int(t) for t in Template if int(t) <= int(Template.BOOK_REPLACE)),)
_UPDATES = (*_BOOK, int(Template.BOOK_LEVEL), int(Template.QUOTE))


class TimeCheck:
    """Checks of one stream of records. One owner thread."""

    def __init__(self, findings: Findings, limits: ValidationLimits) -> None:
        self._findings, self._limits = findings, limits
        self._recv = self._latency = -(2**63)
        self._updates = Last()
        self.gap_ns_total = 0
        self.gap_ns_max = 0

    def update(self, batch: Columns) -> None:
        """The records of a batch."""
        self._order(batch)
        self._clocks(batch)
        self._gaps(batch)

    def _order(self, batch: Columns) -> None:
        recv = batch.rows.ts_recv_ns
        before = np.concatenate(([self._recv], recv[:-1]))
        for at in np.flatnonzero(recv < before):
            text = f"{recv[at]} after {before[at]}, back by {before[at] - recv[at]} ns"
            self._tell("time_order", batch, int(at), int(recv[at]), text)
        self._recv = int(recv[-1])

    def _tell(self, kind: str, batch: Columns, at: int, time_ns: int, text: str) -> None:
        number = int(batch.rows.instrument_id[at])
        self._findings.add(kind, batch.row(at), time_ns, number, text)

    def _clocks(self, batch: Columns) -> None:
        """The time from event to receipt: below 0, or not what it was a record ago."""
        rows = batch.rows
        at = np.flatnonzero((rows.ts_event_ns > 0) & (rows.ts_recv_ns > 0))
        if not len(at):
            return
        latency = rows.ts_recv_ns[at] - rows.ts_event_ns[at]
        early = np.flatnonzero(latency < 0)
        self._count_many(
            "before_event",
            batch,
            at[early],
            [
                f"{-latency[i]} ns before its event"
                for i in early[: self._findings.room("before_event")]
            ],
        )
        first = latency[0] if self._latency == -(2**63) else self._latency
        step = np.diff(latency, prepend=first)
        jumps = np.flatnonzero(np.abs(step) > self._limits.clock_jump_ns)
        self._count_many(
            "clock_jump",
            batch,
            at[jumps],
            [
                f"a step of {step[i]} ns, to {latency[i]} ns"
                for i in jumps[: self._findings.room("clock_jump")]
            ],
        )
        self._latency = int(latency[-1])

    def _count_many(
        self, kind: str, batch: Columns, at: NDArray[np.intp], texts: list[str]
    ) -> None:
        if not len(at):
            return
        self._findings.count(kind, len(at))
        for i, text in zip(at.tolist(), texts, strict=False):
            number = int(batch.rows.instrument_id[i])
            time_ns = int(batch.rows.ts_event_ns[i])
            self._findings.add_listed(kind, batch.row(i), time_ns, number, text)

    def _gaps(self, batch: Columns) -> None:
        """Pauses between updates of one book."""
        at = batch.of(*_UPDATES)
        rows = batch.rows
        times = np.where(rows.ts_event_ns[at] > 0, rows.ts_event_ns[at], rows.ts_recv_ns[at])
        before = self._updates.before(batch.index[at], times)
        known = before != self._updates.none
        pause = np.where(known, times - np.where(known, before, 0), 0)
        gaps = np.flatnonzero(pause > self._limits.gap_ns)
        if len(gaps):
            self.gap_ns_total += int(pause[gaps].sum())
            self.gap_ns_max = max(self.gap_ns_max, int(pause[gaps].max()))
            texts = [
                f"{pause[i] / 1e9:.9f} s without an update"
                for i in gaps[: self._findings.room("time_gap")]
            ]
            self._count_many("time_gap", batch, at[gaps], texts)
