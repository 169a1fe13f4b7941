"""Signals: what is computed from the market, as values that agents, strategies and research share.

Floor 2. Values are immutable and go anywhere.
"""

from tectra.signals.feature import FeatureVector, read_features, write_features

__all__ = ["FeatureVector", "read_features", "write_features"]
