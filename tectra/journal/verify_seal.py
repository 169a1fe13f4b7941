"""What verification says beyond the bytes of one segment: Merkle roots and the chain that ties the
segments together, what the writer could not make durable, what a repair declared.

Pure; any thread; a Merkle root costs about 0.06 us a slot.
"""

from collections.abc import Iterator

from tectra.journal.fault import Cause, Fault
from tectra.journal.manifest import MANIFEST_NAME, Manifest, SegmentEntry
from tectra.journal.merkle import CHAIN_START, chain_head, merkle_root
from tectra.journal.segment import SegmentFile, Slots, segment_name

__all__ = ["Seal", "durable_findings", "repair_findings"]


class Seal:
    """Roots and chain of a journal's segments, given in their order; `findings` collects."""

    def __init__(self, manifest: Manifest | None) -> None:
        listing = [] if manifest is None else manifest.segments
        self.entries: dict[int, SegmentEntry] = {e.segment_id: e for e in listing}
        self.findings: list[Fault] = []
        self._before: bytes | None = CHAIN_START  # None: not known
        self._used = any(e.chain for e in listing)
        self._bare: list[tuple[int, str]] = []  # no files: packed ones hold what they unpacked
        repair = None if manifest is None else manifest.repair
        self._holes = set() if repair is None else {(h.after, h.before) for h in repair.holes}

    def declared(self, after: int, before: int) -> bool:
        """Did a repair declare this gap?"""
        return (after, before) in self._holes

    def skip(self, number: int) -> None:
        """A segment that cannot be read: the chain goes on from what the manifest says."""
        entry = self.entries.get(number)
        self._before = bytes.fromhex(entry.chain) if entry is not None and entry.chain else None

    def check(self, file: SegmentFile, slots: Slots | None) -> None:
        """A segment whose header is of this journal. `slots`: all it says it has, when they are
        right one by one; None when they are not, or some are missing.
        """
        head = file.head
        if not head.closed:
            self.skip(head.segment_id)
            return
        root, chain = _sum(head.merkle_root), _sum(head.chain)
        if root is None or chain is None:
            self._without(file)
            return
        self._used = True
        if slots is not None and merkle_root(slots.reshape(-1).data) != root:
            what = f"the slots' root is not the header's, {root.hex()[:16]}"
            self._add(file, Cause.MERKLE, what)
        before = self._before
        if before is not None and chain_head(before, head.epoch, head.segment_id, root) != chain:
            what = f"{chain.hex()[:16]} does not follow from {before.hex()[:16]} and the root"
            self._add(file, Cause.CHAIN, what)
        self._before = chain
        entry = self.entries.get(head.segment_id)
        if entry is not None and entry.closed:
            for name, found, listed in (
                ("root", root, entry.merkle_root),
                ("chain", chain, entry.chain),
            ):
                if listed is not None and listed != found.hex():
                    what = f"{name} {found.hex()[:16]}, the manifest says {listed[:16]}"
                    self._add(file, Cause.MANIFEST, what)
        for bare in self._bare:
            self._missing(*bare)
        self._bare.clear()

    def _without(self, file: SegmentFile) -> None:
        """A closed segment that carries no root: right only when none does."""
        if self._used:
            self._missing(file.head.segment_id, file.path.name)
        else:
            self._bare.append((file.head.segment_id, file.path.name))
        self.skip(file.head.segment_id)

    def _missing(self, number: int, name: str) -> None:
        what = "it has no root, though other segments have"
        self.findings.append(Fault(number, name, 0, None, Cause.CHAIN, what))

    def _add(self, file: SegmentFile, cause: Cause, what: str) -> None:
        number = file.head.segment_id
        self.findings.append(Fault(number, file.path.name, 0, None, cause, what))


def _sum(text: str) -> bytes | None:
    """A hash of the header; None for zeros, which say that there is none."""
    found = bytes.fromhex(text)
    return found if any(found) else None


def durable_findings(manifest: Manifest) -> Iterator[Fault]:
    """Segments that the writer could not make durable: they may read back today all the same."""
    for entry in manifest.segments:
        if entry.fault is not None:
            seq = entry.first_ring_seq
            yield Fault(entry.segment_id, entry.file, None, seq, Cause.NOT_DURABLE, entry.fault)


def repair_findings(manifest: Manifest) -> Iterator[Fault]:
    """That the journal was repaired, and each hole that was declared then."""
    if manifest.repair is None:
        return
    if not manifest.repair.holes:
        what = "made whole by a repair; no record is missing"
        yield Fault(None, MANIFEST_NAME, None, None, Cause.REPAIRED, what)
    for hole in manifest.repair.holes:
        seq = None if hole.after is None else hole.after + 1
        name = segment_name(hole.segment_id)
        what = f"{hole} ({hole.cause})"
        yield Fault(hole.segment_id, name, None, seq, Cause.REPAIRED, what)
