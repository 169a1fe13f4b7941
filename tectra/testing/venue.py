"""The venue of a simulation: its true book, what it sends on two lines, its servers, its exchange.

It knows everything and forgets nothing. Owner thread: the simulation's.
"""

from typing import Any

from tectra.backtest import FeeConfig, FilterConfig, LatencyConfig, SimConfig
from tectra.book.l3 import L3Book
from tectra.core.clock import SimClock
from tectra.core.errors import SystemCallError
from tectra.core.msg import Side, Template
from tectra.core.rng import Random
from tectra.core.types import Exchange
from tectra.feed.itch_encode import encode
from tectra.feed.mold_line import Line, LineFaults
from tectra.feed.recovery import Snapshot
from tectra.runtime.adapter import adapter_of
from tectra.testing.fault import Fault, FaultCounts, Faults
from tectra.testing.market import MIDNIGHT_NS, Market, packet
from tectra.testing.plain_book import PlainBook

__all__ = ["LINES", "SESSION", "Deliver", "Lines", "Resender", "Snapshots", "Venue"]

SESSION = b"SIM0000001"
LINES = 2
_SIDES = {Side.BUY: "B", Side.SELL: "S"}
_ANSWER_MESSAGES = 40


class Venue:
    """Book and exchange as they are. `sent`: messages so far; `log`: every report ever made."""

    def __init__(
        self, market: Market, seed: int, faults: Faults, counts: FaultCounts, clock: SimClock
    ) -> None:
        self.market, self.clock, self.counts = market, clock, counts
        dice = Random(seed).spawn(2)
        self.book = L3Book(len(market.symbols))
        for instrument in market.instruments:
            self.book.add_instrument(instrument.instrument_id)
        slow = dice.chance(faults.slow)
        self.slow_ns = 2 * market.gap_ns if slow else 0
        exchange: Any = adapter_of(Exchange.SIMULATED).need_gateway()
        self.exchange = exchange(
            self.book,
            config=SimConfig(
                latency=LatencyConfig(
                    entry_ns=dice.integers(20_000, 2_000_000),
                    response_ns=dice.integers(20_000, 2_000_000) + self.slow_ns,
                    jitter_ns=self.slow_ns * 4,
                    seed=dice.integers(0, 1 << 40),
                ),
                fees=FeeConfig(per_unit=dice.integers(0, 40)),
                filters=FilterConfig(tick=100, qty_max=100_000),
            ),
        )
        self.plain = PlainBook()
        self.sent = 0
        self.states = dict.fromkeys(range(1, len(market.symbols) + 1), "T")
        self.log: list[bytes] = []

    def publish(self, count: int) -> bytes:
        """The next `count` messages happen; the packet that says so."""
        first = self.sent + 1
        for record in self.market.records[self.sent : self.sent + count]:
            self.exchange.on_market(record)
        messages = self.market.messages[self.sent : self.sent + count]
        for message in messages:
            self.plain.take(message)
            if message[:1] == b"H":
                self.states[int.from_bytes(message[1:3], "big")] = chr(message[19])
        self.sent += len(messages)
        return packet(SESSION, first, messages)

    def take(self, request: bytes) -> None:
        """A request left for the exchange now."""
        self.exchange.submit(request, now_ns=self.clock.now_ns())

    def work(self) -> None:
        """Requests that arrive by now, and the reports that reach us by now."""
        now = self.clock.now_ns()
        self.exchange.advance(now)
        for row in self.exchange.reports(now):
            self.log.append(row.tobytes())
            template = int(row["template_id"])
            self.counts[Fault.LATE_REPORT] += self.slow_ns > 0
            if template == Template.ORDER_REJECT:
                self.counts[Fault.VENUE_REJECT] += 1
            elif template == Template.ORDER_FILL and int(row["leaves_qty"]):
                self.counts[Fault.PARTIAL_FILL] += 1

    @property
    def next_ns(self) -> int | None:
        """When a request arrives or a report reaches us; None when nothing is on its way."""
        times = [t for t in (self.exchange.next_arrival_ns, self.exchange.next_report_ns) if t]
        return min(times, default=None)

    def image(self) -> bytes:
        """Every book as the messages of a snapshot, framed."""
        out = list(self.market.definitions)
        now = self.clock.now_ns() - MIDNIGHT_NS
        for instrument in self.market.instruments:
            locate, symbol = instrument.instrument_id, instrument.symbol
            out.append(encode("H", locate, now, symbol, self.states[locate], "", ""))
            for side, letter in _SIDES.items():
                for order in self.book.orders(locate, side):
                    ref, qty, px = int(order["order_ref"]), int(order["qty"]), int(order["px"])
                    out.append(encode("A", locate, now, ref, letter, qty, symbol, px))
        return b"".join(len(m).to_bytes(2, "big") + m for m in out)


class Deliver:
    """Takes the packets of one line to whoever listens. `heard`: how many came through."""

    def __init__(self, number: int, lines: "Lines") -> None:
        self.number, self._lines = number, lines

    def __call__(self, data: bytes) -> None:
        self._lines.arrived.append((self.number, data))


