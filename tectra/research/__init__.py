"""Research: what is found in recorded data, as values. Floor 11; immutable, any thread.

`whatif` runs a recorded run again with something else in it.
"""

from tectra.research.candidate import PairCandidate, ResearchSignal
from tectra.research.whatif import Alternative, WhatIfReport, what_if

__all__ = ["Alternative", "PairCandidate", "ResearchSignal", "WhatIfReport", "what_if"]
