"""FeatureVector: field list, and Parquet there and back."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from value_strategies import value_of

from tectra.core.errors import FileFormatError, InputError
from tectra.core.types import Timestamp
from tectra.signals import FeatureVector, read_features, write_features

pytestmark = pytest.mark.timeout(30)
VECTOR = FeatureVector(Timestamp(5), "AAPL", [1, 0.1 + 0.2], {"ret": 0.01}, ["spread", "imbalance"])


def test_field_list() -> None:
    assert list(VECTOR.to_dict()) == ["timestamp", "symbol", "features", "labels", "names"]
    assert VECTOR.array.dtype == np.float64 and VECTOR.array.tolist() == [1.0, 0.1 + 0.2]
    for change in ({"names": ["one"]}, {"symbol": ""}):
        with pytest.raises(InputError):
            FeatureVector.from_dict({**VECTOR.to_dict(), **change})
    for bad in ([float("nan")], ["1"], 1.0):
        with pytest.raises(TypeError):
            FeatureVector(Timestamp(5), "AAPL", bad)


@settings(max_examples=15)
@given(st.lists(value_of(FeatureVector), max_size=5))
def test_parquet_there_and_back(tmp_path_factory: Any, vectors: list[FeatureVector]) -> None:
    path = tmp_path_factory.mktemp("features") / "a.parquet"
    assert write_features(vectors, path) == len(vectors)
    again = read_features(path)
    assert again == vectors
    assert [v.to_dict() for v in again] == [v.to_dict() for v in vectors]


def test_what_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    with pytest.raises(InputError, match="beyond int64"):
        write_features([FeatureVector(Timestamp(1 << 63), "AAPL", [])], tmp_path / "a")
    parquet.write_table(pa.table({"symbol": ["AAPL"]}), tmp_path / "b.parquet")
    with pytest.raises(FileFormatError, match="columns"):
        read_features(tmp_path / "b.parquet")


def test_import_takes_no_pyarrow(fresh_env: dict[str, str]) -> None:
    code = "import sys, tectra.signals; sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=fresh_env).returncode == 0
