"""Signed checkpoints: who holds the key says what the journal was, up to a slot, at a time.

A checkpoint names the head of the chain of segments behind a slot; the last segment may still be
open, then its tree is over the slots that stood there. Whoever changes an earlier record and makes
every checksum, tree and chain anew still meets the signature. Checkpoints are lines of JSON in
checkpoints.jsonl beside the segments, appended and synced. Any thread; no writer is disturbed.
"""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from tectra.core.errors import JournalError
from tectra.core.part_file import sync_directory
from tectra.journal.fault import Cause, Fault
from tectra.journal.manifest import CHECKPOINTS_NAME
from tectra.journal.merkle import CHAIN_START, chain_head, merkle_root
from tectra.journal.place import held_in_place
from tectra.journal.reader import JournalReader
from tectra.journal.segment import SegmentFile, Slots, column_u64
from tectra.journal.sign import SigningKey, is_signed_by

__all__ = [
    "Checkpoint",
    "chain_of",
    "check_checkpoints",
    "load_checkpoints",
    "sign_journal",
]


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was signed. `slots` of segment `segment_id` were there; `records` and `last_ring_seq`
    count from the beginning of the journal. `key` is public; `signature` covers all other fields.
    """

    epoch: str
    segment_id: int
    slots: int
    records: int
    last_ring_seq: int
    root: str
    chain: str
    ts_ns: int
    note: str = ""
    key: str = ""
    signature: str = ""
    version: int = 1

    def message(self) -> bytes:
        """The bytes that are signed: a line of purpose, then the fields by name, as JSON."""
        fields = msgspec.to_builtins(self)
        del fields["signature"]
        return b"tectra journal checkpoint\n" + msgspec.json.encode(fields, order="sorted")

    def signed(self, key: SigningKey) -> "Checkpoint":
        """With the key's name and signature."""
        named = msgspec.structs.replace(self, key=key.public)
        return msgspec.structs.replace(named, signature=key.sign(named.message()).hex())

    def is_genuine(self) -> bool:
        """Does the signature fit the fields and the key?"""
        try:
            signature = bytes.fromhex(self.signature)
        except ValueError:
            return False
        return is_signed_by(self.key, self.message(), signature)


def chain_of(reader: JournalReader) -> Iterator[tuple[SegmentFile, Slots, bytes, bytes]]:
    """(segment, slots, root, head of the chain behind it) of each segment, computed from the data.
    Raises JournalCorruptError at damage.
    """
    head = CHAIN_START
    for segment, slots in reader.segments():
        root = merkle_root(slots.reshape(-1).data)
        head = chain_head(head, segment.head.epoch, segment.head.segment_id, root)
        yield segment, slots, root, head


def sign_journal(directory: Path, key: SigningKey, *, now_ns: int, note: str = "") -> Checkpoint:
    """Sign what the journal holds now, a growing one included; the line is on the disk at return.

    Raises JournalError: no journal, no record yet, damage, or a repair in place at work; OSError
    when the disk refuses. Then there is no such line.
    """
    with held_in_place(directory):
        return _signed(directory, key, now_ns, note)


def _signed(directory: Path, key: SigningKey, now_ns: int, note: str) -> Checkpoint:
    records, last = 0, None
    for segment, slots, root, head in chain_of(JournalReader(directory)):
        records += len(segment.starts)
        last = (segment, len(slots), root, head, segment.last_ring_seq)
    if last is None or not records:
        raise JournalError(f"{directory} holds no record yet; there is nothing to sign")
    segment, count, root, head, last_seq = last
    checkpoint = Checkpoint(
        epoch=f"{segment.head.epoch:016x}",
        segment_id=segment.head.segment_id,
        slots=count,
        records=records,
        last_ring_seq=last_seq,
        root=root.hex(),
        chain=head.hex(),
        ts_ns=now_ns,
        note=note,
    ).signed(key)
    _append(directory / CHECKPOINTS_NAME, msgspec.json.encode(checkpoint) + b"\n")
    return checkpoint


