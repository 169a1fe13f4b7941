"""`tectra feed listen`: the live ITCH feed of one or two lines, mended where it can be."""

from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Group
from rich.live import Live

from tectra.core.clock import ClockDomain, LiveClock
from tectra.core.errors import GapError, InputError, StoppedError
from tectra.core.secret import Secret
from tectra.core.stop import StopSignals, stop_reason, stop_requested
from tectra.feed.arbiter import ArbiterSettings
from tectra.feed.glimpse import GlimpseClient
from tectra.feed.itch_line import ItchLineFeed
from tectra.feed.line_config import LineConfig
from tectra.feed.live_book import LiveBooks
from tectra.feed.recovery_client import GlimpseSource, MoldRetransmitter
from tectra.journal.scan import walk
from tectra.journal.writer import JournalWriter
from tectra.net.udp_socket import UdpOptions, parse_endpoint
from tectra.ops.cli.show import console, table, warn, write_json

__all__ = ["command"]

_MS = 1_000_000
_SHOW_NS = 500 * _MS
_COUNTS = (
    "packets", "messages", "duplicates", "gaps", "recovered", "lost", "resends_requested",
    "snapshots", "dropped", "malformed",
)  # fmt: skip


class _Session:
    """One listening, by its options; closed by the stack that it is made in."""

    def __init__(self, stack: ExitStack, options: dict[str, Any]) -> None:
        lines = []
        for text in (options["a"], options["b"]):
            if text is not None:
                host, port = parse_endpoint(text)
                lines.append(UdpOptions(host=host, port=port, interface=options["interface"]))
        requests = options["retransmit"]
        snapshots = options["glimpse"]
        symbols = options["symbols"]
        self.feed = stack.enter_context(
            ItchLineFeed(
                lines,
                config=LineConfig(
                    symbols=None if symbols is None else tuple(symbols.split(",")),
                    date=options["date"],
                    arbiter=ArbiterSettings(settle_ns=options["settle_ms"] * _MS),
                    wait_ns=50 * _MS,
                ),
                retransmitter=None if requests is None else MoldRetransmitter(
                    parse_endpoint(requests)
                ),
                snapshots=None if snapshots is None else GlimpseSource(
                    parse_endpoint(snapshots), _glimpse_client
                ),
                wall=LiveClock(),
            )
        )  # fmt: skip
        self.books = LiveBooks()
        self.journal: JournalWriter | None = None
        if options["journal"] is not None:
            said = {name: options[name] for name in ("a", "b", "symbols", "date")}
            self.journal = stack.enter_context(
                JournalWriter(
                    options["journal"],
                    session={"mode": "feed", **{k: v or "" for k, v in said.items()}},
                    clock_domain="realtime",
                )
            )

    def take(self) -> bool:
        """One batch; False at the end of the session."""
        batch = self.feed.next_batch()
        if batch is None:
            return False
        if len(batch):
            # The books look for a stop behind as many slots as no batch has: all of it is in them.
            with suppress(StoppedError):
                self.books.apply(batch)
            if self.journal is not None:
                starts, _ = walk(batch)
                first = self.journal.last_ring_seq + 1
                words = batch.view("<u8").reshape(-1, 8)
                words[starts, 1] = np.arange(first, first + len(starts), dtype=np.uint64)
                self.journal.append_many(batch)
        return True

    def tops(self, count: int) -> list[dict[str, Any]]:
        names = self.feed.instruments
        health = self.feed.monitor.symbols(
            names, LiveClock(ClockDomain.MONOTONIC).now_ns(), limit=count, latency=False
        )
        known = set(self.books.book.instrument_ids)
        out = []
        for symbol, row in health.items():
            top = None
            if row["instrument_id"] in known:
                book = self.books.book
                top = book.best_bid(row["instrument_id"]), book.best_ask(row["instrument_id"])
            bid, ask = (None, None) if top is None else top
            out.append(
                {
                    "symbol": symbol,
                    "records": row["records"],
                    "bid": bid[0] / 1e4 if bid else None,
                    "bid_qty": bid[1] if bid else None,
                    "ask": ask[0] / 1e4 if ask else None,
                    "ask_qty": ask[1] if ask else None,
                    "stale": row["stale"],
                }
            )
        return out

    def summary(self, top: int) -> dict[str, Any]:
        health = self.feed.health(symbols_max=0)
        del health["symbols"]
        return health | {
            "book_digest": self.books.book.digest(priorities=False),
            "orders": self.books.book.live_orders,
            "tops": self.tops(top),
        }


