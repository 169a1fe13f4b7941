"""The commands on journals: what they say, what they leave, what they refuse; in this process."""

import json
import os
import shutil
from pathlib import Path

import pytest
from commands import Cli, Done

from tectra.core.msg import Liquidity, OrderEventKind, OrderState, Side
from tectra.core.record import encode
from tectra.journal import JournalReader, JournalWriter, verify
from tectra.ops.cli.main import main

T = 1_767_600_000_000_000_000
SESSION: dict[str, object] = {
    "instruments": [
        {"instrument_id": 1, "symbol": "AAA", "exchange": 6, "px_exponent": -4, "qty_exponent": 0},
        {"instrument_id": 2, "symbol": "BBB", "exchange": 1, "px_exponent": -2, "qty_exponent": -8},
    ]
}


def event(seq: int, order: int, kind: OrderEventKind, state: OrderState, **more: int) -> bytes:
    return encode(
        "order_event", ring_seq=seq, ts_event_ns=T + seq, ts_recv_ns=T + seq, instrument_id=2,
        side=Side.BUY, strategy_id=3, order_id=order, px=12_345, qty=150_000_000, event=kind,
        to_state=state, valid=1, **more,
    )  # fmt: skip


RECORDS = [
    encode("book_add", ring_seq=1, ts_event_ns=T + 1, ts_recv_ns=T + 1, instrument_id=1,
           side=Side.SELL, venue_id=6, order_ref=9, px=1_012_500, qty=300),
    encode("trade", ring_seq=2, ts_event_ns=T + 1, ts_recv_ns=T + 2, instrument_id=1, venue_id=6,
           match_id=4, px=1_012_400, qty=5),
    event(3, 70, OrderEventKind.SUBMIT, OrderState.NEW),
    event(4, 71, OrderEventKind.SUBMIT, OrderState.NEW),
    encode("order_fill", ring_seq=5, ts_event_ns=T + 4, ts_recv_ns=T + 5, instrument_id=2,
           side=Side.BUY, liquidity=Liquidity.TAKER, venue_id=1, order_id=70, px=12_344,
           qty=150_000_000, exec_id=8, fee=-1_000_000_000),
    event(6, 70, OrderEventKind.FILL, OrderState.FILLED, cum_qty=150_000_000, last_px=12_344),
]  # fmt: skip


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Cli:
    """`cli("journal", "ls", "j")` in the test's own directory."""
    monkeypatch.chdir(tmp_path)

    def run(*args: object) -> Done:
        capfd.readouterr()
        code = main([str(a) for a in args])
        found = capfd.readouterr()
        return Done(code, found.out, found.err)

    return run


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Six records of two instruments, three to a segment."""
    path = tmp_path / "j"
    with JournalWriter(path, session=SESSION, segment_slots=6) as writer:
        for n, body in enumerate(RECORDS):
            if n == 3:
                writer.rotate()
            writer.append(body)
        writer.close({})
    return path


CAT = """\
       1 2026-01-05T08:00:00.000000001 book_add            AAA      side=SELL venue_id=6 \
order_ref=9 price=101.2500 quantity=300
       2 2026-01-05T08:00:00.000000002 trade               AAA      \
