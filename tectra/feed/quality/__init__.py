"""Is recorded market data sound, and what is it like: findings with their place, figures of spread,
rate, depth and latency, reports as JSON and text, and the gate in front of a backtest.

Owns: validation rules, reports, quality counters. Floor 4, with feed. One thread for each object.
"""

from tectra.feed.quality.finding import Finding, ValidationLimits
from tectra.feed.quality.report import QualityReport, ValidationReport, report_schema
from tectra.feed.quality.validate import Validator, validate_feed

__all__ = [
    "Finding",
    "QualityReport",
    "ValidationLimits",
    "ValidationReport",
    "Validator",
    "report_schema",
    "validate_feed",
]
