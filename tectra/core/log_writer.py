"""Between the threads that say something and the one that writes it: a bounded queue.

Saying a line never waits for the disk. When the queue is full, the line is counted as dropped and
the next one that is written says how many were.
"""

import logging
import os
import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol

from tectra.core.log_file import LineSink, StreamSink
from tectra.core.log_format import Line, LineFormat, PrettyFormat, take
from tectra.core.log_redact import Redactor

__all__ = ["LineHandler", "NowClock"]

_MODULE = "tectra.core.log"


class NowClock(Protocol):
    """The part of a Clock that the log uses."""

    def now_ns(self) -> int:
        """Nanoseconds since the epoch."""
        ...


class LineHandler(logging.Handler):
    """Takes records of the `logging` module, masks, and hands lines to the writer thread; with
    `queue_lines` 0 it writes them itself.

    emit() on any thread, about 10 us; nothing else but init_logging makes one. A line above the
    bound is dropped, one of level error or above only when an eighth more are waiting. In a forked
    child, lines go to stderr: the file has one writer.
    """

    def __init__(
        self, sink: LineSink, form: LineFormat, redactor: Redactor, clock: NowClock,
        *, queue_lines: int,
    ) -> None:  # fmt: skip
        super().__init__()
        self.redactor = redactor
        self._sink = sink
        self._form = form
        self._clock = clock
        self._queue: SimpleQueue[Line | threading.Event | None] = SimpleQueue()
        self._queue_lines = queue_lines
        # Takes the whole of what init_logging set up down with it.
        self.end: Callable[[], None] = self.close
        self._pid = os.getpid()
        self._dropped = 0
        self._unwritten = 0
        self._said = 0
        self._complained = False
        self._stop = threading.Event()
        self._writer: threading.Thread | None = None
        if queue_lines:
            self._writer = threading.Thread(target=self._run, name="tectra-log", daemon=True)
            self._writer.start()

    @property
    def dropped(self) -> int:
        """Lines that were lost so far, because the queue was full or the disk took nothing."""
        return self._dropped + self._unwritten

    def emit(self, record: logging.LogRecord) -> None:
        """Mask and queue one record; logging calls it with the handler's lock held."""
        try:
            line = take(record, self._clock.now_ns(), self.redactor)
        except Exception as error:  # noqa: BLE001  logging harms no caller
            line = Line(0, "error", _MODULE, "", f"a line of {record.name} cannot be told: "
                        f"{type(error).__name__}", "")  # fmt: skip
        if os.getpid() != self._pid:
            StreamSink(sys.stderr).write(self._form.encode(line), line.timestamp)
        elif self._writer is None:
            self._write(line)
        else:
            self._offer(line, record.levelno)

    def tell(self, record: logging.LogRecord) -> None:
        """Say a record to people on stderr, where the log itself goes elsewhere."""
        if not isinstance(self._sink, StreamSink):
            line = take(record, self._clock.now_ns(), self.redactor)
            StreamSink(sys.stderr).write(PrettyFormat().encode(line), line.timestamp)

    def _offer(self, line: Line, level: int) -> None:
        bound = self._queue_lines
        if level >= logging.ERROR:
            bound += bound // 8 + 1
        if self._stop.is_set() or self._queue.qsize() >= bound:
            self._dropped += 1
            return
        self._queue.put(line)
        if level >= logging.CRITICAL:
            self.flush()

    def _run(self) -> None:
        """The writer thread: until close() and nothing is left."""
        while True:
            item = self._queue.get()
            if item is None:
                return
            if isinstance(item, threading.Event):
                self._sync()
                item.set()
            else:
                self._write(item)

    def _write(self, line: Line) -> None:
        lost = self.dropped
        if lost > self._said and self._put(self._loss(lost, line.timestamp)):
            self._said = lost
        if not self._put(line):
            self._unwritten += 1
            self._complain()

    def _loss(self, lost: int, timestamp_ns: int) -> Line:
        return Line(
            timestamp_ns, "warn", _MODULE, "", "log lines were dropped", "tectra-log",
            fields={"dropped": lost - self._said, "dropped_total": lost},
        )  # fmt: skip

    def _put(self, line: Line) -> bool:
        try:
            return self._sink.write(self._form.encode(line), line.timestamp)
        except Exception:  # noqa: BLE001  the writer outlives whatever a line holds
            return False

    def _complain(self) -> None:
        """Once: a log that nobody can write must not be silent."""
        if not self._complained and not isinstance(self._sink, StreamSink):
            self._complained = True
            text = "tectra: the log file takes no more lines; free space or its limit\n"
            StreamSink(sys.stderr).write(text.encode(), 0)

    def _sync(self) -> None:
        try:
            self._sink.sync()
        except OSError:
            self._complain()

    def flush(self, timeout_s: float = 2.0) -> None:
        """Wait until what was said before is written and on the disk, `timeout_s` at most."""
        if self._writer is None:
            self._sync()
        elif os.getpid() == self._pid and threading.current_thread() is not self._writer:
            done = threading.Event()
            self._queue.put(done)
            done.wait(timeout_s)

    def close(self) -> None:
        """Write what waits, say what was dropped, and end the thread. Idempotent."""
        if self._stop.is_set():
            return
        if os.getpid() == self._pid:
            self.flush()
            self._stop.set()
            if self._writer is not None:
                self._queue.put(None)
                self._writer.join(2.0)
            lost = self.dropped
            if lost > self._said and (self._writer is None or not self._writer.is_alive()):
                self._put(self._loss(lost, self._clock.now_ns()))
            self._sync()
            self._sink.close()
        super().close()
