"""Logging: one call sets it up for a process, over the `logging` module of the standard library.

    with init_logging(LogConfig(format="json", file=Path("tectra.log"))) as log:
        log.redact(key)
        with span("reconcile", trace_id=record.ring_seq):
            getLogger("tectra.oms").warning("order is unknown", extra={"order_id": 7})

Loggers are named `tectra.<package>`. Hot threads say nothing here: they count, and note trouble in
the distinct-error log (`tectra.core.errlog`).
"""

import atexit
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, TextIO, TypeAlias

import msgspec

from tectra.core.clock import LiveClock
from tectra.core.closing import Closing
from tectra.core.errors import ConfigError
from tectra.core.log_context import Place, carry, place, span
from tectra.core.log_file import LineSink, RotatingFile, StreamSink
from tectra.core.log_format import LEVELS, JsonFormat, LineFormat, PrettyFormat
from tectra.core.log_redact import Redactor
from tectra.core.log_writer import LineHandler, NowClock
from tectra.core.secret import Secret

__all__ = [
    "LogConfig",
    "Logging",
    "Place",
    "carry",
    "init_logging",
    "parse_levels",
    "place",
    "span",
]

_Level: TypeAlias = Literal["debug", "info", "warn", "warning", "error"]


class LogConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said, how, and where to.

    `levels` sets components apart: {"tectra.risk": "warning"}. Loggers outside tectra have `level`
    too, but say no debug lines unless named in `levels`. `file` None is stderr. Queue bound in
    lines; 0 writes on the thread that says the line.
    """

    format: Literal["json", "pretty"] = "json"
    level: _Level = "info"
    levels: dict[str, _Level] = {}
    file: Path | None = None
    file_bytes_max: int = 100_000_000
    file_keep: int = 14
    file_daily: bool = True
    queue_lines: int = 65_536
    color: Literal["auto", "always", "never"] = "auto"

    def __post_init__(self) -> None:
        for name, found, least in (
            ("file_bytes_max", self.file_bytes_max, 4096),
            ("file_keep", self.file_keep, 0),
            ("queue_lines", self.queue_lines, 0),
        ):
            if found < least:
                raise ConfigError(f"log.{name}: found {found}; allowed: {least} or more")
        for key, level in (("level", self.level), *self.levels.items()):
            if level not in LEVELS:
                raise ConfigError(
                    f"log level of {key}: found {level!r}; allowed: {', '.join(LEVELS)}"
                )


def parse_levels(text: str, config: LogConfig | None = None) -> LogConfig:
    """The configuration with levels as one text says them: "debug", "warn,tectra.risk=debug".

    Raises ConfigError for a level that there is not.
    """
    config = LogConfig() if config is None else config
    level: str = config.level
    levels: dict[str, str] = dict(config.levels)
    for part in filter(None, (piece.strip().lower() for piece in text.split(","))):
        name, is_component, found = part.rpartition("=")
        if is_component:
            levels[name.strip()] = found.strip()
        else:
            level = found
    return msgspec.structs.replace(config, level=level, levels=levels)


class Logging(Closing):
    """What init_logging set up; close() ends it and puts everything back as it was.

    Any thread for redact() and flush(); close() by the thread that wires, or at exit.
    """

    def __init__(self, handler: LineHandler, config: LogConfig) -> None:
        self._handler = handler
        self._levels: list[tuple[logging.Logger, int]] = []
        self._hooks = (sys.excepthook, threading.excepthook)
        self._closed = False
        root = logging.getLogger()
        root.addHandler(handler)
        default = LEVELS[config.level]
        self._set(root, max(default, logging.INFO))
        self._set(logging.getLogger("tectra"), default)
        for name, level in sorted(config.levels.items()):
            self._set(logging.getLogger(name), LEVELS[level])
        self._excepthook: Callable[..., object] = self._on_exception
        self._threadhook: Callable[..., object] = self._on_thread_exception
        sys.excepthook = self._excepthook
        threading.excepthook = self._threadhook
        atexit.register(self.close)

    def _set(self, logger: logging.Logger, level: int) -> None:
        self._levels.append((logger, logger.level))
        logger.setLevel(level)

    @property
    def dropped(self) -> int:
        """Lines lost so far; each loss is also said in the log."""
        return self._handler.dropped

    def redact(self, *secrets: Secret | str) -> None:
        """Register values that never leave in any line: plain, percent-encoded, base64, escaped or
        hexadecimal.
        """
        self._handler.redactor.add(*secrets)

    def flush(self, timeout_s: float = 2.0) -> None:
        """Wait until what was said before is on the disk, `timeout_s` at most."""
        self._handler.flush(timeout_s)

    def close(self) -> None:
        """Write what waits and put levels and hooks back. Idempotent."""
        if self._closed:
            return
        self._closed = True
        root = logging.getLogger()
        root.removeHandler(self._handler)
        for logger, level in reversed(self._levels):
            logger.setLevel(level)
        if sys.excepthook is self._excepthook:
            sys.excepthook = self._hooks[0]
        if threading.excepthook is self._threadhook:
            threading.excepthook = self._hooks[1]
        atexit.unregister(self.close)
        self._handler.close()

    def _on_exception(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        """The end of the process by an error: said like everything else, so also masked."""
        if issubclass(kind, KeyboardInterrupt):
            self._hooks[0](kind, error, trace)
            return
        logger = logging.getLogger("tectra")
        record = logger.makeRecord(
            logger.name, logging.CRITICAL, "", 0, "ended by an error", (), (kind, error, trace)
        )
        logger.handle(record)
        self._handler.tell(record)

    def _on_thread_exception(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is None or issubclass(args.exc_type, SystemExit):
            return
        found = (args.exc_type, args.exc_value, args.exc_traceback)
        logging.getLogger("tectra").critical("a thread ended by an error", exc_info=found)


def _wants_color(config: LogConfig, stream: TextIO) -> bool:
    if config.color != "auto":
        return config.color == "always"
    with suppress(ValueError):  # a stream that is closed
        return stream.isatty() and not os.environ.get("NO_COLOR")
    return False


def init_logging(
    config: LogConfig | None = None, /, *, stream: TextIO | None = None,
    clock: NowClock | None = None, secrets: Iterable[Secret | str] = (),
) -> Logging:  # fmt: skip
    """Set logging up for this process; a second call takes the place of the first.

    Lines carry the time of `clock` (default: the machine's) and go to `config.file`, or to `stream`
    (default: stderr). Uncaught errors of any thread are said too, with every secret masked. Raises
    ConfigError when the file cannot be written or another process writes it.
    """
    config = LogConfig() if config is None else config
    redactor = Redactor(secrets)
    root = logging.getLogger()
    for before in [h for h in root.handlers if isinstance(h, LineHandler)]:
        before.end()
    out = sys.stderr if stream is None else stream
    sink: LineSink
    if config.file is None:
        sink = StreamSink(out)
    else:
        sink = RotatingFile(
            config.file,
            bytes_max=config.file_bytes_max,
            keep=config.file_keep,
            daily=config.file_daily,
        )
    form: LineFormat = JsonFormat()
    if config.format == "pretty":
        form = PrettyFormat(color=config.file is None and _wants_color(config, out))
    handler = LineHandler(
        sink, form, redactor, clock or LiveClock(), queue_lines=config.queue_lines
    )
    log = Logging(handler, config)
    handler.end = log.close
    return log
