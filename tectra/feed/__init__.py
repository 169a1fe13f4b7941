"""Market data in: files, wires, decoders and generators, all giving batches of records.

Owns: NASDAQ ITCH 5.0 (wire tables, decoder, encoder, statistics) and its days, on disk and over
MoldUDP64 with GLIMPSE snapshots, line arbitration and recovery; continuity of numbered streams and
requests for snapshots; assembly of venues' books; file formats in and out; merging, windows, the
tick store, validation; bars, of streams and of columns; sources of bars one by one; synthetic days
and flows. Floor 4. A feed or a server belongs to the thread that runs it.
"""

from tectra.feed.bar import BarBuilder
from tectra.feed.bar_batch import bars_of_prints
from tectra.feed.bar_csv import read_bars
from tectra.feed.bar_feed import BarFeed, BarRecords
from tectra.feed.bar_replay import BarTicks
from tectra.feed.bar_spec import BarSpec
from tectra.feed.binary_file import BinaryFile
from tectra.feed.glimpse import GlimpseClient, GlimpseServer, GlimpseSnapshot, fetch_snapshot
from tectra.feed.history import CSVFeed, HistoricalDataSource, SimulatedFeed
from tectra.feed.itch import ItchFeed
from tectra.feed.itch_encode import ItchWriter
from tectra.feed.itch_messages import ItchMessages
from tectra.feed.itch_stats import ItchStats
from tectra.feed.mold_extract import Extracted, extract_capture
from tectra.feed.mold_line import Line, LineFaults
from tectra.feed.mold_server import MoldOptions, MoldServer, RequestServer
from tectra.feed.mold_store import MessageStore
from tectra.feed.protocol import Feed
from tectra.feed.snapshot_state import SnapshotState
from tectra.feed.source import FeedSource, MarketDataSource, PushSource, SourceFeed
from tectra.feed.source_quality import FeedQuality

__all__ = [
    "BarBuilder",
    "BarFeed",
    "BarRecords",
    "BarSpec",
    "BarTicks",
    "BinaryFile",
    "CSVFeed",
    "Extracted",
    "Feed",
    "FeedQuality",
    "FeedSource",
    "GlimpseClient",
    "GlimpseServer",
    "GlimpseSnapshot",
    "HistoricalDataSource",
    "ItchFeed",
    "ItchMessages",
    "ItchStats",
    "ItchWriter",
    "Line",
    "LineFaults",
    "MarketDataSource",
    "MessageStore",
    "MoldOptions",
    "MoldServer",
    "PushSource",
    "RequestServer",
    "SimulatedFeed",
    "SnapshotState",
    "SourceFeed",
    "bars_of_prints",
    "extract_capture",
    "fetch_snapshot",
    "read_bars",
]
