"""Research: what is found in recorded data, as values. Floor 11; immutable, any thread."""

from tectra.research.candidate import PairCandidate, ResearchSignal

__all__ = ["PairCandidate", "ResearchSignal"]
