"""The audit trail of the chain: every verdict, kept as records and said in words."""

from typing import Any

import numpy as np
import numpy.typing as npt

from tectra.core.errors import InputError
from tectra.core.msg import DTYPES, RiskRule, Template
from tectra.risk.chain import Verdict

__all__ = ["AuditTrail", "explain"]

_DTYPE = DTYPES[Template.ORDER_VERDICT]
_KILL_SCOPES = ("everything", "the strategy", "the instrument", "the strategy in the instrument")


def explain(verdict: Verdict) -> str:
    """Say one verdict in one line: rule, found, allowed, order. Numbers are mantissas."""
    order = (
        f"order {verdict.order_id}, strategy {verdict.strategy_id}, instrument "
        f"{verdict.instrument_id}: {getattr(verdict.side, 'name', 'NONE')} {verdict.qty}"
    )
    if verdict.accepted:
        return f"accepted: {order}"
    limit, found = verdict.limit, verdict.found
    killed = " and ".join(s for bit, s in enumerate(_KILL_SCOPES) if found >> bit & 1)
    text = {
        RiskRule.VALIDITY: f"a field is not valid: found {found}, allowed {limit}",
        RiskRule.KILL: f"killed: {killed}",
        RiskRule.MAX_QTY: f"quantity {found}, limit {limit}",
        RiskRule.MAX_NOTIONAL: f"notional {found}, limit {limit}",
        RiskRule.MAX_POSITION: f"position {verdict.position_qty}, requested {verdict.qty}, worst "
        f"case {found}, limit {limit}",
        RiskRule.PRICE_BAND: f"price is {found} ppm off the mid, limit {limit}"
        if verdict.reference_px2 > 0
        else "no mid price to compare with",
        RiskRule.ORDER_RATE: f"more than {limit} orders a second, next in {found} ns",
    }[verdict.rule]
    return f"rejected by {verdict.rule.name}: {text}; {order}"


class AuditTrail:
    """Keeps the last `capacity` verdicts as order_verdict records: `RiskChain(..., audit=trail)`.

    `total` counts all, `len()` those kept. Owner: the thread of the chain.
    """

    def __init__(self, capacity: int = 65536) -> None:
        if capacity < 1:
            raise InputError(f"capacity: found {capacity}; allowed: 1 or more")
        # Bytes, not rows: NumPy leaves the padding behind when it copies rows.
        self._bytes: npt.NDArray[np.uint8] = np.zeros((capacity, _DTYPE.itemsize), np.uint8)
        self.total = 0

    def __call__(self, verdict: Verdict) -> None:
        self._bytes[self.total % len(self._bytes)] = np.frombuffer(bytes(verdict), np.uint8)
        self.total += 1

    def __len__(self) -> int:
        return min(self.total, len(self._bytes))

    def to_array(self) -> npt.NDArray[Any]:
        """Copy of the verdicts kept, oldest first."""
        if self.total <= len(self._bytes):
            kept = self._bytes[: self.total].copy()
        else:
            kept = np.roll(self._bytes, -(self.total % len(self._bytes)), axis=0)
        return kept.view(_DTYPE)[:, 0]
