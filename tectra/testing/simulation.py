"""The whole platform in one thread on one simulated clock, with faults, all from one seed.

    market ─► venue's book and exchange ◄───────────────────── orders
                 │ packets        │ re-requests, snapshots       ▲
                 ▼                ▼                              │
           two lossy lines ─► arbitration, recovery ─► books ─► strategies ─► risk ─► order table
                                                         │
                                     journal, snapshots ─┴─► crash ─► recovery ─► and on

No wall clock, no randomness of the machine: a seed that fails fails again. Times are of the market.
"""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from shlex import quote

from tectra.backtest import StrategyRun
from tectra.core.clock import SimClock
from tectra.core.errors import InputError, SimulationError, StoppedError, TectraError
from tectra.core.kill import KillReason
from tectra.core.msg import KillAction, RiskRule, Template
from tectra.core.record import encode
from tectra.core.rng import Random
from tectra.core.stop import stop_requested
from tectra.engine import SessionSpec, StrategySpec
from tectra.risk.chain import RiskChain
from tectra.risk.limits import LimitScope, RiskLimits
from tectra.strategy.loader import load_strategy
from tectra.strategy.params import check_params
from tectra.strategy.sample.maker import Maker
from tectra.strategy.sample.requote import Requote
from tectra.testing.fault import Fault, FaultCounts, Faults
from tectra.testing.market import Market, packet
from tectra.testing.proof import books_agree, check_end, check_journals
from tectra.testing.strategy import Restless
from tectra.testing.trader import Crashed, Trader
from tectra.testing.venue import SESSION, Lines, Resender, Snapshots, Venue

__all__ = ["STRATEGIES", "SimulationReport", "simulate"]

STRATEGIES = (
    StrategyRun(Restless),
    StrategyRun(Maker, {"rest_ms": 500}),
    StrategyRun(Requote, {"interval_ms": 5_000}),
)
_CRASHES = (Fault.CRASH_KILL, Fault.CRASH_TORN, Fault.CRASH_POWER)
_LOOK_EVERY = 25  # packets
_ROUNDS_MAX = 20_000


@dataclass(frozen=True)
class SimulationReport:
    """What one seed did. `trace` is the digest of everything that the engines took and said; equal
    for each repetition of the seed.
    """

    seed: int
    steps: int
    trace: str
    simulated_ns: int
    records: int
    sends: int
    fills: int
    refused: int
    lives: int
    looks: int
    lost: int
    faults: FaultCounts

    def __str__(self) -> str:
        """One line."""
        return (
            f"seed {self.seed}: {self.steps:,} messages, {self.simulated_ns / 1e9:,.0f} s, "
            f"{self.records:,} records, {self.sends:,} requests, {self.fills:,} fills, "
            f"{self.lives} lives, books compared {self.looks} times, {self.lost:,} lost, "
            f"trace {self.trace[:12]}; {self.faults}"
        )


