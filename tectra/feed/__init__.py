"""Market data in: day files, decoders and generators, all giving batches of records.

Owns: NASDAQ ITCH 5.0 (wire tables, decoder, encoder, statistics), BinaryFILE day files, trade dates
of file names, the synthetic day; bars, of streams and of columns; sources of bars one by one. Floor
4. A feed belongs to the thread that reads it.
"""

from tectra.feed.bar import BarBuilder
from tectra.feed.bar_batch import bars_of_prints
from tectra.feed.bar_csv import read_bars
from tectra.feed.bar_feed import BarFeed, BarRecords
from tectra.feed.bar_replay import BarTicks
from tectra.feed.bar_spec import BarSpec
from tectra.feed.binary_file import BinaryFile
from tectra.feed.history import CSVFeed, HistoricalDataSource, SimulatedFeed
from tectra.feed.itch import ItchFeed
from tectra.feed.itch_encode import ItchWriter
from tectra.feed.itch_stats import ItchStats
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
]
