"""Workers and the thread that runs them: pinned, named, idle as its policy says, never silent."""

import logging
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from tectra.core.cpu import pin_to_core, use_fifo
from tectra.core.errors import InputError, StateError
from tectra.core.outcome import Outcome, told
from tectra.core.stop import stop_reason, stop_requested

__all__ = ["IdleStrategy", "Runner", "Worker", "YieldIdle", "make_runners"]

_LOG = logging.getLogger("tectra.core.runner")


@runtime_checkable
class Worker(Protocol):
    """Something that does a bounded piece of work when asked."""

    def do_work(self) -> int:
        """Do what there is to do, at most one batch, without waiting; returns how much it was."""
        ...


@runtime_checkable
class IdleStrategy(Protocol):
    """What a thread does between two rounds: nothing after work, less and less without."""

    def step(self, work: int, /) -> object:
        """Called after each round with the work it did."""
        ...


class YieldIdle:
    """Gives the core away for a moment whenever there was nothing to do. Owner: its runner."""

    def step(self, work: int, /) -> None:
        """Yield unless there was work."""
        if work == 0:
            os.sched_yield()


class Runner:
    """Runs workers in turn on one thread until stop(), the process's stop flag, or an exception.

    Started, stopped and joined by any one thread; the workers belong to the runner's thread. An
    exception ends the loop, goes to the log at once and is raised by join(); what the other
    workers hold is theirs to close. `core` pins the thread (None: the scheduler's choice),
    `fifo_priority` (0: none) asks for SCHED_FIFO; `outcomes` says what became of both. `idle` may
    be exchanged while it runs: the next round uses the new one. In a `with` block the thread runs
    from entry to exit.
    """

    def __init__(
        self,
        name: str,
        workers: Sequence[Worker],
        *,
        core: int | None = None,
        fifo_priority: int = 0,
        idle: IdleStrategy | None = None,
    ) -> None:
        if not workers:
            raise InputError(f"runner {name!r}: found no workers; allowed: one or more")
        for worker in workers:
            if not isinstance(worker, Worker):
                raise InputError(f"runner {name!r}: {worker!r} has no do_work()")
        self.name = name
        self.workers = tuple(workers)
        self.core = core
        self.fifo_priority = fifo_priority
        self.idle: IdleStrategy = idle if idle is not None else YieldIdle()
        self.rounds = 0
        self.work = 0
        self.outcomes: tuple[Outcome, ...] = ()
        self.error: BaseException | None = None
        self._stop = False
        self._begun = False
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def native_id(self) -> int | None:
        """The kernel's id of the thread, for os.sched_getaffinity; None before the start."""
        return None if self._thread is None else self._thread.native_id

    @property
    def running(self) -> bool:
        """True while the thread is alive."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Start the thread and wait until it is pinned. Raises what kept it from being so."""
        if self._thread is not None:
            raise StateError(f"runner {self.name!r}: started before; make a new one")
        self._thread = threading.Thread(target=self._main, name=self.name, daemon=True)
        self._thread.start()
        self._ready.wait()
        if not self._begun:
            self.join()

    def stop(self) -> None:
        """Ask the loop to end after its round. Any thread, also before the start."""
        self._stop = True

    def join(self, timeout_s: float | None = None) -> None:
        """Wait for the end, and raise the exception that ended the loop, if one did. StateError
        when it did not end in time.
        """
        if self._thread is None:
            return
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise StateError(f"runner {self.name!r}: still runs after {timeout_s} s; stop it first")
        if self.error is not None:
            raise self.error

    def run(self) -> None:
        """Run the loop on the calling thread; raises what a worker raises."""
        self._prepare()
        self._loop()

    def _main(self) -> None:
        try:
            self._prepare()
            self._begun = True
            self._ready.set()
            self._loop()
        except BaseException as error:  # noqa: BLE001  kept for join(), and told at once
            self.error = error
            _LOG.exception("runner %s ended by an exception", self.name)
        finally:
            self._ready.set()

    def _prepare(self) -> None:
        outcomes = [_name_thread(self.name)]
        if self.core is not None:
            pin_to_core(self.core)
            outcomes.append(Outcome(f"core {self.core}", True, "pinned"))
        if self.fifo_priority:
            outcomes.append(use_fifo(self.fifo_priority))
        self.outcomes = tuple(outcomes)

    def _loop(self) -> None:
        workers = self.workers
        at: Worker | None = None
        try:
            while not self._stop and not stop_requested():
                work = 0
                for at in workers:
                    work += at.do_work()
                at = None
                self.rounds += 1
                self.work += work
                self.idle.step(work)
        except BaseException as error:
            where = "its idle policy" if at is None else f"worker {type(at).__name__}"
            error.add_note(f"runner {self.name}, round {self.rounds}: {where}")
            raise
        reason = "stop()" if self._stop else stop_reason()
        _LOG.info("runner %s ended: %s after %d rounds", self.name, reason, self.rounds)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        if kind is None:
            self.join()
        elif self._thread is not None:
            self._thread.join()  # the block's own exception goes first; ours is in the log


def make_runners(
    threads: Mapping[str, Sequence[Worker]],
    cores: Mapping[str, int | None],
    *,
    fifo_priority: int = 0,
) -> dict[str, Runner]:
    """A runner for each named thread, on the core that core_map() found for its name. A name
    without a core is refused: say None to leave it to the scheduler.
    """
    missing = sorted(set(threads) - set(cores))
    if missing:
        raise InputError(
            f"cores: found none for {', '.join(missing)}; allowed: a core or None for each of "
            f"{', '.join(sorted(threads))}"
        )
    return {
        name: Runner(name, workers, core=cores[name], fifo_priority=fifo_priority)
        for name, workers in threads.items()
    }


def _name_thread(name: str) -> Outcome:
    """Show the name in `top -H` and debuggers: 15 bytes at most."""
    short = name.encode()[:15].decode(errors="ignore")
    try:
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(short)
    except OSError as error:
        return told(_LOG, Outcome(f"thread name {short}", False, str(error.strerror)))
    return Outcome(f"thread name {short}", True, "set")
