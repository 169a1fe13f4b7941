from tectra.engine.pipeline import Pipeline
from tectra.refdata.instrument import Instrument

__all__ = ["mark_px2"]

def mark_px2(pipeline: Pipeline, instrument: Instrument, last_px: int) -> int: ...
