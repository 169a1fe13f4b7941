"""A plain order state machine, written from the rules in words and not from the C table."""

from dataclasses import dataclass, field

NEW, SENT, ACKED, PARTIAL, FILLED = "NEW", "SENT", "ACKED", "PARTIAL_FILL", "FILLED"
CANCEL_SENT, CANCELLED, REJECTED = "CANCEL_SENT", "CANCELLED", "REJECTED"
EXPIRED, UNKNOWN = "EXPIRED", "UNKNOWN"
LIVE = (NEW, SENT, ACKED, PARTIAL, CANCEL_SENT, UNKNOWN)
DONE = (FILLED, CANCELLED, REJECTED, EXPIRED)


@dataclass
class OrderModel:
    """One order. `apply` returns whether the event took place."""

    qty: int
    px: int
    state: str = NEW
    cum: int = 0
    executions: list[tuple[int, int]] = field(default_factory=list)
    pending: tuple[int, int] | None = None
    acked: bool = False
    overfilled: bool = False
    late: bool = False

    @property
    def leaves(self) -> int:
        return 0 if self.state in DONE else max(self.qty - self.cum, 0)

    @property
    def exposure(self) -> int:
        if self.state in DONE or self.state == NEW:
            return 0
        waiting = self.pending[1] - self.cum if self.pending else 0
        return max(self.leaves, waiting)

    def _known(self) -> str:
        if self.cum >= self.qty:
            return FILLED
        if self.cum:
            return PARTIAL
        return ACKED if self.acked else SENT

    def apply(self, event: str, px: int = 0, qty: int = 0) -> bool:
        return bool(getattr(self, "on_" + event.lower())(px, qty))

    def on_submit(self, px: int, qty: int) -> bool:
        return False

    def on_send(self, px: int, qty: int) -> bool:
        return self._move(self.state == NEW, SENT)

    def _move(self, allowed: bool, state: str) -> bool:
        if allowed:
            self.state = state
        return allowed

    def on_ack(self, px: int, qty: int) -> bool:
        if self.state in (NEW, REJECTED):
            return False
        if not self.acked:
            self.acked = True
            if qty > 0 and self.state not in DONE:
                self.px, self.qty = px, qty
        if self.state in (SENT, UNKNOWN):
            self.state = self._known()
        elif self.state not in DONE and self.cum >= self.qty:
            self.state = FILLED
        return True

    def on_partial_fill(self, px: int, qty: int) -> bool:
        if qty <= 0:
            return False
        self.late |= self.state in DONE
        self.cum += qty
        self.executions.append((px, qty))
        self.overfilled |= self.cum > self.qty
        if self.cum >= self.qty:
            self.state = FILLED
        elif self.state == REJECTED:
            self.state = UNKNOWN
        elif self.state in (NEW, SENT, ACKED, UNKNOWN):
            self.state = PARTIAL
        return True

    on_fill = on_partial_fill

    def on_cancel_send(self, px: int, qty: int) -> bool:
        if self.state == UNKNOWN:
            return True
        return self._move(self.state in (SENT, ACKED, PARTIAL), CANCEL_SENT)

    def on_cancel_ack(self, px: int, qty: int) -> bool:
        return self._move(self.state in LIVE and self.state != NEW, CANCELLED)

    def on_cancel_reject(self, px: int, qty: int) -> bool:
        if self.state == CANCEL_SENT:
            self.state = self._known()
            return True
        return self.state in DONE or self.state == UNKNOWN

    def on_replace_send(self, px: int, qty: int) -> bool:
        if self.state not in (ACKED, PARTIAL) or self.pending or qty <= 0:
            return False
        self.pending = (px, qty)
        return True

    def on_replace_ack(self, px: int, qty: int) -> bool:
        if not self.pending or self.state not in (ACKED, PARTIAL, FILLED, CANCEL_SENT, UNKNOWN):
            return False
        self.px, self.qty = (px, qty) if qty > 0 else self.pending
        self.pending = None
        self.acked = True
        if self.state != CANCEL_SENT:
            self.state = self._known()
        return True

    def on_replace_reject(self, px: int, qty: int) -> bool:
        if not self.pending or self.state in (NEW, SENT):
            return False
        self.pending = None
        return True

    def on_reject(self, px: int, qty: int) -> bool:
        return self._move(self.state in (NEW, SENT, ACKED, CANCEL_SENT, UNKNOWN), REJECTED)

    def on_expire(self, px: int, qty: int) -> bool:
        return self._move(self.state in LIVE and self.state != NEW, EXPIRED)

    def on_timeout(self, px: int, qty: int) -> bool:
        return self._move(self.state in LIVE, UNKNOWN)
