"""One strategy that hands over to another in the middle of a run: what "what if" asks."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from tectra.core.errors import InputError
from tectra.strategy.api import Strategy
from tectra.strategy.params import Param, check_params

if TYPE_CHECKING:
    from tectra.strategy.context import Context
    from tectra.strategy.view import BookView, FillView, TradeView

__all__ = ["SWITCH", "Takeover", "takeover_class"]

SWITCH = "takeover"
# Fewer than the actions that one callback may take, so that on_stop has room for its own.
_CANCELS = 32


class Takeover(Strategy):
    """The first strategy until the parameter `takeover` is set, the second from the next callback
    on. Both are one strategy to the engine: position, orders and P&L go over with the id.

    The first hears on_stop, its timers are dropped, its open orders are cancelled (`CANCEL`) or
    left to the second; then the second hears on_start, and the callback that was due.
    """

    FIRST: ClassVar[type[Strategy]]
    SECOND: ClassVar[type[Strategy]]
    SECOND_PARAMS: ClassVar[Mapping[str, Any]]
    CANCEL: ClassVar[bool]

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        own = {n: v for n, v in params.items() if n != SWITCH}
        self._active: Strategy = self.FIRST(**own)
        self._second: Strategy | None = self.SECOND(**self.SECOND_PARAMS)
        self._asked = bool(params.get(SWITCH, False))
        self._leaving: list[int] | None = None

    @property
    def active(self) -> Strategy:
        """The strategy that hears of the next event, unless the switch is set."""
        return self._active

    def _ready(self, ctx: "Context") -> bool:
        """Whether the active strategy may hear of this event; hands over where that is due."""
        second = self._second
        if not self._asked or second is None:
            return True
        if self._leaving is None:
            self._active.on_stop(ctx)
            self._drop_timers(ctx)
            orders = ctx.get_open_orders() if self.CANCEL else ()
            self._leaving = [o.order_id for o in orders]
        now, self._leaving = self._leaving[:_CANCELS], self._leaving[_CANCELS:]
        for order_id in now:
            if ctx.get_order(order_id) is not None:
                ctx.cancel_order(order_id)
        if self._leaving:
            return False
        self._active, self._second = second, None
        ctx.params.clear()
        ctx.params.update({n: getattr(second, n) for n in type(second).PARAMS})
        second.on_start(ctx)
        return True

    def _drop_timers(self, ctx: "Context") -> None:
        # Ids count up over all strategies; those of others are not dropped.
        probe = ctx.set_timer(interval_ns=1 << 62)
        for timer_id in range(1, probe + 1):
            ctx.cancel_timer(timer_id)

    def on_book_update(self, ctx: "Context", book: "BookView") -> None:
        if self._ready(ctx):
            self._active.on_book_update(ctx, book)

    def on_trade(self, ctx: "Context", trade: "TradeView") -> None:
        if self._ready(ctx):
            self._active.on_trade(ctx, trade)

    def on_fill(self, ctx: "Context", fill: "FillView") -> None:
        if self._ready(ctx):
            self._active.on_fill(ctx, fill)

    def on_timer(self, ctx: "Context", timestamp: int) -> None:
        # A timer is the first strategy's: the second has set none before it starts.
        first = self._active
        if self._ready(ctx) and self._active is first:
            first.on_timer(ctx, timestamp)

    def on_params_update(self, params: Mapping[str, Any]) -> None:
        if SWITCH in params:
            self._asked = self._asked or bool(params[SWITCH])
            return
        active = self._active
        known = {n: v for n, v in params.items() if n in type(active).PARAMS}
        for name, value in known.items():
            setattr(active, name, value)
        if known:
            active.on_params_update(known)

    def on_start(self, ctx: "Context") -> None:
        del ctx.params[SWITCH]
        self._active.on_start(ctx)

    def on_stop(self, ctx: "Context") -> None:
        self._active.on_stop(ctx)


def takeover_class(
    first: type[Any], second: type[Any], params: Mapping[str, Any], *, cancel: bool = True
) -> type[Takeover]:
    """A strategy class that is `first` (with its parameters) and then `second` with `params`.

    InputError for compiled strategies, whose callbacks Python cannot hand over, and for a first
    strategy with a parameter of the switch's name.
    """
    for one in (first, second):
        if not issubclass(one, Strategy):
            raise InputError(
                f"{one.__name__}: is compiled and cannot take part in a takeover; replace it for "
                "the whole run instead"
            )
    if SWITCH in first.PARAMS:
        raise InputError(f"{first.__name__}: has a parameter {SWITCH!r}, which is the switch here")
    return type(
        f"{first.__name__}Then{second.__name__}",
        (Takeover,),
        {
            "__module__": __name__,
            "__doc__": f"{first.__name__}, and {second.__name__} from the switch on.",
            "PARAMS": {**first.PARAMS, SWITCH: Param(False)},
            "FIRST": first,
            "SECOND": second,
            "SECOND_PARAMS": check_params(second.PARAMS, params, second.__name__),
            "CANCEL": cancel,
        },
    )
