"""Latencies of a stretch of a journal, from the times in its records alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tectra.core.msg import DIRECTION, IntentAction, Template

__all__ = ["Latency", "LatencyMeter"]


@dataclass(frozen=True)
class Latency:
    """One distribution in nanoseconds; the quantiles are values that occurred."""

    name: str
    count: int
    p50_ns: int
    p99_ns: int
    max_ns: int


class LatencyMeter:
    """Takes records in order. Engine time is the time of the record it handles: from receipt to
    send it only passes where a journal's records say so, never by the processor's work.
    """

    def __init__(self, first_seq: int) -> None:
        self.first_seq = first_seq
        self._received: dict[int, int] = {}
        self._sent: dict[tuple[int, int], int] = {}
        self._found: dict[str, list[int]] = {
            "event to receipt": [],
            "receipt to send": [],
            "send to ack": [],
            "cancel to confirm": [],
        }

    def add(self, template: Template, row: np.void) -> None:
        """One record."""
        ts_ns = int(row["ts_recv_ns"])
        if DIRECTION[template] == "input":
            self._received[int(row["ring_seq"])] = ts_ns
        if template < Template.ORDER_ACK:
            self._found["event to receipt"].append(ts_ns - int(row["ts_event_ns"]))
        elif template is Template.ORDER_SEND:
            self._sent[int(row["order_id"]), int(row["action"])] = ts_ns
            received = self._received.get(int(row["cause_seq"]))
            if received is not None:
                self._found["receipt to send"].append(ts_ns - received)
        elif template is Template.ORDER_ACK and row["action"] == IntentAction.SUBMIT:
            self._answer("send to ack", int(row["order_id"]), IntentAction.SUBMIT, ts_ns)
        elif template is Template.ORDER_CANCEL:
            self._answer("cancel to confirm", int(row["order_id"]), IntentAction.CANCEL, ts_ns)

    def _answer(self, name: str, order_id: int, action: IntentAction, ts_ns: int) -> None:
        sent = self._sent.pop((order_id, int(action)), None)
        if sent is not None:
            self._found[name].append(ts_ns - sent)

    def latencies(self) -> tuple[Latency, ...]:
        """What was found, by name."""
        return tuple(_latency(name, values) for name, values in self._found.items())


def _latency(name: str, values: Sequence[int]) -> Latency:
    if not values:
        return Latency(name, 0, 0, 0, 0)
    ordered = np.sort(np.array(values, np.int64))
    at = [max(0, -(-len(ordered) * q // 100) - 1) for q in (50, 99)]
    return Latency(name, len(ordered), int(ordered[at[0]]), int(ordered[at[1]]), int(ordered[-1]))
