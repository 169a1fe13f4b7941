from typing import Any, final

from numpy.typing import NDArray
from typing_extensions import Buffer

from tectra.core.errors import StrategyCallbackError
from tectra.engine.divergence import Divergence
from tectra.engine.pipeline import Pipeline

@final
class Comparator:
    pipeline: Pipeline
    inputs: int
    outputs: int
    notes: int
    last_seq: int
    last_input: int
    first_ns: int
    divergence: Divergence | None
    raised: StrategyCallbackError | None
    def __init__(
        self, pipeline: Pipeline, *, until_seq: int | None = None, compare: bool = True
    ) -> None: ...
    def run(self, slots: Buffer | NDArray[Any]) -> bool: ...
    def finish(self) -> Divergence | None: ...
    def rest(self) -> bytes: ...
    def close(self) -> None: ...
    @property
    def records(self) -> int: ...
