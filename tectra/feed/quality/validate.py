"""The validation of a stream of records: every check over every batch, and the figures beside
them.
"""

from collections import Counter
from collections.abc import Callable, Mapping

import numpy as np

from tectra.core.errors import StoppedError
from tectra.core.msg import Template
from tectra.core.stop import stop_reason, stop_requested
from tectra.feed.batch import scan
from tectra.feed.numbering import DenseIds
from tectra.feed.protocol import Feed, Slots
from tectra.feed.quality.columns import Columns
from tectra.feed.quality.figures import QualityMeter
from tectra.feed.quality.finding import Findings, ValidationLimits
from tectra.feed.quality.report import GapFigures, QualityReport, ValidationReport
from tectra.feed.quality.sequence_check import SequenceCheck
from tectra.feed.quality.time_check import TimeCheck
from tectra.feed.quality.value_check import ValueCheck
from tectra.feed.relay import definitions_of
from tectra.refdata.instrument import Instrument

__all__ = ["Validator", "validate_feed"]

# What a source says of itself that no limit forgives: it is cut, or not all of it could be read.
_DAMAGE = ("records_lost", "trailing_bytes", "malformed", "unknown", "damaged_row")
_BATCH_SLOTS = 1 << 14
_MARKET = range(1, int(Template.BOOK_CLEAR) + 1)
_DATA = frozenset(_MARKET) - {int(Template.STATUS), int(Template.INSTRUMENT)}


class Validator:
    """Checks records batch by batch, then reports. One owner thread; a few hundred ns a record,
    memory bounded by the open orders and the symbols.
    """

    def __init__(self, name: str, limits: ValidationLimits | None = None) -> None:
        self.name = name
        self.limits = limits or ValidationLimits()
        self.findings = Findings(name, self.limits.listed_max)
        self.meter = QualityMeter(self.limits.listed_max)
        self._dense = DenseIds()
        self._times = TimeCheck(self.findings, self.limits)
        self._sequences = SequenceCheck(self.findings, self.limits)
        self._values = ValueCheck(self.findings, self.limits)
        self._types: Counter[int] = Counter()
        self._with_data: set[int] = set()
        self._defined = 0
        self._told_events = 0

    def update(self, slots: Slots, feed: Feed | None = None) -> None:
        """The next records; `feed`, where they come from, tells ticks and symbols."""
        rows = scan(slots)
        if not len(rows.slot):
            return
        batch = Columns(slots, rows, self._dense.index(rows.instrument_id), self.meter.records)
        if feed is not None and len(self._dense.ids) != self._defined:
            self._define(definitions_of(feed))
        counts = np.bincount(rows.template_id)
        self._types.update({int(t): int(counts[t]) for t in np.flatnonzero(counts)})
        data = np.isin(rows.template_id, list(_DATA))
        self._with_data.update(np.unique(rows.instrument_id[data]).tolist())
        self._times.update(batch)
        self._sequences.update(batch)
        self._values.update(batch)
        self.meter.update(batch)

    def _define(self, definitions: Mapping[int, Instrument]) -> None:
        fresh = enumerate(self._dense.ids)
        self._values.set_ticks({i: definitions[n].tick for i, n in fresh if n in definitions})
        self._defined = len(self._dense.ids)

    def finish(self, feed: Feed | None = None) -> tuple[ValidationReport, QualityReport]:
        """Both reports; the stream has ended."""
        symbols = {} if feed is None else dict(feed.instruments)
        definitions = {} if feed is None else dict(definitions_of(feed))
        self._sequences.finish()
        quality = self.meter.finish(self.name, symbols, definitions)
        self._books()
        silent = sorted(n for n in symbols if n and n not in self._with_data)
        self.findings.counts.pop("silent_symbol", None)
        for number in silent:
            last = self.meter.last_ns
            self.findings.add("silent_symbol", self.meter.records, last, number, "no market data")
        return self._report(quality, symbols, feed), quality

    def _books(self) -> None:
        """What the books showed."""
        watch = self.meter.watch
        for kind, count in watch.counts.items():
            self.findings.count(kind, count)
        for kind, row, time_ns, number, what in watch.events:
            text = f"bid {what[0]}, ask {what[1]}" if isinstance(what, tuple) else what.lower()
            self.findings.add_listed(kind, row, time_ns, number, text)

    def _report(
        self, quality: QualityReport, symbols: dict[int, str], feed: Feed | None
    ) -> ValidationReport:
        counts = {kind: n for kind, n in sorted(self.findings.counts.items()) if n}
        seconds = max(0, quality.last_ns - quality.first_ns) / 1e9
        faults = dict(getattr(feed, "faults", {}))
        damage = sum(faults.get(cause, 0) for cause in _DAMAGE)
        allowed = {
            "time_gap": f"at most {self.limits.gap_ns / 1e9:g} s",
            "clock_jump": f"steps of at most {self.limits.clock_jump_ns / 1e9:g} s",
            "outlier": f"within {self.limits.outlier_share:.0%} of its neighbors",
        }
        return ValidationReport(
            file=self.name,
            passed=not (damage or any(kind in counts for kind in self.limits.fail_on)),
            records=self.meter.records,
            first_ns=quality.first_ns,
            last_ns=quality.last_ns,
            updates_per_second=self.meter.records / seconds if seconds else 0.0,
            symbols=len(symbols) or sum(1 for n in self._dense.ids if n),
            by_type={Template(t).name.lower(): n for t, n in sorted(self._types.items())},
            counts=counts,
            gaps=GapFigures(
                time_gaps=counts.get("time_gap", 0),
                time_gap_ns_total=self._times.gap_ns_total,
                time_gap_ns_max=self._times.gap_ns_max,
                sequence_gaps=counts.get("sequence_gap", 0),
                records_missing=self._sequences.missing,
                bars_missing=self._values.missing_bars,
            ),
            findings=self.findings.listed(symbols, allowed),
            source_faults=faults,
            limits=self.limits,
        )


def validate_feed(
    feed: Feed,
    name: str,
    limits: ValidationLimits | None = None,
    *,
    step: Callable[[int, int], None] | None = None,
) -> tuple[ValidationReport, QualityReport]:
    """Read a feed to its end and report; `step(done, total)` in bytes of its input. StoppedError
    when a stop is asked for; errors of the feed pass through.
    """
    validator = Validator(name, limits)
    while (batch := feed.next_batch(_BATCH_SLOTS)) is not None:
        validator.update(batch, feed)
        if step is not None:
            step(int(getattr(feed, "position", 0)), int(getattr(feed, "size", 0)))
        if stop_requested():
            raise StoppedError(f"stopped by {stop_reason()} in {name}; nothing was reported")
    return validator.finish(feed)
