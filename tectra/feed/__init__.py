"""Market data in: day files, decoders and generators, all giving batches of records.

Owns: NASDAQ ITCH 5.0 (wire tables, decoder, encoder, statistics), BinaryFILE day files, trade dates
of file names, the synthetic day. Floor 4. A feed belongs to the thread that reads it.
"""

from tectra.feed.binary_file import BinaryFile
from tectra.feed.itch import ItchFeed
from tectra.feed.itch_encode import ItchWriter
from tectra.feed.itch_stats import ItchStats
from tectra.feed.protocol import Feed

__all__ = ["BinaryFile", "Feed", "ItchFeed", "ItchStats", "ItchWriter"]
