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
from tectra.book.l2 import L2Book
from tectra.book.l3 import L3Book
from tectra.book.metrics import MetricsFiller, book_metrics
from tectra.book.tick import TickMapper
from tectra.book.view import (
    LADDER,
    NO_PX,
    ORDER,
    BookState,
    Fault,
    FaultReport,
    Top,
    changes_dtype,
)

__all__ = [
    "BookState",
    "BoundChecksum",
    "ChecksumAlgorithm",
    "Fault",
    "FaultReport",
    "L2Book",
    "L3Book",
    "LADDER",
    "MetricsFiller",
    "NO_PX",
    "ORDER",
    "TextForm",
    "TickMapper",
    "Top",
    "book_metrics",
    "changes_dtype",
    "checksum_algorithm",
    "checksum_names",
    "local_hash",
    "register_checksum",
]
