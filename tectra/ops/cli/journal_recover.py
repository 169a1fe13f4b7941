"""`tectra journal recover`: what an engine would start from."""

from collections.abc import Iterator
from pathlib import Path

import click

from tectra.core.clock import LiveClock
from tectra.core.stop import StopSignals
from tectra.engine.recover import Recovered, recover
from tectra.ops.cli.journal_select import into_pipe
from tectra.ops.cli.show import progress, write_json
from tectra.replay.verify import journal_of

__all__ = ["command"]

_NO_PX = -(1 << 63)


def _lines(found: Recovered) -> Iterator[str]:
    for refused in found.refused:
        yield f"passed over {refused.path.name}: {refused.reason}"
    begin = "from the beginning"
    if found.snapshot is not None:
        begin = f"{found.snapshot.path.name} (record {found.snapshot.ring_seq})"
    yield (
        f"{found.directory}: {begin} and a tail of {found.tail_records:,} records, "
        f"in {found.duration_ns / 1e6:,.1f} ms"
    )
    yield f"record {found.ring_seq}, output digest {found.pipeline.summary.output_digest}"
    if found.damage is not None:
        yield f"taken up to the damage: {found.damage}"
    if found.unsaid:
        ahead = found.ring_seq - found.journal_seq
        yield f"the run died within a step: {ahead} records of it were not written, none was sent"
    if found.raised is not None:
        yield f"the run ended with: {found.raised}"
    by_symbol = {i.symbol: i for i in found.pipeline.instruments}
    yield f"{len(found.open_orders)} orders in flight"
    for order in found.open_orders:
        unit = by_symbol[order.symbol]
        where = "" if order.px == _NO_PX else f" at {unit.price(order.px)}"
        yield (
            f"  {order.order_id} {order.side.name} {unit.quantity(order.leaves_qty)} of "
            f"{unit.quantity(order.qty)} {order.symbol}{where}, {order.state.name}, "
            f"strategy {order.strategy_id}"
        )
    for row in found.positions:
        unit = by_symbol[row.symbol]
        owner = f"strategy {row.strategy_id}" if row.strategy_id else "account"
        yield (
            f"position of {owner} in {row.symbol}: {unit.quantity(row.net_qty)}, realized "
            f"{unit.money(row.realized)}, fees {unit.money(row.fees)}, {row.fills} fills"
        )
    yield "disarmed: compare orders and positions with the venue before it trades"


@click.command(name="recover")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--from-start", is_flag=True, help="Use no snapshot: step the whole journal.")
@click.option(
    "--until-damage", is_flag=True, help="Take what lies before damage: after a loss of power."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
@into_pipe()
def command(directory: Path, from_start: bool, until_damage: bool, as_json: bool) -> None:
    """Recover the engine of a journal and report: snapshot, tail, orders in flight, positions.

    Nothing is written. Exit code 1 when the files do not lead to a state.
    """
    with progress(f"recovering {directory}", quiet=as_json) as step, StopSignals():
        found = recover(
            journal_of(directory),
            use_snapshots=not from_start,
            until_damage=until_damage,
            clock=LiveClock(),
            progress=step,
        )
    if as_json:
        write_json(found.as_dict())
        return
    for line in _lines(found):
        click.echo(line)