class Lines:
    """Two lines with faults of their own. What they bring waits in `arrived`."""

    def __init__(
        self, seed: int, gap_ns: int, faults: Faults, counts: FaultCounts, clock: SimClock
    ) -> None:
        self._dice = Random(seed).spawn(3)
        self._faults, self._counts, self._clock = faults, counts, clock
        self.arrived: list[tuple[int, bytes]] = []
        self.healed = False
        plan = LineFaults(
            loss=faults.loss,
            duplicate=faults.duplicate,
            reorder=faults.reorder,
            reorder_ns=3 * gap_ns,
            jitter_ns=gap_ns // 4 if faults.reorder else 0,
        )
        self._lines = [Line(Deliver(i, self), plan, seed=seed, number=i) for i in range(LINES)]
        self._silent = [
            self._dice.integers(20, 200) if self._dice.chance(faults.late_join) else 0
            for _ in range(LINES)
        ]
        counts[Fault.LINE_LATE_JOIN] += sum(s > 0 for s in self._silent)

    @property
    def next_ns(self) -> int | None:
        """When the next delayed packet comes."""
        return min((n for line in self._lines if (n := line.next_ns) is not None), default=None)

    def publish(self, data: bytes) -> None:
        """Send one packet on both lines."""
        now, dice = self._clock.now_ns(), self._dice
        for i, line in enumerate(self._lines):
            damaged, down = dice.chance(self._faults.damage), dice.chance(self._faults.down)
            length, count = dice.integers(0, len(data)), dice.integers(1, 100)
            if self.healed:
                self.arrived.append((i, data))
                continue
            if down and not self._silent[i]:
                self._counts[Fault.LINE_DOWN] += 1
                self._silent[i] = count
            if self._silent[i]:
                self._silent[i] -= 1
            elif damaged:
                self._counts[Fault.PACKET_DAMAGED] += 1
                line.publish(data[:length] if count % 2 else data + data[:count], now)
            else:
                line.publish(data, now)

    def work(self) -> None:
        """Let come what is due."""
        for line in self._lines:
            line.do_work(self._clock.now_ns())

    def heal(self) -> None:
        """No faults from here on."""
        self.healed = True
        for line in self._lines:
            self._counts[Fault.LINE_LOSS] += line.lost
            self._counts[Fault.LINE_DUPLICATE] += line.duplicated
            self._counts[Fault.LINE_REORDER] += line.reordered


class _Server:
    """What the two servers have in common: each request has its fate, from the seed."""

    def __init__(self, venue: Venue, dice: Random, rate: float, unit_ns: int) -> None:
        self.venue, self.rate = venue, rate
        self._dice, self._unit_ns = dice, unit_ns
        self.counts, self.clock = venue.counts, venue.clock

    def fate(self, kinds: tuple[Fault, ...]) -> Fault | None:
        """What becomes of a request."""
        wrong, which = self._dice.chance(self.rate), self._dice.integers(0, len(kinds))
        if not wrong:
            return None
        self.counts[kinds[which]] += 1
        return kinds[which]


class Resender(_Server):
    """The re-request server: refuses, says nothing, is late, or gives a part."""

    def __init__(self, venue: Venue, seed: int, faults: Faults) -> None:
        super().__init__(venue, Random(seed).spawn(4), faults.resend, venue.market.gap_ns)
        self._answers: list[tuple[int, bytes]] = []

    def request(self, session: bytes, first: int, count: int) -> None:
        """Ask for numbers again."""
        fate = self.fate(
            (Fault.RESEND_REFUSED, Fault.RESEND_SILENT, Fault.RESEND_LATE, Fault.RESEND_PARTIAL)
        )
        if fate is Fault.RESEND_REFUSED:
            raise SystemCallError(111, "the re-request server refuses")
        if fate is Fault.RESEND_SILENT:
            return
        fits = 1 if fate is Fault.RESEND_PARTIAL else _ANSWER_MESSAGES
        last = min(first - 1 + min(count, fits), self.venue.sent)
        body = self.venue.market.messages[first - 1 : last]
        late = self._dice.integers(1, 30) if fate is Fault.RESEND_LATE else 0
        due = self.clock.now_ns() + self._unit_ns // 8 + late * self._unit_ns
        self._answers.append((due, packet(session, first, body)))

    def poll(self) -> list[tuple[bytes, int]]:
        """Answers that have come."""
        now = self.clock.now_ns()
        come = [(data, now) for due, data in self._answers if due <= now]
        self._answers = [a for a in self._answers if a[0] > now]
        return come

    def close(self) -> None:
        """Nothing is held."""


class Snapshots(_Server):
    """The snapshot server: refuses, is late, or gives the books of some messages ago."""

    def __init__(self, venue: Venue, seed: int, faults: Faults) -> None:
        super().__init__(venue, Random(seed).spawn(5), faults.snapshot, venue.market.gap_ns)
        self._due_ns = 0
        self._image: Snapshot | None = None

    def request(self) -> None:
        """Ask for one."""
        fate = self.fate((Fault.SNAPSHOT_REFUSED, Fault.SNAPSHOT_LATE, Fault.SNAPSHOT_OLD))
        if fate is Fault.SNAPSHOT_REFUSED:
            raise SystemCallError(111, "the snapshot server refuses")
        late = self._dice.integers(1, 60) if fate is Fault.SNAPSHOT_LATE else 0
        self._due_ns = self.clock.now_ns() + self._unit_ns // 4 + late * self._unit_ns
        self._image = None
        if fate is Fault.SNAPSHOT_OLD:  # of this moment, and it comes much later
            self._image = Snapshot(self.venue.image(), self.venue.sent + 1)
            self._due_ns += 40 * self._unit_ns

    def poll(self) -> Snapshot | None:
        """The snapshot when it has come."""
        if self.clock.now_ns() < self._due_ns:
            return None
        return self._image or Snapshot(self.venue.image(), self.venue.sent + 1)

    def cancel(self) -> None:
        """Nothing is held."""
