"""Only Parquet that passed a validation of exactly this content goes on to a backtest."""

from pathlib import Path

import msgspec
import pytest
from feed_records import START, ListFeed, level, trade

from tectra.core.errors import InputError
from tectra.core.msg import Side
from tectra.core.types import Exchange
from tectra.feed.formats import open_feed, write_feed
from tectra.feed.quality import validate_feed
from tectra.feed.quality.gate import content_of, report_path, require_validated, save_report
from tectra.refdata.instrument import Instrument

AAA = Instrument(1, "AAA", Exchange.BINANCE, px_exponent=-2)


def parquet(path: Path, *, qty: int = 1, both: bool = False) -> Path:
    records = [trade(START + i, 100, qty, match=i + 1) for i in range(10)]
    if both:
        records.append(level(START + 99, Side.BUY, 1, 1, seq=1))
    write_feed(ListFeed(records, definitions=[AAA]), path, "parquet")
    return path


def validate(path: Path) -> None:
    with open_feed(path) as feed:
        save_report(path, validate_feed(feed, str(path))[0])


@pytest.mark.parametrize("both", [False, True])
def test_a_file_passes_with_its_report_and_not_without(tmp_path: Path, both: bool) -> None:
    path = parquet(tmp_path / "x.parquet", both=both)
    assert path.is_dir() == both
    with pytest.raises(InputError, match=r"no validation report.*run: tectra data validate"):
        require_validated(path)
    validate(path)
    report = require_validated(path)
    assert report.passed and report.digest == content_of(path)[0]


@pytest.mark.parametrize("both", [False, True])
def test_a_file_that_changed_since_does_not_pass(tmp_path: Path, both: bool) -> None:
    path = parquet(tmp_path / "x.parquet", both=both)
    validate(path)
    one = path / "trade.parquet" if both else path
    data = bytearray(one.read_bytes())
    data[100] ^= 1
    one.write_bytes(data)
    with pytest.raises(InputError, match="was changed since"):
        require_validated(path)


def test_a_file_more_in_the_directory_is_a_change(tmp_path: Path) -> None:
    path = parquet(tmp_path / "x.parquet", both=True)
    validate(path)
    (path / "more.parquet").write_bytes(b"")
    with pytest.raises(InputError, match="was changed since"):
        require_validated(path)


def test_a_report_that_failed_does_not_pass(tmp_path: Path) -> None:
    path = parquet(tmp_path / "x.parquet", qty=0)
    validate(path)
    with pytest.raises(InputError, match=r"validation failed \(size: 10\)"):
        require_validated(path)


def test_the_report_of_another_file_does_not_pass(tmp_path: Path) -> None:
    good, bad = parquet(tmp_path / "a.parquet"), parquet(tmp_path / "b.parquet", qty=0)
    validate(good)
    report_path(bad).write_bytes(report_path(good).read_bytes())
    with pytest.raises(InputError, match="was changed since"):
        require_validated(bad)


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"\xff"])
def test_what_is_no_report(tmp_path: Path, text: bytes) -> None:
    path = parquet(tmp_path / "x.parquet")
    report_path(path).write_bytes(text)
    with pytest.raises(InputError, match="is no validation report"):
        require_validated(path)


def test_a_forged_verdict_still_needs_the_digest(tmp_path: Path) -> None:
    path = parquet(tmp_path / "x.parquet")
    with open_feed(path) as feed:
        report, _ = validate_feed(feed, str(path))
    report_path(path).write_bytes(msgspec.structs.replace(report, passed=True).to_json())
    with pytest.raises(InputError, match="was changed since"):
        require_validated(path)
