from typing import Any, final

from numpy.typing import NDArray
from typing_extensions import Buffer

from tectra.core.errors import StrategyCallbackError
from tectra.engine.pipeline import Pipeline

@final
class TailStepper:
    records: int
    inputs: int
    last_seq: int
    last_input: int
    raised: StrategyCallbackError | None
    def __init__(self, pipeline: Pipeline) -> None: ...
    def run(self, slots: Buffer | NDArray[Any]) -> None: ...
    def rest(self) -> bytes: ...
    def close(self) -> None: ...
