"""Events as rows for people and other programs: a timeline, CSV, JSON. Any thread."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import orjson

from tectra.replay.capture.delta import differences
from tectra.replay.capture.event import StateMachineEvent
from tectra.replay.capture.plain import Plain
from tectra.replay.view import printable

__all__ = ["COLUMNS", "csv_lines", "event_json", "readable", "time_text", "timeline"]

COLUMNS = ("sequence", "timestamp", "time", "ring_seq", "input", "symbol", "kinds", "transition",
           "action", "changes")  # fmt: skip


def time_text(ns: int) -> str:
    """Nanoseconds since the epoch as UTC text, exact."""
    seconds, rest = divmod(ns, 1_000_000_000)
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09}"
    except (OverflowError, ValueError):
        return str(ns)


def readable(value: Plain) -> Plain:
    """Plain values that JSON has as well: bytes become hex text under "hex"."""
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, dict):
        return {k: readable(v) for k, v in value.items()}
    if isinstance(value, list):
        return [readable(v) for v in value]
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 64:
        return str(value)
    return value


def _transition(item: dict[str, Plain]) -> str:
    who = f"order {item['order_id']}" if "order_id" in item else f"strategy {item['strategy_id']}"
    start = f"{item['from']} > " if "from" in item else "> "
    return f"{who} {start}{item['to']} ({item['reason']})"


def _action(item: dict[str, Plain]) -> str:
    kind = item["kind"]
    if kind == "verdict":
        said = "accepted" if item["accepted"] else f"refused by {item['rule']}"
        return f"verdict on {item['order_id']} {said}"
    if kind in ("intent", "send"):
        return (
            f"{kind} {item['action']} {item['order_id']} {item['side']} {item['qty']} @ "
            f"{item['px']} {item.get('symbol', '')}".rstrip()
        )
    if kind == "signal":
        return f"signal {item['name']} {item['value']:.6g}"
    return f"{kind} {item.get('text', '')}".rstrip()


def timeline(events: Iterable[StateMachineEvent]) -> Iterator[dict[str, Plain]]:
    """One row an event: COLUMNS; `changes` counts the values that are other than before."""
    for event in events:
        yield {
            "sequence": event.sequence,
            "timestamp": event.timestamp,
            "time": time_text(event.timestamp),
            "ring_seq": event.ring_seq,
            "input": event.market_data.get("template", ""),
            "symbol": event.market_data.get("symbol", ""),
            "kinds": " ".join(sorted(event.kinds)),
            "transition": printable("; ".join(map(_transition, event.transition))),
            "action": printable("; ".join(map(_action, event.action))),
            "changes": len(differences(event.state_before, event.state_after)),
        }


def csv_lines(events: Iterable[StateMachineEvent]) -> Iterator[str]:
    """The timeline as CSV, a line at a time, the names first."""
    for row in [dict(zip(COLUMNS, COLUMNS, strict=True))]:
        yield _line(row)
    for row in timeline(events):
        yield _line(row)


def _line(row: dict[str, Plain]) -> str:
    out = io.StringIO()
    csv.DictWriter(out, COLUMNS, lineterminator="\n").writerow(row)
    return out.getvalue()


def event_json(event: StateMachineEvent) -> bytes:
    """A whole event with both states as one JSON document."""
    plain = {name: readable(getattr(event, name)) for name in event.__struct_fields__}
    return orjson.dumps(plain, option=orjson.OPT_INDENT_2)
