"""hftbacktest: numba strategies over level events, ROI-vector depth. Run by its own environment.

Time is that of the strategy's loop alone; loading and compiling happen before.
"""

import json
import sys
from pathlib import Path
from time import perf_counter_ns

import numpy as np
from hftbacktest import (
    BUY_EVENT,
    DEPTH_EVENT,
    EXCH_EVENT,
    GTX,
    LIMIT,
    LOCAL_EVENT,
    SELL_EVENT,
    TRADE_EVENT,
    BacktestAsset,
    ROIVectorMarketDepthBacktest,
    event_dtype,
)
from numba import njit

STEP_NS = 100_000_000
TICK = 0.01
WAIT_NS = 10_000_000_000


def events(folder: Path) -> np.ndarray:
    levels = np.load(folder / "levels.npy")
    out = np.zeros(len(levels), event_dtype)
    kind = np.where(levels["trade"] == 1, TRADE_EVENT, DEPTH_EVENT)
    side = np.where(levels["buy"] == 1, BUY_EVENT, SELL_EVENT)
    out["ev"] = kind | side | EXCH_EVENT | LOCAL_EVENT
    out["exch_ts"] = out["local_ts"] = levels["ts"]
    out["px"] = np.round(levels["px"] * TICK, 2)
    out["qty"] = levels["qty"]
    return out


def backtest(data: np.ndarray) -> ROIVectorMarketDepthBacktest:
    px = data["px"]
    asset = (
        BacktestAsset()
        .data(data)
        .linear_asset(1.0)
        .constant_order_latency(1_000_000, 1_000_000)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(-0.0001, 0.0004)
        .tick_size(TICK)
        .lot_size(100.0)
        .roi_lb(float(px.min()) - 1.0)
        .roi_ub(float(px.max()) + 1.0)
        .last_trades_capacity(0)
    )
    return ROIVectorMarketDepthBacktest([asset])


@njit
def idle(hbt):
    steps = 0
    while hbt.elapse(STEP_NS) == 0:
        steps += 1
    return steps


@njit
def each_feed(hbt):
    wide = 0
    while hbt.wait_next_feed(False, WAIT_NS) == 2:
        depth = hbt.depth(0)
        if depth.best_ask_tick - depth.best_bid_tick > 1:
            wide += 1
    return wide


@njit
def market_making(hbt):
    """Cancels what rests and quotes both touches anew, every 100 ms."""
    order_id = 1
    while hbt.elapse(STEP_NS) == 0:
        hbt.clear_inactive_orders(0)
        values = hbt.orders(0).values()
        while values.has_next():
            order = values.get()
            if order.cancellable:
                hbt.cancel(0, order.order_id, False)
        depth = hbt.depth(0)
        position = hbt.position(0)
        if position < 1000:
            hbt.submit_buy_order(0, order_id, depth.best_bid, 100.0, GTX, LIMIT, False)
        if position > -1000:
            hbt.submit_sell_order(0, order_id + 1, depth.best_ask, 100.0, GTX, LIMIT, False)
        order_id += 2
    return order_id


def main() -> None:
    data = events(Path(sys.argv[1]))
    rounds = int(sys.argv[2])
    for strategy in (idle, each_feed, market_making):
        warm = backtest(data[:10_000])
        strategy(warm)
        warm.close()
        for _ in range(rounds):
            hbt = backtest(data)
            start = perf_counter_ns()
            strategy(hbt)
            spent = perf_counter_ns() - start
            trades = int(hbt.state_values(0).num_trades)
            hbt.close()
            row = {"engine": "hftbacktest", "strategy": strategy.__name__, "events": len(data)}
            print(json.dumps(row | {"ns": spent, "fills": trades}), flush=True)


if __name__ == "__main__":
    main()
