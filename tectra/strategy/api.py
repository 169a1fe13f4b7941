"""The strategy a user writes: five callbacks, parameters, and two optional lifecycle hooks."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from tectra.strategy.params import Param, check_params

if TYPE_CHECKING:
    from tectra.strategy.context import Context
    from tectra.strategy.view import BookView, FillView, TradeView

__all__ = ["CALLBACKS", "Strategy"]

CALLBACKS = ("on_book_update", "on_trade", "on_fill", "on_timer", "on_params_update")


class Strategy(ABC):
    """Base of every Python strategy.

    Callbacks run one at a time on the engine's thread, never concurrently, and are synchronous: a
    coroutine is refused when the strategy is loaded. What they are handed (book, trade, fill) is
    valid only until they return. Orders are buffered and leave after the callback; a callback whose
    body is empty is never called and costs nothing.

    Parameters are class attributes made with `param`; they are set as instance attributes before
    `on_start`.

    State images and recovery keep the attributes of the instance: plain values, containers of them,
    numpy arrays, values of tectra, objects of classes of the strategy's own file, and the context
    with what hangs on it. What is shared stays shared. A strategy that holds anything else (an open
    file, a model of another library, attributes of a class) defines two methods, and then nothing
    but what they say is kept, beside the parameters:

        def save_state(self):            # -> plain values; must not change the strategy
        def load_state(self, value):     # of a new instance, in place of on_start

    The order in which a set is walked is no state: walk sorted(a_set), or keep a dict.
    """

    PARAMS: ClassVar[Mapping[str, Param]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = {n: v for n, v in vars(cls).items() if isinstance(v, Param)}
        cls.PARAMS = {**cls.PARAMS, **own}

    def __init__(self, **params: Any) -> None:
        for name, value in check_params(self.PARAMS, params, type(self).__name__).items():
            setattr(self, name, value)

    @abstractmethod
    def on_book_update(self, ctx: "Context", book: "BookView") -> None:
        """The book of a subscribed instrument changed, or how far it can be trusted did.

        There is no other callback for trouble: when a book becomes invalid, is cleared, is being
        recovered, goes stale or is sound again, this is called once with `book.valid`,
        `book.status` and `book.reason` as they are from here on. Ask `book.tradeable` before
        trading.
        """

    @abstractmethod
    def on_trade(self, ctx: "Context", trade: "TradeView") -> None:
        """Somebody traded in a subscribed instrument."""

    @abstractmethod
    def on_fill(self, ctx: "Context", fill: "FillView") -> None:
        """An order of this strategy was executed; position and P&L are up to date already."""

    @abstractmethod
    def on_timer(self, ctx: "Context", timestamp: int) -> None:
        """A timer came due; `timestamp` is when it was due, in nanoseconds since the epoch."""

    @abstractmethod
    def on_params_update(self, params: Mapping[str, Any]) -> None:
        """Parameters changed; they are set on the instance already."""

    def on_start(self, ctx: "Context") -> None:
        """Before the first event. Optional."""

    def on_stop(self, ctx: "Context") -> None:
        """After the last event. Optional."""
