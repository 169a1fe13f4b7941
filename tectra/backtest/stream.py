"""The same loop fed through shared memory: one process decodes into a ring, another runs the
engine, a third takes the verdicts.
"""

import multiprocessing
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tectra.backtest.assemble import stage_latencies
from tectra.backtest.data import open_data
from tectra.backtest.report import StageLatency
from tectra.backtest.run import make_driver
from tectra.core.clock import LiveClock
from tectra.core.errors import TectraError
from tectra.core.msg import DTYPES, HEAD, SessionKind, Template
from tectra.core.record import encode
from tectra.core.ring import SpscRing
from tectra.core.stop import StopSignals, stop_requested
from tectra.engine.parts import EngineSummary
from tectra.engine.session import SessionSpec, StrategySpec
from tectra.journal.scan import walk
from tectra.risk.limits import RiskLimits
from tectra.sim.config import SimConfig
from tectra.strategy.loader import load_strategy

__all__ = ["StreamReport", "run_stream"]

_RING_SLOTS = 1 << 16
_SILENCE_NS = 30_000_000_000


@dataclass(frozen=True)
class StreamReport:
    """What went through: market data in, verdicts out, and how fast."""

    records: int
    verdicts: int
    accepted: int
    elapsed_ns: int
    summary: EngineSummary
    latency: list[StageLatency]
    ring_high_water: int
    ring_full: int

    @property
    def records_per_s(self) -> float:
        """Market data records through ring and engine a second."""
        return self.records * 1e9 / self.elapsed_ns if self.elapsed_ns else 0.0


def _end_record() -> bytes:
    return encode(Template.SESSION, kind=SessionKind.END, mode=b"p")


def _ingest(path: str, ring_name: str) -> None:
    """Feeder process: decode a file into the ring, as fast as the ring takes it, and say when it is
    over.
    """
    with SpscRing.attach(ring_name) as ring, StopSignals():
        data = open_data(path, None)
        for batch in data.batches():
            _push_all(ring, np.ascontiguousarray(batch))
        _push_all(ring, np.frombuffer(_end_record(), dtype=np.uint8))


def _push_all(ring: SpscRing, slots: NDArray[np.uint8]) -> None:
    """Push every slot; waits for the consumer, and gives up when a stop is asked for."""
    at = 0
    while at < len(slots) and not stop_requested():
        at += ring.push_many(slots[at:]) * 64


def _count_verdicts(ring_name: str, answer: Connection) -> None:
    """Consumer process: count verdicts until the end record."""
    clock = LiveClock()
    seen = accepted = 0
    buffer = np.zeros(4096 * 64, dtype=np.uint8)
    with SpscRing.attach(ring_name) as ring, StopSignals():
        last_ns = clock.now_ns()
        while clock.now_ns() - last_ns < _SILENCE_NS and not stop_requested():
            n = ring.drain_into(buffer)
            if n == 0:
                continue
            last_ns = clock.now_ns()
            said = buffer[: n * 64].view(DTYPES[Template.ORDER_VERDICT])
            verdicts = said[said["template_id"] == Template.ORDER_VERDICT]
            seen += len(verdicts)
            accepted += int(np.count_nonzero(verdicts["accepted"]))
            if said["template_id"][-1] == Template.SESSION:
                break
    answer.send((seen, accepted))


def _is_end(slots: NDArray[np.uint8]) -> bool:
    """Whether a batch closes with the feeder's end record."""
    starts, _ = walk(slots)
    last: bool = slots.reshape(-1, 64)[starts[-1]].view(HEAD)["template_id"][0] == Template.SESSION
    return last


class _Engine:
    """The engine's side of the stream: ring in, verdict ring out."""

    def __init__(
        self, path: Path, strategy: str, params: dict[str, int], limits: RiskLimits
    ) -> None:
        strategy_class = load_strategy(strategy)
        data = open_data(path, None)
        spec = SessionSpec(
            mode="paper",
            tectra="",
            seed=0,
            strategies=[StrategySpec.of(strategy_class, params)],
            instruments=[i.to_dict() for i in data.instruments],
            limits=limits,
        )
        mask = 1 << Template.ORDER_VERDICT
        self.pipeline = spec.make_pipeline([strategy_class], capture_mask=mask, sample_shift=0)
        self.driver = make_driver(self.pipeline, SimConfig())
        for record in spec.limit_records(data.first_ns):
            self.driver.control(record)
        start = encode(
            Template.SESSION,
            ts_recv_ns=data.first_ns,
            ts_event_ns=data.first_ns,
            kind=SessionKind.START,
            mode=b"p",
        )
        self.driver.control(start)

    def run(self, ring: SpscRing, verdicts: SpscRing, alive: Callable[[], bool]) -> None:
        buffer = np.zeros(4096 * 64, dtype=np.uint8)
        clock = LiveClock()
        last_ns = clock.now_ns()
        while not stop_requested():
            n = ring.drain_into(buffer)
            if n == 0:
                if clock.now_ns() - last_ns > _SILENCE_NS or not alive():
                    raise TectraError(
                        "the feeder process ended without an end record; see its message above"
                    )
                continue
            last_ns = clock.now_ns()
            part = buffer[: n * 64]
            ended = _is_end(part)
            self.driver.run(part[:-128] if ended else part)
            said = np.frombuffer(self.pipeline.captured(), dtype=np.uint8)
            self.pipeline.drop_captured()
            _push_all(verdicts, said)
            if ended:
                _push_all(verdicts, np.frombuffer(_end_record(), dtype=np.uint8))
                return


def run_stream(
    path: Path, *, strategy: str, params: dict[str, int], limits: RiskLimits | None = None
) -> StreamReport:
    """Ingest -> ring -> engine -> verdict ring -> consumer, three processes on this host."""
    context = multiprocessing.get_context("spawn")
    clock = LiveClock()
    tag = f"tectra-{clock.now_ns():x}"
    with ExitStack() as stack:
        ring = stack.enter_context(SpscRing.create(f"{tag}-md", _RING_SLOTS))
        verdicts = stack.enter_context(SpscRing.create(f"{tag}-out", _RING_SLOTS))
        stack.enter_context(StopSignals())
        engine = _Engine(path, strategy, params, limits or RiskLimits())
        receiver, sender = context.Pipe(duplex=False)
        consumer = context.Process(
            target=_count_verdicts, args=(verdicts.name, sender), daemon=True
        )
        feeder = context.Process(target=_ingest, args=(str(path), ring.name), daemon=True)
        consumer.start()
        feeder.start()
        while ring.depth == 0 and feeder.is_alive():
            pass
        start = clock.now_ns()
        engine.run(ring, verdicts, lambda: feeder.is_alive() or ring.depth > 0)
        elapsed = clock.now_ns() - start
        seen, accepted = receiver.recv() if receiver.poll(_SILENCE_NS / 1e9) else (0, 0)
        feeder.join()
        consumer.join()
        return StreamReport(
            records=engine.driver.records,
            verdicts=seen,
            accepted=accepted,
            elapsed_ns=elapsed,
            summary=engine.pipeline.summary,
            latency=stage_latencies(engine.pipeline),
            ring_high_water=ring.high_water,
            ring_full=ring.full_count,
        )
