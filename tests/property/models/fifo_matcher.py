"""An exchange in plain Python: exact price-time matching, sharing nothing with the simulated one.

An own order is one more order in the queue here. Without own orders it makes the market records of
a flow; with one it tells what that order would really have got. Hidden orders stand behind
displayed ones at their price.
"""

from dataclasses import dataclass, field

__all__ = ["BUY", "SELL", "FifoMatcher", "Resting", "flow"]

BUY, SELL = 1, 2


@dataclass
class Resting:
    """One order in the book."""

    ref: int
    side: int
    px: int
    qty: int
    seq: int
    hidden: bool = False
    own: bool = False


@dataclass
class FifoMatcher:
    """One instrument. records: (time, kind, fields); own_fills: (time, order, price, quantity)."""

    orders: dict[int, Resting] = field(default_factory=dict)
    records: list[tuple] = field(default_factory=list)
    own_fills: list[tuple[int, int, int, int]] = field(default_factory=list)
    seq: int = 0
    now: int = 0

    def queue(self, side: int) -> list[Resting]:
        """Who would trade next on a side, in order."""
        sign = -1 if side == BUY else 1
        found = [o for o in self.orders.values() if o.side == side]
        return sorted(found, key=lambda o: (sign * o.px, o.hidden, o.seq))

    def say(self, kind: str, **fields: int) -> None:
        self.records.append((self.now, kind, fields))

    def executed(self, maker: Resting, qty: int) -> None:
        maker.qty -= qty
        if maker.qty == 0:
            del self.orders[maker.ref]
        if maker.own:
            self.own_fills.append((self.now, maker.ref, maker.px, qty))
        elif maker.hidden:
            self.say("trade", px=maker.px, qty=qty, side=SELL if maker.side == BUY else BUY)
        else:
            self.say("execute", order_ref=maker.ref, qty=qty)

    def limit(self, order: Resting, rests: bool = True) -> None:
        """An order arrives: takes what it crosses, and rests with what is left."""
        self.seq += 1
        order.seq = self.seq
        for maker in self.queue(SELL if order.side == BUY else BUY):
            crosses = maker.px <= order.px if order.side == BUY else maker.px >= order.px
            if order.qty == 0 or not crosses:
                break
            qty = min(order.qty, maker.qty)
            order.qty -= qty
            if order.own:
                self.own_fills.append((self.now, order.ref, maker.px, qty))
            self.executed(maker, qty)
        if order.qty and rests:
            self.orders[order.ref] = order
            if not order.own and not order.hidden:
                self.say("add", order_ref=order.ref, side=order.side, px=order.px, qty=order.qty)

    def reduce(self, ref: int, qty: int) -> None:
        order = self.orders.get(ref)
        if order is None:
            return
        if qty >= order.qty:
            self.delete(ref)
            return
        order.qty -= qty
        if not order.own and not order.hidden:
            self.say("reduce", order_ref=ref, qty=qty)

    def delete(self, ref: int) -> None:
        order = self.orders.pop(ref, None)
        if order is not None and not order.own and not order.hidden:
            self.say("delete", order_ref=ref)

    def move(self, ref: int, new_ref: int, px: int, qty: int) -> None:
        """Replace: a new order at the tail; one that would trade is a delete and a new order."""
        old = self.orders.get(ref)
        if old is None:
            return
        new = Resting(new_ref, old.side, px, qty, 0, old.hidden, old.own)
        best = self.queue(SELL if old.side == BUY else BUY)
        crosses = bool(best) and (best[0].px <= px if old.side == BUY else best[0].px >= px)
        if crosses or old.hidden or old.own:
            self.delete(ref)
            self.limit(new)
            return
        del self.orders[ref]
        self.seq += 1
        new.seq = self.seq
        self.orders[new_ref] = new
        self.say("replace", order_ref=ref, new_order_ref=new_ref, px=px, qty=qty)

    def command(self, now: int, name: str, *args: int) -> None:
        """One step of a flow; refs that are gone are ignored."""
        self.now = now
        if name == "limit":
            ref, side, px, qty, rests, hidden = args
            self.limit(Resting(ref, side, px, qty, 0, bool(hidden)), bool(rests))
        else:
            getattr(self, name)(*args)


def flow(rng, steps: int, hidden: float = 0.0, ioc: float = 0.0, width: int = 4) -> list[tuple]:
    """Random commands around a price of 100: (time, name, arguments). `hidden` and `ioc` are shares
    of the new orders.
    """
    out, refs, next_ref, mid = [], [], 1, 100
    for i in range(steps):
        kind = rng.random()
        if kind < 0.02:
            mid += rng.choice((-1, 1))
        if kind < 0.62 or not refs:
            side = rng.choice((BUY, SELL))
            away = rng.randint(-width, 2 if rng.random() < 0.5 else 0)
            px = mid + away if side == BUY else mid - away
            rests = rng.random() >= ioc
            is_hidden = rng.random() < hidden
            command = ("limit", next_ref, side, px, rng.randint(1, 12), rests, is_hidden)
            refs.append(next_ref)
            next_ref += 1
        elif kind < 0.74:
            command = ("reduce", rng.choice(refs), rng.randint(1, 6))
        elif kind < 0.9:
            command = ("delete", refs.pop(rng.randrange(len(refs))))
        else:
            px, qty = mid + rng.randint(-width, width), rng.randint(1, 12)
            command = ("move", refs.pop(rng.randrange(len(refs))), next_ref, px, qty)
            refs.append(next_ref)
            next_ref += 1
        out.append((1_000 + 10 * i, *command))
    return out
