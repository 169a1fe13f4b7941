"""The histogram beside NumPy: exact count, sum, min and max; quantiles within one bucket."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tectra.core.errors import InputError, StateError
from tectra.core.hist import Histogram

QS = [0.0, 0.001, 0.1, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0]


def check(values: list[int] | np.ndarray, bits: int) -> None:
    h = Histogram(bits, 63)
    h.record_many(values)
    exact = np.quantile(np.asarray(values, dtype=object), QS, method="inverted_cdf")
    for found, want in zip(h.quantiles(QS), exact, strict=True):
        assert want <= found <= want + (want >> bits), (found, want)
    assert (h.count, h.min, h.max) == (len(values), min(values), max(values))
    assert h.sum == sum(int(v) for v in values)
    assert h.mean == pytest.approx(h.sum / h.count)


@given(st.lists(st.integers(0, 2**62), min_size=1, max_size=60), st.integers(1, 12))
def test_quantiles_of_any_values(values: list[int], bits: int) -> None:
    check(values, bits)


@pytest.mark.parametrize("bits", [3, 7, 10])
def test_quantiles_of_latencies(bits: int) -> None:
    rng = np.random.default_rng(3)
    check(rng.lognormal(8, 1.5, 20_000).astype(np.int64), bits)


@pytest.mark.parametrize("bits", [1, 2, 5, 10])
def test_buckets_tile_the_values(bits: int) -> None:
    h = Histogram(bits, bits + 6)
    h.record_many(np.arange(1 << (bits + 6)))
    rows = h.buckets()
    assert rows["low"][0] == 0 and rows["high"][-1] == (1 << (bits + 6)) - 1
    assert np.array_equal(rows["low"][1:], rows["high"][:-1] + 1)
    assert np.array_equal(rows["count"], rows["high"] - rows["low"] + 1)
    assert np.all((rows["high"] - rows["low"]) <= np.maximum(rows["low"] >> bits, 0))


def test_too_large_values_are_counted() -> None:
    h = Histogram(4, 10)
    for value in (1023, 1024, 2**64 - 1, 2**64 - 1):
        h.record(value)
    assert (h.above, h.count, h.max) == (3, 4, 2**64 - 1)
    assert h.sum == 2047 + 2 * (2**64 - 1)
    assert h.quantile(1.0) == 2**64 - 1


@given(st.lists(st.integers(0, 2**45), max_size=30), st.lists(st.integers(0, 2**45), max_size=30))
def test_merge_is_recording_both(a: list[int], b: list[int]) -> None:
    one, two, both = Histogram(6, 40), Histogram(6, 40), Histogram(6, 40)
    one.record_many(np.array(a, np.uint64))
    two.record_many(np.array(b, np.uint64))
    both.record_many(np.array(a + b, np.uint64))
    one.merge(two)
    assert np.array_equal(one.buckets(), both.buckets())
    for name in ("count", "min", "max", "sum", "above", "mean"):
        assert getattr(one, name) == getattr(both, name)


def test_empty_reset_and_n_times() -> None:
    h = Histogram()
    assert (h.count, h.min, h.max, h.mean, h.quantile(0.5), len(h.buckets())) == (0, 0, 0, 0, 0, 0)
    h.record_n(7, 10**6)
    h.record_n(9, 0)
    assert (h.count, h.sum, h.max, h.quantile(0.5)) == (10**6, 7 * 10**6, 7, 7)
    h.reset()
    assert (h.count, h.min, len(h)) == (0, 0, 0)


def test_refusals() -> None:
    for bits, top in ((0, 40), (15, 40), (10, 10), (10, 64), (-1, 5)):
        with pytest.raises(InputError, match="allowed: bits 1 to 14"):
            Histogram(bits, top)
    h = Histogram()
    for q in (-0.1, 1.1, float("nan")):
        with pytest.raises(InputError, match="0 to 1"):
            h.quantile(q)
    with pytest.raises(InputError, match="integers"):
        h.record_many([1.5])
    with pytest.raises(InputError, match="found -3"):
        h.record_many([1, -3])
    with pytest.raises(OverflowError):
        h.record(-1)
    assert h.count == 0
    with pytest.raises(StateError, match="do not merge"):
        h.merge(Histogram(9))
