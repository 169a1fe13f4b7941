"""NautilusTrader: a Python strategy on every quote and trade. Run by its own environment.

Time is that of engine.run(); the objects are made and sorted before.
"""

import json
import sys
from pathlib import Path
from time import perf_counter_ns

import numpy as np
from nautilus_trader.backtest.config import BacktestEngineConfig
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import QuoteTick, TradeTick
from nautilus_trader.model.enums import AccountType, AggressorSide, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, TradeId, Venue
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import FIXED_SCALAR, Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

VENUE = Venue("SIM")
INSTRUMENT = InstrumentId(Symbol("PEER"), VENUE)
ORDER_EVERY = 100


def equity() -> Equity:
    return Equity(
        instrument_id=INSTRUMENT,
        raw_symbol=Symbol("PEER"),
        currency=USD,
        price_precision=2,
        price_increment=Price.from_str("0.01"),
        lot_size=Quantity.from_int(1),
        ts_event=0,
        ts_init=0,
    )


def ticks(folder: Path) -> list[object]:
    quotes, levels = np.load(folder / "quotes.npy"), np.load(folder / "levels.npy")
    out: list[object] = [
        QuoteTick(
            INSTRUMENT,
            Price(bid / 100, 2),
            Price(ask / 100, 2),
            Quantity(bid_qty, 0),
            Quantity(ask_qty, 0),
            ts,
            ts,
        )
        for ts, bid, bid_qty, ask, ask_qty in quotes.tolist()
    ]
    for i, (ts, _, buy, px, qty) in enumerate(levels[levels["trade"] == 1].tolist()):
        aggressor = AggressorSide.BUYER if buy else AggressorSide.SELLER
        out.append(
            TradeTick(
                INSTRUMENT, Price(px / 100, 2), Quantity(qty, 0), aggressor, TradeId(str(i)), ts, ts
            )
        )
    out.sort(key=lambda tick: tick.ts_init)
    return out


class EachTick(Strategy):
    """Reads two fields and compares, on every event."""

    def on_start(self) -> None:
        self.wide = 0
        self.subscribe_quote_ticks(INSTRUMENT)
        self.subscribe_trade_ticks(INSTRUMENT)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        if tick.ask_price.raw - tick.bid_price.raw > FIXED_SCALAR // 100:
            self.wide += 1

    def on_trade_tick(self, tick: TradeTick) -> None:
        if tick.size.raw > FIXED_SCALAR:
            self.wide += 1


class Orders(EachTick):
    """The same, with a market order each hundred events."""

    def on_start(self) -> None:
        super().on_start()
        self.seen = 0

    def on_quote_tick(self, tick: QuoteTick) -> None:
        super().on_quote_tick(tick)
        self.seen += 1
        if self.seen % ORDER_EVERY == 0:
            side = OrderSide.BUY if self.seen // ORDER_EVERY % 2 else OrderSide.SELL
            self.submit_order(self.order_factory.market(INSTRUMENT, side, Quantity.from_int(100)))


def run(data: list[object], strategy: Strategy | None) -> tuple[int, int]:
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        VENUE, OmsType.NETTING, AccountType.MARGIN, [Money(10_000_000, USD)], base_currency=USD
    )
    engine.add_instrument(equity())
    engine.add_data(data, sort=False)
    if strategy is not None:
        engine.add_strategy(strategy)
    start = perf_counter_ns()
    engine.run()
    spent = perf_counter_ns() - start
    fills = len(engine.cache.orders_closed())
    engine.dispose()
    return spent, fills


def main() -> None:
    data = ticks(Path(sys.argv[1]))
    for name, kind in (("no_strategy", None), ("each_event", EachTick), ("order_each_100", Orders)):
        some = data if kind is not Orders else data[: len(data) // 8]
        for _ in range(int(sys.argv[2])):
            spent, fills = run(some, kind() if kind else None)
            row = {"engine": "nautilus_trader", "strategy": name, "events": len(some)}
            print(json.dumps(row | {"ns": spent, "fills": fills}), flush=True)


if __name__ == "__main__":
    main()
