"""MarketDataWindow: window operations, queries, edges; and a deque that agrees with it."""

import ast
import inspect
from collections import deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tectra.core import window as window_module
from tectra.core.bar import MarketData
from tectra.core.errors import InputError
from tectra.core.window import MarketDataWindow

pytestmark = pytest.mark.timeout(30)
METHODS = {
    "push", "len", "is_empty", "clear", "get", "iter", "latest", "oldest", "high", "low",
    "avg_volume", "range", "closes",
}  # fmt: skip


def bar(close: float, *, volume: int = 10, spread: float = 1.0) -> MarketData:
    return MarketData("AAPL", int(close), close, close + spread, close - spread, close, volume)


def filled(*closes: float, capacity: int = 3) -> MarketDataWindow:
    window = MarketDataWindow(capacity)
    for close in closes:
        window.push(bar(close))
    return window


# Window operations


def test_push_and_len() -> None:
    window = MarketDataWindow(3)
    assert [window.push(bar(c)) or window.len() for c in (1.0, 2.0, 3.0, 4.0)] == [1, 2, 3, 3]
    assert len(window) == 3


def test_is_empty() -> None:
    window = MarketDataWindow(2)
    assert window.is_empty()
    window.push(bar(1.0))
    assert not window.is_empty()


def test_full_window_drops_the_oldest() -> None:
    window = filled(1.0, 2.0, 3.0, 4.0, 5.0)
    assert [b.close for b in window.iter()] == [3.0, 4.0, 5.0]


def test_clear() -> None:
    window = filled(1.0, 2.0, 3.0, 4.0)
    window.clear()
    assert window.is_empty() and window.latest() is None and window.avg_volume() is None
    window.push(bar(9.0))
    assert (window.high(), window.low(), window.avg_volume()) == (10.0, 8.0, 10.0)


def test_iter_is_a_picture() -> None:
    window = filled(1.0, 2.0, 3.0)
    before = window.iter()
    window.push(bar(4.0))
    assert [b.close for b in before] == [1.0, 2.0, 3.0]
    assert [b.close for b in window] == [2.0, 3.0, 4.0]


# Queries


def test_get() -> None:
    window = filled(1.0, 2.0, 3.0, 4.0)
    assert [window.get(i).close for i in range(3)] == [2.0, 3.0, 4.0]
    assert [window.get(i).close for i in (-1, -2, -3)] == [4.0, 3.0, 2.0]


def test_latest_and_oldest() -> None:
    window = filled(1.0, 2.0, 3.0, 4.0)
    assert (window.oldest().close, window.latest().close) == (2.0, 4.0)


def test_high_and_low() -> None:
    window = filled(5.0, 2.0, 9.0, 4.0)
    assert (window.high(), window.low()) == (10.0, 1.0)


def test_avg_volume() -> None:
    window = MarketDataWindow(2)
    for volume in (1, 2, 4):
        window.push(bar(1.0, volume=volume))
    assert window.avg_volume() == 3.0


def test_range() -> None:
    assert filled(5.0, 2.0, 9.0).range() == 9.0


def test_closes() -> None:
    window = filled(1.0, 2.0, 3.0, 4.0, 5.0)
    closes = window.closes()
    assert closes.dtype == np.float64 and closes.flags.c_contiguous
    assert closes.tolist() == [3.0, 4.0, 5.0]
    assert not closes.flags.owndata  # a view, not a copy
    with pytest.raises(ValueError):
        closes[0] = 0.0


# Edges


def test_nothing_in_it() -> None:
    window = MarketDataWindow(4)
    answers = [window.latest(), window.oldest(), window.high(), window.low(), window.range()]
    assert answers == [None] * 5
    assert (window.avg_volume(), window.get(0), window.get(-1)) == (None, None, None)
    assert window.closes().tolist() == [] == list(window.iter())


def test_capacity_of_one() -> None:
    window = filled(1.0, 2.0, capacity=1)
    assert window.latest() == window.oldest() == window.get(0) == bar(2.0)
    assert window.closes().tolist() == [2.0]


def test_outside_of_the_window() -> None:
    window = filled(1.0, 2.0)
    assert [window.get(i) for i in (2, -3, 99)] == [None] * 3


def test_what_is_refused() -> None:
    for capacity in (0, -1):
        with pytest.raises(InputError, match="capacity"):
            MarketDataWindow(capacity)
    with pytest.raises(TypeError, match="allowed: MarketData"):
        MarketDataWindow(1).push((1.0, 2.0))


def test_the_sum_of_volumes_does_not_drift() -> None:
    """Volumes beyond 2^53 come and go; what stays is exact."""
    window = MarketDataWindow(2)
    for volume in (1 << 63, 3, 1 << 62, 5, 7):
        window.push(bar(1.0, volume=volume))
    assert window.avg_volume() == 6.0


def test_it_has_these_methods_and_no_indicator() -> None:
    public = {n for n, _ in inspect.getmembers(MarketDataWindow) if not n.startswith("_")}
    assert public == METHODS
    tree = ast.parse(inspect.getsource(window_module))
    imported = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert {m for m in imported if m.startswith("tectra")} == {
        "tectra.core.bar",
        "tectra.core.errors",
    }


moves = st.lists(
    st.tuples(st.floats(0, 1e9), st.integers(0, (1 << 64) - 1), st.floats(0, 9)) | st.none(),
    max_size=60,
)


@given(st.integers(1, 7), moves)
def test_a_deque_agrees(capacity: int, steps: list[tuple[float, int, float] | None]) -> None:
    window, model = MarketDataWindow(capacity), deque(maxlen=capacity)
    for step in steps:
        if step is None:
            window.clear()
            model.clear()
        else:
            item = bar(step[0], volume=step[1], spread=step[2])
            window.push(item)
            model.append(item)
        assert list(window) == list(model)
        assert window.closes().tolist() == [b.close for b in model]
        assert (window.len(), window.is_empty()) == (len(model), not model)
        for i in range(-len(model), len(model)):
            assert window.get(i) is model[i]
        if model:
            high, low = max(b.high for b in model), min(b.low for b in model)
            assert (window.high(), window.low(), window.range()) == (high, low, high - low)
            assert window.avg_volume() == sum(b.volume for b in model) / len(model)
            assert (window.oldest(), window.latest()) == (model[0], model[-1])
