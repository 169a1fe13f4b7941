"""What is compared when a simulation has come to rest: books, orders, positions, counters, and
every journal with an engine that never crashed.
"""

from pathlib import Path
from typing import Any

import numpy as np

from tectra.core.msg import DIRECTION, BookStatus, Side, Template
from tectra.engine import Pipeline
from tectra.engine.compare import Comparator
from tectra.engine.image import save_state, state_digest
from tectra.engine.parts import OUTPUT_MASK
from tectra.feed.arbiter import REPLY
from tectra.journal import JournalReader, verify
from tectra.journal.scan import walk
from tectra.testing.fault import Fault
from tectra.testing.oracle import require
from tectra.testing.trader import Trader
from tectra.testing.venue import LINES, Venue

__all__ = ["books_agree", "check_end", "check_journals"]

_SIDES = (Side.BUY, Side.SELL)
# A stale book is one that has not changed for long.
_SOUND = (BookStatus.NONE, BookStatus.VALID, BookStatus.STALE)
_INPUT = np.isin(np.arange(2**16), [int(t) for t, d in DIRECTION.items() if d == "input"])
_CAUSED = (Template.ORDER_INTENT, Template.ORDER_SEND, Template.ORDER_VERDICT)


def books_agree(trader: Trader, venue: Venue) -> bool:
    """Compare the engine's books with the venue's, order by order, if the engine has them for right
    and has all that the venue sent; whether it was so.
    """
    if trader.troubled or trader.feed.stream.expected != venue.sent + 1:
        return False
    if any(status not in _SOUND for status in trader.oracle.status.values()):
        return False
    differ = _difference(trader, venue)
    require(differ == "", differ)
    return True


def _difference(trader: Trader, venue: Venue) -> str:
    for instrument in trader.ids:
        for side in _SIDES:
            mine = _orders(trader.pipeline.book, instrument, side)
            theirs = venue.plain.orders(instrument, side)
            if mine != theirs:
                return (
                    f"book {instrument} {side.name} is called sound and has {len(mine)} orders, "
                    f"the venue {len(theirs)}; they differ in {set(mine) ^ set(theirs)}"
                )
    return ""


def _orders(book: Any, instrument: int, side: Side) -> list[tuple[int, int, int]]:
    return [
        (int(o["order_ref"]), int(o["px"]), int(o["qty"])) for o in book.orders(instrument, side)
    ]


def check_end(trader: Trader, venue: Venue) -> None:
    """All came to rest: engine, venue and their sums must agree."""
    pipeline = trader.pipeline
    trader.oracle.check(pipeline)
    pipeline.book.check()
    venue.exchange.check()
    for instrument in trader.ids:
        for side in _SIDES:
            theirs = venue.plain.orders(instrument, side)
            require(
                _orders(venue.book, instrument, side) == theirs,
                f"book {instrument} {side.name} of the exchange is not what its messages say",
            )
    resting = {o.order_id: (o.side, o.leaves_qty) for o in venue.exchange.open_orders()}
    known = {o.order_id: (o.side, o.leaves_qty) for o in pipeline.orders.open_orders()}
    require(resting == known, f"open orders: venue {resting}, engine {known}")
    _check_positions(trader, venue)
    counts = trader.feed.counts()
    sent = venue.sent
    require(
        counts["messages"] + counts["lost"] == sent,
        f"feed: {counts['messages']} messages and {counts['lost']} lost are not {sent}",
    )
    trader.counts[Fault.GAP] += counts["gaps"]
    trader.counts[Fault.RISK_REJECT] += trader.oracle.refused
    sound = books_agree(trader, venue)
    if trader.servers[1] is not None or not counts["lost"]:
        require(sound, f"books are not valid at the end: {trader.oracle.status}")
    _check_lines(trader, counts)


def _check_positions(trader: Trader, venue: Venue) -> None:
    """The account's positions against the fills that the venue reported."""
    net = dict.fromkeys(trader.ids, 0)
    for report in venue.log:
        if report[2] == Template.ORDER_FILL:
            qty = int.from_bytes(report[56:64], "little")
            net[int.from_bytes(report[32:36], "little")] += qty if report[36] == Side.BUY else -qty
    found = {i: trader.pipeline.portfolio.position(i).net_qty for i in trader.ids}
    require(found == net, f"positions: engine {found}, venue {net}")


def _check_lines(trader: Trader, counts: dict[str, int]) -> None:
    """Every message was brought first by one line, or by an answer, or by a snapshot."""
    arbiter = trader.feed.stream.arbiter
    first = sum(arbiter.line(i).first for i in range(LINES)) + arbiter.line(REPLY).first
    if counts["snapshots"] == 0:
        require(first == counts["messages"], f"lines brought {first}, used {counts['messages']}")


def check_journals(trader: Trader) -> None:
    """The last journal verifies; the inputs of all lives, stepped through one engine that never
    crashed, give the same outputs and the same state.
    """
    report = verify(trader.lives[-1])
    require(report.ok, f"{trader.lives[-1]}: {report}")
    twin = trader.spec.make_pipeline(trader.classes, capture_mask=OUTPUT_MASK, with_out_ring=False)
    for path, unsaid in zip(trader.lives, trader.unsaid, strict=True):
        _step_life(twin, path, unsaid)
    require(
        state_digest(save_state(twin)) == state_digest(save_state(trader.pipeline)),
        "the state is not that of an engine that took the same inputs and never crashed",
    )
    require(
        twin.summary.output_digest == trader.pipeline.summary.output_digest,
        "the outputs are not those of an engine that never crashed",
    )


def _step_life(twin: Pipeline, path: Path, unsaid: bool) -> None:
    """One journal; every output is compared."""
    comparator = Comparator(twin)
    for part in JournalReader(path, strict=False).slots():
        slots = np.ascontiguousarray(part)
        comparator.run(slots.reshape(-1))
        _check_causes(slots)
    if not unsaid:
        comparator.finish()
    require(comparator.divergence is None, f"{path}: {comparator.divergence}")
    twin.drop_captured()


def _check_causes(slots: Any) -> int:
    """Every request, intent and verdict names the record that caused it, and that is an input right
    before it.
    """
    flat = slots.reshape(-1)
    starts = walk(flat)[0].astype(np.int64)
    templates = flat.view("<u2")[starts * 32 + 1]
    numbers = flat.view("<u8")[starts * 8 + 1]
    is_input = _INPUT[templates]
    if not is_input.any():
        return 0
    last = np.maximum.accumulate(np.where(is_input, numbers, 0))
    caused = np.isin(templates, [int(t) for t in _CAUSED]) & (last > 0)
    causes = flat.view("<u8")[starts[caused] * 8 + 8]
    wrong = np.flatnonzero(causes != last[caused])
    require(
        len(wrong) == 0,
        f"record {numbers[caused][wrong[0]] if len(wrong) else 0} was not caused by the input "
        "before it",
    )
    return int(caused.sum())
