"""The stories a debugger tells: an order from its cause to its end, why one was refused, what a
strategy saw, what changed between two records.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tectra.core.errors import InputError
from tectra.core.msg import Callback, Template
from tectra.replay import probe
from tectra.replay.debug_text import Names, clock_text, verdict_text
from tectra.replay.player import ReplaySession
from tectra.replay.player_state import plain, strategy_attributes
from tectra.replay.view import Event, EventFilter

__all__ = [
    "book_lines",
    "called",
    "change_text",
    "clock",
    "order_lines",
    "saw_lines",
    "state_changes",
    "why_lines",
]

_TRADES_SHOWN = 3
_KEYS = ("order_id", "timer_id", "name")


# ---- orders ----


def _history(session: ReplaySession, order_id: int) -> list[Event]:
    found = list(session.view.find(EventFilter(order_id=order_id)))
    if not found:
        raise InputError(f"order: found {order_id}; no record of this session speaks of it")
    return found


def _cause(session: ReplaySession, event: Event) -> Event | None:
    return session.view.at(event.decoded().get_int("cause_seq"))


def order_lines(session: ReplaySession, names: Names, order_id: int) -> Iterator[str]:
    """The whole life of an order: what the strategy heard, its signals, then every record that
    speaks of the order.
    """
    history = _history(session, order_id)
    last = [e for e in history if e.template is Template.ORDER_EVENT and e.fields()["valid"]]
    if last:
        said = last[-1].fields()
        instrument_id = said["instrument_id"]
        yield (
            f"order {order_id}: {names.strategy(said['strategy_id'])} {said['side']} "
            f"{names.symbol(instrument_id)}, {said['to_state']} at the end of the journal, filled "
            f"{names.qty(instrument_id, said['cum_qty'])}"
        )
    intent = next((e for e in history if e.template is Template.ORDER_INTENT), None)
    cause = None if intent is None else _cause(session, intent)
    if intent is not None and cause is not None:
        yield "  heard"
        yield names.line(cause, mark="    ")
        strategy_id = intent.fields()["strategy_id"]
        wanted = EventFilter(
            templates=("strategy_signal", "strategy_decision"), strategy_id=strategy_id
        )
        end = session.view.boundary(cause.ring_seq)
        for signal in session.view.find(wanted, cause.ring_seq, end):
            yield names.line(signal, mark="    ")
    yield "  then"
    for event in history:
        here = ">" if event.ring_seq == session.position else " "
        yield names.line(event, mark=f"   {here}")


def why_lines(session: ReplaySession, names: Names, order_id: int) -> Iterator[str]:
    """Why an order, or a change of it, was refused: by which rule or venue, the limit and the value
    found, and what the risk chain saw. The session stands where it stood when this is done.
    """
    history = _history(session, order_id)
    verdicts = [e for e in history if e.template is Template.ORDER_VERDICT]
    refused = [e for e in verdicts if not e.fields()["accepted"]]
    rejects = [e for e in history if e.template is Template.ORDER_REJECT]
    if not refused and not rejects:
        yield f"order {order_id} was not refused: the risk chain accepted it, and so did the venue"
        return
    for event in refused:
        yield f"order {order_id} was refused by the risk chain at record {event.ring_seq}"
        yield f"  {verdict_text(names, event)}"
        yield from _risk_lines(session, names, event)
    for event in rejects:
        said = event.fields()
        text = f": {said['text']}" if said["text"] else ""
        yield (
            f"order {order_id}: {said['action']} was refused by the venue or its gateway at record "
            f"{event.ring_seq}: {said['reason']}{text}"
        )


def _risk_lines(session: ReplaySession, names: Names, verdict: Event) -> Iterator[str]:
    said = verdict.fields()
    instrument_id, strategy_id = said["instrument_id"], said["strategy_id"]
    reference = said["reference_px2"]
    mid = names.px(instrument_id, reference, halves=2) if reference else "none"
    yield (
        f"  it saw: position {names.qty(instrument_id, said['position_qty'])}, mid {mid}, order "
        f"{said['side']} {names.qty(instrument_id, said['qty'])} @ "
        f"{names.px(instrument_id, said['px'])}"
    )
    cause = _cause(session, verdict)
    if cause is None or instrument_id not in names.instruments:
        return
    position = session.position
    session.seek(cause.ring_seq - 1)
    try:
        yield f"  before record {cause.ring_seq}, which the strategy answered:"
        for owner in (strategy_id, 0):
            row = session.pipeline.portfolio.position(instrument_id, owner)
            qty = [
                names.qty(instrument_id, q)
                for q in (row.net_qty, row.open_buy_qty, row.open_sell_qty)
            ]
            yield f"    {names.strategy(owner)}: net {qty[0]}, open buy {qty[1]}, sell {qty[2]}"
        limits = session.pipeline.risk.effective_limits(strategy_id, instrument_id)
        text = ", ".join(f"{r.name} {'none' if v is None else v}" for r, v in limits.items())
        yield f"    limits (mantissas): {text}"
        latches = probe.latches(session.pipeline)
        if latches:
            scopes = [f"{names.strategy(s)}/{names.symbol(i) or 'all'}" for s, i in latches]
            yield f"    kills latched: {', '.join(scopes)}"
    finally:
        session.seek(position)


# ---- what a strategy saw ----


def book_lines(names: Names, symbol: str, book: Mapping[str, Any]) -> Iterator[str]:
    """A book of ReplaySession.state() as a ladder."""
    instrument_id = names.instrument(symbol).instrument_id
    yield (
        f"{symbol}: {book['top']}, status {book['status']}"
        f"{'' if book['reason'] == 'NONE' else ' ' + book['reason']}, "
        f"trading state {book['trading_state']}"
    )
    rows = max(len(book["bids"]), len(book["asks"]))
    for i in range(rows):
        texts = []
        for side in ("bids", "asks"):
            level = book[side][i] if i < len(book[side]) else None
            text = ["", ""]
            if level is not None:
                text = [names.qty(instrument_id, level[1]), names.px(instrument_id, level[0])]
            texts.append(text)
        (bid_qty, bid), (ask_qty, ask) = texts
        yield f"  {bid_qty:>12} {bid:>14} | {ask:<14} {ask_qty:<12}".rstrip()
    if not rows:
        yield "  empty"


def _seen(
    session: ReplaySession, names: Names, strategy_id: int, what: str, instrument_id: int
) -> list[str]:
    """What a strategy can ask its context at this moment."""
    context = probe.context(session.pipeline, strategy_id)
    out = [f"{names.strategy(strategy_id)} heard {what}"]
    if instrument_id in names.instruments:
        symbol = names.symbol(instrument_id)
        book = context.book(symbol)
        bid, ask = (names.px(instrument_id, p) if p else "none" for p in (book.bid_px, book.ask_px))
        trust = "tradeable" if book.tradeable else "valid" if book.valid else book.status.name
        out.append(
            f"  book {symbol}: bid {bid} x {names.qty(instrument_id, book.bid_qty)}, ask {ask} x "
            f"{names.qty(instrument_id, book.ask_qty)}, {trust}"
        )
        out += [
            f"  trade {trade.ring_seq}: {trade.side.name} "
            f"{names.qty(instrument_id, trade.qty)} @ {names.px(instrument_id, trade.px)}"
            for trade in context.recent_trades(symbol, _TRADES_SHOWN)
        ]
    for known in names.instruments:
        row = context.get_position(known)
        if known != instrument_id and not (row.net_qty or row.open_buy_qty or row.open_sell_qty):
            continue
        out.append(
            f"  position {names.symbol(known)}: net {names.qty(known, row.net_qty)}, open buy "
            f"{names.qty(known, row.open_buy_qty)}, sell {names.qty(known, row.open_sell_qty)}, "
            f"realized {names.money(known, row.realized)}, fees {names.money(known, row.fees)}"
        )
    for order in context.get_open_orders():
        owner = order.instrument_id
        out.append(
            f"  open order {order.order_id}: {order.side.name} {names.qty(owner, order.leaves_qty)}"
            f" of {names.qty(owner, order.qty)} {names.symbol(owner)} @ "
            f"{names.px(owner, order.px)} {order.state.name}"
        )
    strategy = session.pipeline.strategies[strategy_id - 1]
    for name, value in strategy_attributes(strategy).items():
        out.append(f"  self.{name} = {_short(value)}")
    return out


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 160 else f"{text[:157]}..."


def _compiled(session: ReplaySession, cause: Event) -> Iterator[tuple[int, Callback]]:
    """Compiled strategies that the engine called because of an input, as far as the input alone
    tells.
    """
    fields = cause.fields()
    for strategy_id in range(1, len(session.pipeline.strategies) + 1):
        if probe.is_python(session.pipeline, strategy_id):
            continue
        heard, wanted = probe.hears(session.pipeline, strategy_id)
        concerned = fields.get("instrument_id") in {i.instrument_id for i in heard}
        for callback in _callbacks(session, cause, fields, strategy_id):
            by_market = callback in (Callback.ON_BOOK_UPDATE, Callback.ON_TRADE)
            if callback in wanted and (concerned or not by_market):
                yield strategy_id, callback


def _callbacks(
    session: ReplaySession, cause: Event, fields: Mapping[str, Any], strategy_id: int
) -> list[Callback]:
    template = cause.template
    if template in (Template.BOOK_STATUS, Template.BOOK_CLEAR, Template.GAP):
        return [Callback.ON_BOOK_UPDATE]
    if template is Template.TRADE:
        return [Callback.ON_TRADE]
    if template <= Template.BOOK_REPLACE:
        return [Callback.ON_BOOK_UPDATE]
    if template is Template.ORDER_FILL:
        order = session.pipeline.orders.find(fields["order_id"])
        own = order is not None and order.strategy_id == strategy_id
        return [Callback.ON_FILL] if own else []
    if template is Template.SESSION:
        return [Callback.ON_START if fields["kind"] == "START" else Callback.ON_STOP]
    own_callbacks = {
        Template.TIMER: Callback.ON_TIMER,
        Template.CONTROL_PARAM: Callback.ON_PARAMS_UPDATE,
    }
    if template in own_callbacks and fields["strategy_id"] == strategy_id:
        return [own_callbacks[template]]
    return []


def called(session: ReplaySession, cause: Event) -> list[tuple[int, Callback, list[str]]]:
    """Step an input that is the next one, and tell of each callback: the strategy, the callback,
    and what it saw. A Python strategy is watched as it is called; of a compiled one the end of the
    step is shown.
    """
    names = Names(session.spec)
    out: list[tuple[int, Callback, list[str]]] = []

    def hear(strategy_id: int, callback: Callback, arguments: tuple[Any, ...]) -> None:
        instrument_id = 0
        what = callback.name.lower()
        for argument in arguments:
            instrument = getattr(argument, "instrument", None)
            if instrument is not None:
                instrument_id = instrument.instrument_id
                what += f" of {instrument.symbol}"
            else:
                what += f" with {_short(plain(argument))}"
        out.append((strategy_id, callback, _seen(session, names, strategy_id, what, instrument_id)))

    before = probe.spy(session.pipeline, hear)
    watched = session.pipeline
    try:
        session.seek(session.view.boundary(cause.ring_seq))
    finally:
        probe.unspy(watched, before)
    for strategy_id, callback in _compiled(session, cause):
        instrument_id = int(cause.fields().get("instrument_id", 0))
        what = f"{callback.name.lower()} (compiled: as at the end of the step)"
        out.append((strategy_id, callback, _seen(session, names, strategy_id, what, instrument_id)))
    return out


def saw_lines(session: ReplaySession, names: Names) -> Iterator[str]:
    """What each strategy saw in its callback of the record the session stands at, and what it
    said. The session stands where it stood when this is done.
    """
    position = session.position
    cause = session.view.input_of(position)
    if cause is None:
        raise InputError("saw: the session is before its first record; step or seek first")
    session.seek(cause.ring_seq - 1)
    try:
        told = called(session, cause)
    finally:
        session.seek(position)
    yield names.line(cause)
    if not told:
        yield "  no strategy was called because of it"
    end = session.view.boundary(cause.ring_seq)
    for strategy_id, _, lines in told:
        yield from (f"  {line}" for line in lines)
        wanted = EventFilter(actions_only=True, strategy_id=strategy_id)
        for event in session.view.find(wanted, cause.ring_seq, end):
            yield names.line(event, mark="    ")


# ---- differences ----


def _keyed(items: Any) -> dict[str, Any] | None:
    """A list of things with names, by name; None for any other value."""
    if not isinstance(items, list) or not all(isinstance(i, Mapping) for i in items):
        return None
    out = {}
    for number, item in enumerate(items):
        key = next((str(item[k]) for k in _KEYS if k in item), None)
        if key is None and "symbol" in item:
            key = f"{item.get('strategy_id', item.get('strategy'))},{item['symbol']}"
        out[str(number) if key is None else key] = item
    return out


def state_changes(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """What differs between two states: (path, before, after); None where there was nothing."""
    form = "{}.{}" if path else "{}{}"
    if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
        form = "{}[{}]"
        before_items, after_items = _keyed(before), _keyed(after)
        if before_items is None or after_items is None:
            if before != after:
                yield path, before, after
            return
        before, after = before_items, after_items
    for key in [*after, *(k for k in before if k not in after)]:
        yield from state_changes(before.get(key), after.get(key), form.format(path, key))


def change_text(path: str, before: Any, after: Any) -> str:
    """One change in one line."""
    return f"{path}: {_short(before)} -> {_short(after)}"


def clock(session: ReplaySession) -> str:
    """The engine's time of day."""
    return clock_text(session.now_ns) if session.now_ns else "before the first record"
