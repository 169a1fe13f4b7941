"""What comes out of a run, held against a plain recomputation from its trades."""

import csv
import json
import re
from collections import defaultdict
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from engine_scene import OPEN_LIMITS, Quiet
from pyarrow import parquet
from trading import Momentum

import tectra as tt
from tectra.backtest.ledger import Ledger
from tectra.backtest.metrics import Equity
from tectra.core.msg import Template
from tectra.strategy.sample.maker import Maker

MAKER = {"size": 50, "inventory_max": 400, "rest_ms": 100}


@pytest.fixture(scope="module")
def result(small_day, tmp_path_factory) -> Any:
    return tt.run_backtest(
        strategies=[tt.StrategyRun(Momentum, {"every": 25}), tt.StrategyRun(Maker, MAKER)],
        data=small_day,
        out=tmp_path_factory.mktemp("run") / "out",
        config=tt.BacktestConfig(limits=OPEN_LIMITS),
    )


class Book:
    """Average cost in exact fractions, one position: the oracle."""

    def __init__(self) -> None:
        self.net = 0
        self.cash = self.fees = 0

    def fill(self, side: str, px: int, qty: int, fee: int) -> None:
        sign = 1 if side == "BUY" else -1
        self.net += sign * qty
        self.cash -= sign * px * qty
        self.fees += fee


def books(rows: list[dict[str, Any]]) -> dict[tuple[str, str], Book]:
    out: dict[tuple[str, str], Book] = defaultdict(Book)
    for r in rows:
        out[r["strategy"], r["symbol"]].fill(r["side"], r["px"], r["qty"], r["fee_raw"])
    return out


def test_there_is_something_to_look_at(result):
    taker, maker = result.strategies
    assert taker.fills > 100 and maker.fills > 50
    assert maker.maker_share == 1.0 and 0 < taker.maker_share < 1
    assert maker.rejected_by_risk == 0


def test_the_sum_of_fills_is_the_position(result):
    """Conservation: for every strategy and instrument, and for the account."""
    last = {
        (int(r["strategy_id"]), int(r["instrument_id"])): r
        for r in result.ledger.table(Template.POSITION_UPDATE)
    }
    names = [m.strategy for m in result.strategies]
    ids = {i.symbol: i.instrument_id for i in result.instruments}
    mine = books(result.trades.to_pylist())
    assert len(mine) == len(last) == 4
    for (name, symbol), book in mine.items():
        row = last[names.index(name) + 1, ids[symbol]]
        assert int(row["net_qty"]) == book.net and int(row["fees"]) == book.fees
        # Cash plus cost is what was realized, exactly.
        assert int(row["realized"]) == book.cash + int(row["cost"])


def test_cash_and_marked_position_are_realized_and_unrealized(result):
    marks = result.ledger.table(Template.PNL_UPDATE)
    mine = books(result.trades.to_pylist())
    names = ["", *[m.strategy for m in result.strategies]]
    symbols = {i.instrument_id: i.symbol for i in result.instruments}
    account: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for row in marks[marks["strategy_id"] > 0]:
        book = mine[names[int(row["strategy_id"])], symbols[int(row["instrument_id"])]]
        worth2 = 2 * book.cash + book.net * int(row["mark_px2"])
        assert 2 * (int(row["realized"]) + int(row["unrealized"])) - worth2 in (-1, 0, 1)
        assert int(row["total"]) == int(row["realized"]) + int(row["unrealized"]) - book.fees
        account[int(row["instrument_id"])][0] += book.net
        account[int(row["instrument_id"])][1] += book.fees
    for row in marks[marks["strategy_id"] == 0]:
        assert [int(row["net_qty"]), int(row["fees"])] == account[int(row["instrument_id"])]


def test_metrics_are_those_of_the_trades(result):
    rows = result.trades.to_pylist()
    marks = result.ledger.table(Template.PNL_UPDATE)
    for number, m in enumerate(result.strategies, start=1):
        own = [r for r in rows if r["strategy"] == m.strategy]
        assert m.fills == len(own)
        assert m.maker_fills == sum(r["liquidity"] == "MAKER" for r in own)
        assert m.volume == sum(r["qty"] for r in own)
        assert m.turnover == sum(Decimal(r["px"] * r["qty"]).scaleb(-4) for r in own)
        assert m.fees == sum(Decimal(r["fee_raw"]).scaleb(-4) for r in own)
        total = int(marks["total"][marks["strategy_id"] == number].sum())
        assert m.pnl == m.realized + m.unrealized - m.fees == Decimal(total).scaleb(-4)
    verdicts = result.ledger.table(Template.ORDER_VERDICT)
    assert sum(result.verdicts.values()) == len(verdicts)
    assert result.verdicts["ACCEPTED"] == int(verdicts["accepted"].sum())


