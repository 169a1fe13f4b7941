"""Sequence numbers, trade numbers, and what a source says it lost."""

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from tectra.core.msg import MarketFlag, Template
from tectra.feed.quality.columns import Columns, Last
from tectra.feed.quality.finding import Findings, ValidationLimits

__all__ = ["SequenceCheck"]

_SEQ_WORD = 5
_NUMBERED = (Template.BOOK_LEVEL, Template.QUOTE, Template.TICKER)
_STREAMS = len(_NUMBERED)
# A stream whose numbers go up by one this often is one whose numbers have to.
_CONSECUTIVE_SHARE = 0.9


@dataclass
class _Steps:
    """How the numbers of a stream went up; jumps are gaps if it turns out to count by one, and
    repeats are duplicates if numbers turn out to be unique.
    """

    ones: int = 0
    jumps: int = 0
    missing: int = 0
    listed: list[tuple[int, int, int, str]] = field(default_factory=list)


class SequenceCheck:
    """Checks of one stream of records. One owner thread."""

    def __init__(self, findings: Findings, limits: ValidationLimits) -> None:
        self._findings, self._limits = findings, limits
        self._seq, self._time, self._recv, self._trade = Last(), Last(), Last(), Last(0)
        self._trade_px, self._trade_qty = Last(), Last()
        self._repeats, self._trade_numbers_shared = _Steps(), False
        self._steps: dict[int, _Steps] = defaultdict(_Steps)
        self.missing = 0

    def update(self, batch: Columns) -> None:
        """The records of a batch."""
        self._numbers(batch)
        self._trades(batch)
        for at in batch.of(int(Template.GAP)).tolist():
            first = int(batch.word(_SEQ_WORD, np.array([at]))[0])
            last = int(batch.word(_SEQ_WORD + 1, np.array([at]))[0])
            self._tell("lost", batch, at, f"records {first} to {last}")
            self.missing += max(0, last - first + 1)

    def _tell(self, kind: str, batch: Columns, at: int, text: str) -> None:
        rows = batch.rows
        number, time_ns = int(rows.instrument_id[at]), int(rows.ts_event_ns[at])
        self._findings.add(kind, batch.row(at), time_ns, number, text)

    def _numbers(self, batch: Columns) -> None:
        at = batch.of(*map(int, _NUMBERED))
        if not len(at):
            return
        kinds = batch.rows.template_id[at]
        stream = batch.index[at].astype(np.int64) * _STREAMS
        for i, template in enumerate(_NUMBERED):
            stream[kinds == int(template)] += i
        seq, times = batch.word(_SEQ_WORD, at), batch.rows.ts_event_ns[at]
        before, time_before = self._seq.before(stream, seq), self._time.before(stream, times)
        recv = batch.rows.ts_recv_ns[at]
        # Records of one message share its number, and one of their times.
        one_message = (times == time_before) | (recv == self._recv.before(stream, recv))
        known = (before != self._seq.none) & (seq != 0) & (before != 0)
        known &= (batch.flags[at] & int(MarketFlag.SNAPSHOT)) == 0
        step = np.where(known, seq - np.where(known, before, 0), 1)
        same_time = (times == time_before) & (times > 0)
        for i in np.flatnonzero((step == 0) & ~one_message).tolist():
            self._tell("duplicate_sequence", batch, int(at[i]), f"{seq[i]} again")
        for i in np.flatnonzero(step < 0).tolist():
            self._tell("sequence_back", batch, int(at[i]), f"{seq[i]} after {before[i]}")
        # Quotes without numbers have only their times to tell them apart.
        unnumbered = (seq == 0) & (kinds == int(Template.QUOTE))
        for i in np.flatnonzero(same_time & ((known & (step > 0)) | unnumbered)).tolist():
            self._tell("duplicate_time", batch, int(at[i]), f"{times[i]} again")
        self._jumps(batch, at, stream, step * known, before)

    def _jumps(
        self,
        batch: Columns,
        at: np.ndarray,
        stream: np.ndarray,
        step: np.ndarray,
        before: np.ndarray,
    ) -> None:
        for number, count in zip(*np.unique(stream[step == 1], return_counts=True), strict=True):
            self._steps[int(number)].ones += int(count)
        for i in np.flatnonzero(step > 1).tolist():
            steps = self._steps[int(stream[i])]
            steps.jumps += 1
            steps.missing += int(step[i]) - 1
            if len(steps.listed) < self._limits.listed_max:
                row, rows = int(at[i]), batch.rows
                text = f"{before[i] + step[i]} after {before[i]}: {step[i] - 1} missing"
                number, time_ns = int(rows.instrument_id[row]), int(rows.ts_event_ns[row])
                steps.listed.append((batch.row(row), time_ns, number, text))

    def _trades(self, batch: Columns) -> None:
        """The same trade, number, price and size, twice in a row; a broken trade is named again on
        purpose.
        """
        at = batch.of(int(Template.TRADE))
        at = at[(batch.flags[at] & int(MarketFlag.BROKEN)) == 0]
        ids = batch.word(_SEQ_WORD, at)
        before = self._trade.before(batch.index[at], ids)
        shared = (ids == before) & (ids != 0)
        same = shared.copy()
        for last, word in ((self._trade_px, _SEQ_WORD + 1), (self._trade_qty, _SEQ_WORD + 2)):
            value = batch.word(word, at)
            same &= value == last.before(batch.index[at], value)
        # A number on two trades that differ is that of an order or a packet.
        self._trade_numbers_shared |= bool((shared & ~same).any())
        for i in np.flatnonzero(same).tolist():
            self._repeats.jumps += 1
            if len(self._repeats.listed) < self._limits.listed_max:
                row, rows = int(at[i]), batch.rows
                number, time_ns = int(rows.instrument_id[row]), int(rows.ts_event_ns[row])
                entry = (batch.row(row), time_ns, number, f"trade {ids[i]} again")
                self._repeats.listed.append(entry)

    def finish(self) -> None:
        """Decide which jumps were gaps, and whether trades have numbers of their own."""
        repeats = self._repeats
        if not self._trade_numbers_shared:
            self._findings.count("duplicate_trade", repeats.jumps)
            for row in repeats.listed:
                self._findings.add_listed("duplicate_trade", *row)
        self._repeats = _Steps()
        for steps in self._steps.values():
            rule = self._limits.sequence
            total = steps.ones + steps.jumps
            counts = rule == "auto" and steps.ones >= _CONSECUTIVE_SHARE * total
            if rule == "consecutive" or counts:
                self._findings.count("sequence_gap", steps.jumps)
                self.missing += steps.missing
                for row in steps.listed:
                    self._findings.add_listed("sequence_gap", *row)
        self._steps.clear()
