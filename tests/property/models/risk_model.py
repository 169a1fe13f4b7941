"""The risk rules from their description, in integers and Fractions: no overflow, no tricks."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

RULES = (
    "VALIDITY",
    "KILL",
    "MAX_QTY",
    "MAX_NOTIONAL",
    "MAX_POSITION",
    "PRICE_BAND",
    "ORDER_RATE",
)
MARKET_TYPES = (2, 4)
INT64_MAX = 2**63 - 1


@dataclass
class Bucket:
    """Tokens as an exact fraction."""

    rate: int
    burst: int
    tokens: Fraction = Fraction(0)
    last: int | None = None

    def take(self, now: int) -> bool:
        tokens = Fraction(self.burst)
        if self.last is not None:
            earned = Fraction(max(now - self.last, 0) * self.rate, 10**9)
            tokens = min(tokens, self.tokens + earned)
        if self.rate == 0 or tokens < 1:
            return False
        self.tokens = tokens - 1
        self.last = now if self.last is None else max(self.last, now)
        return True


@dataclass
class RiskModel:
    """Scopes by (strategy, instrument), 0 for all; kill latches by the same key."""

    limits: dict[tuple[int, int], dict[str, int]] = field(default_factory=dict)
    rates: dict[int, Bucket] = field(default_factory=dict)
    kills: set[tuple[int, int]] = field(default_factory=set)
    off: set[str] = field(default_factory=set)

    def limit(self, rule: str, strategy: int, instrument: int) -> int | None:
        scopes = {(0, 0), (0, instrument), (strategy, 0), (strategy, instrument)}
        found = [self.limits[s][rule] for s in scopes if rule in self.limits.get(s, {})]
        return min(found) if found else None

    def check(
        self,
        o: dict[str, Any],
        own: dict[str, int],
        account: dict[str, int],
        mid_px2: int,
        now: int,
    ) -> str:
        """Name of the rule that refuses, or NONE."""
        strategy, instrument = o["strategy"], o["instrument"]
        market = o["type"] in MARKET_TYPES
        for rule in RULES:
            if rule == "PRICE_BAND" and market and mid_px2 <= 0:
                return rule
            if rule in self.off:
                continue
            if rule in ("VALIDITY", "KILL"):
                limit: int | None = 0
            elif rule == "ORDER_RATE":
                limit = 0 if strategy in self.rates else None
            else:
                limit = self.limit(rule, strategy, instrument)
                if rule == "MAX_POSITION":
                    both = (limit, self.limit(rule, 0, instrument))
                    if both == (None, None):
                        continue
                    # Where only one row has a limit, the other must still fit what can be counted.
                    if not all(
                        self._position(o, row, INT64_MAX if lim is None else lim)
                        for lim, row in zip(both, (own, account), strict=True)
                    ):
                        return rule
                    continue
            if limit is None:
                continue
            if not getattr(self, "_" + rule.lower())(o, limit, mid_px2, now):
                return rule
        return "NONE"

    def _validity(self, o: dict[str, Any], limit: int, mid_px2: int, now: int) -> bool:
        fine = o["id"] > 0 and o["side"] in (1, 2) and o["qty"] > 0 and 1 <= o["tif"] <= 4
        fine = fine and 1 <= o["type"] <= 5
        if not fine:
            return False
        if o["type"] in (4, 5) and o["stop"] <= 0:
            return False
        if o["type"] in MARKET_TYPES:
            return o["px"] in (None, 0)
        return o["px"] is not None and o["px"] > 0

    def _kill(self, o: dict[str, Any], limit: int, mid_px2: int, now: int) -> bool:
        s, i = o["strategy"], o["instrument"]
        return not {(0, 0), (s, 0), (0, i), (s, i)} & self.kills

    def _max_qty(self, o: dict[str, Any], limit: int, mid_px2: int, now: int) -> bool:
        return bool(o["qty"] <= limit)

    def _max_notional(self, o: dict[str, Any], limit: int, mid_px2: int, now: int) -> bool:
        if o["type"] not in MARKET_TYPES:
            return bool(o["px"] * o["qty"] <= limit)
        if mid_px2 <= 0:
            return False
        px2 = max(mid_px2, 2 * o["stop"]) if o["type"] == 4 else mid_px2
        return Fraction(px2 * o["qty"], 2) <= limit

    def _position(self, o: dict[str, Any], row: dict[str, int], limit: int) -> bool:
        if o["side"] == 1:
            worst = row["net"] + row["open_buy"] + o["qty"]
            return bool(worst <= limit and row["open_buy"] + o["qty"] <= INT64_MAX)
        if row["open_sell"] + o["qty"] > INT64_MAX:
            return False
        return bool(row["net"] - row["open_sell"] - o["qty"] >= -limit)

    def _price_band(self, o: dict[str, Any], limit: int, mid_px2: int, now: int) -> bool:
        if mid_px2 <= 0:
            return False
        if o["type"] in MARKET_TYPES:
            return True
        mid = Fraction(mid_px2, 2)
        return abs(o["px"] - mid) <= mid * limit / 10**6

    def _order_rate(self, o: dict[str, Any], limit: int, mid_px2: int, now: int) -> bool:
        return self.rates[o["strategy"]].take(now)