def test_the_curve_ends_at_the_result(result):
    assert result.equity.total[-1, 0] == pytest.approx(float(sum(m.pnl for m in result.strategies)))
    for i, m in enumerate(result.strategies, start=1):
        assert result.equity.total[-1, i] == pytest.approx(float(m.pnl))
        assert m.drawdown_max == pytest.approx(result.equity.drawdown[:, i].min())
    assert (np.diff(result.equity.ts_ns) > 0).all()


def test_drawdown_is_from_the_highest_point_so_far_or_from_nothing():
    total = np.array([[-5.0], [10.0], [4.0], [12.0], [11.0]])
    curve = Equity(np.arange(5), total)
    assert curve.drawdown[:, 0].tolist() == [-5, 0, -6, 0, -1]


def test_trades_table(result):
    table = result.trades
    assert table.schema.field("ts_event_ns").type == pa.int64()
    assert table.schema.field("px").type == pa.int64()
    for row in table.to_pylist()[:50]:
        assert row["price"] == pytest.approx(row["px"] / 10_000)
        assert row["fee"] == pytest.approx(row["fee_raw"] / 10_000)
        assert row["ts_recv_ns"] - row["ts_event_ns"] == 100_000
    seqs = table["ring_seq"].to_pylist()
    assert seqs == sorted(set(seqs))


def test_a_run_without_trades_has_the_same_columns(small_day, result):
    quiet = tt.run_backtest(strategy=Quiet, data=small_day)
    assert quiet.trades.schema == result.trades.schema and quiet.trades.num_rows == 0
    assert quiet.strategies[0].pnl == 0 and quiet.strategies[0].maker_share == 0.0
    assert not quiet.equity.total.any()


def test_files(result):
    out = result.directory
    assert parquet.read_table(out / "trades.parquet") == result.trades
    with (out / "trades.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == result.trades.num_rows
    assert [int(r["px"]) for r in rows] == result.trades["px"].to_pylist()
    written = json.loads((out / "metrics.json").read_text())
    assert written["engine"]["output_digest"] == result.output_digest
    assert Decimal(written["pnl"]) == sum(m.pnl for m in result.strategies)
    assert not list(out.glob(".*"))


class Checks(HTMLParser):
    """Well-formed: every tag is closed where it should be; collects what is loaded from outside."""

    VOID = frozenset({"meta", "br", "hr", "img", "input", "link"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: dict[str, int] = defaultdict(int)
        self.outside: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.seen[tag] += 1
        names = [n for n, _ in attrs]
        assert len(names) == len(set(names)), f"{tag}: attribute twice"
        self.outside += [v for n, v in attrs if n in ("src", "href", "xlink:href") and v]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen[tag] += 1

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()


def test_the_report_is_whole_and_stands_alone(result):
    text = (result.directory / "report.html").read_text()
    page = Checks()
    page.feed(text)
    page.close()
    assert page.open == [] and page.outside == []
    assert page.seen["script"] == page.seen["link"] == page.seen["img"] == 0
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org)", text)
    assert page.seen["svg"] >= 4 and page.seen["table"] >= 2
    for words in ("Momentum", "Maker", "Drawdown", "AAPL", "MAX_QTY", result.output_digest):
        assert words in text
    assert "NaN" not in text and "nan" not in re.findall(r"[MLd]=?\"?([^\"<>]*nan)", text)


def test_a_report_can_be_written_anywhere_and_again(result, tmp_path):
    target = result.report(tmp_path / "r.html")
    assert target.read_text() == result.report(str(target)).read_text()


def test_names_of_strategies_are_escaped(small_day, tmp_path):
    cls = type("A<b>&", (Quiet,), {})
    text = tt.run_backtest(strategy=cls, data=small_day).report(tmp_path / "r.html").read_text()
    assert "A<b>&" not in text and "A&lt;b&gt;&amp;" in text


def test_two_of_a_kind_get_numbers(small_day):
    runs = [tt.StrategyRun(Momentum, {"every": n}) for n in (30, 60)]
    result = tt.run_backtest(strategies=runs, data=small_day)
    assert [m.strategy for m in result.strategies] == ["Momentum 1", "Momentum 2"]
    assert set(result.trades["strategy"].to_pylist()) == {"Momentum 1", "Momentum 2"}


def test_an_empty_ledger():
    assert len(Ledger(b"")) == 0 and len(Ledger(b"").table(Template.ORDER_FILL)) == 0
    assert len(Ledger(b"").table(Template.BOOK_ADD)) == 0
