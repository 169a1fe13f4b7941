"""A pipeline to step records through: short calls make inputs, `said` reads what it answered."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from sim_scene import record

from tectra.book.l3 import L3Book
from tectra.core.msg import DIRECTION, DTYPES, IntentAction, SessionKind, Side, Template
from tectra.core.ring import SpscRing
from tectra.core.types import Exchange
from tectra.engine import Pipeline, PipelineParts, build_pipeline
from tectra.journal.scan import walk
from tectra.refdata.instrument import Instrument
from tectra.risk.chain import RiskChain
from tectra.risk.limits import LimitScope, RiskLimits, apply_limits
from tectra.strategy import Strategy

__all__ = ["EVERYTHING", "OPEN_LIMITS", "Engine", "Quiet", "instrument", "split"]

EVERYTHING = sum(1 << t for t in DIRECTION)
OPEN_LIMITS = RiskLimits(
    default=LimitScope(
        order_qty_max=Decimal(1_000_000),
        order_notional_max=Decimal(100_000_000),
        position_max=Decimal(10_000_000),
        orders_per_second=1_000_000,
        orders_burst=1_000_000,
    ),
    instruments={},
)


class Quiet(Strategy):
    """Hears nothing and does nothing: the base of what tests write."""

    def on_book_update(self, ctx, book):
        pass

    def on_trade(self, ctx, trade):
        pass

    def on_fill(self, ctx, fill):
        pass

    def on_timer(self, ctx, timestamp):
        pass

    def on_params_update(self, params):
        pass


def instrument(number: int, symbol: str) -> Instrument:
    return Instrument(number, symbol, Exchange.NASDAQ, tick=100)


def split(slots: bytes) -> list[np.void]:
    """The records of whole slots, each with the dtype of its template."""
    flat = np.frombuffer(slots, dtype=np.uint8)
    out = []
    for start in walk(flat)[0].tolist():
        template = int.from_bytes(flat[start * 64 + 2 : start * 64 + 4].tobytes(), "little")
        dtype = DTYPES[Template(template)]
        out.append(flat[start * 64 : start * 64 + dtype.itemsize].view(dtype)[0])
    return out


class Engine:
    """One pipeline, time in nanoseconds from 1,000 on, 10 a record."""

    def __init__(
        self,
        *strategies: Any,
        symbols: Sequence[str] = ("AAPL",),
        limits: RiskLimits | None = OPEN_LIMITS,
        heard: Sequence[Sequence[str] | None] = (),
        start: bool = True,
        ring: SpscRing | None = None,
        **options: Any,
    ) -> None:
        self.instruments = [instrument(i, s) for i, s in enumerate(symbols, 1)]
        options = {"capture_mask": EVERYTHING, **options}
        self.pipeline: Pipeline = build_pipeline(
            self.instruments, strategies=max(1, len(strategies)), **options
        )
        if ring is not None:
            self.pipeline = _with_ring(self.pipeline, ring)
        by_symbol = {i.symbol: i for i in self.instruments}
        for number, strategy in enumerate(strategies):
            names = heard[number] if number < len(heard) else None
            chosen = None if names is None else [by_symbol[n] for n in names]
            self.pipeline.add_strategy(strategy, chosen)
        self.now_ns = 1_000
        if limits is not None:
            chain = RiskChain([i.instrument_id for i in self.instruments], len(strategies) + 1)
            for row in apply_limits(chain, limits, self.instruments, {}):
                self.pipeline.step_record(row)
        if start:
            self.step(Template.SESSION, kind=SessionKind.START, mode=b"b")
        self.pipeline.drop_captured()

    def step(self, template: Template, **fields: Any) -> None:
        self.now_ns += 10
        fields = {"ts_event_ns": self.now_ns, "ts_recv_ns": self.now_ns, **fields}
        self.pipeline.step_record(record(template, **fields).tobytes())

    def market(self, template: Template, **fields: Any) -> None:
        self.step(template, **{"instrument_id": 1, **fields})

    def add(self, ref: int, side: Side, px: int, qty: int, **more: Any) -> None:
        self.market(Template.BOOK_ADD, order_ref=ref, side=side, px=px, qty=qty, **more)

    def quotes(self, bid: int = 1_000_000, ask: int = 1_000_100, qty: int = 500) -> None:
        """A two-sided book from the first two orders on."""
        self.add(1, Side.BUY, bid, qty)
        self.add(2, Side.SELL, ask, qty)

    def ack(self, order_id: int, **more: Any) -> None:
        self.market(
            Template.ORDER_ACK,
            **{"order_id": order_id, "action": IntentAction.SUBMIT, "side": Side.BUY, **more},
        )

    def fill(self, order_id: int, px: int, qty: int, **more: Any) -> None:
        self.market(
            Template.ORDER_FILL,
            **{"order_id": order_id, "side": Side.BUY, "px": px, "qty": qty, **more},
        )

    def end(self) -> None:
        self.step(Template.SESSION, kind=SessionKind.END, mode=b"b")

    def said(self, template: Template | None = None) -> list[np.void]:
        """What was captured since the last look, or the records of one template of it."""
        rows = split(self.pipeline.captured())
        self.pipeline.drop_captured()
        return [r for r in rows if template is None or r["template_id"] == template]

    def names(self) -> list[str]:
        return [Template(int(r["template_id"])).name for r in self.said()]

    def sent(self) -> list[np.void]:
        """Requests in the out ring, taken out."""
        return split(b"".join(bytes(r) for r in _drain(self.pipeline.out)))


def _with_ring(like: Pipeline, ring: SpscRing) -> Pipeline:
    """The same parts over a ring of the test's own size."""
    return Pipeline(
        like.instruments,
        PipelineParts(
            book=L3Book(len(like.instruments)),
            orders=like.orders,
            portfolio=like.portfolio,
            risk=like.risk,
            out=ring,
            capture_mask=EVERYTHING,
        ),
    )


def _drain(ring: Any) -> list[bytes]:
    buffer = np.zeros(4096 * 64, dtype=np.uint8)
    n = ring.drain_into(buffer)
    return [buffer[: n * 64].tobytes()] if n else []
