"""A recorded run: its session, its code and what answered its orders."""

from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from tectra.backtest import SimConfig, SimSetup
from tectra.core.errors import InputError
from tectra.core.msg import DIRECTION, HEAD, Template
from tectra.engine.session import SessionSpec
from tectra.journal.reader import JournalReader
from tectra.refdata.instrument import Instrument
from tectra.replay.beginning import base_seq
from tectra.replay.verify import journal_of

__all__ = ["MARKET", "Original"]

# What is told to every alternative alike; reports answer orders, and timers are the strategies'.
MARKET = np.zeros(1 << 16, np.bool_)
MARKET[[int(t) for t, d in DIRECTION.items() if d == "input" and t < Template.ORDER_ACK]] = True


class Original:
    """The journal at a path (or in a run's directory), opened for "what if".

    `simulated` is whether its own orders were answered by the exchange of `setup`. Raises
    JournalError where there is no journal, InputError where a venue answered and no `sim` is given,
    and for a journal that continues another.
    """

    def __init__(self, path: str | Path, *, sim: SimConfig | SimSetup | None = None) -> None:
        self.directory = journal_of(Path(path))
        self.reader = JournalReader(self.directory)
        self.spec = SessionSpec.from_journal(self.reader.session)
        if base_seq(self.reader):
            raise InputError(
                f"{self.directory}: continues another journal, and an alternative begins with "
                "nothing open and nothing held; give the journal of a run from its beginning"
            )
        self.simulated = bool(self.spec.sim) and sim is None
        if not self.spec.sim and sim is None:
            raise InputError(
                f"{self.directory}: the journal of a {self.spec.mode} run that names no simulated "
                "exchange; give one (sim=, --sim) to let it answer the alternative"
            )
        self.setup = SimSetup.from_journal(self.spec.sim)
        if isinstance(sim, SimSetup):
            self.setup = sim
        elif sim is not None:
            self.setup = msgspec.structs.replace(self.setup, exchange=sim)
        self.classes: list[type[Any]] = self.spec.load_classes(self.directory)
        self.instruments: tuple[Instrument, ...] = self.spec.make_instruments()

    @property
    def strategy_names(self) -> list[str]:
        """Names of the strategies, in the order of their ids."""
        return [s.name for s in self.spec.strategies]

    @cached_property
    def first_ns(self) -> int:
        """Receive time of the first record, 0 where there is none."""
        for segment, slots in self.reader.segments():
            if len(segment.starts):
                return int(slots[:1].view(HEAD)["ts_recv_ns"][0, 0])
        return 0

    @cached_property
    def last_market(self) -> tuple[int, int]:
        """Number of the last market record, and the latest receive time of one; 0 where there is
        none.
        """
        last_seq = latest_ns = 0
        for segment, slots in self.reader.segments():
            heads = np.ascontiguousarray(slots[segment.starts]).view(HEAD).reshape(-1)
            heads = heads[MARKET[heads["template_id"]]]
            if len(heads):
                last_seq = int(heads["ring_seq"][-1])
                latest_ns = max(latest_ns, int(heads["ts_recv_ns"].max()))
        return last_seq, latest_ns
