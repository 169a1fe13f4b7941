"""`tectra journal ls`: the segments of a journal."""

from dataclasses import asdict, dataclass
from pathlib import Path

import click

from tectra.core.errors import JournalError
from tectra.journal.index import index_state
from tectra.journal.manifest import Manifest
from tectra.journal.plain import time_text
from tectra.journal.segment import SegmentFile, column_u64, segment_name, segment_paths
from tectra.ops.cli.journal_select import into_pipe
from tectra.ops.cli.show import warn, write_json
from tectra.replay.verify import journal_of

__all__ = ["command"]


@dataclass(frozen=True, slots=True)
class _Row:
    segment_id: int
    file: str
    state: str
    packed: bool
    index: str
    records: int
    bytes: int
    plain_bytes: int
    first_ring_seq: int | None
    last_ring_seq: int | None
    first_ts_recv_ns: int | None
    last_ts_recv_ns: int | None
    digest: str
    merkle_root: str
    fault: str = ""


def _row(segment: SegmentFile) -> _Row:
    """A closed segment from its header; an open one is read."""
    head = segment.head
    seqs: tuple[int | None, int | None] = (head.first_ring_seq, head.last_ring_seq)
    times: tuple[int | None, int | None] = (head.first_ts_recv_ns, head.last_ts_recv_ns)
    records = head.records
    if not head.closed:
        starts = segment.starts
        records = len(starts)
        if records:
            ends = starts[[0, -1]]
            seqs = tuple(column_u64(segment.slots, 1)[ends].tolist())
            times = tuple(segment.slots.view("<i8")[ends, 3].tolist())
    if not records:
        seqs = times = (None, None)
    return _Row(
        segment_id=head.segment_id,
        file=segment.path.name,
        state="closed" if head.closed else "open",
        packed=segment.packed,
        index=index_state(segment) if head.closed else "none",
        records=records,
        bytes=segment.stored_bytes,
        plain_bytes=segment.size,
        first_ring_seq=seqs[0],
        last_ring_seq=seqs[1],
        first_ts_recv_ns=times[0],
        last_ts_recv_ns=times[1],
        digest=head.digest if head.closed else "",
        merkle_root=head.merkle_root if head.closed and head.merkle_root.strip("0") else "",
    )


def _rows(directory: Path) -> list[_Row]:
    """A row a file; one for a stretch of files that are missing, however long a name makes it."""
    out: list[_Row] = []
    expected = 1
    for number, path in sorted(segment_paths(directory).items()):
        if number > expected:
            name = segment_name(expected)
            more = f", nor any up to {segment_name(number - 1)}" if number > expected + 1 else ""
            fault = f"{directory / name}: the file is not there{more}"
            out.append(_bad(expected, name, "missing", 0, fault))
        expected = number + 1
        try:
            out.append(_row(SegmentFile(path)))
        except JournalError as error:
            out.append(_bad(number, path.name, "damaged", path.stat().st_size, str(error)))
    return out


def _bad(number: int, name: str, state: str, size: int, fault: str) -> _Row:
    """A segment of which nothing can be told."""
    return _Row(
        number, name, state, False, "none", 0, size, 0, None, None, None, None, "", "", fault
    )  # fmt: skip


def _line(row: _Row) -> str:
    said = [
        f"{row.state}{' zstd' if row.packed else ''}",
        f"{row.records:,} records",
        f"{row.bytes:,} bytes" + (f" of {row.plain_bytes:,}" if row.packed else ""),
    ]
    if row.first_ts_recv_ns is not None and row.last_ts_recv_ns is not None:
        said.append(f"ring_seq {row.first_ring_seq} to {row.last_ring_seq}")
        said.append(f"{time_text(row.first_ts_recv_ns)} to {time_text(row.last_ts_recv_ns)}")
    said.append(f"index {row.index if row.index in ('ok', 'none') else 'bad'}")
    said += [f"digest {row.digest}"] if row.digest else []
    said += [f"root {row.merkle_root}"] if row.merkle_root else []
    return f"segment {row.segment_id}: {', '.join(said)}"


@click.command(name="ls")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
@click.pass_context
def command(ctx: click.Context, directory: Path, as_json: bool) -> None:
    """Segments of a journal: records, bytes, numbers, times, state, index, digest and root.

    Headers are read, and the records of an open segment; `verify` checks every byte. Exit code 1
    when a header is damaged or a segment is missing.
    """
    where = journal_of(directory)
    manifest = Manifest.load(where)
    rows = _rows(where)
    with into_pipe():
        if as_json:
            write_json(
                {
                    "path": str(where),
                    "closed": manifest.closed,
                    "clock_domain": manifest.clock_domain,
                    "records": sum(r.records for r in rows),
                    "bytes": sum(r.bytes for r in rows),
                    "segments": [asdict(r) for r in rows],
                }
            )
        else:
            click.echo(
                f"{where}: {len(rows)} segments, {sum(r.records for r in rows):,} records, "
                f"{sum(r.bytes for r in rows):,} bytes, clock {manifest.clock_domain}, "
                f"{'closed' if manifest.closed else 'not closed'}"
            )
            for row in rows:
                click.echo(_line(row))
            for row in rows:
                if row.index not in ("ok", "none"):
                    warn(f"{row.index}; tectra journal compact builds it again")
                if row.fault:
                    warn(row.fault)
    ctx.exit(1 if any(r.fault for r in rows) else 0)
