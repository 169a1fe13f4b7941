"""A journal whose one segment is a file of exactly 64 KiB, held in memory, and what damage may do.

The files lie on a file system in memory where there is one, so that a test can rewrite them a
hundred thousand times.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from journal_records import as_slots, record, stream

from tectra.core.errors import JournalCorruptError
from tectra.core.msg import Template
from tectra.journal import JournalReader, JournalWriter

IMAGE_BYTES = 65_536
CAPACITY = 896  # 4,096 header + 4,096 checksums + 896 * 64
NAME = "segment-000001.ttj"
SLOTS_AT = 8192


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory in memory, or the usual one for temporary files."""
    shm = Path("/dev/shm")
    where = shm if os.access(shm, os.W_OK) else None
    path = Path(tempfile.mkdtemp(prefix=f"tectra_test_{os.getpid()}_", dir=where))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


class Image:
    """The journal, its records, and a way to look at damaged copies."""

    def __init__(self, path: Path, *, closed: bool, seed: int = 9) -> None:
        self.path = path
        self.file = path / NAME
        self.records: list[bytes] = []
        writer = JournalWriter(path, session={"image": seed}, segment_slots=CAPACITY)
        used = 0
        for body in stream(900, seed=seed):
            take = len(body) // 64
            if used + take > (CAPACITY if closed else CAPACITY - 40):
                break
            self.records.append(body)
            used += take
        if closed and used < CAPACITY:
            self.records.append(record(len(self.records) + 1, Template.BOOK_ADD))
        writer.append_many(as_slots(self.records))
        if not closed:
            body = self.file.read_bytes()
            manifest = (path / "manifest.json").read_bytes()
        writer.close()
        if not closed:
            self.file.write_bytes(body)
            (path / "manifest.json").write_bytes(manifest)
        self.bytes = self.file.read_bytes()
        assert len(self.bytes) == IMAGE_BYTES
        self.whole = b"".join(self.records)
        ends = np.cumsum([len(r) for r in self.records])
        self.edges = [0, *ends.tolist()]

    def prefix(self, size: int) -> int:
        """How many bytes of records a file cut to `size` bytes holds whole."""
        room = max(0, size - SLOTS_AT)
        return int(self.edges[int(np.searchsorted(self.edges, room, side="right")) - 1])

    def read(self) -> tuple[bytes, bool]:
        """What the strict reader hands out, and whether it raised then."""
        parts: list[bytes] = []
        try:
            parts.extend(slots.tobytes() for slots in JournalReader(self.path).slots())
        except JournalCorruptError:
            return b"".join(parts), True
        return b"".join(parts), False

    @contextmanager
    def opened(self) -> Iterator[int]:
        """A descriptor on the segment file; afterwards it is whole again."""
        fd = os.open(self.file, os.O_RDWR)
        try:
            yield fd
        finally:
            os.close(fd)
            self.file.write_bytes(self.bytes)