class _World:
    """One seed. The order of what happens at one time: venue, lines, trader."""

    def __init__(
        self,
        seed: int,
        steps: int,
        faults: Faults | None,
        runs: Sequence[StrategyRun],
        careful: frozenset[int],
        directory: Path,
    ) -> None:
        self.seed, self.steps = seed, steps
        self.dice = Random(seed).spawn(7)
        self.faults = Faults.drawn(Random(seed).spawn(8)) if faults is None else faults
        self.counts = FaultCounts()
        self.market = Market(seed, steps, self.faults, self.counts)
        self.start_ns = self.market.times_ns[0] - 1_000_000
        self.clock = SimClock(self.start_ns)
        self.venue = Venue(self.market, seed, self.faults, self.counts, self.clock)
        self.lines = Lines(seed, self.market.gap_ns, self.faults, self.counts, self.clock)
        has_resender, has_snapshots = self.dice.chance(0.7), self.dice.chance(0.8)
        self.resender = Resender(self.venue, seed, self.faults) if has_resender else None
        self.has_snapshots = has_snapshots or self.faults.crash > 0
        self.snapshots = Snapshots(self.venue, seed, self.faults) if self.has_snapshots else None
        classes = [run.strategy for run in runs]
        self.trader = Trader(
            self._spec(runs),
            classes,
            directory,
            self.venue,
            seed=seed,
            servers=(self.resender, self.snapshots),
            careful=careful,
        )
        ids = [i.instrument_id for i in self.market.instruments]
        self.chain = RiskChain(ids, len(runs) + 1)
        self.restart_ns: int | None = None
        self.clear_at = 0
        self.polled_ns = 0
        self.packets = self.looks = 0

    def _spec(self, runs: Sequence[StrategyRun]) -> SessionSpec:
        dice = self.dice
        return SessionSpec(
            mode="backtest",
            tectra="simulation",
            seed=self.seed,
            strategies=[
                StrategySpec.of(
                    run.strategy,
                    check_params(run.strategy.PARAMS, run.params, run.strategy.__name__),
                    name=f"{run.strategy.__name__} {number}",
                )
                for number, run in enumerate(runs, 1)
            ],
            instruments=[i.to_dict() for i in self.market.instruments],
            limits=RiskLimits(
                default=LimitScope(
                    order_qty_max=Decimal(dice.choice((400, 10_000))),
                    order_notional_max=Decimal(
                        Random(self.seed).spawn(9).choice((20_000, 10_000_000))
                    ),
                    position_max=Decimal(dice.choice((600, 5_000, 100_000))),
                    price_band_ppm=dice.choice((2_000, 50_000)),
                    orders_per_second=dice.choice((1, 20)),
                    orders_burst=dice.choice((2, 20)),
                ),
                instruments={},
            ),
        )

    # ---- time ----

    def run(self) -> None:
        """The session from its first message to its end."""
        venue = self.venue
        while venue.sent < self.steps:
            if stop_requested():
                raise StoppedError("stopped on request")
            count = min(self.dice.integers(1, 9), self.steps - venue.sent)
            self.pass_time(self.market.times_ns[venue.sent + count - 1])
            if self.packets % _LOOK_EVERY == 0:
                self.look()
            if self.trader.up:
                self.interfere()
            self.lines.publish(venue.publish(count))
            self.now()
            self.packets += 1
        self.settle()

    def pass_time(self, until_ns: int) -> None:
        """Everything that is due before a time, then be there."""
        while True:
            now = self.clock.now_ns()
            times = [self.lines.next_ns, self.venue.next_ns, self.restart_ns]
            if self.trader.up and (self.trader.troubled or not self.trader.armed):
                times.append(self.polled_ns + self.market.gap_ns // 2)
            due = min((t for t in times if t is not None), default=until_ns)
            if due >= until_ns:
                break
            self.clock.set(max(due, now))
            self.now()
        self.clock.set(until_ns)

    def now(self) -> None:
        """Everything that is due at this moment."""
        self.venue.work()
        self.lines.work()
        arrived, self.lines.arrived[:] = list(self.lines.arrived), []
        now = self.clock.now_ns()
        if self.restart_ns is not None and now >= self.restart_ns:
            self.restart_ns = None
            self.trader.restart()
        if not self.trader.up:
            return
        self.polled_ns = now
        try:
            for line, data in arrived:
                self.trader.on_packet(line, data)
            self.trader.work()
        except Crashed:
            self.crash(Fault.CRASH_TORN)

    # ---- what goes wrong ----

    def crash(self, kind: Fault) -> None:
        """The trader dies, and comes back after a while."""
        self.trader.crash(kind)
        self.restart_ns = self.clock.now_ns() + self.dice.integers(1, 100) * self.market.gap_ns

    def interfere(self) -> None:
        """What an operator or a machine does to the trader between two packets."""
        dice, trader = self.dice, self.trader
        crash, kill, limit = (
            dice.chance(rate) for rate in (self.faults.crash, self.faults.kill, self.faults.limit)
        )
        which, length = dice.integers(0, 3), dice.integers(1, 60)
        if kill and trader.armed:
            self.kill(which)
            self.clear_at = self.packets + length
        elif self.clear_at and self.packets >= self.clear_at and trader.armed:
            self.clear()
        if limit:
            self.counts[Fault.LIMIT] += 1
            self.limit()
        if crash and self.has_snapshots:
            kind = _CRASHES[which]
            if kind is Fault.CRASH_TORN:
                trader.doomed = kind
            elif kind is Fault.CRASH_POWER and trader.durability != "sync":
                self.crash(Fault.CRASH_KILL)
            else:
                self.crash(kind)

    def kill(self, which: int) -> None:
        """The kill word, or a record that stops one strategy or one instrument."""
        now = self.clock.now_ns()
        if which == 0:
            self.counts[Fault.KILL_WORD] += 1
            self.trader.kill.set(KillReason.OPERATOR, now_ns=now)
            return
        self.counts[Fault.KILL_RECORD] += 1
        scope = {"strategy_id": 1} if which == 1 else {"instrument_id": 1}
        self.trader.step(self._kill_record(KillAction.KILL, scope))

    def clear(self) -> None:
        """Take back every kill."""
        self.clear_at = 0
        word = self.trader.kill
        if word.is_set:
            word.clear(word.epoch, now_ns=self.clock.now_ns())
        for strategy_id, instrument_id in sorted(self.trader.oracle.killed):
            scope = {"strategy_id": strategy_id, "instrument_id": instrument_id}
            self.trader.step(self._kill_record(KillAction.CLEAR, scope))

    def _kill_record(self, action: KillAction, scope: dict[str, int]) -> bytes:
        now = self.clock.now_ns()
        return encode(
            Template.CONTROL_KILL,
            ts_event_ns=now,
            ts_recv_ns=now,
            action=action,
            reason=b"simulation",
            **scope,
        )

    def limit(self) -> None:
        """Set a limit of the account in one instrument."""
        dice = self.dice
        rule = dice.choice((RiskRule.MAX_QTY, RiskRule.MAX_POSITION))
        value = dice.choice((0, 100, 300, 2_000, 50_000))
        instrument = dice.choice(self.market.instruments).instrument_id
        self.trader.step(self.chain.set_limit(rule, value, instrument_id=instrument))

    # ---- what must hold ----

    def look(self) -> None:
        """Between two packets: the books where they claim to be right, the sums always."""
        trader = self.trader
        if not trader.up:
            return
        if books_agree(trader, self.venue):
            self.looks += 1
        trader.oracle.check(trader.pipeline)

    def settle(self) -> None:
        """Nothing goes wrong any more: all comes to rest, and must agree."""
        trader, unit = self.trader, self.market.gap_ns
        self.lines.heal()
        for server in (self.resender, self.snapshots):
            if server is not None:
                server.rate = 0.0
        trader.doomed = ""
        end = packet(SESSION, self.venue.sent + 1, (), count=0xFFFF)
        for number in range(_ROUNDS_MAX):
            self.pass_time(self.clock.now_ns() + unit)
            if number % 4 == 0 and not (number < 40 and self.dice.chance(self.faults.loss)):
                self.lines.publish(end)
            elif number % 4 == 0:
                self.counts[Fault.END_LOST] += 1
            self.now()
            trader.is_over = trader.up and trader.feed.ended
            if trader.is_over and trader.armed and self.venue.next_ns is None:
                break
        else:
            raise SimulationError(f"no rest {_ROUNDS_MAX} rounds after the end: {trader.state()}")
        self.clear()
        check_end(trader, self.venue)
        trader.end()
        check_journals(trader)


def simulate(
    seed: int,
    directory: Path | str,
    *,
    steps: int = 10_000,
    strategies: Sequence[StrategyRun] = STRATEGIES,
    careful: Sequence[int] | None = None,
    faults: Faults | None = None,
) -> SimulationReport:
    """Run one seed over `steps` messages of a venue; the directory is made and left empty.

    `strategies` trade, on every symbol; those whose numbers (from 1) stand in `careful`, by default
    all of yours, may submit nothing on a book that is not valid or that does not trade. `faults`:
    by default a mixture that the seed draws. SimulationError, with the seed and how to repeat it:
    something that must hold did not, or something raised; what was on the disk stays there then.
    InputError: the directory is not empty, or fewer than 100 steps. StrategyLoadError.
    """
    root = Path(directory)
    if steps < 100 or not 0 <= seed < 1 << 62:
        raise InputError(f"found seed {seed}, {steps} steps; allowed: 0 or more, 100 or more")
    again = _again(seed, steps, strategies, careful, faults)
    if careful is None:
        careful = (1, 2) if strategies is STRATEGIES else range(1, len(strategies) + 1)
    runs = [
        replace(run, strategy=load_strategy(run.strategy)) if isinstance(run.strategy, str) else run
        for run in strategies
    ]
    root.mkdir(parents=True, exist_ok=True)
    if any(root.iterdir()):
        raise InputError(f"{root}: is not empty; give a new directory")
    world: _World | None = None
    try:
        world = _World(seed, steps, faults, runs, frozenset(careful), root)
        world.run()
        report = _report(world)
    except Exception as error:
        _leave(world, root if isinstance(error, StoppedError) else None)
        raise _failure(seed, steps, world, error, again) from error
    _leave(None, root)
    return report


def _leave(world: "_World | None", emptied: Path | None) -> None:
    """Close what a seed that did not come to its end has open; empty the directory."""
    if world is not None and world.trader.up:
        with suppress(TectraError, OSError):  # what it ended with is to be told, not this
            world.trader.close()
    for path in () if emptied is None else emptied.iterdir():
        shutil.rmtree(path)


def _again(
    seed: int,
    steps: int,
    strategies: Sequence[StrategyRun],
    careful: Sequence[int] | None,
    faults: Faults | None,
) -> str:
    """How to run the same again: a command where there is one for it."""
    given = {
        "strategies": strategies is not STRATEGIES
        and (len(strategies) != 1 or strategies[0] != StrategyRun(str(strategies[0].strategy))),
        "careful": careful is not None,
        "faults": faults not in (None, Faults()),
    }
    if any(given.values()):
        same = " and ".join(name for name, it_is in given.items() if it_is)
        return f"`simulate({seed}, DIRECTORY, steps={steps})` with the same {same}"
    command = f"tectra simulate --seed {seed} --steps {steps}"
    if faults is not None:
        command += " --calm"
    if strategies is not STRATEGIES:
        command += f" {quote(str(strategies[0].strategy))}"
    return f"`{command}`"


def _failure(
    seed: int, steps: int, world: "_World | None", error: Exception, again: str
) -> TectraError:
    """The error that a seed ends with."""
    sent = world.venue.sent if world is not None else 0
    if isinstance(error, StoppedError):
        return StoppedError(
            f"stopped on request in seed {seed}, at message {sent} of {steps}; repeat it with "
            f"{again}"
        )
    said = str(error) if isinstance(error, SimulationError) else f"{type(error).__name__}: {error}"
    failure = SimulationError(
        f"seed {seed}, message {sent} of {steps}: {said}; repeat it with {again}"
    )
    failure.seed, failure.steps = seed, steps
    if world is not None:
        failure.trace = world.trader.trace.hexdigest()
        failure.add_note(str(world.counts))
    return failure


def _report(world: _World) -> SimulationReport:
    trader = world.trader
    return SimulationReport(
        seed=world.seed,
        steps=world.steps,
        trace=trader.trace.hexdigest(),
        simulated_ns=world.clock.now_ns() - world.start_ns,
        records=trader.pipeline.ring_seq,
        sends=trader.oracle.sends,
        fills=sum(len(r.fills) for (s, _), r in trader.oracle.rows.items() if s == 0),
        refused=trader.oracle.refused,
        lives=len(trader.lives),
        looks=world.looks,
        lost=trader.feed.counts()["lost"],
        faults=world.counts,
    )
