"""Finding strategies: what is refused, and that it is refused before the first event."""

import sys
from pathlib import Path

import pytest
from engine_scene import Quiet

from tectra.core.errors import StrategyLoadError
from tectra.engine.session import StrategySpec
from tectra.strategy import CALLBACKS, Strategy, load_strategy, validate_strategy, wanted_callbacks
from tectra.strategy.sample.cross import Cross
from tectra.strategy.sample.maker import Maker
from tectra.strategy.sample.passthrough import Passthrough

GOOD = """
import tectra as tt

class Good(tt.Strategy):
    size: int = tt.param(1)
    def on_book_update(self, ctx, book): pass
    def on_trade(self, ctx, trade): pass
    def on_fill(self, ctx, fill): pass
    def on_timer(self, ctx, timestamp): pass
    def on_params_update(self, params): pass
"""


@pytest.fixture
def write(tmp_path: Path):
    def made(text: str, name: str = "mine.py") -> str:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return str(path)

    return made


def test_a_file_with_one_class(write):
    path = write(GOOD)
    assert load_strategy(path).__name__ == "Good"
    assert load_strategy(f"{path}:Good").PARAMS["size"].default == 1


def test_a_directory_whose_name_has_a_colon(write):
    path = write(GOOD, "run:1/mine.py")
    assert load_strategy(path).__name__ == "Good"
    assert load_strategy(f"{path}:Good").__name__ == "Good"


def test_an_installed_module_compiled_or_not():
    assert load_strategy("tectra.strategy.sample.cross:Cross") is Cross
    assert load_strategy("tectra.strategy.sample.maker:Maker") is Maker
    assert load_strategy("tectra.strategy.sample.passthrough") is Passthrough


def test_two_files_of_one_name_stay_apart(write):
    first = load_strategy(write(GOOD, "a/mine.py"))
    second = load_strategy(write(GOOD.replace("param(1)", "param(2)"), "b/mine.py"))
    assert StrategySpec.of(first, {}).sha256 != StrategySpec.of(second, {}).sha256
    assert sys.modules[first.__module__] is not sys.modules[second.__module__]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import nosuchmodule", "(?s)does not import:.*No module named 'nosuchmodule'"),
        ("x = (", "(?s)does not import:.*SyntaxError"),
        ("raise SystemExit(0)", "(?s)does not import:.*SystemExit"),
        ("1 / 0", '(?s)mine.py", line 1.*ZeroDivisionError'),
        ("x = 1", "no subclass of tectra.Strategy"),
        ("from tectra.strategy.sample.cross import Cross", "no subclass"),
        (
            GOOD + GOOD.replace("Good", "Other"),
            "several strategies; choose one of .*:Good, .*:Other",
        ),
        (GOOD.replace("def on_fill", "def fill"), "Good lacks on_fill"),
        (GOOD.replace("def on_timer", "async def on_timer"), "on_timer is a coroutine"),
        (GOOD.replace("timestamp): pass", "timestamp): yield 1"), "coroutine or generator"),
        (
            GOOD.replace(
                "def on_timer(self, ctx, timestamp): pass",
                "async def on_timer(self, ctx, timestamp): yield 1",
            ),
            "coroutine or generator",
        ),
        (GOOD.replace("(self, ctx, book)", "(self, book)"), r"on_book_update\(self, book\)"),
        (GOOD.replace("(self, ctx, book)", "(self, ctx, book, more)"), "3 positional"),
        (GOOD.replace("(self, ctx, book)", "(self, ctx, book, *, more)"), "3 positional"),
        (GOOD.replace("(self, params)", "(self, ctx, params)"), "2 positional"),
        (GOOD + "    def on_stop(self): pass\n", "on_stop"),
        (GOOD + "    on_trade = None\n", "found NoneType; define it as a plain method"),
        (GOOD + "    on_trade = staticmethod(print)\n", "found staticmethod"),
        (GOOD.replace("tt.param(1)", "tt.param(1, ge=2)"), "does not import"),
    ],
)
def test_what_would_fail_at_the_first_event_is_refused(write, text: str, message: str):
    with pytest.raises(StrategyLoadError, match=message):
        load_strategy(write(text))


@pytest.mark.parametrize(
    "signature", ["(self, *args)", "(self, ctx, book, more=1)", "(self, a, b, **rest)"]
)
def test_any_signature_that_can_be_called_so_is_good(write, signature: str):
    assert load_strategy(write(GOOD.replace("(self, ctx, book)", signature)))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nosuch.py", "no such file"),
        ("nosuch.py:Good", "no such file"),
        ("nosuch.module:Good", "does not import"),
        ("", "a directory"),
        ("..x", "does not import"),
        ("tectra.strategy.sample.cross:Nope", "no strategy class 'Nope'; found: Cross"),
        ("tectra.core.msg", "no subclass"),
    ],
)
def test_what_is_not_there(spec: str, message: str):
    with pytest.raises(StrategyLoadError, match=message):
        load_strategy(spec)


def test_a_directory_and_a_file_that_is_no_python(write, tmp_path: Path):
    with pytest.raises(StrategyLoadError, match="a directory"):
        load_strategy(str(tmp_path))
    with pytest.raises(StrategyLoadError, match="not a Python file"):
        load_strategy(write("hello", "mine.txt"))


def test_a_class_that_is_no_strategy():
    with pytest.raises(StrategyLoadError, match="dict: is no subclass"):
        validate_strategy(dict)


def test_the_required_api_is_five_callbacks():
    """SF-01."""
    assert Strategy.__abstractmethods__ == frozenset(CALLBACKS) and len(CALLBACKS) == 5
    with pytest.raises(TypeError, match="abstract"):
        Strategy()


class Bodies(Quiet):
    def on_book_update(self, ctx, book):
        """Only a docstring."""

    def on_trade(self, ctx, trade): ...

    def on_fill(self, ctx, fill):
        return

    def on_timer(self, ctx, timestamp):
        """A docstring, and something to do."""
        self.seen = timestamp


def test_an_empty_body_is_not_wanted():
    assert wanted_callbacks(Bodies()) == {"on_timer"}
    assert wanted_callbacks(Quiet()) == frozenset()
    assert wanted_callbacks(Maker()) == {"on_book_update"}


class Returns(Quiet):
    def on_book_update(self, ctx, book):
        return 1

    def on_trade(self, ctx, trade):
        _ = self.x

    def on_fill(self, ctx, fill):
        raise ValueError


def test_a_body_that_does_anything_is_wanted():
    assert wanted_callbacks(Returns()) >= {"on_trade", "on_fill"}
