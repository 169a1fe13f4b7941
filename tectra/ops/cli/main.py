"""The way into the `tectra` command. Each subcommand is a module of its own, imported only when it
runs, so that `--help` is quick.
"""

import errno
import importlib.metadata
import sys
import traceback
from typing import Any

import click

from tectra.ops.cli.lazy import LazyGroup

__all__ = ["cli", "main", "run"]

# name -> (module, one line of help); the module has the command as `command`.
_COMMANDS = {
    "backtest": ("tectra.ops.cli.backtest", "Run a strategy over recorded market data."),
    "bars": ("tectra.ops.cli.bars", "Bars of a day: by time, trades, volume, dollars, imbalance."),
    "bench": ("tectra.ops.cli.bench", "Measure the hot paths on this machine."),
    "book": (
        "tectra.ops.cli.book",
        "Show the order book of a symbol at a time, or every state of it.",
    ),
    "capture": ("tectra.ops.cli.capture", "Check raw recordings of venues' messages."),
    "config": ("tectra.ops.cli.config", "Check and show configuration files."),
    "data": ("tectra.ops.cli.data", "List and validate recorded market data."),
    "demo": ("tectra.ops.cli.demo", "Everything once, offline, in under a minute."),
    "doctor": ("tectra.ops.cli.doctor", "What to fix on this host before trading."),
    "generate": ("tectra.ops.cli.generate", "Synthetic data: ITCH days, flow, bars, ticks."),
    "feed": ("tectra.ops.cli.feed", "Live feeds of equities: serve one."),
    "export": ("tectra.ops.cli.export_data", "Recorded market data in another format."),
    "import": ("tectra.ops.cli.import_data", "Recorded market data into a tick store."),
    "init": ("tectra.ops.cli.init", "Make the standard directories and a configuration."),
    "itch": ("tectra.ops.cli.itch", "NASDAQ ITCH 5.0 files: statistics, synthetic days, captures."),
    "journal": ("tectra.ops.cli.journal", "Verify, prove, repair, list and export journals."),
    "mdg": ("tectra.ops.cli.mdg", "Generate market data into a journal."),
    "replay": ("tectra.ops.cli.replay", "Run a journal again: verify, step, compare, explain."),
    "simulate": (
        "tectra.ops.cli.simulate",
        "The whole platform with faults, from a seed, in simulated time.",
    ),
    "session": ("tectra.ops.cli.session", "Sessions as events: export, list, show, find, diff."),
    "trader": ("tectra.ops.cli.trader", "The trading application: record a simulated session."),
    "run": ("tectra.ops.cli.run", "Run what a configuration says; the demo without one."),
    "wal": ("tectra.ops.cli.wal", "Events of a journal as lines, at their own pace."),
}


def _version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        try:
            number = importlib.metadata.version("tectra")
        except importlib.metadata.PackageNotFoundError:
            number = "from a checkout that is not installed"
        click.echo(f"tectra {number}")
        ctx.exit()


@click.group(
    cls=LazyGroup, table=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version.",
)
@click.option(
    "--log-level",
    envvar="TECTRA_LOG",
    default="warn",
    show_default=True,
    metavar="LEVEL",
    help="debug, info, warn or error; components apart: warn,tectra.risk=debug.",
)
@click.option("--log-json", is_flag=True, help="Log lines as JSON.")
@click.pass_context
def cli(ctx: click.Context, log_level: str, log_json: bool) -> None:
    """tectra: a deterministic trading engine, from market data to P&L and back.

    Start with `tectra demo`.
    """
    # Not at the top: it brings NumPy along, and `--help` needs neither.
    from tectra.core.log import LogConfig, init_logging, parse_levels  # noqa: PLC0415

    config = LogConfig(format="json" if log_json else "pretty", queue_lines=0)
    ctx.call_on_close(init_logging(parse_levels(log_level, config)).close)


def _say(text: str) -> None:
    click.echo(f"tectra: {text}", err=True)


def _users_trace(error: BaseException) -> str:
    """A traceback without the engine's own frames above the callback."""
    shown = traceback.TracebackException.from_exception(error)
    while len(shown.stack) > 1 and shown.stack[0].filename.endswith(".pyx"):
        del shown.stack[0]
    return "".join(shown.format()).rstrip()


def _explain(error: Exception) -> int:
    """Say what went wrong in one line, where it is not a defect of tectra; the exit code."""
    # Not at the top: it brings NumPy along, and `--help` needs neither.
    from tectra.core.errors import StoppedError, TectraError  # noqa: PLC0415

    if isinstance(error, StoppedError):
        _say(str(error))
        return 130
    if isinstance(error, TectraError):
        notes = getattr(error, "__notes__", ())
        cause = error.__cause__ if type(error).__name__ == "StrategyCallbackError" else None
        if cause is not None:
            click.echo(_users_trace(cause), err=True)
        for line in (str(error), *notes):
            _say(line)
        return 1
    if isinstance(error, OSError):
        full = (
            "; free disk space, or choose another directory" if error.errno == errno.ENOSPC else ""
        )
        where = f": {error.filename}" if error.filename else ""
        _say(f"{error.strerror or error}{where}{full}")
        return 1
    raise error


def main(argv: list[str] | None = None, **extra: Any) -> int:
    """Run the command line; returns the exit code: 0, 1 for a failure that was explained, 2 for
    wrong usage, 130 for Ctrl-C.
    """
    try:
        code = cli.main(args=argv, prog_name="tectra", standalone_mode=False, **extra)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.exceptions.Abort:
        _say("stopped")
        return 130
    except Exception as error:  # noqa: BLE001  _explain raises again what it cannot explain
        return _explain(error)
    return code if isinstance(code, int) else 0


def run() -> None:
    """Entry point of the installed command."""
    sys.exit(main())