event=2026-01-05T08:00:00.000000001 side=NONE venue_id=6 match_id=4 price=101.2400 quantity=5
"""


def test_cat_prints_exact_decimals(cli: Cli, small: Path) -> None:
    assert cli("journal", "cat", "j", "--seq", ":3").out == CAT
    lines = cli("journal", "cat", "j", "--json").out.splitlines()
    assert [json.loads(line)["ring_seq"] for line in lines] == [1, 2, 3, 4, 5, 6]
    fill = json.loads(lines[4])
    assert (fill["price"], fill["quantity"], fill["fee"]) == (
        "123.44",
        "1.50000000",
        "-0.1000000000",
    )
    assert (fill["symbol"], fill["side"], fill["liquidity"]) == ("BBB", "BUY", "TAKER")


def seqs(cli: Cli, *options: object) -> list[int]:
    done = cli("journal", "cat", "j", "--json", *options)
    assert done.code == 0, done.err
    return [json.loads(line)["ring_seq"] for line in done.out.splitlines()]


def test_cat_selects(cli: Cli, small: Path) -> None:
    want = {
        ("--order", 70): [3, 5, 6],
        ("--type", "trade,order_fill"): [2, 5],
        ("--symbol", "AAA"): [1, 2],
        ("--strategy", 3, "--limit", 2): [3, 4],
        ("--seq", "2:5"): [2, 3, 4],
        ("--seq", "6"): [6],
        ("--from", T + 3, "--to", T + 5): [3, 4],
        ("--from", "2026-01-05", "--to", "2026-01-05"): [1, 2, 3, 4, 5, 6],
        ("--from", "2026-01-06"): [],
        ("--order", 71, "--type", "trade"): [],
    }
    for options, found in want.items():
        assert seqs(cli, *options) == found
    assert cli("journal", "compact", "j").code == 0
    for options, found in want.items():
        assert seqs(cli, *options) == found


def test_cat_refuses(cli: Cli, small: Path) -> None:
    cli("journal", "cat", "j", "--symbol", "ZZZ").explained("'ZZZ'", "AAA, BBB")
    cli("journal", "cat", "j", "--type", "nothing").explained("'nothing'", "allowed")
    cli("journal", "cat", "j", "--seq", "x:y").explained("--seq", "A:B, A:, :B or A")
    cli("journal", "cat", "j", "--seq", "5:4").explained("start_seq: found 5")
    cli("journal", "cat", "none").explained("no journal at none")
    cli("journal", "cat", "j/manifest.json").explained("not a directory")
    body = bytearray((small / "segment-000002.ttj").read_bytes())
    body[-40] ^= 1
    (small / "segment-000002.ttj").write_bytes(body)
    damaged = cli("journal", "cat", "j")
    damaged.explained("segment-000002.ttj", "tectra journal verify j")
    assert damaged.out.startswith(CAT)


def test_ls(cli: Cli, small: Path) -> None:
    assert cli("journal", "compact", "j").code == 0
    found = cli("journal", "ls", "j", "--json").json
    assert (found["records"], found["closed"], found["clock_domain"]) == (6, True, "simulated")
    first, second = found["segments"]
    assert first["digest"] == JournalReader(small).segment_files[0].head.digest
    assert (first["first_ring_seq"], first["last_ring_seq"], first["records"]) == (1, 3, 3)
    assert (second["first_ts_recv_ns"], second["last_ts_recv_ns"]) == (T + 4, T + 6)
    assert [s["packed"] for s in (first, second)] == [True, True]
    assert [s["index"] for s in (first, second)] == ["ok", "ok"]
    assert len(first["merkle_root"]) == 64
    text = cli("journal", "ls", "j").out.splitlines()
    assert text[0].startswith("j: 2 segments, 6 records, ")
    assert text[1].startswith("segment 1: closed zstd, 3 records, ")
    assert (
        "ring_seq 1 to 3, 2026-01-05T08:00:00.000000001 to 2026-01-05T08:00:00.000000003" in text[1]
    )

    (small / "segment-000001.tti").write_bytes(b"x")
    (small / "segment-000002.ttj.zst").write_bytes(b"x" * 50)
    done = cli("journal", "ls", "j")
    done.explained("segment-000001.tti", "compact", "segment-000002.ttj.zst")
    assert [s["state"] for s in cli("journal", "ls", "j", "--json").json["segments"]] == [
        "closed", "damaged",
    ]  # fmt: skip
    (small / "segment-000001.ttj.zst").unlink()
    cli("journal", "ls", "j").explained("segment-000001.ttj: the file is not there")


def test_ls_of_an_open_journal(cli: Cli, tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "j", session={}, segment_slots=64)
    assert cli("journal", "ls", "j", "--json").json["segments"][0]["records"] == 0
    writer.append(RECORDS[0])
    found = cli("journal", "ls", "j", "--json").json
    assert not found["closed"]
    segment = found["segments"][0]
    assert (segment["state"], segment["records"], segment["last_ring_seq"]) == ("open", 1, 1)
    writer.close()


def test_orders(cli: Cli, small: Path) -> None:
    rows = [json.loads(x) for x in cli("journal", "orders", "j", "--json").out.splitlines()]
    assert [(r["order_id"], r["event_type"], r["status"]) for r in rows] == [
        (70, "submit", "NEW"), (71, "submit", "NEW"), (70, "report_fill", "NEW"),
        (70, "fill", "FILLED"),
    ]  # fmt: skip
    assert rows[0]["exchange"] == "Binance"
    assert (rows[2]["price"], rows[2]["qty"]) == ("123.44", "1.50000000")
    text = cli("journal", "orders", "j", "--order", 70, "--seq", "6:").out
    assert text == (
        "2026-01-05T08:00:00.000000006 fill                 70 Binance   BBB      BUY  1.50000000 "
        "@ 123.45       FILLED       ring_seq=6 strategy_id=3 last_price=123.44 "
        "last_quantity=0.00000000\n"
    )
    flight = cli("journal", "orders", "j", "--in-flight", "--json").out.splitlines()
    assert [json.loads(x)["order_id"] for x in flight] == [71]
    assert cli("journal", "orders", "j", "--in-flight").out.startswith(
        "    71 Binance   BBB      BUY"
    )
    cli("journal", "orders", "j", "--order", 5).explained("no event of order 5")


def test_cut(cli: Cli, small: Path) -> None:
    done = cli("journal", "cut", "j", "-o", "out", "--seq", "2:6")
    assert done.out == "out: 4 records, ring_seq 2 to 5\n"
    report = verify(small.parent / "out")
    assert (report.ok, report.records, report.first_ring_seq) == (True, 4, 2)
    cli("journal", "cut", "j", "-o", "out", "--seq", "2:6").explained("out exists")
    cli("journal", "cut", "j", "-o", "new").explained("nothing says where to cut")
    cli("journal", "cut", "j", "-o", "no/new", "--seq", "1:").explained("no directory no")
    cli("journal", "cut", "j", "-o", "new", "--seq", "50:").explained("no record lies there")
    found = cli("journal", "cut", "j", "-o", "b", "--from", T + 5, "--json").json
    assert (found["first_ring_seq"], found["records"]) == (5, 2)


def test_export(cli: Cli, small: Path) -> None:
    done = cli("journal", "export", "j", "-o", "x.csv", "--type", "trade")
    assert done.out.splitlines()[-1] == "x.csv: 1 records"
    assert (small.parent / "x.csv").read_text() == (
        "ring_seq,type,ts_event_ns,ts_recv_ns,instrument_id,symbol,side,flags,venue_id,match_id,"
        "price,quantity,px,qty\n"
        f"2,trade,{T + 1},{T + 2},1,AAA,NONE,,6,4,101.2400,5,1012400,5\n"
    )
    cli("journal", "export", "j", "-o", "y.csv").explained("holds one type", "--type")
    assert cli("journal", "export", "j", "-o", "y.jsonl", "--json").json["records"] == {
        "book_add": 1, "trade": 1, "order_fill": 1, "order_event": 3,
    }  # fmt: skip
    assert len((small.parent / "y.jsonl").read_text().splitlines()) == 6
    assert cli("journal", "export", "j", "-o", "dir", "--format", "csv").code == 0
    assert sorted(p.name for p in (small.parent / "dir").iterdir()) == [
        "book_add.csv", "order_event.csv", "order_fill.csv", "trade.csv",
    ]  # fmt: skip
    cli("journal", "export", "j", "-o", "dir").explained("dir exists")
    cli("journal", "export", "j", "-o", "/dev/full").explained("/dev/full")


def test_compact(cli: Cli, small: Path) -> None:
    plan = cli("journal", "compact", "j", "--dry-run")
    assert "segment 1: would be packed, would be indexed; 3 records" in plan.out
    assert len(list(small.glob("*.ttj"))) == 2
    young = cli("journal", "compact", "j", "--older-than", "1h", "--json").json
    assert {s["left"] for s in young["segments"]} == {"too young"}
    assert "segment 2: packed, indexed; 3 records" in cli("journal", "compact", "j").out
    assert "segment 1: in order; " in cli("journal", "compact", "j").out
    assert cli("journal", "verify", "j").code == 0
    cli("journal", "compact", "j", "--older-than", "7").explained("--older-than: found '7'")
    cli("journal", "compact", "none").explained("no journal at none")


def test_unpack(cli: Cli, small: Path) -> None:
    before = {p.name: p.read_bytes() for p in small.iterdir()}
    assert cli("journal", "compact", "j").code == 0
    assert cli("journal", "unpack", "j").out == "j: 2 segments unpacked\n"
    assert {p.name: p.read_bytes() for p in small.iterdir() if p.suffix != ".tti"} == before
    assert cli("journal", "unpack", "j").out == "j: 0 segments unpacked\n"
    assert cli("journal", "verify", "j").code == 0
    cli("journal", "compact", "j")
    path = small / "segment-000002.ttj.zst"
    path.write_bytes(path.read_bytes()[:-3])
    cli("journal", "unpack", "j").explained("segment-000002.ttj.zst", "cut off")
    assert {p.name for p in small.glob("*.ttj*")} == {"segment-000001.ttj", path.name}


def test_prune(cli: Cli, small: Path) -> None:
    root = small.parent
    shutil.copytree(small, root / "young")
    for file in small.iterdir():
        os.utime(file, (1_000_000_000, 1_000_000_000))
    plan = cli("journal", "prune", ".", "--older-than", "30d", "--dry-run")
    assert "would remove 1 of 2 journals" in plan.out
    kept = cli("journal", "prune", ".", "--older-than", "30d", "--keep", 2)
    assert "removed 0 of 2 journals" in kept.out
    done = cli("journal", "prune", ".", "--older-than", "30d")
    assert done.out.splitlines()[0].startswith("j: removed: closed and old; ")
    assert "young: stays: young; " in done.out
    assert (small.exists(), (root / "young").exists()) == (False, True)
    assert cli("journal", "prune", ".").code == 2
    cli("journal", "prune", "none", "--older-than", "1d").explained("found no directory")


def test_prune_by_the_configuration(cli: Cli, small: Path) -> None:
    for file in small.iterdir():
        os.utime(file, (1_000_000_000, 1_000_000_000))
    config = small.parent / "tectra.toml"
    config.write_text("[journal]\nretention_days = 30\n")
    plan = cli("journal", "prune", ".", "--config", config, "--dry-run", "--older-than", "36000d")
    assert "would remove 0 of 1 journals" in plan.out
    assert "removed 1 of 1 journals" in cli("journal", "prune", ".", "--config", config).out
    assert not small.exists()
    config.write_text("[journal]\n")
    said = cli("journal", "prune", ".", "--config", config)
    said.explained("retention_days: found nothing; allowed: whole number, 1 to 36500 (days)")
    config.write_text("[journal]\nretention_days = 0\n")
    for more in ((), ("--older-than", "1d")):
        cli("journal", "prune", ".", "--config", config, *more).explained("retention_days: found 0")
    cli("journal", "prune", ".", "--config", "none.toml").explained("none.toml")
    neither = cli("journal", "prune", ".")
    assert neither.code == 2 and "--older-than AGE, or --config FILE" in neither.err


def test_wal_replay(cli: Cli, small: Path) -> None:
    done = cli("wal", "replay", "j", "--type", "trade,book_add")
    assert done.out == CAT
    assert done.err.startswith("2 events in ")
    # Six records within 6 ns of market time: no pace is slow.
    assert len(cli("wal", "replay", "j", "--speed", "0.01x", "--json").out.splitlines()) == 6
    cli("wal", "replay", "j", "--speed", "fast").explained("speed: found 'fast'")
    cli("wal", "replay", "none").explained("no journal at none")
