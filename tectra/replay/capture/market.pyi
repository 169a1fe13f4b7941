from typing import Any, final

from tectra.engine.pipeline import Pipeline

@final
class MarketReader:
    pipeline: Pipeline
    slots: dict[int, int]
    def __init__(self, pipeline: Pipeline) -> None: ...
    def row(self, slot: int) -> dict[str, Any]: ...
    def context(self, number: int) -> Any: ...
