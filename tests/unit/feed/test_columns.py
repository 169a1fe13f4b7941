"""Feeds as columns: whole and in bounded batches, of generated and of recorded days."""

from pathlib import Path

import numpy as np
import pytest
from column_model import same, slow_columns

from tectra.core.columns import NUMBER
from tectra.core.errors import ClosedError, InputError
from tectra.core.msg import Template
from tectra.feed import ItchFeed, iter_columns, read_columns
from tectra.feed.itch_day import write_market_day


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("columns") / "day.itch"
    write_market_day(path, messages=20_000, symbols=8, seed=4, profile="stress")
    return path


def drain(path: Path, **options: object) -> np.ndarray:
    parts = []
    with ItchFeed(path, **options) as feed:  # type: ignore[arg-type]
        while (batch := feed.next_batch(1 << 12)) is not None:
            parts.append(batch)
    return np.concatenate(parts)


def test_whole_day_is_the_records_of_the_day(day: Path) -> None:
    raw = drain(day)
    with ItchFeed(day) as feed:
        found = read_columns(feed, numbered=True)
        assert read_columns(feed) == {}  # the rest of a feed at its end
    same(found, slow_columns(raw, numbered=True))
    numbers = np.concatenate([c[NUMBER] for c in found.values()])
    assert np.array_equal(np.sort(numbers), np.arange(len(numbers)))
    assert {Template.BOOK_ADD, Template.TRADE, Template.STATUS} <= set(found)


@pytest.mark.parametrize("records", [1, 100, 5000, 1 << 16])
def test_batches_are_the_day_in_pieces(day: Path, records: int) -> None:
    options = {"symbols": ["AAPL"]} if records == 1 else {}
    with ItchFeed(day) as feed:
        symbol = next(iter(feed.instruments.values()), None)
        options = {"symbols": [symbol]} if options and symbol else {}
    with ItchFeed(day, **options) as feed:
        wanted = read_columns(feed, numbered=True)
    parts = []
    with ItchFeed(day, **options) as feed:
        for part in iter_columns(feed, numbered=True, records=records):
            count = sum(len(c[NUMBER]) for c in part.values())
            assert 0 < count < records + 4096
            parts.append(part)
    assert (len(parts) > 1) == (records < 1 << 16)
    joined = {
        template: {
            name: np.concatenate([p[template][name] for p in parts if template in p])
            for name in columns
        }
        for template, columns in wanted.items()
    }
    same(joined, wanted)


def test_named_columns_are_there_in_every_batch(day: Path) -> None:
    with ItchFeed(day) as feed:
        for part in iter_columns(
            feed, ["book_add", "auction"], fields=["px", "far_px"], records=500
        ):
            assert {t.name: list(c) for t, c in part.items()} == {
                "BOOK_ADD": ["px"],
                "AUCTION": ["far_px"],
            }


def test_refusals(day: Path) -> None:
    with ItchFeed(day) as feed:
        with pytest.raises(InputError, match="records: found 0"):
            iter_columns(feed, records=0)
        with pytest.raises(InputError, match="'prize'"):
            iter_columns(feed, fields="prize")
        with pytest.raises(InputError, match="'add'"):
            read_columns(feed, "add")
        assert feed.offset == 0
    with pytest.raises(ClosedError):
        read_columns(feed)


RECORDED = (
    "itch50_session_open_1mb.itch",
    "ritch_ex20101224.TEST_ITCH_50.gz",
)


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_days(test_data: Path, name: str) -> None:
    raw = drain(test_data / "itch" / name)
    with ItchFeed(test_data / "itch" / name) as feed:
        same(read_columns(feed, numbered=True), slow_columns(raw, numbered=True))


def test_recorded_order_flow(test_data: Path) -> None:
    (path,) = (test_data / "itch").glob("derived_AAPL_*.itch.gz")
    raw = drain(path, symbols=["AAPL"])
    with ItchFeed(path, symbols=["AAPL"]) as feed:
        same(read_columns(feed), slow_columns(raw))
