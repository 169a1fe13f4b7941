"""ResearchSignal and PairCandidate: field lists and bounds."""

import pytest

from tectra.core.errors import InputError
from tectra.core.types import Timestamp
from tectra.research import PairCandidate, ResearchSignal
from tectra.signals import FeatureVector

PAIR = PairCandidate(("AAPL", "MSFT"), 0.9, 0.01, 12.5, 1.3)
VECTOR = FeatureVector(Timestamp(5), "AAPL", [1.0])
SIGNAL = ResearchSignal(Timestamp(5), "AAPL", "decay", 0.5, [VECTOR], {"study": 3})


def test_field_lists() -> None:
    assert list(PAIR.to_dict()) == [
        "symbols", "correlation", "cointegration", "half_life", "hedge_ratio",
    ]  # fmt: skip
    assert list(SIGNAL.to_dict()) == [
        "timestamp", "symbol", "type", "confidence", "features", "metadata",
    ]  # fmt: skip
    assert SIGNAL.features == (VECTOR,) and SIGNAL.metadata["study"] == 3


@pytest.mark.parametrize(
    "change",
    [
        {"symbols": ["AAPL"]},
        {"symbols": ["AAPL", "AAPL"]},
        {"symbols": ["AAPL", ""]},
        {"correlation": 1.1},
        {"cointegration": -0.1},
        {"half_life": 0.0},
    ],
)
def test_pairs_stay_within_their_bounds(change: dict[str, object]) -> None:
    with pytest.raises(InputError, match="allowed"):
        PairCandidate.from_dict({**PAIR.to_dict(), **change})


@pytest.mark.parametrize("change", [{"type": ""}, {"confidence": 2.0}, {"symbol": ""}])
def test_signals_stay_within_their_bounds(change: dict[str, object]) -> None:
    with pytest.raises(InputError, match="allowed"):
        ResearchSignal.from_dict({**SIGNAL.to_dict(), **change})
