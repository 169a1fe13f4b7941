"""What if: a recorded run once more with other parameters, another strategy or other limits, and
both side by side.

`original` is the run as recorded, `change` what is asked, `rerun` lives the alternative, `side` has
the figures of either, `report` and `page` say them.
"""

from tectra.research.whatif.change import Alternative
from tectra.research.whatif.original import Original
from tectra.research.whatif.report import AlternativeResult, WhatIfReport
from tectra.research.whatif.run import what_if
from tectra.research.whatif.side import RunSide

__all__ = ["Alternative", "AlternativeResult", "Original", "RunSide", "WhatIfReport", "what_if"]
