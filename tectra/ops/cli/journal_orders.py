"""`tectra journal orders`: what happened to orders."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import orjson

from tectra.core.errors import StoppedError, UnknownOrderError
from tectra.core.stop import StopSignals, stop_reason, stop_requested
from tectra.journal.order_log import InFlight, OrderLog, OrderRow
from tectra.journal.plain import time_text
from tectra.ops.cli.journal_select import into_pipe, open_journal_dir, query_of, range_options

__all__ = ["command"]

_STRETCH = {"seq": "seq", "from": "start", "to": "end"}


def _line(row: OrderRow) -> str:
    said = " ".join(
        f"{name}={row.metadata[name]}"
        for name in ("ring_seq", "strategy_id", "last_price", "last_quantity", "reason", "rule")
        if row.metadata.get(name) not in (None, "NONE")
    )
    price = "market" if row.price is None else row.price
    return (
        f"{time_text(row.timestamp_ns)} {row.event_type:<16} {row.order_id:>6} {row.exchange:<9} "
        f"{row.symbol:<8} {row.side:<4} {row.qty:>8} @ {price:<12} {row.status:<12} {said}"
    ).rstrip()


def _flight_line(order: InFlight) -> str:
    price = "market" if order.price is None else order.price
    return (
        f"{order.order_id:>6} {order.exchange:<9} {order.symbol:<8} {order.side:<4} "
        f"{order.qty:>8} @ {price:<12} {order.status:<12} leaves {order.leaves_qty}, "
        f"filled {order.cum_qty}, strategy {order.strategy_id}, ring_seq {order.last_ring_seq}"
    )


@click.command(name="orders")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--order", type=click.IntRange(1, 2**64 - 1), help="Only this order.")
@click.option("--strategy", type=click.IntRange(1, 65535), help="Number of a strategy.")
@range_options
@click.option("--limit", type=click.IntRange(1), help="So many rows, the first ones.")
@click.option("--in-flight", is_flag=True, help="Only orders that are not done at the end.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line.")
def command(
    directory: Path, in_flight: bool, as_json: bool, order: int | None, **options: Any
) -> None:
    """Events of orders: time, event, order, exchange, symbol, side, quantity, price, status."""
    stretch = [f"--{name}" for name, of in _STRETCH.items() if options[of] is not None]
    if in_flight and stretch:
        raise click.UsageError(f"--in-flight is about the end of the journal; leave {stretch[0]}")
    with StopSignals(), into_pipe():
        log = OrderLog(open_journal_dir(directory))
        if in_flight:
            wanted = [
                found
                for found in log.in_flight()
                if order in (None, found.order_id)
                and options["strategy"] in (None, found.strategy_id)
            ]
            for found in wanted[: options["limit"]]:
                click.echo(orjson.dumps(asdict(found)) if as_json else _flight_line(found))
            return
        shown = 0
        for row in log.rows(query_of({**options, "order": order})):
            click.echo(orjson.dumps(row._asdict()) if as_json else _line(row))
            shown += 1
            if stop_requested():
                raise StoppedError(f"stopped by {stop_reason()} after {shown:,} rows")
        if order is not None and not shown:
            raise UnknownOrderError(
                f"--order: found no event of order {order} there; without it every order is listed"
            )
