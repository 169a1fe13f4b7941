"""The whole way on half an hour of real AAPL flow: the ladder command, and runs that replay."""

import csv
from decimal import Decimal
from itertools import groupby
from pathlib import Path

import pytest
from book_records import lobster_rows

import tectra as tt
from tectra.ops.cli.main import main
from tectra.replay import verify_replay

DERIVED = "itch/derived_AAPL_2012-06-21_0930-1000_from_lobster.itch.gz"
TRUTH = "lobster/AAPL_2012-06-21_orderbook_1_0930-1000.csv.gz"
MIDNIGHT_NS = 1_340_251_200_000_000_000  # 2012-06-21 in New York
OPEN_NS = MIDNIGHT_NS + 34_200 * 10**9


def raw(price: str) -> int:
    return int(Decimal(price).scaleb(4))


def test_the_ladder_command_says_what_lobster_says(test_data: Path, tmp_path: Path):
    """13,082 distinct best prices and quantities of 13,082."""
    out = tmp_path / "top.csv"
    command = ["book", test_data / DERIVED, "--symbol", "AAPL", "--levels", 1, "--every-change"]
    assert main([*map(str, command), "--csv", str(out)]) == 0
    with out.open() as file:
        rows = [r for r in csv.DictReader(file) if int(r["ts_event_ns"]) >= OPEN_NS]
    found = [
        (raw(r["ask_1"]), int(r["ask_qty_1"]), raw(r["bid_1"]), int(r["bid_qty_1"]))
        for r in rows
        if r["ask_1"] and r["bid_1"]
    ]
    truth = [k for k, _ in groupby(tuple(map(int, r)) for r in lobster_rows(test_data / TRUTH))]
    assert len(truth) == 13_082
    assert [k for k, _ in groupby(found)][: len(truth)] == truth


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    ("strategy", "params"),
    [
        ("tectra.strategy.sample.cross:Cross", {"fast": 10, "slow": 40}),
        ("tectra.strategy.sample.maker:Maker", {"rest_ms": 100}),
        ("tectra.strategy.sample.passthrough:Passthrough", {"every": 500}),
    ],
)
def test_a_backtest_on_it_replays_equal(test_data, tmp_path, strategy, params):
    result = tt.run_backtest(
        strategy=strategy,
        params=params,
        data=test_data / DERIVED,
        symbols=["AAPL"],
        out=tmp_path / "out",
    )
    (metrics,) = result.strategies
    assert result.summary.book_errors == result.summary.invalid_transitions == 0
    assert metrics.orders > 20 and (metrics.fills > 10 or "Passthrough" in strategy)
    replayed = verify_replay(tmp_path / "out")
    assert replayed.ok and replayed.summary.output_digest == result.output_digest
