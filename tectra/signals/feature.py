"""FeatureVector: the numbers that describe an instrument at one moment, and what came of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from tectra.core.errors import FileFormatError, InputError
from tectra.core.market import checked_symbol
from tectra.core.types import Timestamp
from tectra.core.value import Labels, Value

__all__ = ["FeatureVector", "read_features", "write_features"]

_COLUMNS = ("timestamp_ns", "symbol", "names", "features", "labels")


@dataclass(frozen=True, slots=True)
class FeatureVector(Value):
    """Features (finite float64) of a symbol at a time, `names` beside them where given. `labels`
    are what is to be learned: values by name, known later or not at all.
    """

    timestamp: Timestamp
    symbol: str
    features: tuple[float, ...]
    labels: Labels = Labels()  # noqa: RUF009  immutable
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        Value.__post_init__(self)
        checked_symbol(self.symbol)
        if self.names and len(self.names) != len(self.features):
            raise InputError(
                f"names: found {len(self.names)} for {len(self.features)} features; allowed: one "
                "each, or none"
            )

    @property
    def array(self) -> NDArray[np.float64]:
        """The features as a fresh array."""
        return np.array(self.features, dtype=np.float64)


def write_features(vectors: Iterable[FeatureVector], path: str | Path) -> int:
    """Write vectors as a Parquet file, in order; returns how many. Exact: floats bit for bit,
    labels as JSON text. InputError for a time beyond int64.
    """
    import pyarrow as pa  # noqa: PLC0415  90 ms that those who write no file save
    from pyarrow import parquet  # noqa: PLC0415

    rows = list(vectors)
    if any(v.timestamp.ns >= 1 << 63 for v in rows):
        raise InputError("timestamp: found one beyond int64; allowed: up to the year 2262")
    columns = (
        pa.array([v.timestamp.ns for v in rows], pa.int64()),
        pa.array([v.symbol for v in rows], pa.string()),
        pa.array([list(v.names) for v in rows], pa.list_(pa.string())),
        pa.array([list(v.features) for v in rows], pa.list_(pa.float64())),
        pa.array([orjson.dumps(v.labels.to_dict()).decode() for v in rows], pa.string()),
    )
    parquet.write_table(pa.table(dict(zip(_COLUMNS, columns, strict=True))), path)
    return len(rows)


def read_features(path: str | Path) -> list[FeatureVector]:
    """Inverse of write_features(). FileFormatError for a file of other columns."""
    from pyarrow import parquet  # noqa: PLC0415

    table = parquet.read_table(path)
    if tuple(table.column_names) != _COLUMNS:
        raise FileFormatError(f"{path}: found columns {table.column_names}; allowed: {_COLUMNS}")
    columns = [table.column(name).to_pylist() for name in _COLUMNS]
    return [
        FeatureVector(Timestamp(ns), symbol, features, Labels(orjson.loads(labels)), names)
        for ns, symbol, names, features, labels in zip(*columns, strict=True)
    ]