def _glimpse_client() -> GlimpseClient:
    return GlimpseClient("", Secret(""))


def _shown(found: dict[str, Any]) -> Group:
    counts = found["counters"]
    lag = found["lag_ms"]
    title = (
        f"{found['session'] or 'nothing heard yet'}: books {found['book_status']}, "
        f"{found['seq_state']}, next {found['expected']:,}, held {found['held']:,}, "
        f"lag {'-' if lag is None else f'{lag:,.1f} ms'}"
    )
    lines = [
        (
            "AB"[line] if line < 2 else str(line),
            "live" if row["live"] else "silent",
            *(f"{row[n]:,}" for n in ("packets", "messages", "first", "duplicates", "lost")),
        )
        for line, row in enumerate(found["lines"])
    ]
    tops = [
        (
            row["symbol"],
            "stale" if row["stale"] else "",
            *("" if row[n] is None else f"{row[n]:,}" for n in ("bid_qty",)),
            *("" if row[n] is None else f"{row[n]:,.4f}" for n in ("bid", "ask")),
            *("" if row[n] is None else f"{row[n]:,}" for n in ("ask_qty", "records")),
        )
        for row in found["tops"]
    ]
    return Group(
        table(
            title,
            ("line", "", "packets", "messages", "first", "duplicates", "lost"),
            lines,
            left=2,
        ),
        ", ".join(f"{name} {counts[name]:,}" for name in _COUNTS),
        table("", ("symbol", "", "qty", "bid", "ask", "qty", "records"), tops, left=2),
    )


def _listen(session: _Session, seconds: float, top: int, live: Live | None) -> None:
    clock = LiveClock(ClockDomain.MONOTONIC)
    start = shown = clock.now_ns()
    while not stop_requested() and session.take():
        now = clock.now_ns()
        if seconds and now - start >= seconds * 1e9:
            return
        if live is not None and now - shown >= _SHOW_NS:
            shown = now
            live.update(_shown(session.summary(top)))


@click.command(name="listen")
@click.option("--a", required=True, metavar="HOST:PORT", help="Line A: an address or a group.")
@click.option("--b", metavar="HOST:PORT", help="Line B.")
@click.option("--interface", default="", help="Network card for groups: its address or name.")
@click.option("--retransmit", metavar="HOST:PORT", help="Re-request server.")
@click.option("--glimpse", metavar="HOST:PORT", help="Snapshot server.")
@click.option("--symbols", metavar="A,B", help="Only these; all without it.")
@click.option("--date", default="", metavar="YYYY-MM-DD", help="Trade date; today without it.")
@click.option("--settle-ms", default=5, show_default=True, type=click.IntRange(0, 10_000),
              help="How late a packet of the same line may come.")  # fmt: skip
@click.option("--journal", type=click.Path(path_type=Path), metavar="DIR", help="Keep the records.")
@click.option("--for", "seconds", default=0.0, type=click.FloatRange(0), metavar="SECONDS",
              help="Stop after as long; at the end of the session without it.")  # fmt: skip
@click.option("--top", default=5, show_default=True, type=click.IntRange(0, 1000),
              help="Symbols to show.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON document at the end.")
def command(seconds: float, top: int, as_json: bool, **options: Any) -> None:
    """Listen to MoldUDP64 lines of ITCH 5.0 and keep the books. Exit code 1 when numbers were lost
    for good, or the books are not valid at the end.
    """
    if options["symbols"] is not None and not all(options["symbols"].split(",")):
        raise InputError(f"--symbols {options['symbols']!r}: allowed are names with commas between")
    out = console()
    with ExitStack() as stack:
        session = _Session(stack, options)
        stack.enter_context(StopSignals())
        live = None
        if out.is_terminal and not as_json:
            live = stack.enter_context(Live(console=out, transient=True, auto_refresh=False))
            live.refresh()
        click.echo(f"listening at {options['a']} {options['b'] or ''}".rstrip(), err=True)
        _listen(session, seconds, top, live)
        found = session.summary(top)
        stopped = stop_requested()
    if as_json:
        write_json(found)
    else:
        out.print(_shown(found))
        click.echo(f"books {found['book_digest']}, {found['orders']:,} orders")
    lost, status = found["counters"]["lost"], found["book_status"]
    if stopped:
        raise StoppedError(f"stopped by {stop_reason()} before number {found['expected']:,}")
    if found["mute"]:
        warn("the lines had fallen silent at the end")
    if lost or status not in ("VALID", "STALE"):
        raise GapError(f"{lost:,} numbers were lost for good; the books are {status}")
