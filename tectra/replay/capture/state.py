"""Where states come from: a pipeline today, anything with the two methods of EventSource tomorrow.

A state is plain values: `orders` that are open, `positions`, `strategies` (phase, parameters,
attributes), `market` (top of book, last trade, trust), and `indicators` where they are kept.
"""

from collections.abc import Callable, Iterable
from typing import Any, Protocol, Self

import msgspec

from tectra.core.crc32c import crc32c
from tectra.core.errors import FileFormatError
from tectra.core.msg import DIRECTION, SessionKind, Template
from tectra.core.record import Record, decode, iter_records
from tectra.engine.pipeline import Pipeline
from tectra.oms.order import Order
from tectra.portfolio.position import Position
from tectra.replay.capture.event import Vocabulary
from tectra.replay.capture.market import MarketReader
from tectra.replay.capture.plain import Painter, Plain, opaque_paths, share
from tectra.strategy.compiled import CompiledStrategy

__all__ = ["EventSource", "PipelineSource", "StateSnapshot", "Update"]

State = dict[str, Plain]
_BOOK_ONLY = frozenset(t for t in Template if t <= Template.TRADE)
_encode = msgspec.msgpack.Encoder().encode


class StateSnapshot(msgspec.Struct, frozen=True):
    """Everything at one moment: `sequence` is the number of the last record, `timestamp` engine
    time in ns.
    """

    sequence: int
    timestamp: int
    state: State

    @classmethod
    def of(cls, pipeline: Pipeline, *, indicators: bool = True) -> Self:
        """The state of a pipeline now; its own thread, between steps."""
        source = PipelineSource(pipeline, indicators=indicators)
        return cls(pipeline.ring_seq, pipeline.now_ns, source.state())

    @property
    def context(self) -> State:
        """Orders, positions, strategies and market."""
        return {name: part for name, part in self.state.items() if name != "indicators"}

    @property
    def indicators(self) -> State | None:
        """By strategy and name; None where they were left out."""
        return self.state.get("indicators")

    @property
    def opaque(self) -> list[str]:
        """Places whose objects hide what they keep: the snapshot names them and has no more."""
        return opaque_paths(self.state)

    def dump(self) -> bytes:
        """Bytes for a file: a CRC32C and MessagePack."""
        body = _encode(self)
        return crc32c(body).to_bytes(4, "little") + body

    @classmethod
    def restore(cls, raw: bytes) -> Self:
        """Inverse of dump(). FileFormatError for bytes that were cut or changed."""
        body = raw[4:]
        if len(raw) < 4 or int.from_bytes(raw[:4], "little") != crc32c(body):
            raise FileFormatError(
                f"state snapshot: found {len(raw)} bytes whose checksum does not hold; allowed: "
                "what dump() wrote"
            )
        try:
            return msgspec.msgpack.decode(body, type=cls)
        except msgspec.DecodeError as error:
            raise FileFormatError(f"state snapshot: {error}; allowed: what dump() wrote") from None


class Update(msgspec.Struct, frozen=True):
    """One update of a source: what came in, what changed with its reasons, what was done."""

    timestamp: int
    market_data: dict[str, Plain]
    transition: list[dict[str, Plain]]
    action: list[dict[str, Plain]]


class EventSource(Protocol):
    """What can be captured. One thread calls it, and is called by it."""

    def state(self) -> State:
        """The state now, as plain values; the same object as last time where nothing changed."""

    def subscribe(
        self,
        on_update: Callable[[Update], object] | None,
        *,
        every: bool = False,
        on_error: Callable[[Exception], object] | None = None,
    ) -> None:
        """Call `on_update`, with state() up to date, after updates that changed the state, made a
        transition or an action; after `every` update where that is asked. None: no more.
        `on_error` is told what went wrong while the state was read; the source itself goes on.
        """


