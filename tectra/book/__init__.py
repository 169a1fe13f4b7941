"""Order books: by order for a whole market, by level for one instrument, and derived metrics.

Owns the state that market data records describe. Floor 3. Each book has one owner thread. Prices
and quantities are raw int64 mantissas at the instrument's exponents; an empty side has no price.
"""

from tectra.book.checksum import (
    BoundChecksum,
    ChecksumAlgorithm,
    TextForm,
    checksum_algorithm,
    checksum_names,
    local_hash,
    register_checksum,
)
from tectra.book.compare import (
    BookComparison,
    BookPicture,
    LevelDifference,
    Moment,
    compare_books,
)
from tectra.book.depth import (
    CUMULATIVE,
    WINDOW,
    DepthNear,
    Sweep,
    cumulative_depth,
    depth_near,
    ladder_window,
    sweep,
)
from tectra.book.features import FEATURES, FeatureFiller, OrderFlow, book_features, flow_dtype
from tectra.book.image import ImageStamp, L3Image, Trust, l2_image, l3_image
from tectra.book.l2 import L2Book
from tectra.book.l3 import L3Book
from tectra.book.metrics import MetricsFiller, MetricsPublisher, book_metrics
from tectra.book.snapshot_file import BookSnapshot, SnapshotAbout, read_snapshot
from tectra.book.store import BookStore, DamagedSnapshot
from tectra.book.tick import TickMapper
from tectra.book.view import (
    LADDER,
    NO_PX,
    ORDER,
    TOPS,
    BookState,
    Fault,
    FaultReport,
    Top,
    changes_dtype,
)

__all__ = [
    "BookComparison",
    "BookPicture",
    "BookSnapshot",
    "BookState",
    "BookStore",
    "BoundChecksum",
    "CUMULATIVE",
    "ChecksumAlgorithm",
    "DamagedSnapshot",
    "DepthNear",
    "FEATURES",
    "Fault",
    "FaultReport",
    "FeatureFiller",
    "ImageStamp",
    "L2Book",
    "L3Book",
    "L3Image",
    "LADDER",
    "LevelDifference",
    "MetricsFiller",
    "MetricsPublisher",
    "Moment",
    "NO_PX",
    "ORDER",
    "OrderFlow",
    "SnapshotAbout",
    "Sweep",
    "TOPS",
    "TextForm",
    "TickMapper",
    "Top",
    "Trust",
    "WINDOW",
    "book_features",
    "book_metrics",
    "changes_dtype",
    "checksum_algorithm",
    "checksum_names",
    "compare_books",
    "cumulative_depth",
    "depth_near",
    "flow_dtype",
    "l2_image",
    "l3_image",
    "ladder_window",
    "local_hash",
    "read_snapshot",
    "register_checksum",
    "sweep",
]
