"""Options that the commands on journals share: which records, how old, and output into a pipe."""

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from tectra.core.errors import InputError, StoppedError, UnknownSymbolError
from tectra.core.msg import Template
from tectra.core.stop import stop_reason, stop_requested
from tectra.feed.selection import Selection, time_ns
from tectra.journal.plain import PlainRecords
from tectra.journal.query import Query
from tectra.journal.reader import JournalReader
from tectra.replay.verify import journal_of

__all__ = [
    "age_ns",
    "into_pipe",
    "open_journal_dir",
    "query_of",
    "query_options",
    "range_options",
    "stoppable",
]

_F = TypeVar("_F", bound=Callable[..., Any])
_AGE = re.compile(r"(\d+)([smhdw])")
_UNITS_NS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_SYMBOLS_SHOWN = 12


def range_options(command: _F) -> _F:
    """--seq, --from and --to."""
    for option in (
        click.option("--to", "end", metavar="TIME", help="Ahead of this time; a date is included."),
        click.option(
            "--from",
            "start",
            metavar="TIME",
            help="Received from this time on: 2026-01-05, 2026-01-05T14:30 (UTC), or ns.",
        ),
        click.option(
            "--seq", metavar="A:B", help="ring_seq from A up to before B; A alone is one."
        ),
    ):
        command = option(command)
    return command


def query_options(command: _F) -> _F:
    """--seq, --from, --to, --order, --type, --symbol, --strategy and --limit."""
    for option in (
        click.option("--limit", type=click.IntRange(1), help="So many records, the first ones."),
        click.option("--strategy", type=click.IntRange(1, 65535), help="Number of a strategy."),
        click.option("--symbol", "symbols", multiple=True, metavar="S,...", help="Only these."),
        click.option(
            "--type",
            "types",
            multiple=True,
            metavar="T,...",
            help="Types such as trade,order_fill.",
        ),
        click.option("--order", type=click.IntRange(1, 2**64 - 1), help="Only this order."),
    ):
        command = option(command)
    return range_options(command)


def open_journal_dir(path: Path) -> JournalReader:
    """The journal at a path, or of a run's directory. JournalError."""
    return JournalReader(journal_of(path))


def _seqs(text: str | None) -> tuple[int | None, int | None]:
    if text is None:
        return None, None
    first, colon, last = text.partition(":")
    if not all(part.isdecimal() or not part for part in (first, last)) or not (first or last):
        raise InputError(f"--seq: found {text!r}; allowed: A:B, A:, :B or A")
    start = int(first) if first else None
    if not colon and start is not None:
        return start, start + 1
    return start, int(last) if last else None


def _split(texts: tuple[str, ...]) -> list[str]:
    return [part.strip() for text in texts for part in text.split(",") if part.strip()]


def _instruments(plain: PlainRecords, symbols: list[str]) -> frozenset[int] | None:
    found: set[int] = set()
    for symbol in symbols:
        ids = plain.instrument_ids(symbol)
        if not ids:
            known = plain.symbols
            more = f" and {len(known) - _SYMBOLS_SHOWN} more" if len(known) > _SYMBOLS_SHOWN else ""
            raise UnknownSymbolError(
                f"--symbol: found {symbol!r}; the journal has "
                f"{', '.join(known[:_SYMBOLS_SHOWN]) or 'no instruments'}{more}"
            )
        found |= ids
    return frozenset(found) if symbols else None


def query_of(options: dict[str, Any], plain: PlainRecords | None = None) -> Query:
    """The query that the options mean. InputError."""
    start_seq, stop_seq = _seqs(options.get("seq"))
    types = _split(options.get("types", ()))
    start, end = options.get("start"), options.get("end")
    symbols = _split(options.get("symbols", ()))
    templates: frozenset[Template] | None = Selection.of(types=types).types if types else None
    return Query(
        start_seq=start_seq,
        stop_seq=stop_seq,
        start_ns=None if start is None else time_ns(start),
        end_ns=None if end is None else time_ns(end, end=True),
        templates=templates,
        instrument_ids=None if plain is None else _instruments(plain, symbols),
        order_id=options.get("order"),
        strategy_id=options.get("strategy"),
        limit=options.get("limit"),
    )


def age_ns(text: str) -> int:
    """Nanoseconds of 90s, 30m, 12h, 7d or 4w. InputError."""
    match = _AGE.fullmatch(text)
    if match is None:
        raise InputError(
            f"--older-than: found {text!r}; allowed: a number and s, m, h, d or w: 30d"
        )
    return int(match[1]) * _UNITS_NS[match[2]] * 1_000_000_000


def stoppable(step: Callable[[int, int], None], what: str) -> Callable[[int, int], None]:
    """A progress step that ends the work at Ctrl-C; `what` was achieved until then."""

    def tell(done: int, total: int) -> None:
        step(done, total)
        if stop_requested():
            raise StoppedError(f"stopped by {stop_reason()}; {what}")

    return tell


@contextmanager
def into_pipe() -> Iterator[None]:
    """Output that a reader such as `head` may stop taking: then the command ends, content."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still held would be flushed at exit and complain there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
