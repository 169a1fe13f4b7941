"""Order flow as records, in a regime that the user chooses and with the truth behind it."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tectra.core.closing import Closing
from tectra.core.errors import InputError
from tectra.core.types import Exchange
from tectra.feed.flow_gen import FlowGenerator, Regime, decode_framed
from tectra.feed.itch_encode import encode
from tectra.feed.protocol import Slots
from tectra.journal.scan import walk

__all__ = ["REGIMES", "TRUTH", "OrderFlow"]

REGIMES = {
    "calm": Regime(),
    "trending": Regime(drift=1_500),
    "falling": Regime(drift=-1_500),
    "volatile": Regime(reach=70_000, half=64, take=48),
    "thin": Regime(orders=5, half=80, take=8),
    "crossed": Regime(cross=200, reach=30_000),
    "mean_reverting": Regime(reach=20_000, pull=8),
}
"""calm; trending up and falling; volatile with wide spreads; thin books; crossed books (orders
stand across, as between venues); mean_reverting around the first price."""

TRUTH = np.dtype(
    [("ts_ns", "<i8"), ("instrument_id", "<u4"), ("regime", "<u4"), ("fair_price", "<f8")]
)
_LABELS = tuple(REGIMES)
_SPAN_MAX = 70 * 3600 * 1_000_000_000


class OrderFlow(Closing):
    """A feed of generated flow: instrument records, then order flow and trades for `span_ns`.

    `schedule` says from when (nanoseconds after the start) which regime holds for every symbol.
    `rate` is steps a second of all symbols together, `prices` where the fair prices begin (default
    100). `truth` grows as batches are read: the fair price and the regime each `truth_ns`. Equal
    arguments give equal records everywhere. Owned by one thread.
    """

    def __init__(
        self,
        symbols: Sequence[str] = ("SIM",),
        *,
        seed: int = 1,
        schedule: Sequence[tuple[int, str]] = ((0, "calm"),),
        span_ns: int = 60_000_000_000,
        rate: float = 1000.0,
        start_ns: int = 1_767_571_200_000_000_000,
        prices: Sequence[float] | None = None,
        truth_ns: int = 100_000_000,
    ) -> None:
        self.schedule = _checked(schedule)
        if not 1 <= span_ns <= _SPAN_MAX or not 0 < rate <= 1e8 or truth_ns < 1:
            raise InputError(
                f"span_ns, rate, truth_ns: found {span_ns}, {rate}, {truth_ns}; allowed: 1 to "
                f"{_SPAN_MAX}, above 0 to 1e8, 1 or more"
            )
        begin = [100.0] * len(symbols) if prices is None else list(prices)
        ticks = [round(p * 100) for p in begin]
        self._gen = FlowGenerator(symbols, ticks, list(REGIMES.values()), seed=seed, start_ns=0)
        self._symbols = dict(enumerate(symbols, 1))
        self._start_ns, self._span_ns, self._gap_ns = start_ns, span_ns, 1e9 / rate
        self._truth_ns = truth_ns
        self._regime = -1
        self._slots = self._definitions()
        self._at = 0
        self._truth: list[NDArray[Any]] = []
        self._switch()
        self._note()

    @property
    def instruments(self) -> Mapping[int, str]:
        """Symbol by instrument id."""
        return self._symbols

    @property
    def midnight_ns(self) -> int:
        """Start of the flow, nanoseconds since the epoch."""
        return self._start_ns

    @property
    def truth(self) -> NDArray[Any]:
        """TRUTH rows so far; `regime` is an index into REGIMES in their order."""
        return np.concatenate(self._truth)

    @staticmethod
    def label(regime: int) -> str:
        """Name of a regime of `truth`."""
        return _LABELS[regime]

    def next_batch(self, max_slots: int = 4096) -> Slots | None:
        """Up to `max_slots` (at least 2) slots of whole records, None at the end."""
        while self._at >= len(self._slots):
            if self._gen.now_ns >= self._span_ns:
                return None
            self._slots, self._at = self._slice(), 0
        starts, _ = walk(self._slots[self._at :])
        cut = len(self._slots) - self._at
        if cut > max_slots * 64:
            cut = int(starts[np.searchsorted(starts, max(2, max_slots), side="right") - 1]) * 64
        out = self._slots[self._at : self._at + cut]
        self._at += cut
        return out

    def close(self) -> None:
        """Nothing is held."""

    def _definitions(self) -> Slots:
        body = ("Q", "N", 100, "N", "C", "Z", "P", "N", "N", "1", "N", 0, "N")
        raw = b""
        for number, symbol in self._symbols.items():
            message = encode("R", number, 0, symbol, *body)
            raw += len(message).to_bytes(2, "big") + message
        return self._decoded(np.frombuffer(raw, np.uint8))

    def _decoded(self, data: NDArray[np.uint8]) -> Slots:
        return decode_framed(data, self._start_ns, int(Exchange.SIMULATED))

    def _slice(self) -> Slots:
        """Flow up to the next moment at which something is to be done."""
        now = self._gen.now_ns
        note = (now // self._truth_ns + 1) * self._truth_ns
        later = [t for t, _ in self.schedule if t > now]
        until = min([note, self._span_ns, *later])
        data, _, done = self._gen.run(until, self._gap_ns)
        if done:
            self._switch()
            if until == note:
                self._note()
        return self._decoded(data)

    def _switch(self) -> None:
        now = self._gen.now_ns
        name = next(r for t, r in reversed(self.schedule) if t <= now)
        regime = _LABELS.index(name)
        if regime != self._regime:
            self._regime = regime
            for index in range(len(self._symbols)):
                self._gen.set_regime(index, regime)

    def _note(self) -> None:
        rows = np.zeros(len(self._symbols), TRUTH)
        rows["ts_ns"] = self._start_ns + self._gen.now_ns
        rows["instrument_id"] = np.arange(1, len(rows) + 1)
        rows["regime"] = self._regime
        rows["fair_price"] = self._gen.fair_px() / 1e4
        self._truth.append(rows)


def _checked(schedule: Sequence[tuple[int, str]]) -> tuple[tuple[int, str], ...]:
    out = tuple((int(t), str(r)) for t, r in schedule)
    unknown = [r for _, r in out if r not in REGIMES]
    if unknown:
        raise InputError(f"regime: found {unknown[0]!r}; allowed: {', '.join(REGIMES)}")
    if not out or out[0][0] != 0 or any(b[0] <= a[0] for a, b in pairwise(out)):
        raise InputError(f"schedule: found {list(schedule)}; allowed: times that rise from 0")
    return out