def _append(path: Path, line: bytes) -> None:
    """Put a line behind the others, on the disk, or leave the file as it was. Signers take turns;
    the piece of a line that a killed one left goes: it signed nothing.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        body = os.pread(fd, os.fstat(fd).st_size, 0)
        whole = body.rfind(b"\n") + 1
        if _is_checkpoint(body[whole:]):
            whole, line = len(body), b"\n" + line
        os.ftruncate(fd, whole)
        try:
            done = 0
            while done < len(line):
                done += os.pwrite(fd, line[done:], whole + done)
            os.fsync(fd)
        except BaseException:
            os.ftruncate(fd, whole)
            raise
    finally:
        os.close(fd)
    sync_directory(path.parent)


def _is_checkpoint(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=Checkpoint)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def load_checkpoints(directory: Path) -> list[Checkpoint]:
    """The checkpoints of a journal, oldest first; empty when it has none. Raises JournalError at a
    line that is none.
    """
    path = directory / CHECKPOINTS_NAME
    if not path.exists():
        return []
    out = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            out.append(msgspec.json.decode(line, type=Checkpoint))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise JournalError(f"{path.name}, line {number}: no checkpoint: {error}") from error
    return out


def check_checkpoints(directory: Path, *, public_key: str | None = None) -> list[Fault]:
    """Hold every checkpoint against the data; `public_key`: who must have signed them.

    Each fault is of cause SIGNATURE. Raises JournalError when the lines or the journal cannot be
    read.
    """
    checkpoints = load_checkpoints(directory)
    faults = []
    wanted: dict[int, list[Checkpoint]] = {}
    for number, checkpoint in enumerate(checkpoints, start=1):
        wanted.setdefault(checkpoint.segment_id, []).append(checkpoint)
        what = f"checkpoint {number}, up to ring_seq {checkpoint.last_ring_seq}"
        if not checkpoint.is_genuine():
            faults.append(_fault(checkpoint, f"{what}: the signature does not fit"))
        elif public_key is not None and checkpoint.key != public_key:
            faults.append(
                _fault(checkpoint, f"{what}: signed by {checkpoint.key}, not by this key")
            )
    if public_key is not None and not checkpoints:
        what = "no checkpoint; nothing says that the journal is what was written"
        faults.append(Fault(None, CHECKPOINTS_NAME, None, None, Cause.SIGNATURE, what))
    before, records = CHAIN_START, 0
    for segment, slots, _, head in chain_of(JournalReader(directory, strict=False)):
        for checkpoint in wanted.pop(segment.head.segment_id, []):
            faults += _against(checkpoint, segment, slots, before, records)
        before, records = head, records + len(segment.starts)
    for left in wanted.values():
        faults += [
            _fault(c, f"segment {c.segment_id}, which it signs, cannot be read") for c in left
        ]
    return faults


def _against(
    checkpoint: Checkpoint, segment: SegmentFile, slots: Slots, before: bytes, records: int
) -> list[Fault]:
    """One checkpoint against the slots of its segment, the chain and the records before it."""
    if f"{segment.head.epoch:016x}" != checkpoint.epoch:
        return [_fault(checkpoint, f"it signs another run, epoch {checkpoint.epoch}")]
    if not 0 <= checkpoint.slots <= len(slots):
        what = f"{checkpoint.slots} slots were signed, {len(slots)} are there"
        return [_fault(checkpoint, what)]
    root = merkle_root(slots[: checkpoint.slots].reshape(-1).data)
    head = chain_head(before, segment.head.epoch, segment.head.segment_id, root)
    if root.hex() != checkpoint.root:
        return [_fault(checkpoint, "records of this segment are not those that were signed")]
    if head.hex() != checkpoint.chain:
        return [_fault(checkpoint, "records of an earlier segment are not those that were signed")]
    covered = int(np.searchsorted(segment.starts, checkpoint.slots))
    last = segment.head.base_ring_seq
    if covered:
        last = int(column_u64(slots, 1)[segment.starts[covered - 1]])
    if (records + covered, last) != (checkpoint.records, checkpoint.last_ring_seq):
        what = (
            f"it claims {checkpoint.records} records up to ring_seq {checkpoint.last_ring_seq}; "
            f"its slots hold {records + covered} up to {last}"
        )
        return [_fault(checkpoint, what)]
    return []


def _fault(checkpoint: Checkpoint, what: str) -> Fault:
    return Fault(
        checkpoint.segment_id,
        CHECKPOINTS_NAME,
        None,
        checkpoint.last_ring_seq,
        Cause.SIGNATURE,
        what,
    )
