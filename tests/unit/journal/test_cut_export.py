"""Cuts and exports: the same records, exact values, a file that is whole or not there."""

import csv
import json
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from journal_records import as_slots, stream

from tectra.backtest.run import run_backtest
from tectra.core.arrow import table_records
from tectra.core.errors import InputError
from tectra.core.msg import DTYPES, Template
from tectra.journal import JournalReader, JournalWriter, Query, repair, verify
from tectra.journal.cut import cut_journal
from tectra.journal.export import export_journal
from tectra.journal.plain import PlainRecords
from tectra.journal.retention import compact_journal
from tectra.replay.verify import verify_replay

FILLS = Query(templates=frozenset({Template.ORDER_FILL}))


pytestmark = pytest.mark.timeout(30)  # a whole run, once


@pytest.fixture(scope="module")
def journal(small_day: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("cut") / "run"
    run_backtest(strategy="tectra.strategy.sample.steady", data=small_day, out=out)
    return out / "journal"


def records(path: Path, start: int | None = None, stop: int | None = None) -> list[bytes]:
    return [bytes(view) for _, view in JournalReader(path).records(start, stop)]


def test_a_cut_has_no_holes(tmp_path: Path) -> None:
    """What a repair declared missing would be a fault in a journal that declares nothing."""
    with JournalWriter(tmp_path / "j", session={}, segment_slots=64) as writer:
        writer.append_many(as_slots(stream(60)))
    bit_flip(tmp_path / "j", slot=20)
    (hole,) = repair(tmp_path / "j", tmp_path / "sound").holes
    assert hole.after is not None and hole.before == hole.after + 2
    reader = JournalReader(tmp_path / "sound")
    with pytest.raises(InputError, match=f"end it with record {hole.after}"):
        cut_journal(reader, tmp_path / "cut", Query(start_seq=2, stop_seq=50))
    assert not (tmp_path / "cut").exists() and not (tmp_path / "cut.part").exists()
    before = cut_journal(reader, tmp_path / "one", Query(stop_seq=hole.after + 1))
    behind = cut_journal(reader, tmp_path / "two", Query(start_seq=hole.before))
    assert verify(before.path).ok and verify(behind.path).ok
    assert before.records + behind.records == 59


def bit_flip(journal: Path, slot: int) -> None:
    """One bit of a slot, and one of the digest, which would prove the others."""
    path = journal / "segment-000001.ttj"
    body = bytearray(path.read_bytes())
    body[8192 + 64 * slot + 17] ^= 4
    body[176] ^= 1
    path.write_bytes(body)


def test_of_two_cuts_at_once_one_is_refused_and_the_other_whole(
    journal: Path, tmp_path: Path
) -> None:
    def another(_done: int, _total: int) -> None:
        with pytest.raises(InputError, match="in the way"):
            cut_journal(JournalReader(journal), tmp_path / "out", Query(stop_seq=50))

    cut_journal(JournalReader(journal), tmp_path / "out", Query(stop_seq=50), progress=another)
    assert verify(tmp_path / "out").ok


@pytest.mark.parametrize("packed", [False, True])
def test_a_cut_by_numbers(journal: Path, tmp_path: Path, packed: bool) -> None:
    if packed:
        compact_journal(journal)
    reader, steps = JournalReader(journal), []
    done = cut_journal(
        reader, tmp_path / "out", Query(start_seq=500, stop_seq=900),
        progress=lambda *at: steps.append(at),
    )  # fmt: skip
    assert (done.first_ring_seq, done.last_ring_seq, done.records) == (500, 899, 400)
    assert records(tmp_path / "out") == records(journal, 500, 900)
    report = verify(tmp_path / "out")
    assert report.ok
    assert not report.warnings
    assert (report.first_ring_seq, report.closed) == (500, True)
    data = JournalReader(tmp_path / "out").session["data"]
    assert isinstance(data, dict)
    assert (data["cut_from"], data["cut_first_seq"], data["cut_last_seq"]) == (
        str(journal), 500, 899,
    )  # fmt: skip
    assert steps[-1] == (400, 400)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_cut_by_times_has_no_holes(journal: Path, tmp_path: Path) -> None:
    reader = JournalReader(journal)
    times = reader.column_view(Template.TRADE)["ts_recv_ns"]
    start, end = int(times[5]), int(times[40])
    done = cut_journal(reader, tmp_path / "out", Query(start_ns=start, end_ns=end))
    assert records(tmp_path / "out") == records(
        journal, done.first_ring_seq, done.last_ring_seq + 1
    )
    assert verify(tmp_path / "out").ok


def test_a_cut_from_the_beginning_replays(journal: Path, tmp_path: Path) -> None:
    cut_journal(JournalReader(journal), tmp_path / "out", Query(stop_seq=2500))
    report = verify_replay(tmp_path / "out")
    assert report.ok
    assert report.outputs > 10


def test_cuts_that_are_refused_leave_nothing(journal: Path, tmp_path: Path) -> None:
    reader = JournalReader(journal)
    (tmp_path / "there").mkdir()
    for out, query, word in (
        ("there", Query(stop_seq=9), "exists"),
        ("out", Query(start_seq=10**9), "no record lies there"),
        ("out", FILLS, "by numbers and times only"),
    ):
        with pytest.raises(InputError, match=word):
            cut_journal(reader, tmp_path / out, query)
    with pytest.raises(ZeroDivisionError):
        cut_journal(reader, tmp_path / "out", Query(stop_seq=9), progress=lambda *_: 1 // 0)
    assert [p.name for p in tmp_path.iterdir()] == ["there"]


def test_parquet_gives_the_records_back(journal: Path, tmp_path: Path) -> None:
    reader = JournalReader(journal)
    done = export_journal(reader, tmp_path / "all")
    assert done.records == {t.name.lower(): n for t, n in reader.count_by_template().items()}
    for template in reader.count_by_template():
        table = pq.read_table(tmp_path / "all" / f"{template.name.lower()}.parquet")
        rows = table_records(table)
        want = reader.column_view(template).copy()
        for name in ("block_length", "template_id", "schema_id", "version"):
            assert (rows[name] == want[name]).all()
        for name in (DTYPES[template].names or ())[4:]:
            assert rows[name].tobytes() == want[name].tobytes(), (template, name)
    table = pq.read_table(tmp_path / "all" / "order_fill.parquet")
    assert table.schema.field("px").metadata == {b"exponent": b"-4"}
    assert table.schema.field("fee").metadata == {b"exponent": b"-4"}


def test_csv_has_exact_decimals_and_mantissas(journal: Path, tmp_path: Path) -> None:
    reader = JournalReader(journal)
    export_journal(reader, tmp_path / "x.csv", FILLS)
    fills = reader.column_view(Template.ORDER_FILL)
    with (tmp_path / "x.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(fills) > 20
    for row, fill in zip(rows, fills, strict=True):
        assert Decimal(row["price"]) == Decimal(int(fill["px"])).scaleb(-4)
        assert (int(row["px"]), int(row["fee_raw"])) == (fill["px"], fill["fee"])
        assert int(row["ring_seq"]) == fill["ring_seq"]
        assert row["side"] in ("BUY", "SELL")


def test_json_lines_hold_every_type(journal: Path, tmp_path: Path) -> None:
    reader = JournalReader(journal)
    done = export_journal(reader, tmp_path / "x.jsonl", Query(start_seq=1, stop_seq=600))
    lines = [json.loads(line) for line in (tmp_path / "x.jsonl").read_text().splitlines()]
    plain = PlainRecords(reader)
    assert lines == [plain.values(t, view) for t, view in reader.records(1, 600)]
    assert sum(done.records.values()) == len(lines) == 599


def test_exports_that_are_refused_leave_nothing(journal: Path, tmp_path: Path) -> None:
    reader = JournalReader(journal)
    (tmp_path / "there").mkdir()
    (tmp_path / "dir.csv").mkdir()
    cases = [
        ("x.csv", None, None, "holds one type of records"),
        ("x.parquet", None, None, "choose one with --type"),
        ("there", None, None, "exists; give a new name"),
        ("dir.csv", FILLS, None, "no plain file"),
        ("none/x.csv", FILLS, None, "make it first"),
        ("x.csv", FILLS, "parquet", "the same as the suffix"),
        ("x", FILLS, "xml", "allowed: csv, jsonl, parquet"),
        ("x.jsonl", Query(order_id=2**60), None, "no record matches"),
    ]
    for name, query, kind, word in cases:
        with pytest.raises(InputError, match=word):
            export_journal(reader, tmp_path / name, query, file_format=kind)
    for name in ("x.jsonl", "x", "y.csv"):
        query = FILLS if name == "y.csv" else None
        with pytest.raises(ZeroDivisionError):
            export_journal(reader, tmp_path / name, query, progress=lambda *_: 1 // 0)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dir.csv", "there"]
