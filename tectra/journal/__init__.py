"""The journal: every record in and out, in checksummed segments that read back as arrays.

Owns the directory format (manifest, segments), the writer, the mapped reader and verification.
Floor 2. A writer has one owner thread; readers are independent, in any thread or process.
"""

from tectra.journal.digest import Digest, RunDigest, digest_inputs_outputs
from tectra.journal.fault import Cause, Fault
from tectra.journal.manifest import DURABILITY, Hole, Manifest, Repair, SegmentEntry
from tectra.journal.options import RESERVE_BYTES, JournalOptions, JournalSettings
from tectra.journal.order_log import InFlight, OrderLog, OrderRow
from tectra.journal.query import JournalQuery, Query
from tectra.journal.reader import JournalReader
from tectra.journal.repair import RepairReport, repair
from tectra.journal.segment import SegmentFile, SegmentHead
from tectra.journal.verify import VerifyReport, verify
from tectra.journal.writer import JournalWriter

__all__ = [
    "Cause",
    "DURABILITY",
    "Digest",
    "Fault",
    "Hole",
    "InFlight",
    "JournalOptions",
    "JournalQuery",
    "JournalReader",
    "JournalSettings",
    "JournalWriter",
    "Manifest",
    "OrderLog",
    "OrderRow",
    "Query",
    "RESERVE_BYTES",
    "Repair",
    "RepairReport",
    "RunDigest",
    "SegmentEntry",
    "SegmentFile",
    "SegmentHead",
    "VerifyReport",
    "digest_inputs_outputs",
    "repair",
    "verify",
]
