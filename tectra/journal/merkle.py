"""SHA-256 trees over segments, and the chain that ties the segments of a journal together.

The tree is that of RFC 6962, section 2.1, over blocks of 64 slots (4 KiB; the last may be shorter):
a leaf is SHA-256(0x00 || block), a node SHA-256(0x01 || left || right), the tree of no block
SHA-256(""). About 0.06 us a slot. Pure functions, any thread; the GIL is released while a block is
summed.
"""

import hashlib
from collections.abc import Sequence

__all__ = [
    "BLOCK_BYTES",
    "CHAIN_START",
    "audit_path",
    "chain_head",
    "leaf_hashes",
    "merkle_root",
    "root_of_path",
    "tree_root",
]

BLOCK_BYTES = 4096
CHAIN_START = bytes(32)


def leaf_hashes(slots: bytes | bytearray | memoryview) -> list[bytes]:
    """Hash of each block of a contiguous buffer of slots."""
    view = memoryview(slots).cast("B")
    out = []
    for at in range(0, len(view), BLOCK_BYTES):
        block = hashlib.sha256(b"\0")
        block.update(view[at : at + BLOCK_BYTES])
        out.append(block.digest())
    return out


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """Root over leaf hashes. Neighbors are joined level by level, and a lone last one moves up: the
    left part is the largest power of two, as RFC 6962 has it.
    """
    if not leaves:
        return hashlib.sha256().digest()
    level = list(leaves)
    while len(level) > 1:
        level = _joined(level)
    return level[0]


def _joined(level: list[bytes]) -> list[bytes]:
    """The level above: neighbors joined, a lone last one as it is."""
    pairs = zip(level[::2], level[1::2], strict=False)
    above = [hashlib.sha256(b"\1" + left + right).digest() for left, right in pairs]
    return above + level[2 * len(above) :]


def merkle_root(slots: bytes | bytearray | memoryview) -> bytes:
    """Root of the tree over a segment's slots, 32 bytes."""
    return tree_root(leaf_hashes(slots))


def chain_head(before: bytes, epoch: int, segment_id: int, root: bytes) -> bytes:
    """Head of the chain behind a segment: SHA-256(0x02 || head before || epoch u64 ||
    segment id u32 || root), integers little-endian. The chain starts with 32 zeros.
    """
    place = epoch.to_bytes(8, "little") + segment_id.to_bytes(4, "little")
    return hashlib.sha256(b"\2" + before + place + root).digest()


def audit_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """What joins leaf `index` to the root, lowest first (RFC 6962, section 2.1.1)."""
    path = []
    level = list(leaves)
    while len(level) > 1:
        if index ^ 1 < len(level):
            path.append(level[index ^ 1])
        level = _joined(level)
        index >>= 1
    return path


def root_of_path(leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes | None:
    """Root that a leaf hash and its path give in a tree of `count` leaves; None when the path does
    not fit such a tree (RFC 9162, section 2.1.3.2).
    """
    last = count - 1
    if not 0 <= index <= last:
        return None
    for sibling in path:
        if last == 0:
            return None
        if index & 1 or index == last:
            leaf = hashlib.sha256(b"\1" + sibling + leaf).digest()
            while not index & 1 and index:
                index >>= 1
                last >>= 1
        else:
            leaf = hashlib.sha256(b"\1" + leaf + sibling).digest()
        index >>= 1
        last >>= 1
    return leaf if last == 0 else None
