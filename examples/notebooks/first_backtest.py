# %% [markdown]
# # A first backtest
#
# Runs a strategy over one day, looks at its trades and figures, and writes a report. Open this file
# as a notebook with jupytext (the `notebook` extra installs it), or run it as a script.

# %%
import os
from pathlib import Path

import tectra as tt
from tectra.paths import sample_day
from tectra.replay import verify_replay

# The day that ships with tectra, or the file that TECTRA_DAY names.
DAY = Path(os.environ.get("TECTRA_DAY") or sample_day())

# %% [markdown]
# ## The strategy
#
# `Cross` ships with tectra: long while a fast average of the mid price is above a slow one, short
# while it is below. These are its parameters, with their types and ranges.

# %%
from tectra.strategy.sample.cross import Cross  # noqa: E402

for name, parameter in Cross.PARAMS.items():
    print(f"{name:12} {parameter.default!r:8} {parameter.allowed()}")

# %% [markdown]
# ## The run
#
# Orders take 200 microseconds to the exchange, and reports as long back. `out` keeps the journal;
# it must be a new directory.

# %%
config = tt.BacktestConfig(
    sim=tt.SimConfig(latency=tt.LatencyConfig(entry_ns=200_000, response_ns=200_000))
)
result = tt.run_backtest(
    strategy=Cross,
    params={"fast": 5, "slow": 30, "sample_ms": 10_000},
    data=DAY,
    symbols=["AAPL", "MSFT"],
    config=config,
    out="first-backtest",
)

# %% [markdown]
# ## Trades
#
# An Arrow table, one row an execution; a DataFrame where pandas is installed.

# %%
trades = result.trades
try:
    import pandas as pd
except ImportError:
    print(trades.slice(0, 5).to_pylist())
else:
    frame = trades.to_pandas()
    signed = frame["quantity"].where(frame["side"] == "BUY", -frame["quantity"])
    print(frame[["ts_event_ns", "symbol", "side", "price", "quantity", "reason"]].head())
    print(pd.DataFrame({"net": signed.groupby(frame["symbol"]).sum()}))

# %% [markdown]
# ## Figures and report

# %%
for row in result.strategies:
    print(f"{row.strategy}: {row.orders} orders, {row.fills} fills, P&L {row.pnl}")
print(result.report("first-backtest.html"))

# %% [markdown]
# ## Proof
#
# The journal's inputs go through the engine again; every output must be the same, byte for byte.

# %%
proof = verify_replay("first-backtest")
print("\n".join(proof.lines()))
