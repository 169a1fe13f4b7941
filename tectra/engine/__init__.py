"""The engine: one pipeline for every mode, whose state is a function of the records stepped through
it. Floor 9, one thread.
"""

from tectra.engine.build import build_pipeline
from tectra.engine.image import ImageInfo, image_info, load_state, save_state, state_digest
from tectra.engine.parts import EngineSummary, PipelineParts
from tectra.engine.pipeline import Pipeline
from tectra.engine.session import SessionSpec, StrategySpec

__all__ = [
    "EngineSummary",
    "ImageInfo",
    "Pipeline",
    "PipelineParts",
    "SessionSpec",
    "StrategySpec",
    "build_pipeline",
    "image_info",
    "load_state",
    "save_state",
    "state_digest",
]