class PipelineSource:
    """A pipeline as a source of events. Reads only what an input can have touched, so that a state
    costs what changed. The pipeline's thread.
    """

    def __init__(self, pipeline: Pipeline, *, indicators: bool = True) -> None:
        self.pipeline = pipeline
        self.market = MarketReader(pipeline)
        self.symbols = {i.instrument_id: i.symbol for i in pipeline.instruments}
        self.words = Vocabulary(self.symbols)
        self._painter = Painter()
        self._indicators = indicators
        self._on_update: Callable[[Update], object] | None = None
        self._on_error: Callable[[Exception], object] | None = None
        self._every = False
        self._phases = ["STARTED" if pipeline.ring_seq else "LOADED"] * len(pipeline.strategies)
        self._state: State = {"orders": {}, "positions": {}, "strategies": {}, "market": {}}
        if indicators:
            self._state["indicators"] = {}
        self._read_everything()

    def state(self) -> State:
        """The state after the last update; while nobody is subscribed, as it is now."""
        if self._on_update is None:
            self._read_everything()
        return self._state

    def subscribe(
        self,
        on_update: Callable[[Update], object] | None,
        *,
        every: bool = False,
        on_error: Callable[[Exception], object] | None = None,
    ) -> None:
        """Follow the pipeline from here on. StateError when somebody does already."""
        if on_update is not None:
            self.pipeline.observe(self._observe)
            self._read_everything()
        else:
            self.pipeline.observe(None)
        self._on_update, self._every, self._on_error = on_update, every, on_error

    # ---- one update ----

    def _observe(self, raw: bytes, captured: bytes) -> None:
        try:
            self._follow(raw, captured)
        except Exception as error:
            if self._on_error is None:
                raise
            self._on_error(error)

    def _follow(self, raw: bytes, captured: bytes) -> None:
        given = decode(raw)
        said = iter_records(captured) if captured else ()
        outputs = [record for record in said if DIRECTION[record.template] == "output"]
        transition = self._phase_changes(given, outputs)
        transition += self.words.transitions(given, outputs)
        before = self._state
        self._refresh(given, outputs)
        action = self.words.actions(outputs)
        changed = self._state is not before or transition or action
        if self._on_update is not None and (changed or self._every):
            data = self.words.market_data(given)
            self._on_update(Update(self.pipeline.now_ns, data, transition, action))

    def _phase_changes(self, given: Record, outputs: Iterable[Record]) -> list[dict[str, Plain]]:
        """Strategies that were started or stopped by this input, or fell."""
        out: list[dict[str, Plain]] = []
        if given.template is Template.SESSION:
            kind = given.get_int("kind")
            to = {SessionKind.START: "STARTED", SessionKind.END: "STOPPED"}.get(SessionKind(kind))
            for i, phase in enumerate(self._phases):
                if to is not None and phase not in (to, "FAULTED"):
                    reason = f"session {SessionKind(kind).name}"
                    out.append(
                        {
                            "kind": "strategy",
                            "strategy_id": i + 1,
                            "from": phase,
                            "to": to,
                            "reason": reason,
                            "cause_seq": given.get_int("ring_seq"),
                        }
                    )
                    self._phases[i] = to
        for record in outputs:
            if record.template is Template.STRATEGY_STATE:
                said = self.words.fields(record)
                self._phases[record.get_int("strategy_id") - 1] = said["phase"]
        return out

    def _refresh(self, given: Record, outputs: list[Record]) -> None:
        parts = dict(self._state)
        self._read_strategies(parts)
        template, instrument_id = given.template, given.get_int("instrument_id")
        if template in _BOOK_ONLY:
            slot = self.market.slots.get(instrument_id)
            self._read_market(parts, () if slot is None else ((instrument_id, slot),))
        elif template < Template.ORDER_ACK:
            self._read_market(parts, self.market.slots.items())
        if outputs or template >= Template.ORDER_ACK:
            self._read_orders(parts, [given, *outputs])
        if any(parts[name] is not part for name, part in self._state.items()):
            self._state = parts

    # ---- the parts ----

    def _read_everything(self) -> None:
        parts = dict(self._state)
        self._read_strategies(parts)
        self._read_market(parts, self.market.slots.items())
        orders = {str(o.order_id): self._order(o) for o in self.pipeline.orders.open_orders()}
        parts["orders"] = share(parts["orders"], dict(sorted(orders.items(), key=_number)))
        positions = {}
        for strategy_id in range(len(self.pipeline.strategies) + 1):
            for position in self.pipeline.portfolio.positions(strategy_id):
                if _used(position):
                    positions[self._key(position)] = _position(position)
        parts["positions"] = share(parts["positions"], dict(sorted(positions.items())))
        if any(parts[name] is not part for name, part in self._state.items()):
            self._state = parts

    def _read_strategies(self, parts: State) -> None:
        strategies, indicators = {}, {}
        for number, strategy in enumerate(self.pipeline.strategies, start=1):
            found: State = {}
            self._painter.indicators = found
            if isinstance(strategy, CompiledStrategy):
                params = dict(strategy.params)
                attributes = self._painter.attributes(strategy, without={})
                attributes.setdefault("$compiled", True)
            else:
                params = {name: getattr(strategy, name) for name in type(strategy).PARAMS}
                attributes = self._painter.attributes(strategy, without=params)
            strategies[str(number)] = {
                "name": type(strategy).__name__,
                "phase": self._phases[number - 1],
                "params": params,
                "attributes": attributes,
            }
            if found:
                indicators[str(number)] = found
        parts["strategies"] = share(parts["strategies"], strategies)
        if self._indicators:
            parts["indicators"] = share(parts["indicators"], indicators)

    def _read_market(self, parts: State, slots: Iterable[tuple[int, int]]) -> None:
        market = parts["market"]
        changed = {}
        for instrument_id, slot in slots:
            symbol = self.symbols[instrument_id]
            row = self.market.row(slot)
            old = market.get(symbol)
            if row != old:
                changed[symbol] = row if old is None else share(old, row)
        if changed:
            parts["market"] = {**market, **changed}

    def _read_orders(self, parts: State, records: Iterable[Record]) -> None:
        """Orders and positions that these records are about."""
        orders, positions = dict(parts["orders"]), dict(parts["positions"])
        for order_id in sorted({_id(r, "order_id") for r in records} - {0}):
            order = self.pipeline.orders.find(order_id)
            if order is None or order.is_done:
                orders.pop(str(order_id), None)
            else:
                orders[str(order_id)] = self._order(order)
        touched = {(_id(r, "strategy_id"), r.get_int("instrument_id")) for r in records}
        touched |= {(0, instrument_id) for _, instrument_id in touched}
        for strategy_id, instrument_id in sorted(touched):
            known = instrument_id in self.symbols
            if not known or strategy_id > len(self.pipeline.strategies):
                continue
            position = self.pipeline.portfolio.position(instrument_id, strategy_id)
            key = self._key(position)
            if _used(position):
                positions[key] = _position(position)
            else:
                positions.pop(key, None)
        orders = dict(sorted(orders.items(), key=_number))
        parts["orders"] = share(parts["orders"], orders)
        parts["positions"] = share(parts["positions"], dict(sorted(positions.items())))

    def _key(self, position: Position) -> str:
        who = position.strategy_id or "all"
        return f"{who}/{self.symbols[position.instrument_id]}"

    def _order(self, order: Order) -> dict[str, Plain]:
        pending = order.pending
        return {
            "strategy_id": order.strategy_id,
            "symbol": self.symbols.get(order.instrument_id, str(order.instrument_id)),
            "side": order.side.name,
            "order_type": order.order_type.name,
            "tif": order.tif.name,
            "state": order.state.name,
            "px": None if order.px == -(1 << 63) else order.px,
            "qty": order.qty,
            "leaves_qty": order.leaves_qty,
            "cum_qty": order.cum_qty,
            "venue_order_id": order.venue_order_id,
            "pending": None if pending is None else list(pending),
            "ts_update_ns": order.ts_update_ns,
        }


def _number(item: tuple[str, Any]) -> int:
    return int(item[0])


def _used(position: Position) -> bool:
    return bool(position.fills or position.open_buy_qty or position.open_sell_qty)


def _id(record: Record, name: str) -> int:
    return record.get_int(name) if name in record.keys() else 0  # noqa: SIM118  no mapping


def _position(position: Position) -> dict[str, Plain]:
    return {
        "net_qty": position.net_qty,
        "cost": position.cost,
        "realized": position.realized_pnl,
        "fees": position.fees,
        "open_buy_qty": position.open_buy_qty,
        "open_sell_qty": position.open_sell_qty,
        "fills": position.fills,
    }
