"""What answered a run's orders stands in its journal, and comes back as it was."""

from decimal import Decimal

import pytest

import tectra as tt
from tectra.backtest import FeeConfig, LatencyConfig, SimConfig, SimSetup
from tectra.core.errors import JournalError
from tectra.engine.session import SessionSpec
from tectra.journal.reader import JournalReader
from tectra.strategy.sample.maker import Maker

SIM = SimConfig(
    latency=LatencyConfig(entry_ns=7, response_ns=11, jitter_ns=3, seed=2**63),
    fees=FeeConfig(maker_rate=Decimal("-0.0000001"), taker_rate=Decimal("0.0003"), per_unit=30),
    orders_max=1000,
)


def test_a_run_writes_what_answered_it(small_day, tmp_path):
    config = tt.BacktestConfig(sim=SIM, sample_ns=5_000_000_000)
    tt.run_backtest(strategy=Maker, data=small_day, config=config, out=tmp_path / "o")
    session = JournalReader(tmp_path / "o" / "journal").session
    setup = SimSetup.from_journal(SessionSpec.from_journal(session).sim)
    assert setup == SimSetup(exchange=SIM, sample_ns=5_000_000_000, utc_offset_s=-5 * 3600)


def test_there_and_back():
    setup = SimSetup(exchange=SIM, sample_ns=1, grace_ns=0, utc_offset_s=3600)
    assert SimSetup.from_journal(setup.to_journal()) == setup
    assert SimSetup.from_journal({}) == SimSetup()


@pytest.mark.parametrize("bad", [{"fees": 1}, {"exchange": {"orders_max": 0}}, {"sample_ns": "x"}])
def test_what_is_no_exchange(bad):
    with pytest.raises(JournalError, match="does not describe a simulated exchange"):
        SimSetup.from_journal(bad)
