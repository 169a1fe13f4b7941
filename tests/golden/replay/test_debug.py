"""A scripted debugger session over a small deterministic run, word for word (debug.txt).

Where the words are meant to change, write the file again with

    TECTRA_UPDATE_GOLDEN=1 pytest tests/golden/replay
"""

import os
from decimal import Decimal
from pathlib import Path

import pytest
from trading import write_strategy

import tectra as tt
from tectra.core.errors import TectraError
from tectra.feed.synthetic import generate_day
from tectra.replay import ReplaySession
from tectra.replay.debug import Debugger
from tectra.risk.limits import LimitScope, RiskLimits

GOLDEN = Path(__file__).with_name("debug.txt")
SCRIPT = """\
where
seek 13:41
step 3
where
book AAPL 3
break order rejected
break position > 199 AAPL
break fill MSFT
break bogus
breaks
continue
saw
continue
continue
back 2
positions
delete 3
find order rejected Momentum
find order_verdict accepted=0 side=BUY
why 1
why 14
order 14
seek 605
saw
seek 65
next
next said
orders
strategies
timeline 2
diff 100 130
break seq == 500
continue
delete
break state FILLED
break book crossed AAPL
break time >= 14:30
continue
seek 14:30:00.000000001
seek nowhere
seek 99999999
step zero
order 77777
wobble
help
help break
quit
"""


@pytest.fixture(scope="module")
def session(tmp_path_factory) -> ReplaySession:
    base = tmp_path_factory.mktemp("golden")
    day = base / "01052026.NASDAQ_ITCH50.gz"
    generate_day(day, seed=11, symbols=("AAPL", "MSFT"), messages=3_000)
    file = write_strategy(
        base / "mine.py",
        instead="    def on_trade(self, ctx, trade):\n        pass",
        by='    def on_trade(self, ctx, trade):\n        ctx.signal("px", trade.px, '
        "trade.instrument)",
    )
    limits = RiskLimits(default=LimitScope(position_max=Decimal(300)))
    config = tt.BacktestConfig(limits=limits)
    tt.run_backtest(
        strategy=str(file), params={"every": 25}, data=day, config=config, out=base / "o"
    )
    return ReplaySession(base / "o")


def transcript(session: ReplaySession) -> str:
    debugger = Debugger(session)
    out = []
    for line in SCRIPT.splitlines():
        out.append(f"tectra> {line}")
        try:
            out += debugger.execute(line)
        except TectraError as error:
            out.append(f"? {error}")
    assert debugger.done
    return "\n".join(out) + "\n"


@pytest.mark.timeout(30)
def test_the_session_word_for_word(session):
    text = transcript(session)
    if os.environ.get("TECTRA_UPDATE_GOLDEN"):
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


@pytest.mark.timeout(30)
def test_no_images_no_difference(session):
    """The same words where every step back replays from the start."""
    plain = ReplaySession(session.path)
    plain.checkpoints.refuse("a test")
    assert transcript(plain) == GOLDEN.read_text()
