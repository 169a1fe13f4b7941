"""`tectra bars`: what it prints and writes, and that it is the same."""

import csv
import json
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]


class TestBars:
    def test_table_document_and_files_agree(self, cli, day: Path, tmp_path: Path):
        document = cli("bars", day, "--interval", "1m,50t", "--symbols", "AAPL", "--json").json
        columns = document["columns"]
        assert document["bars"] == len(columns["close"]) > 100
        assert set(columns["symbol"]) == {"AAPL"}
        for name in ("b.csv", "b.parquet"):
            done = cli("bars", day, "-i", "1m,50t", "--symbols", "AAPL", "-o", name)
            assert done.code == 0 and f"{document['bars']:,} bars" in done.out
        with (tmp_path / "b.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [float(r["close"]) for r in rows] == columns["close"]
        assert pq.read_table(tmp_path / "b.parquet").to_pydict() == columns
        shown = cli("bars", day, "--symbols", "AAPL", "--head", "2")
        assert "the first 2 of" in shown.out and f"{columns['close'][0]:.4f}" in shown.out

    def test_flat_mids_align(self, cli, day: Path):
        done = cli("bars", day, "-i", "1m", "--mids", "--flat", "--align", "09:30:30", "--json",
                   "--symbols", "MSFT")  # fmt: skip
        times = done.json["columns"]["timestamp"]
        assert {t // 10**9 % 60 for t in times[:-1]} == {30}
        assert {b - a for a, b in pairwise(times[:-1])} == {60 * 10**9}

    def test_refusals(self, cli, day: Path, tmp_path: Path):
        cli("bars", day, "-i", "1x").explained("1x", "allowed")
        cli("bars", day, "-o", "b.txt").explained(".csv, .parquet")
        cli("bars", day, "--symbols", "ZZZZ").explained("ZZZZ")
        cli("bars", day, "--align", "25:00").explained("--align")
        (tmp_path / "b.csv").write_text("mine")
        cli("bars", day, "-o", "b.csv").explained("--force")
        assert (tmp_path / "b.csv").read_text() == "mine"
        assert cli("bars", day, "-o", "b.csv", "--force").code == 0
        (tmp_path / "cut.itch").write_bytes(b"\x00\x0cS")
        done = cli("bars", "cut.itch", "--json")
        assert done.code == 0 and json.loads(done.out)["bars"] == 0
