"""`tectra trader record`: a session with a bit of everything that a journal can hold."""

from pathlib import Path
from shlex import quote

import click
import msgspec

from tectra.backtest.driver import BacktestDriver
from tectra.core.config.change import changes_between, to_records
from tectra.core.config.section import Config
from tectra.core.errors import InputError
from tectra.core.msg import KillAction, Template
from tectra.core.record import encode
from tectra.feed.itch_day import make_symbols
from tectra.feed.order_flow import OrderFlow
from tectra.journal.manifest import DURABILITY, Manifest
from tectra.journal.reader import JournalReader
from tectra.ops.cli.mdg import write_journal
from tectra.ops.cli.show import progress, write_json
from tectra.strategy.sample.steady import Steady

__all__ = ["command"]

_OPERATOR = 1


class _Incidents:
    """What happens beside the market: a new configuration after a third of the session, a kill
    after two thirds and its end soon after.
    """

    def __init__(self, span_ns: int) -> None:
        self._due = [(span_ns // 3, self._reload), (span_ns * 2 // 3, self._kill)]
        self._due.append((span_ns * 5 // 6, self._clear))
        self._first_ns = 0

    def __call__(self, driver: BacktestDriver) -> None:
        now_ns = driver.pipeline.now_ns
        self._first_ns = self._first_ns or now_ns
        while self._due and now_ns - self._first_ns >= self._due[0][0]:
            for record in self._due.pop(0)[1](now_ns):
                driver.control(record)

    @staticmethod
    def _reload(now_ns: int) -> list[bytes]:
        old = Config()
        engine = msgspec.structs.replace(old.engine, seed=old.engine.seed + 1)
        changes = changes_between(old, msgspec.structs.replace(old, engine=engine))
        return to_records(changes, revision=2, ts_ns=now_ns, operator="trader record")

    @staticmethod
    def _kill(now_ns: int) -> list[bytes]:
        return [_kill_record(KillAction.KILL, now_ns)]

    @staticmethod
    def _clear(now_ns: int) -> list[bytes]:
        return [_kill_record(KillAction.CLEAR, now_ns)]


def _kill_record(action: KillAction, now_ns: int) -> bytes:
    return encode(
        Template.CONTROL_KILL,
        ts_event_ns=now_ns,
        ts_recv_ns=now_ns,
        action=action,
        operator_id=_OPERATOR,
        reason="drill",
    )


@click.command(name="record")
@click.option(
    "--out", "-o", required=True, type=click.Path(path_type=Path), help="A new directory."
)
@click.option("--seed", default=1, show_default=True, help="The same seed, the same session.")
@click.option(
    "--seconds",
    default=60,
    show_default=True,
    type=click.IntRange(1, 86_400),
    help="Of the market.",
)
@click.option("--symbols", default="2", show_default=True, help="How many, or their names.")
@click.option(
    "--durability",
    default="page-cache",
    show_default=True,
    type=click.Choice(list(DURABILITY)),
    help="When a record counts as written.",
)
@click.option("--json", "as_json", is_flag=True, help="A summary as JSON.")
def command(
    out: Path, seed: int, seconds: int, symbols: str, durability: str, as_json: bool
) -> None:
    """Run a dummy strategy over generated order flow and journal all of it: market data, orders,
    verdicts, a reload of the configuration, a kill and its end. The engine appends to mapped
    memory and never waits for the disk, but in the mode `sync`.
    """
    if out.is_file():
        raise InputError(f"{out}: is a file; give a new directory")
    names = make_symbols(int(symbols)) if symbols.isdecimal() else tuple(symbols.split(","))
    span_ns = seconds * 1_000_000_000
    with (
        OrderFlow(names, seed=seed, span_ns=span_ns) as feed,
        progress(f"recording {out.name}", quiet=as_json) as step,
    ):
        write_journal(
            out, feed, seed=seed, step=step, strategy=Steady, name="trader record",
            each=_Incidents(span_ns), durability=durability,
        )  # fmt: skip
    counts = JournalReader(out / "journal").count_by_template()
    named = {template.name.lower(): count for template, count in counts.items()}
    if as_json:
        write_json({"out": str(out), "seed": seed, "durability": durability, "records": named})
        return
    for name, count in named.items():
        click.echo(f"{count:>12,}  {name}")
    click.echo(f"durability {Manifest.load(out / 'journal').promise()}")
    click.echo(f"check it with: tectra journal verify {quote(str(out))}")
