"""Limits in plain Python: as control records set them, and whether what leaves keeps to them.

Owner thread: the simulation's. Ten to twenty microseconds a request.
"""

from fractions import Fraction

from tectra.core.msg import RiskRule

__all__ = ["Limits"]

_S = 1_000_000_000
_ANY = 1 << 62


class Limits:
    """What is allowed; each question is answered with what is wrong, "" for nothing. Scopes are
    (strategy, instrument), 0 for all; the tightest that was set applies.
    """

    def __init__(self) -> None:
        self._set: dict[tuple[int, int, int], int] = {}
        self._widest: dict[int, int] = {}  # position limit of the account that a request met
        self._tokens: dict[int, tuple[int, Fraction]] = {}

    def set(self, rule: int, strategy: int, instrument: int, value: int) -> None:
        """Take a control record; a negative value says nothing."""
        self._set.pop((rule, strategy, instrument), None)
        if value >= 0:
            self._set[rule, strategy, instrument] = value

    def _of(self, rule: RiskRule, strategy: int, instrument: int) -> int | None:
        scopes = ((0, 0), (0, instrument), (strategy, 0), (strategy, instrument))
        found = (self._set.get((int(rule), *scope)) for scope in scopes)
        return min((v for v in found if v is not None), default=None)

    def order(self, strategy: int, instrument: int, leaves: int, px: int, mid_px2: int) -> str:
        """A limit order, or what a change leaves open of one; `mid_px2`: twice the mid."""
        position = self._of(RiskRule.MAX_POSITION, 0, instrument)
        self._widest[instrument] = max(
            self._widest.get(instrument, 0), _ANY if position is None else position
        )
        band = abs(2 * px - mid_px2) * 1_000_000
        for rule, found, unit in (
            (RiskRule.MAX_QTY, leaves, 1),
            (RiskRule.MAX_NOTIONAL, px * leaves, 1),
            (RiskRule.PRICE_BAND, band, mid_px2),
        ):
            limit = self._of(rule, strategy, instrument)
            if limit is not None and found > limit * unit:
                return f"{rule.name}: {found} above {limit * unit}"
        return ""

    def rate(self, strategy: int, now_ns: int) -> str:
        """One more request of a strategy that is no cancel."""
        limit = self._of(RiskRule.ORDER_RATE, strategy, 0)
        if limit is None:
            return ""
        per_second, burst = limit & 0xFFFFFFFF, limit >> 32 or limit
        then, tokens = self._tokens.get(strategy, (now_ns, Fraction(burst)))
        tokens = min(Fraction(burst), tokens + Fraction((now_ns - then) * per_second, _S)) - 1
        self._tokens[strategy] = now_ns, tokens
        return "" if tokens >= 0 else f"ORDER_RATE: above {per_second} a second, {burst} at once"

    def position(self, instrument: int, net: int) -> str:
        """A position after a fill: no request may lead beyond the limit that it meets."""
        widest = self._widest.get(instrument, 0)
        return "" if abs(net) <= widest else f"MAX_POSITION: {net} beyond {widest}"
