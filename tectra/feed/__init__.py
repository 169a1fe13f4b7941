"""Market data in: day files, decoders and generators, all giving batches of records.

Owns: NASDAQ ITCH 5.0 (wire tables, decoder, encoder, statistics), BinaryFILE day files, trade dates
of file names, the synthetic day; bars, of streams and of columns; sources of bars one by one. Floor
4. A feed belongs to the thread that reads it.
of file names, the synthetic day; MoldUDP64 and GLIMPSE servers for tests and demonstrations, and
captures to day files. Floor 4. A feed or a server belongs to the thread that runs it.
"""

from tectra.feed.bar import BarBuilder
from tectra.feed.bar_batch import bars_of_prints
from tectra.feed.bar_csv import read_bars
from tectra.feed.bar_feed import BarFeed, BarRecords
from tectra.feed.bar_replay import BarTicks
from tectra.feed.bar_spec import BarSpec
from tectra.feed.binary_file import BinaryFile
from tectra.feed.history import CSVFeed, HistoricalDataSource, SimulatedFeed
from tectra.feed.glimpse import GlimpseClient, GlimpseServer, GlimpseSnapshot, fetch_snapshot
from tectra.feed.itch import ItchFeed
from tectra.feed.itch_encode import ItchWriter
from tectra.feed.itch_messages import ItchMessages
from tectra.feed.itch_stats import ItchStats
from tectra.feed.mold_extract import Extracted, extract_capture
from tectra.feed.mold_line import Line, LineFaults
from tectra.feed.mold_server import MoldOptions, MoldServer, RequestServer
from tectra.feed.mold_store import MessageStore
from tectra.feed.protocol import Feed
from tectra.feed.quality import FeedQuality
from tectra.feed.source import FeedSource, MarketDataSource, PushSource, SourceFeed

__all__ = [
    "BarBuilder",
    "BarFeed",
    "BarRecords",
    "BarSpec",
    "BarTicks",
    "BinaryFile",
    "CSVFeed",
    "Feed",
    "FeedQuality",
    "FeedSource",
    "HistoricalDataSource",
    "ItchFeed",
    "ItchStats",
    "ItchWriter",
    "MarketDataSource",
    "PushSource",
    "SimulatedFeed",
    "SourceFeed",
    "bars_of_prints",
    "read_bars",
from tectra.feed.snapshot_state import SnapshotState

__all__ = [
from tectra.feed.snapshot_state import SnapshotState

__all__ = [
    "BinaryFile",
    "Extracted",
    "Feed",
    "GlimpseClient",
    "GlimpseServer",
    "GlimpseSnapshot",
    "ItchFeed",
    "ItchMessages",
    "ItchStats",
    "ItchWriter",
    "Line",
    "LineFaults",
    "MessageStore",
    "MoldOptions",
    "MoldServer",
    "RequestServer",
    "SnapshotState",
    "extract_capture",
    "fetch_snapshot",
]
