from typing import Any, final

from numpy.typing import NDArray
from typing_extensions import Buffer

from tectra.backtest.metrics import Sample
from tectra.engine.pipeline import Pipeline
from tectra.sim.exchange import SimExchange

@final
class BacktestDriver:
    pipeline: Pipeline
    exchange: SimExchange
    samples: list[Sample]
    records: int
    def __init__(
        self, pipeline: Pipeline, exchange: SimExchange, *, sample_ns: int = ...
    ) -> None: ...
    def run(self, slots: Buffer | NDArray[Any]) -> None: ...
    def control(self, record: Buffer) -> None: ...
    def finish(self, grace_ns: int = ...) -> None: ...
