"""Sessions as events: what capturing costs a run, and bytes an event in each mode of storage."""

import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gate as gates
import msgspec
import numpy as np
import pytest
from conftest import Gate

import tectra as tt
from tectra.backtest import SimConfig, make_driver
from tectra.backtest.data import open_data
from tectra.core.msg import SessionKind, Template
from tectra.core.record import encode
from tectra.engine import Pipeline, build_pipeline
from tectra.paths import sample_day
from tectra.replay.capture import (
    CaptureOptions,
    EventLog,
    EventLogReader,
    EventStorageMode,
    StateMachineEvent,
    with_event_capture,
)

_DAY = "itch/derived_AAPL_2012-06-21_0930-1000_from_lobster.itch.gz"
_ALL = 1 << 62


class Ema:
    """An indicator as users write them."""

    def __init__(self, n: int) -> None:
        self.k = 2.0 / (n + 1)
        self.level: float | None = None

    def update(self, x: float) -> None:
        self.level = x if self.level is None else self.level + self.k * (x - self.level)

    @property
    def value(self) -> float | None:
        return self.level


class Averages(tt.Strategy):
    """Crosses two averages each second; keeps a window of 50 prices and its turnover by side."""

    size: int = tt.param(100, ge=1)

    def on_start(self, ctx: Any) -> None:
        self.fast, self.slow = Ema(20), Ema(120)
        self.prices: deque[int] = deque(maxlen=50)
        self.updates = 0
        self.turnover: dict[int, int] = {}
        ctx.set_timer(interval_ns=1_000_000_000)

    def on_book_update(self, ctx: Any, book: Any) -> None:
        self.updates += 1
        if book.tradeable:
            self.fast.update(book.mid)
            self.slow.update(book.mid)

    def on_trade(self, ctx: Any, trade: Any) -> None:
        self.prices.append(trade.px)

    def on_fill(self, ctx: Any, fill: Any) -> None:
        self.turnover[int(fill.side)] = self.turnover.get(int(fill.side), 0) + fill.qty

    def on_timer(self, ctx: Any, timestamp: int) -> None:
        for instrument in ctx.instruments:
            book = ctx.book(instrument)
            fast, slow = self.fast.value, self.slow.value
            if not book.tradeable or fast is None or slow is None:
                continue
            missing = (self.size if fast > slow else -self.size) - ctx.get_position(
                instrument
            ).net_qty
            if missing:
                side, px = (
                    (tt.Side.BUY, book.ask_px) if missing > 0 else (tt.Side.SELL, book.bid_px)
                )
                ctx.submit_order(instrument, side, qty=abs(missing), px=px, tif="IOC")

    def on_params_update(self, params: Any) -> None:
        """Read from the instance."""


class Run:
    """A backtest of `records` market records that is made anew before each call."""

    def __init__(
        self, records: int, attach: Callable[[Pipeline], Callable[[], object]] | None = None
    ) -> None:
        root = os.environ.get("TECTRA_TEST_DATA")
        path = Path(root) / _DAY if root and (Path(root) / _DAY).exists() else sample_day()
        data = open_data(path, None)
        self.day = path.name
        self.instruments = data.instruments
        self.limits = [
            encode(Template.SESSION, ts_recv_ns=data.first_ns, kind=SessionKind.START, mode=b"b")
        ]
        slots = np.concatenate([np.ascontiguousarray(b) for b in data.batches()])
        data.close()
        slots = slots.reshape(-1, 64)
        # Up to the last order: behind it come hours of timers in a market that says nothing.
        last = np.flatnonzero(slots.view("<u2")[:, 1] <= Template.BOOK_REPLACE)[-1]
        self.slots = np.ascontiguousarray(slots[: min(records, int(last) + 1)]).reshape(-1)
        self.attach = attach
        self.prepare()

    def prepare(self) -> None:
        self.pipeline = build_pipeline(self.instruments)
        self.pipeline.add_strategy(Averages())
        self.driver = make_driver(self.pipeline, SimConfig())
        self.detach = None if self.attach is None else self.attach(self.pipeline)

    def __call__(self) -> None:
        for record in self.limits:
            self.driver.control(record)
        self.driver.run(self.slots)
        if self.detach is not None:
            self.detach()


class Nowhere:
    """A writer that keeps nothing: what the disk costs is not measured."""

    def write(self, data: bytes) -> None:
        """Forget it."""

    def close(self) -> None:
        """Nothing to finish."""

    def abort(self) -> None:
        """Nothing to drop."""


def captured(path: Path, events: str, mode: EventStorageMode) -> Callable[[Pipeline], Any]:
    def attach(pipeline: Pipeline) -> Callable[[], object]:
        options = CaptureOptions(mode=mode, events="all" if events == "all" else "changes")
        capture = with_event_capture(
            pipeline, "bench", options=options,
            make_sink=lambda info: EventLog(path, info, writer=Nowhere()),
        )  # fmt: skip

        def detach() -> None:
            capture.close()
            capture.sink.close()  # type: ignore[attr-defined]

        return detach

    return attach


def heard(pipeline: Pipeline) -> Callable[[], object]:
    """An observer that does nothing: the hook alone."""
    pipeline.observe(lambda given, said: None)
    return lambda: pipeline.observe(None)


@pytest.mark.parametrize("mode", ["full", "delta"])
def test_capture_to_no_capture(gate: Gate, tmp_path: Path, mode: str) -> None:
    records = gates.size(2_000, 200)
    subject = Run(records, captured(tmp_path / mode, "all", EventStorageMode(mode)))
    gate(subject, Run(records), f"session.capture_{mode}_to_none")


def test_hook_to_none(gate: Gate) -> None:
    records = gates.size(20_000, 200)
    gate(Run(records, heard), Run(records), "session.hook_to_none")


class Both:
    """One stream of events into a file of each mode."""

    def __init__(self, *logs: EventLog) -> None:
        self.logs = logs

    def append_event(self, event: StateMachineEvent) -> None:
        for log in self.logs:
            log.append_event(event)


@pytest.mark.timeout(300)
def test_bytes_an_event(tmp_path: Path) -> None:
    """RE-14: full and delta, indicators stored and left out, before and after LZ4."""
    modes = (EventStorageMode.full(), EventStorageMode.delta())
    for indicators in ("cache", "recompute"):
        run = Run(gates.size(_ALL, 500))
        paths = [tmp_path / f"{m.name}.{indicators}" for m in modes]
        logs: list[EventLog] = []

        def make_sink(info: Any, paths: list[Path] = paths, logs: list[EventLog] = logs) -> Both:
            logs += [
                EventLog(p, msgspec.structs.replace(info, mode=m))
                for p, m in zip(paths, modes, strict=True)
            ]
            return Both(*logs)

        options = CaptureOptions(
            indicators="cache" if indicators == "cache" else "recompute", events="all"
        )
        with with_event_capture(run.pipeline, "bench", options=options, make_sink=make_sink):
            run()
        for log, mode in zip(logs, modes, strict=True):
            log.close()
            with EventLogReader(log.path) as reader:
                count = len(reader)
                print(
                    f"\n{run.day}: {mode.name:<5} {indicators:<9} {count:,} events, "
                    f"{reader.unpacked_bytes / count:7.1f} bytes an event, "
                    f"{log.path.stat().st_size / count:6.1f} with LZ4",
                    end="",
                )
                assert count >= gates.size(30_000, 100)
    print()
