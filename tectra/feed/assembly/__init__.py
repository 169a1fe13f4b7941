"""Book assembly: snapshots and changes of a venue to a book that is right, or says that it is not.

Pure components: no sockets and no clock of their own; messages and times come in as arguments, and
records go to the caller's batch. Each book has one owner thread, the feed's.
"""

from tectra.feed.assembly.assembler import BookAssembler, SnapshotSource
from tectra.feed.assembly.batch import RecordBatch
from tectra.feed.assembly.delta import BookDelta, OrderBook, Refused
from tectra.feed.assembly.group import BookGroup, Decoded
from tectra.feed.assembly.ladder import BookDifference, compare_levels
from tectra.feed.assembly.policy import AssemblyPolicy, AssemblyState
from tectra.feed.assembly.rule import BookChecksum, BookRule, ChainRule, NumberRule
from tectra.feed.assembly.telemetry import AssemblyTelemetry
from tectra.feed.assembly.unnumbered import UnnumberedRule

__all__ = [
    "AssemblyPolicy",
    "AssemblyState",
    "AssemblyTelemetry",
    "BookAssembler",
    "BookChecksum",
    "BookDelta",
    "BookDifference",
    "BookGroup",
    "BookRule",
    "ChainRule",
    "Decoded",
    "NumberRule",
    "OrderBook",
    "RecordBatch",
    "Refused",
    "SnapshotSource",
    "UnnumberedRule",
    "compare_levels",
]
