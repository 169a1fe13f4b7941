from collections.abc import Callable, Sequence
from typing import Any, Final

from tectra.book.l3 import L3Book
from tectra.core.errlog import ErrorLog
from tectra.core.hist import Histogram
from tectra.core.kill import KillWord
from tectra.core.ring import SpscRing
from tectra.engine.parts import EngineSummary, PipelineParts
from tectra.journal.writer import JournalWriter
from tectra.oms.orders import OrderTable
from tectra.portfolio.position import Portfolio
from tectra.refdata.instrument import Instrument
from tectra.risk.chain import RiskChain

STRATEGIES_MAX: Final[int]

class EngineState:
    instruments: tuple[Instrument, ...]
    strategies: list[Any]
    book: L3Book
    orders: OrderTable
    portfolio: Portfolio
    risk: RiskChain
    out: SpscRing | None
    kill: KillWord | None
    journal: JournalWriter | None
    errors: ErrorLog | None
    stages: list[Histogram]
    def __init__(self, instruments: tuple[Instrument, ...], parts: PipelineParts) -> None: ...
    def add_strategy(
        self, strategy: Any, instruments: Sequence[Instrument] | None = None
    ) -> int: ...
    def attach_journal(self, journal: JournalWriter) -> None: ...
    def attach_exit(self, out: SpscRing, kill: KillWord) -> None: ...
    def attach_errors(self, errors: ErrorLog) -> None: ...
    def capture_templates(self, mask: int) -> None: ...
    def observe(self, observer: Callable[[bytes, bytes], object] | None) -> None: ...
    def mid_px2(self, instrument: Instrument) -> int | None: ...
    def captured(self) -> bytes: ...
    def drop_captured(self) -> None: ...
    @property
    def now_ns(self) -> int: ...
    @property
    def ring_seq(self) -> int: ...
    @property
    def summary(self) -> EngineSummary: ...
