"""Makes the journals of tests/golden/journal: one of each layout and schema version that was ever
written. An archive that exists is never made again: it stands for what is on disks out there.
"""

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from journal_records import as_slots, stream

import tectra as tt
from tectra.core.msg import Template
from tectra.feed.synthetic import generate_day
from tectra.journal import JournalWriter, digest_inputs_outputs, repair
from tectra.journal.rebuild import Kept, make_segment
from tectra.journal.retention import compact_journal
from tectra.journal.salvage import Content, Run
from tectra.journal.scan import crc32c

CAPACITY = 64
# Templates that schema version 1 had, of both sizes and all directions.
FIRST = (
    Template.BOOK_ADD, Template.BOOK_EXECUTE, Template.BOOK_DELETE, Template.TRADE,
    Template.ORDER_INTENT, Template.ORDER_EVENT, Template.TIMER, Template.RUN_CONFIG,
)  # fmt: skip


def records(version: int, seed: int) -> list[bytes]:
    """Records whose headers say this schema version."""
    return [
        b[:6] + version.to_bytes(2, "little") + b[8:]
        for b in stream(160, seed=seed, templates=FIRST)
    ]


def schema_1(path: Path) -> None:
    """Schema version 1 in headers and records, manifest format 1: no roots, no chain."""
    run = Run(0x1234_5678_9ABC_DEF0, CAPACITY, 11, "simulated", 1)
    path.mkdir()
    entries, base, wanted = [], 0, records(1, 21)
    while wanted:
        used, part = 0, []
        while wanted and used + len(wanted[0]) // 64 <= CAPACITY:
            part.append(wanted.pop(0))
            used += len(part[-1]) // 64
        seqs = [int.from_bytes(b[8:16], "little") for b in part]
        kept = Kept(as_slots(part), len(part), seqs[0], seqs[-1])
        empty = Content(kept.slots, np.ones(used, np.bool_), np.zeros(used, np.uint32), used)
        image = make_segment(run, len(entries) + 1, kept, base, content=empty, chain=b"")
        (path / image.entry.file).write_bytes(b"".join(image.parts))
        entry = {k: getattr(image.entry, k) for k in image.entry.__struct_fields__}
        for late in ("chain", "compression", "fault"):
            entry.pop(late)
        entries.append(entry)
        base = seqs[-1]
    manifest = {
        "layout_version": 1, "schema_id": 7433, "schema_version": 1, "epoch": f"{run.epoch:016x}",
        "run_seed": 11, "clock_domain": "simulated", "segment_slots": CAPACITY,
        "durability": "page-cache", "session": {"era": "schema 1"}, "segments": entries,
        "closed": True, "result": {"ended": True}, "index": None, "format": "tectra-journal",
        "format_version": 1, "crc32c": "00000000",
    }  # fmt: skip
    text = json.dumps(manifest, indent=2) + "\n"
    head, tail = text.rsplit('"00000000"', 1)
    (path / "manifest.json").write_text(f'{head}"{crc32c(text.encode()):08x}"{tail}')


def _written(path: Path, seed: int, **options: object) -> JournalWriter:
    writer = JournalWriter(path, session={"seed": seed}, segment_slots=CAPACITY, **options)
    writer.append_many(as_slots(records(2, seed)))
    return writer


def schema_2(path: Path) -> None:
    """As the writer makes them: manifest format 2, roots and chain."""
    _written(path, 22, run_seed=5).close({"ended": True})


def schema_2_packed(path: Path) -> None:
    """Behind zstd, with indexes."""
    _written(path, 23).close()
    compact_journal(path)
    (path / "compact.lock").unlink(missing_ok=True)


def schema_2_repaired(path: Path) -> None:
    """With a hole that a repair declared."""
    broken = path.with_name("broken")
    _written(broken, 24).close()
    file = broken / "segment-000002.ttj"
    body = bytearray(file.read_bytes())
    body[8192 + 640 : 8192 + 700] = bytes(60)
    file.write_bytes(body)
    repair(broken, path)


def run(path: Path) -> None:
    """A backtest, with the sources of its strategy."""
    day = path.with_name("day.itch.gz")
    generate_day(day, seed=12, symbols=("AAPL",), messages=2000)
    out = path.with_name("result")
    tt.run_backtest(
        strategy="tectra.strategy.sample.steady:Steady",
        params={"every": 80},
        data=day,
        config=tt.BacktestConfig(seed=3),
        out=out,
    )
    path.mkdir()
    (out / "journal").rename(path / "journal")
    (out / "strategies").rename(path / "strategies")


MAKERS: dict[str, Callable[[Path], None]] = {
    "schema1-format1": schema_1,
    "schema2-format2": schema_2,
    "schema2-format2-packed": schema_2_packed,
    "schema2-format2-repaired": schema_2_repaired,
    "schema2-format2-run": run,
}


def pack(path: Path) -> bytes:
    """A directory as tar.gz, the same bytes for the same files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            info = tarfile.TarInfo(str(file.relative_to(path)))
            info.size = file.stat().st_size
            tar.addfile(info, io.BytesIO(file.read_bytes()))
    return gzip.compress(out.getvalue(), 9, mtime=0)


def unpack(archive: Path, path: Path) -> Path:
    with tarfile.open(archive) as tar:
        tar.extractall(path, filter="data")
    return path


def picture(reader: object) -> dict[str, object]:
    """What a journal must give for ever."""
    found = digest_inputs_outputs(reader)
    return {
        "records": reader.record_count,
        "first_ring_seq": reader.first_ring_seq,
        "last_ring_seq": reader.last_ring_seq,
        "inputs": found.inputs,
        "outputs": found.outputs,
        "session": reader.session,
        "result": reader.result,
        "schema_version": reader.manifest.schema_version,
        "format_version": reader.manifest.format_version,
    }
