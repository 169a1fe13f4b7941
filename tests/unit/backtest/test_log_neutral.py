"""What is said changes nothing: a run that logs all gives the digests of one that is silent."""

import io
import logging
from pathlib import Path

import pytest
from trading import Momentum

import tectra as tt
from tectra.core.log import LogConfig, init_logging, span

LOGGER = logging.getLogger("strategy.talker")


class Talker(Momentum):
    """Trades like its base and says so at each event."""

    def on_book_update(self, ctx, book):
        with span("book", trace_id=ctx.now_ns):
            LOGGER.debug("best bid %s", book.best_bid, extra={"ask": str(book.best_ask)})
        super().on_book_update(ctx, book)

    def on_fill(self, ctx, fill):
        LOGGER.debug("fill %s", fill)
        super().on_fill(ctx, fill)


def digests(day: Path) -> tuple[str, str]:
    result = tt.run_backtest(strategy=Talker, data=day)
    assert len(result.trades)
    return result.summary.input_digest, result.summary.output_digest


@pytest.mark.timeout(30)
def test_a_run_at_debug_gives_the_same_digests(small_day: Path) -> None:
    silent = digests(small_day)
    stream = io.StringIO()
    config = LogConfig(level="debug", levels={"strategy": "debug"}, queue_lines=64)
    with init_logging(config, stream=stream) as log:
        assert digests(small_day) == silent
        assert log.dropped + stream.getvalue().count("best bid") > 1_000
