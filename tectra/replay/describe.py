"""Records in words: one line each, or plain values."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np

from tectra.core.msg import ENUMS, Template
from tectra.refdata.instrument import Instrument

__all__ = ["Names", "clock_text", "plain"]

_INT64_MIN = -(1 << 63)
_HEAD = frozenset({"block_length", "template_id", "schema_id", "version"})
_PRICES = frozenset(
    {"px", "stop_px", "last_px", "exec_px", "bid_px", "ask_px", "far_px", "near_px"}
    | {"reference_px", "spread_px"}
)
_QTYS = re.compile(r"(^|_)qty$")
_MONEY = frozenset({"cost", "realized", "unrealized", "fees", "fee", "total"})
# Fields whose zero says nothing.
_SPARSE = frozenset(
    {"flags", "stop_px", "tag", "venue_id", "order_type", "tif", "last_px", "last_qty", "expired"}
    | {"match_id", "venue_order_id", "state", "seq", "expected", "found", "limit", "operator_id"}
)
_SHOWN = _HEAD | {"ring_seq", "ts_event_ns", "ts_recv_ns", "instrument_id", "strategy_id"}


def clock_text(ts_ns: int) -> str:
    """Time of day, UTC, to the nanosecond."""
    seconds, rest = divmod(ts_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M:%S}.{rest:09}"


def _value(template: Template, name: str, raw: Any) -> Any:
    value = raw.tolist()
    enum = ENUMS.get(template, {}).get(name)
    if enum is not None:
        try:
            found = enum(value)
        except ValueError:
            return value
        return found.name if found.name is not None else value
    if isinstance(value, bytes):
        return value.rstrip(b"\0").decode(errors="replace")
    return value


def plain(row: np.void) -> dict[str, Any]:
    """Every field of a record as a plain value, enumerations by name; `record` is its type."""
    template = Template(int(row["template_id"]))
    out: dict[str, Any] = {"record": template.name.lower()}
    for name in row.dtype.names or ():
        if name not in _HEAD and not name.startswith("reserved"):
            out[name] = _value(template, name, row[name])
    return out


class Names:
    """Names of a run's instruments and strategies, and its records in their units."""

    def __init__(self, instruments: Sequence[Instrument], strategies: Sequence[str]) -> None:
        self.instruments: Mapping[int, Instrument] = {i.instrument_id: i for i in instruments}
        self.strategies = ("", *strategies)

    def symbol(self, instrument_id: int) -> str:
        """Symbol of an instrument, or its number where the run does not know it."""
        found = self.instruments.get(instrument_id)
        return found.symbol if found is not None else f"instrument {instrument_id}"

    def strategy(self, strategy_id: int) -> str:
        """Name of a strategy; of 0 the empty text."""
        if 0 <= strategy_id < len(self.strategies):
            return self.strategies[strategy_id]
        return f"strategy {strategy_id}"

    def amount(self, name: str, value: Any, instrument_id: int) -> Any:
        """A field's value in the units of its instrument, where it has one."""
        instrument = self.instruments.get(instrument_id)
        if name in _PRICES and value == _INT64_MIN:
            return None
        if instrument is None or not isinstance(value, int) or isinstance(value, bool):
            return value
        if name in _PRICES:
            return str(instrument.price(value))
        if name.endswith("_px2"):
            return str(Decimal(value).scaleb(instrument.px_exponent) / 2) if value else None
        if _QTYS.search(name):
            return str(instrument.quantity(value))
        if name in _MONEY:
            return str(instrument.money(value))
        return value

    def fields(self, row: np.void) -> dict[str, Any]:
        """plain() without what stands at the head of a line, in units of the instrument; what is
        unset is left out.
        """
        instrument_id = int(row["instrument_id"])
        out = {}
        for name, value in plain(row).items():
            if name in _SHOWN or name == "record" or (name in _SPARSE and value in (0, "0")):
                continue
            shown = self.amount(name, value, instrument_id)
            if shown not in (None, "", "NONE"):
                out[name] = shown
        return out

    def line(self, row: np.void) -> str:
        """One record in one line: number, time, type, who, what."""
        template = Template(int(row["template_id"]))
        names = row.dtype.names or ()
        who = [self.strategy(int(row["strategy_id"]))] if "strategy_id" in names else []
        if row["instrument_id"]:
            who.append(self.symbol(int(row["instrument_id"])))
        what = " ".join(f"{k}={v}" for k, v in self.fields(row).items())
        head = f"{int(row['ring_seq'])} {clock_text(int(row['ts_recv_ns']))} "
        return head + " ".join(p for p in (template.name.lower(), *who, what) if p)
