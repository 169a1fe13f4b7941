"""Market data in: files, wires, decoders and generators, all giving batches of records.

Owns: NASDAQ ITCH 5.0 (wire tables, decoder, encoder, statistics) and its days, on disk and over
MoldUDP64 with GLIMPSE snapshots, line arbitration and recovery; continuity of numbered streams and
requests for snapshots; assembly of venues' books; file formats in and out; merging, windows, the
tick store, validation; bars, of streams and of columns; sources of bars one by one; synthetic days
and flows. `tectra.feed.formats`, the files of other makers in and out, brings in Arrow and is
imported by its own name. Floor 4. A feed or a server belongs to the thread that runs it.
"""

from tectra.feed.arbiter import Arbiter, ArbiterSettings, LineCounts, PacketKind
from tectra.feed.bar import BarBuilder
from tectra.feed.bar_batch import bars_of_prints
from tectra.feed.bar_csv import read_bars
from tectra.feed.bar_feed import BarFeed, BarRecords
from tectra.feed.bar_replay import BarTicks
from tectra.feed.bar_spec import BarSpec
from tectra.feed.binary_file import BinaryFile
from tectra.feed.columns import iter_columns, read_columns
from tectra.feed.control import FeedControl
from tectra.feed.glimpse import GlimpseClient, GlimpseServer, GlimpseSnapshot, fetch_snapshot
from tectra.feed.health import FeedHealth, StalePolicy
from tectra.feed.history import CSVFeed, HistoricalDataSource, SimulatedFeed
from tectra.feed.itch import ItchFeed
from tectra.feed.itch_encode import ItchWriter
from tectra.feed.itch_line import ItchLineFeed
from tectra.feed.itch_messages import ItchMessages
from tectra.feed.itch_stats import ItchStats
from tectra.feed.line_config import LineConfig
from tectra.feed.live_book import LiveBooks
from tectra.feed.merge import MergedFeed
from tectra.feed.mold_extract import Extracted, extract_capture
from tectra.feed.mold_line import Line, LineFaults
from tectra.feed.mold_server import MoldOptions, MoldServer, RequestServer
from tectra.feed.mold_store import MessageStore
from tectra.feed.order import OrderedFeed
from tectra.feed.partition import partition_of, split_symbols
from tectra.feed.protocol import Feed
from tectra.feed.recovery import RecoveryPolicy, Retransmitter, Snapshot, SnapshotSource
from tectra.feed.recovery_client import GlimpseSource, MoldRetransmitter
from tectra.feed.resync import Resync, ResyncPolicy
from tectra.feed.selection import Selection
from tectra.feed.sequence import Sequencer, SequenceState, Verdict
from tectra.feed.snapshot_state import SnapshotState
from tectra.feed.source import FeedSource, MarketDataSource, PushSource, SourceFeed
from tectra.feed.source_quality import FeedQuality
from tectra.feed.storage import MarketDataStorage
from tectra.feed.window import WindowFeed

__all__ = [
    "Arbiter",
    "ArbiterSettings",
    "BarBuilder",
    "BarFeed",
    "BarRecords",
    "BarSpec",
    "BarTicks",
    "BinaryFile",
    "CSVFeed",
    "Extracted",
    "Feed",
    "FeedControl",
    "FeedHealth",
    "FeedQuality",
    "FeedSource",
    "GlimpseClient",
    "GlimpseServer",
    "GlimpseSnapshot",
    "GlimpseSource",
    "HistoricalDataSource",
    "ItchFeed",
    "ItchLineFeed",
    "ItchMessages",
    "ItchStats",
    "ItchWriter",
    "Line",
    "LineConfig",
    "LineCounts",
    "LineFaults",
    "LiveBooks",
    "MarketDataSource",
    "MarketDataStorage",
    "MergedFeed",
    "MessageStore",
    "MoldOptions",
    "MoldRetransmitter",
    "MoldServer",
    "OrderedFeed",
    "PacketKind",
    "PushSource",
    "RecoveryPolicy",
    "RequestServer",
    "Resync",
    "ResyncPolicy",
    "Retransmitter",
    "Selection",
    "SequenceState",
    "Sequencer",
    "SimulatedFeed",
    "Snapshot",
    "SnapshotSource",
    "SnapshotState",
    "SourceFeed",
    "StalePolicy",
    "Verdict",
    "WindowFeed",
    "bars_of_prints",
    "extract_capture",
    "fetch_snapshot",
    "iter_columns",
    "partition_of",
    "read_bars",
    "read_columns",
    "split_symbols",
]
