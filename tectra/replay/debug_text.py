"""Records of a session in words: one line each, prices and quantities as people write them."""

from typing import Any

from tectra.core.errors import InputError
from tectra.core.msg import Template
from tectra.core.types import Timestamp
from tectra.engine.session import SessionSpec
from tectra.refdata.instrument import Instrument
from tectra.replay.view import Event

__all__ = ["Names", "clock_text", "verdict_text", "whole_number"]

_MONEY = frozenset({"cost", "realized", "unrealized", "fees", "fee", "total"})
# Said in another way, or of no use to a reader.
_SHOWN = frozenset({"instrument_id", "strategy_id", "side", "qty", "px", "accepted", "valid"})
_QUIET = frozenset({"NONE", "", None, 0})
_NO_PX = -(2**63)
_NOT_FOUND = 2**63 - 1
_DIGITS_MAX = 20


def clock_text(ts_ns: int) -> str:
    """Time of day, UTC."""
    return str(Timestamp(max(0, ts_ns)))[11:-1]


def whole_number(text: str) -> int | None:
    """A number as people type it, digits of ASCII; None for anything else."""
    plain = text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX
    return int(text) if plain else None


class Names:
    """What the numbers of a session's records mean."""

    def __init__(self, spec: SessionSpec) -> None:
        self.strategies = {i: s.name for i, s in enumerate(spec.strategies, start=1)}
        self.instruments = {i.instrument_id: i for i in spec.make_instruments()}

    def strategy(self, strategy_id: int) -> str:
        """Name of a strategy; `account` for 0."""
        return self.strategies.get(strategy_id, "account" if strategy_id == 0 else str(strategy_id))

    def strategy_id(self, name: str) -> int:
        """Id of a strategy by its name or number; InputError for another."""
        for strategy_id, known in self.strategies.items():
            if name in (known, str(strategy_id)):
                return strategy_id
        allowed = ", ".join(self.strategies.values())
        raise InputError(f"strategy: found {name!r}; allowed: {allowed}")

    def is_strategy(self, name: str) -> bool:
        """Does it name a strategy?"""
        return name in self.strategies.values()

    def symbol(self, instrument_id: int) -> str:
        """Symbol of an instrument, empty for none."""
        found = self.instruments.get(instrument_id)
        return found.symbol if found else str(instrument_id) if instrument_id else ""

    def instrument(self, symbol: str) -> Instrument:
        """An instrument by its symbol; InputError for another."""
        for found in self.instruments.values():
            if found.symbol == symbol:
                return found
        allowed = ", ".join(i.symbol for i in self.instruments.values())
        raise InputError(f"symbol: found {symbol!r}; allowed in this run: {allowed}")

    # ---- values ----

    def px(self, instrument_id: int, px: int | None, *, halves: int = 1) -> str:
        """A price; `halves` 2 where px is a doubled one."""
        instrument = self.instruments.get(instrument_id)
        if px is None or px == _NO_PX:
            return "market"
        if instrument is None:
            return str(px)
        if halves == 2:
            whole, half = divmod(px, 2)
            return f"{instrument.price(whole)}{'+half' if half else ''}"
        return str(instrument.price(px))

    def qty(self, instrument_id: int, qty: int) -> str:
        """A quantity."""
        instrument = self.instruments.get(instrument_id)
        if instrument is None or abs(qty) >= _NOT_FOUND:
            return str(qty)
        if qty < 0:
            return f"-{instrument.quantity(-qty)}"
        return str(instrument.quantity(qty))

    def money(self, instrument_id: int, mantissa: int) -> str:
        """An amount of money."""
        instrument = self.instruments.get(instrument_id)
        return str(mantissa) if instrument is None else f"{instrument.money(mantissa):f}"

    def value(self, instrument_id: int, name: str, value: Any) -> str:
        """A field's value, by what the field's name says it is."""
        if isinstance(value, int) and not isinstance(value, bool):
            if name == "strategy_id":
                return self.strategy(value)
            if name.endswith("px2"):
                return self.px(instrument_id, value, halves=2)
            if name == "px" or name.endswith("_px"):
                return self.px(instrument_id, value)
            if name == "qty" or name.endswith("_qty"):
                return self.qty(instrument_id, value)
            if name in _MONEY:
                return self.money(instrument_id, value)
        if isinstance(value, float):
            return f"{value:.6g}"
        if isinstance(value, list):
            return "|".join(map(str, value))
        return str(value)

    # ---- records ----

    def brief(self, event: Event) -> str:
        """What a record says, without its number and time."""
        fields = event.fields()
        instrument_id = int(fields.get("instrument_id", 0))
        words = [event.name, self.symbol(instrument_id)]
        if fields.get("strategy_id"):
            words.append(f"[{self.strategy(fields['strategy_id'])}]")
        side = fields.get("side")
        words.append("" if side in _QUIET else str(side))
        if fields.get("qty"):
            words.append(self.qty(instrument_id, fields["qty"]))
        if "px" in fields and fields["px"] != 0:
            words.append(f"@ {self.px(instrument_id, fields['px'])}")
        if event.template is Template.ORDER_VERDICT:
            words.append(verdict_text(self, event))
        else:
            words += [
                f"{name}={self.value(instrument_id, name, value)}"
                for name, value in fields.items()
                if name not in _SHOWN and _worth(name, value)
            ]
        if fields.get("valid") == 0 and event.template is Template.ORDER_EVENT:
            words.append("NOT VALID")
        return " ".join(w for w in words if w)

    def line(self, event: Event, *, mark: str = " ") -> str:
        """A record in one line."""
        kind = {"input": "in ", "output": "out", "note": "   "}[event.direction]
        return f"{mark}{event.ring_seq:>9} {clock_text(event.ts_ns)} {kind} {self.brief(event)}"


def _worth(name: str, value: Any) -> bool:
    if isinstance(value, list):
        return any(value)
    return value not in _QUIET or name in ("leaves_qty", "net_qty")


def verdict_text(names: Names, event: Event) -> str:
    """What the risk chain said: accepted, or the rule, its limit and what was found."""
    fields = event.fields()
    instrument_id = fields["instrument_id"]
    head = f"order_id={fields['order_id']} {fields['action']}"
    if fields["accepted"]:
        return f"{head} accepted"
    rule, limit, found = fields["rule"], fields["limit"], fields["found"]
    text = {
        "VALIDITY": f"a field is not valid: found {found}, allowed {limit}",
        "KILL": f"killed: {_kill_text(found)}",
        "MAX_QTY": f"quantity {names.qty(instrument_id, found)}, "
        f"limit {names.qty(instrument_id, limit)}",
        "MAX_NOTIONAL": f"notional {names.money(instrument_id, found)}, "
        f"limit {names.money(instrument_id, limit)}",
        "MAX_POSITION": f"worst case {names.qty(instrument_id, found)}, "
        f"limit {names.qty(instrument_id, limit)}",
        "PRICE_BAND": "no mid price to compare with"
        if fields["reference_px2"] <= 0
        else f"{found} ppm off the mid, limit {limit} ppm",
        "ORDER_RATE": f"limit {limit} orders a second, the next may pass in {found} ns",
    }.get(str(rule), f"found {found}, limit {limit}")
    return f"{head} REJECTED by {rule}: {text}"


def _kill_text(found: int) -> str:
    scopes = ("everything", "the strategy", "the instrument", "the strategy in the instrument")
    return " and ".join(s for bit, s in enumerate(scopes) if found >> bit & 1) or "by a latch"
