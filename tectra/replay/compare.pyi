from typing import Any

from numpy.typing import NDArray
from typing_extensions import Buffer

from tectra.core.errors import StrategyCallbackError
from tectra.engine.pipeline import Pipeline
from tectra.replay.difference import Difference

class Comparator:
    pipeline: Pipeline
    inputs: int
    outputs: int
    notes: int
    last_seq: int
    difference: Difference | None
    raised: StrategyCallbackError | None
    first_ns: int
    last_ns: int
    def __init__(
        self, pipeline: Pipeline, *, until_seq: int | None = None, compare: bool = True
    ) -> None: ...
    def run(self, slots: Buffer | NDArray[Any]) -> bool: ...
    def finish(self) -> Difference | None: ...
