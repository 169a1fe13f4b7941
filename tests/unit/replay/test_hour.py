"""An hour of market data, recorded and replayed: many times faster than it was, without a
difference, from every place to every other.
"""

import gzip
import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from trading import write_strategy

import tectra as tt
from tectra.core.clock import ClockDomain, FakeClock, LiveClock
from tectra.feed.synthetic import generate_day
from tectra.replay import Pacer, ReplaySession, verify_replay
from tectra.strategy.sample.maker import Maker

HOUR_NS = 3_600_000_000_000
OPEN_NS = 34_200 * 1_000_000_000
DERIVED = "itch/derived_AAPL_2012-06-21_0930-1000_from_lobster.itch.gz"


def messages(raw: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(raw):
        (length,) = struct.unpack_from(">H", raw, at)
        if length == 0:
            return
        yield raw[at + 2 : at + 2 + length]
        at += 2 + length


def one_hour(day: Path, out: Path) -> int:
    """The hour from the open as a capture of its own: what came before stands at its begin."""
    kept = []
    for message in messages(gzip.decompress(day.read_bytes())):
        ts_ns = int.from_bytes(message[5:11], "big")
        if ts_ns > OPEN_NS + HOUR_NS:
            break
        moved = max(ts_ns, OPEN_NS).to_bytes(6, "big")
        kept.append(message[:5] + moved + message[11:])
    body = b"".join(struct.pack(">H", len(m)) + m for m in kept)
    out.write_bytes(body + b"\0\0")
    return len(kept)


def record(base: Path, data: Path, **more: Any) -> Path:
    file = write_strategy(base / "mine.py")
    runs = [tt.StrategyRun(str(file)), tt.StrategyRun(Maker)]
    tt.run_backtest(strategies=runs, data=data, out=base / "o", **more)
    return base / "o"


def elapsed_ns(session: ReplaySession) -> int:
    clock = LiveClock(ClockDomain.MONOTONIC)
    start = clock.now_ns()
    assert session.run() == "end"
    return clock.now_ns() - start


def check_seeks(session: ReplaySession, count: int) -> None:
    """Seeking from the end gives what stepping from the start gives."""
    plain = ReplaySession(session.path)
    plain.checkpoints.refuse("a test")
    for target in sorted(random.Random(1).sample(range(session.last_seq), count)):
        plain.seek(target)
        session.seek(session.last_seq)
        session.seek(target)
        assert session.state() == plain.state()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_synthetic_hour(tmp_path):
    """PF-22: at least ten times real time, and not one difference."""
    generate_day(tmp_path / "day.gz", seed=5, messages=1_000_000)
    count = one_hour(tmp_path / "day.gz", tmp_path / "hour.itch")
    run = record(tmp_path, tmp_path / "hour.itch", config=tt.BacktestConfig(date="2026-01-05"))
    session = ReplaySession(run)
    market_ns = session.view.last_ns - session.view.first_ns
    assert 0.99 * HOUR_NS < market_ns <= HOUR_NS and count > 50_000
    factor = market_ns / elapsed_ns(session)
    print(f"\n{count:,} messages, {session.last_seq:,} records: {factor:,.0f} times real time")
    assert session.difference is None and factor >= 10
    report = verify_replay(run)
    assert report.ok and report.real_time_factor >= 10
    assert session.pipeline.summary == report.summary
    clock = FakeClock()
    session.seek(0)
    assert session.run(pacer=Pacer("10x", clock=clock, wait=clock.advance)) == "end"
    assert abs(clock.now_ns() - market_ns // 10) <= 1 and session.difference is None
    check_seeks(session, 5)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_recorded_half_hour(test_data, tmp_path):
    run = record(tmp_path, test_data / DERIVED)
    session = ReplaySession(run)
    # The directory stands hours before the half hour of trading.
    factor = HOUR_NS / 2 / elapsed_ns(session)
    print(f"\n{session.last_seq:,} records: {factor:,.0f} times real time")
    assert session.difference is None and factor >= 10
    check_seeks(session, 8)
