"""Reports of a validation and of the figures of a stream: JSON by a schema, and text."""

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from tectra.feed.quality.finding import KINDS, Finding, ValidationLimits

__all__ = [
    "DepthFigures",
    "FORMAT_VERSION",
    "GapFigures",
    "Percentiles",
    "QualityReport",
    "RateFigures",
    "SeriesFigures",
    "SymbolFigures",
    "ValidationReport",
    "report_schema",
]

FORMAT_VERSION = 1
_LINES_MAX = 20


class GapFigures(msgspec.Struct, frozen=True):
    """Pauses and losses: pauses in the updates of a book that were longer than the limit, and
    records missing by their numbers or by what the source says.
    """

    time_gaps: int
    time_gap_ns_total: int
    time_gap_ns_max: int
    sequence_gaps: int
    records_missing: int
    bars_missing: int


class ValidationReport(msgspec.Struct, frozen=True):
    """What a validation found. `counts` is exact for every kind; `findings` lists the first ones.
    `passed`: nothing was found of the kinds in `limits.fail_on`, and no block of a store is lost.
    `digest` and `content_bytes`: of the content of the file, where the report belongs to one.
    """

    file: str
    passed: bool
    records: int
    first_ns: int
    last_ns: int
    updates_per_second: float
    symbols: int
    by_type: dict[str, int]
    counts: dict[str, int]
    gaps: GapFigures
    findings: list[Finding]
    source_faults: dict[str, int]
    limits: ValidationLimits
    digest: str = ""
    content_bytes: int = 0
    format: str = "tectra-validation"
    format_version: int = FORMAT_VERSION

    def to_json(self) -> bytes:
        """One indented JSON document, by report_schema()."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2)

    @classmethod
    def from_json(cls, text: bytes | str) -> "ValidationReport":
        """Inverse of to_json(). msgspec.ValidationError for anything else."""
        return msgspec.json.decode(text, type=cls)

    def lines(self) -> Iterator[str]:
        """For people."""
        seconds = max(0, self.last_ns - self.first_ns) / 1e9
        verdict = "passed" if self.passed else "FAILED"
        yield (
            f"{self.file}: {verdict}; {self.records:,} records of {self.symbols:,} symbols in "
            f"{seconds:,.1f} s, {self.updates_per_second:,.1f} a second"
        )
        for finding in self.findings:
            yield f"  {finding}"
        for kind, count in sorted(self.counts.items()):
            listed = sum(f.kind == kind for f in self.findings)
            fails = "fails" if kind in self.limits.fail_on else "told"
            more = f", {listed:,} of them listed" if listed < count else ""
            yield f"  {kind}: {count:,} ({fails}{more}); allowed: {KINDS[kind]}"
        for cause, count in sorted(self.source_faults.items()):
            yield f"  the reader passed over {count:,}: {cause}"


class Percentiles(msgspec.Struct, frozen=True):
    """Quantiles of values, never below the exact ones and at most 0.1 % above; min, max, count and
    mean are exact.
    """

    count: int
    min: int
    p1: int
    p5: int
    p25: int
    p50: int
    p75: int
    p95: int
    p99: int
    p999: int
    max: int
    mean: float


class DepthFigures(msgspec.Struct, frozen=True):
    """Quantity of one level, looked at once a second of the data; quantiles at most 6 % above."""

    samples: int
    p5: int
    p50: int
    p95: int
    mean: float


class RateFigures(msgspec.Struct, frozen=True):
    """Records a second, seconds without any among them; `error` is that of the quantiles."""

    mean: float
    per_second: Percentiles
    error: float


class SymbolFigures(msgspec.Struct, frozen=True):
    """One instrument. Spreads are mantissas, weighted by the time for which they held (`count` is
    nanoseconds); depth begins at the best level. Exponents are null where nobody said them.
    """

    symbol: str
    updates: int
    state_ns: dict[str, int]
    state_share: dict[str, float]
    spread_px: Percentiles
    bid_depth: list[DepthFigures]
    ask_depth: list[DepthFigures]
    px_exponent: int | None = None
    qty_exponent: int | None = None

    def price(self, px: int) -> str:
        """A mantissa as a price, where its exponent is known."""
        return str(px) if self.px_exponent is None else str(Decimal(px).scaleb(self.px_exponent))


class SeriesFigures(msgspec.Struct, frozen=True):
    """Over the day, bucket by bucket: records, and the mean spread over time and instruments in
    hundredths of a percent of the middle (null: no book with two sides).
    """

    start_ns: int
    width_ns: int
    records: list[int]
    spread_bp: list[float | None]


class QualityReport(msgspec.Struct, frozen=True):
    """Figures of a stream: rates, latency from event to receipt, and each symbol's book."""

    file: str
    records: int
    first_ns: int
    last_ns: int
    rate: RateFigures
    latency_ns: Percentiles
    latency_below_0: int
    symbols: list[SymbolFigures]
    series: SeriesFigures
    format: str = "tectra-quality"
    format_version: int = FORMAT_VERSION

    def to_json(self) -> bytes:
        """One indented JSON document, by report_schema()."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2)

    def lines(self) -> Iterator[str]:
        """For people."""
        rate, late = self.rate, self.latency_ns
        yield (
            f"rate a second: mean {rate.mean:,.1f}, median {rate.per_second.p50:,}, p99 "
            f"{rate.per_second.p99:,}, max {rate.per_second.max:,}"
        )
        if late.max:
            yield (
                f"event to receipt: median {late.p50 / 1e6:,.3f} ms, p99 {late.p99 / 1e6:,.3f} ms, "
                f"max {late.max / 1e6:,.3f} ms; below 0: {self.latency_below_0:,}"
            )
        shown = sorted(self.symbols, key=lambda one: -one.updates)[:_LINES_MAX]
        for one in shown:
            if not one.spread_px.count:
                yield f"{one.symbol}: {one.updates:,} updates; no book with two sides"
                continue
            share = one.state_share
            wrong = share["crossed"] + share["locked"]
            spread = ", ".join(
                f"{name} {one.price(value)}"
                for name, value in (
                    ("p5", one.spread_px.p5),
                    ("median", one.spread_px.p50),
                    ("p95", one.spread_px.p95),
                )
            )
            yield (
                f"{one.symbol}: {one.updates:,} updates; spread {spread}; two-sided "
                f"{share['two_sided']:.1%}, crossed or locked {wrong:.2%}"
            )
        if len(self.symbols) > len(shown):
            yield f"and {len(self.symbols) - len(shown):,} symbols more, with fewer updates"


def report_schema() -> dict[str, object]:
    """JSON Schema (2020-12) of both reports, under the names of their classes in `$defs`."""
    _, defs = msgspec.json.schema_components(
        (ValidationReport, QualityReport), ref_template="#/$defs/{name}"
    )
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": defs}
