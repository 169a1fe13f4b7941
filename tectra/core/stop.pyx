"""The stop flag: how Ctrl-C and SIGTERM reach loops that run without the GIL."""
# Owns one flag for the process. Any thread may set or read it. One relaxed load a batch. Wraps
# ext/tectra/stop.h.

from cython cimport final
from libc.stdint cimport uint32_t

import signal

from tectra.core.errors import StateError

__all__ = ["StopSignals", "clear_stop", "request_stop", "stop_reason", "stop_requested"]

cdef extern from "Python.h" nogil:
    int PyErr_SetInterruptEx(int signum)

cdef extern from "<signal.h>" nogil:
    enum:
        SIGINT
        SIGTERM
        SA_RESTART
    ctypedef struct sigset_t:
        pass
    ctypedef struct sigaction_t "struct sigaction":
        void (*sa_handler)(int) noexcept nogil
        sigset_t sa_mask
        int sa_flags
    int sigaction(int signum, const sigaction_t *act, sigaction_t *old)
    int sigemptyset(sigset_t *s)

cdef tt_stop _FLAG
cdef int _installed = 0
tt_stop_clear(&_FLAG)


cdef tt_stop *stop_flag() noexcept nogil:
    return &_FLAG


# Runs as a signal handler: async-signal-safe, so nothing but the atomic store, and a flag of the
# interpreter. A second Ctrl-C means that Python code does not come back to ask for the first.
cdef void _on_signal(int number) noexcept nogil:
    if number == SIGINT and tt_stop_reason(&_FLAG) == <uint32_t>SIGINT:
        PyErr_SetInterruptEx(SIGINT)
    tt_stop_set(&_FLAG, <uint32_t>number)


def request_stop() -> None:
    """Ask every loop of this process to end after its batch."""
    tt_stop_set(&_FLAG, TT_STOP_REQUESTED)


def clear_stop() -> None:
    """Let loops run again."""
    tt_stop_clear(&_FLAG)


def stop_requested() -> bool:
    """True once a signal or request_stop() came."""
    return tt_stop_is_set(&_FLAG) != 0


def stop_reason() -> str:
    """"" while running, else "SIGINT", "SIGTERM" or "request"."""
    cdef uint32_t reason = tt_stop_reason(&_FLAG)
    if reason == 0:
        return ""
    return "request" if reason == TT_STOP_REQUESTED else signal.Signals(reason).name


@final
cdef class StopSignals:
    """While entered, SIGINT and SIGTERM set the stop flag instead of interrupting Python; on
    leaving, handlers are restored. A second SIGINT interrupts Python as it always did.

    The flag is cleared on entry and keeps its reason after leaving. One at a time in a process; any
    thread may enter.
    """

    cdef sigaction_t old_int
    cdef sigaction_t old_term
    cdef int active

    def __enter__(self):
        global _installed
        cdef sigaction_t mine
        if _installed:
            raise StateError(
                "StopSignals: found handlers installed already; allowed: one at a time; leave the "
                "other first"
            )
        tt_stop_clear(&_FLAG)
        mine.sa_handler = _on_signal
        mine.sa_flags = SA_RESTART
        sigemptyset(&mine.sa_mask)
        if sigaction(SIGINT, &mine, &self.old_int) != 0:
            raise OSError("sigaction(SIGINT) failed")
        if sigaction(SIGTERM, &mine, &self.old_term) != 0:
            sigaction(SIGINT, &self.old_int, NULL)
            raise OSError("sigaction(SIGTERM) failed")
        _installed = 1
        self.active = 1
        return self

    def __exit__(self, kind, value, trace):
        global _installed
        if self.active:
            sigaction(SIGINT, &self.old_int, NULL)
            sigaction(SIGTERM, &self.old_term, NULL)
            self.active = 0
            _installed = 0
