"""`tectra capture check` as a user runs it."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from venue_wire import CoinbaseWire, KrakenV2Wire, OkxWire

from tectra.core.rng import Random

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

START = 1_700_000_000_000_000_000


def rows(count: int = 40) -> list[bytes]:
    wire = OkxWire(Random(5))
    found = [wire.snapshot(), *(wire.update() for _ in range(count))]
    return [b"%d %s" % (START + i * 10**7, row) for i, row in enumerate(found)]


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "day.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n".join(rows()) + b"\n"))
    return path


def test_a_sound_capture(cli: Any, capture: Path) -> None:
    done = cli("capture", "check", capture)
    assert done.code == 0, done.err
    assert "41 messages of okx" in done.out and "41 of 41" in done.out
    assert done.out.rstrip().endswith("ok")
    found = cli("capture", "check", capture, "--json").json
    assert found["ok"] is True
    (file,) = found["files"]
    assert (file["venue"], file["total"], file["faults"]) == ("okx", 41, [])
    assert file["books"][0]["checksums_matched"] == 41
    assert file["messages_per_second"] == pytest.approx(102.5)


def test_a_gap_fails_with_its_line(cli: Any, capture: Path) -> None:
    kept = rows()
    del kept[20]
    capture.write_bytes(b"\n".join(kept))  # the name still says .gz
    done = cli("capture", "check", capture)
    assert done.code == 1 and "Traceback" not in done.err
    assert "NOT OK" in done.out and "gap: line 21: found" in done.out
    assert "invalid: GAP, line 21 to the end" in done.out
    report = cli("capture", "check", capture, "--json")
    assert report.code == 1 and report.json["ok"] is False
    assert report.json["files"][0]["books"][0]["gaps"]["first"][0]["line"] == 21


def test_several_files_of_several_venues(cli: Any, capture: Path, tmp_path: Path) -> None:
    others = []
    for wire in (KrakenV2Wire(Random(1)), CoinbaseWire(Random(1))):
        path = tmp_path / f"[{type(wire).__name__}].jsonl"
        path.write_bytes(b"\r\n".join([wire.snapshot(), wire.update(), b"", wire.update()]))
        others.append(path)
    done = cli("capture", "check", capture, *others, "--json")
    assert done.code == 0, done.out
    assert [f["venue"] for f in done.json["files"]] == ["okx", "kraken", "coinbase"]
    text = cli("capture", "check", *others)
    assert text.code == 0 and "[KrakenV2Wire].jsonl: 3 messages of kraken" in text.out
    assert "not said" in text.out


def test_a_cut_file(cli: Any, capture: Path) -> None:
    raw = capture.read_bytes()
    capture.write_bytes(raw[: len(raw) - 40])
    done = cli("capture", "check", capture)
    assert done.code == 0 and "cut" in done.explained("warning", "cut", code=0)
    cli("capture", "check", capture, "--strict").explained("cut")


def test_what_is_refused(cli: Any, capture: Path, tmp_path: Path) -> None:
    cli("capture", "check", capture, "--venue", "kraken").explained("messages of okx", "kraken")
    cli("capture", "check", tmp_path / "none").explained("does not exist", code=2)
    cli("capture", "check", tmp_path).explained("directory", code=2)
    cli("capture", "check").explained("FILE", code=2)
    cli("capture", "check", capture, "--venue", "mtgox").explained("mtgox", code=2)
    cli("capture", "check", capture, "--venue", "okx", "--market", "linear").explained("--market")
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    cli("capture", "check", empty).explained("no message of")
    noise = tmp_path / "noise"
    noise.write_bytes(bytes(range(256)) * 100)
    cli("capture", "check", noise).explained("no message of")
    assert cli("capture", "check", capture, "--symbol", "XRPUSDT").code == 1
