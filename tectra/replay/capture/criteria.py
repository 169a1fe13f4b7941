"""What events can be asked for by name: trades entered, fills, refusals, faults. Any thread."""

from collections.abc import Callable
from functools import partial

from tectra.core.errors import InputError
from tectra.replay.capture.event import StateMachineEvent
from tectra.replay.capture.plain import Plain

__all__ = ["CRITERIA", "matches"]

Test = Callable[[StateMachineEvent], bool]


def _net(state: dict[str, Plain]) -> dict[str, int]:
    return {
        key: row["net_qty"] for key, row in state["positions"].items() if not key.startswith("all/")
    }


def _moved(event: StateMachineEvent, test: Callable[[int, int], bool]) -> bool:
    """Did a strategy's position move like this?"""
    if event.state_before.get("positions") is event.state_after.get("positions"):
        return False
    before = _net(event.state_before)
    return any(test(before.get(key, 0), now) for key, now in _net(event.state_after).items())


def _entered(before: int, now: int) -> bool:
    return now != 0 and (before == 0 or (before > 0) != (now > 0))


def _left(before: int, now: int) -> bool:
    return before != 0 and (now == 0 or (before > 0) != (now > 0))


def _action(event: StateMachineEvent, kind: str) -> bool:
    return any(a["kind"] == kind for a in event.action)


def _to(event: StateMachineEvent, *states: str) -> bool:
    return any(t.get("to") in states for t in event.transition)


# name -> test. Entered: a position of a strategy from none, or turned round; left: the reverse.
CRITERIA: dict[str, Test] = {
    "entries": lambda e: _moved(e, _entered),
    "exits": lambda e: _moved(e, _left),
    "trades": lambda e: _moved(e, lambda a, b: a != b),
    "fills": lambda e: e.market_data.get("template") == "order_fill",
    "orders": lambda e: _action(e, "intent"),
    "sends": lambda e: _action(e, "send"),
    "signals": lambda e: _action(e, "signal"),
    "decisions": lambda e: _action(e, "decision"),
    "rejects": lambda e: _to(e, "REJECTED"),
    "cancels": lambda e: _to(e, "CANCELLED", "EXPIRED"),
    "faults": lambda e: (
        _to(e, "FAULTED", "UNKNOWN") or any(t.get("valid") is False for t in e.transition)
    ),
}


def _has(event: StateMachineEvent, name: str, wanted: str) -> bool:
    rows = (event.market_data, *event.transition, *event.action)
    return any(name in row and str(row[name]) == wanted for row in rows)


def matches(text: str) -> Test:
    """The test of a criterion: a name of CRITERIA, or `field=value` over input, transitions and
    actions (`symbol=AAPL`, `to=FILLED`, `strategy_id=2`); several joined with commas must all hold.
    InputError.
    """
    tests: list[Test] = []
    for part in (p.strip() for p in text.split(",")):
        name, mark, value = (piece.strip() for piece in part.partition("="))
        if mark and name:
            tests.append(partial(_has, name=name, wanted=value))
        elif part in CRITERIA:
            tests.append(CRITERIA[part])
        else:
            raise InputError(
                f"criterion: found {part!r}; allowed: {', '.join(CRITERIA)}, or FIELD=VALUE"
            )
    return lambda event: all(test(event) for test in tests)
