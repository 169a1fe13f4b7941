"""Inclusion proofs: one record is in a journal, shown without the journal.

A proof holds the 4 KiB blocks that the record lies in (one, or two), their paths in the segment's
tree, the chain from that segment on, and the signed checkpoint at its end where there is one. What
checks it needs SHA-256, and Ed25519 for the signature. Pure values; any thread.
"""

from pathlib import Path

import msgspec

from tectra.core.errors import InputError, JournalError
from tectra.journal.checkpoint import Checkpoint, chain_of, load_checkpoints
from tectra.journal.merkle import (
    BLOCK_BYTES,
    CHAIN_START,
    audit_path,
    chain_head,
    leaf_hashes,
    root_of_path,
)
from tectra.journal.reader import JournalReader
from tectra.journal.scan import record_bytes
from tectra.journal.segment import SLOT_BYTES, SegmentFile, Slots, column_u64

__all__ = ["Proof", "ProofBlock", "ProofLink", "check_proof", "prove"]


class ProofBlock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A block of the segment, as hex, and what joins it to the root, lowest first."""

    index: int
    data: str
    path: list[str]


class ProofLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A later segment in the chain."""

    segment_id: int
    root: str


class Proof(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """That record `ring_seq` begins at `slot` of a segment whose tree is over `slots` slots.

    `chain_before` is the head before the segment, `chain` the head behind the last of `links`.
    """

    epoch: str
    segment_id: int
    slots: int
    ring_seq: int
    slot: int
    record: str
    blocks: list[ProofBlock]
    root: str
    chain_before: str
    links: list[ProofLink]
    chain: str
    checkpoint: Checkpoint | None = None
    format: str = "tectra-proof"
    version: int = 1


def prove(directory: Path, ring_seq: int) -> Proof:
    """Proof for a record, to the first checkpoint that covers it, or to the end of the journal.

    Raises InputError when the journal has no such record, JournalError at damage.
    """
    reader = JournalReader(directory)
    covering = [c for c in load_checkpoints(directory) if c.last_ring_seq >= ring_seq]
    checkpoint = min(covering, key=lambda c: c.last_ring_seq, default=None)
    before, proof = CHAIN_START, None
    for segment, slots, root, head in chain_of(reader):
        here = segment.head.segment_id
        if checkpoint is not None and here == checkpoint.segment_id:
            slots = slots[: checkpoint.slots]
            root, head = bytes.fromhex(checkpoint.root), bytes.fromhex(checkpoint.chain)
        if proof is None:
            proof = _in_segment(segment, slots, ring_seq, before)
        else:
            proof = msgspec.structs.replace(
                proof, links=[*proof.links, ProofLink(here, root.hex())], chain=head.hex()
            )
        before = head
        if checkpoint is not None and here == checkpoint.segment_id:
            break
    if proof is None:
        raise InputError(
            f"ring_seq: found {ring_seq}; {directory} has {reader.first_ring_seq} to "
            f"{reader.last_ring_seq}"
        )
    return msgspec.structs.replace(proof, checkpoint=checkpoint)


def _in_segment(segment: SegmentFile, slots: Slots, ring_seq: int, before: bytes) -> Proof | None:
    starts = segment.starts[segment.starts < len(slots)]
    at = starts[column_u64(slots, 1)[starts] == ring_seq]
    if not len(at):
        return None
    slot = int(at[0])
    size = record_bytes(slots[slot])
    data = slots.reshape(-1).data
    leaves = leaf_hashes(data)
    first = slot * SLOT_BYTES
    blocks = [
        ProofBlock(
            k,
            bytes(data[k * BLOCK_BYTES : (k + 1) * BLOCK_BYTES]).hex(),
            [sibling.hex() for sibling in audit_path(leaves, k)],
        )
        for k in range(first // BLOCK_BYTES, (first + size - 1) // BLOCK_BYTES + 1)
    ]
    path = [bytes.fromhex(word) for word in blocks[0].path]
    root = root_of_path(leaves[blocks[0].index], blocks[0].index, len(leaves), path)
    if root is None:
        raise JournalError(f"{segment.path.name}: the path of block {blocks[0].index} does not fit")
    head = segment.head
    return Proof(
        epoch=f"{head.epoch:016x}",
        segment_id=head.segment_id,
        slots=len(slots),
        ring_seq=ring_seq,
        slot=slot,
        record=bytes(data[first : first + size]).hex(),
        blocks=blocks,
        root=root.hex(),
        chain_before=before.hex(),
        links=[],
        chain=chain_head(before, head.epoch, head.segment_id, root).hex(),
    )


def check_proof(proof: Proof, *, public_key: str | None = None) -> None:
    """Return when the proof holds; else raise JournalError that says where it does not.

    `public_key`: who must have signed the checkpoint at its end.
    """
    try:
        _check_record(proof)
        _check_chain(proof)
    except (ValueError, OverflowError) as error:
        raise JournalError(f"the proof is malformed: {error}") from error
    checkpoint = proof.checkpoint
    if checkpoint is None:
        if public_key is not None:
            raise JournalError("the proof ends in no checkpoint, so nobody signed it")
        return
    if checkpoint.chain != proof.chain:
        raise JournalError("the checkpoint signs another chain than that of the proof")
    if public_key is not None and checkpoint.key != public_key:
        raise JournalError(f"the checkpoint is signed by {checkpoint.key}, not by this key")
    if not checkpoint.is_genuine():
        raise JournalError("the signature of the checkpoint does not fit")


def _check_record(proof: Proof) -> None:
    record = bytes.fromhex(proof.record)
    leaves = -(-proof.slots * SLOT_BYTES // BLOCK_BYTES)
    joined = b"".join(bytes.fromhex(block.data) for block in proof.blocks)
    indices = [block.index for block in proof.blocks]
    if not indices or indices != list(range(indices[0], indices[0] + len(indices))):
        raise JournalError(f"the blocks {indices} are not neighbors")
    at = proof.slot * SLOT_BYTES - indices[0] * BLOCK_BYTES
    if at < 0 or joined[at : at + len(record)] != record:
        raise JournalError(f"slot {proof.slot} of the blocks does not hold the record")
    if record_bytes(record[:SLOT_BYTES]) != len(record) or not record:
        raise JournalError(f"{len(record)} bytes from slot {proof.slot} on are no whole record")
    if int.from_bytes(record[8:16], "little") != proof.ring_seq:
        raise JournalError(f"the record's own ring_seq is not {proof.ring_seq}")
    for block in proof.blocks:
        (leaf,) = leaf_hashes(bytes.fromhex(block.data))
        path = [bytes.fromhex(word) for word in block.path]
        root = root_of_path(leaf, block.index, leaves, path)
        if root is None or root.hex() != proof.root:
            raise JournalError(f"block {block.index} does not lead to the root of the segment")


def _check_chain(proof: Proof) -> None:
    epoch, number = int(proof.epoch, 16), proof.segment_id
    head = chain_head(bytes.fromhex(proof.chain_before), epoch, number, bytes.fromhex(proof.root))
    for link in proof.links:
        number += 1
        if link.segment_id != number:
            raise JournalError(f"the chain goes from segment {number - 1} to {link.segment_id}")
        head = chain_head(head, epoch, number, bytes.fromhex(link.root))
    if head.hex() != proof.chain:
        raise JournalError("the chain does not lead from the record's segment to its end")
