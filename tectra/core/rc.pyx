"""Return codes of the C headers become exceptions: 0 and counts pass through, a negative code
raises.
"""
# Owns the table code -> exception. Any thread. One compare when the code is not negative; the GIL
# only when it is. Wraps ext/tectra/base.h.

from tectra.core.base cimport (
    TT_E_CALLBACK,
    TT_E_CLOSED,
    TT_E_CORRUPT,
    TT_E_DIVISION,
    TT_E_DUPLICATE,
    TT_E_EMPTY,
    TT_E_FULL,
    TT_E_GAP,
    TT_E_IO,
    TT_E_KILLED,
    TT_E_LENGTH,
    TT_E_MEMORY,
    TT_E_NO_PASS,
    TT_E_OVERFLOW,
    TT_E_RANGE,
    TT_E_STATE,
    TT_E_STOPPED,
    TT_E_TRUNCATED,
    TT_E_TYPE,
    TT_E_UNDERFLOW,
    TT_E_UNKNOWN_INSTRUMENT,
    TT_E_UNKNOWN_ORDER,
)

from tectra.core import errors

__all__ = ["CODES", "check"]

# code -> (name, exception, what it means and what to do)
CODES = {
    TT_E_FULL: (
        "FULL",
        errors.CapacityError,
        "no room left; enlarge the capacity or drain the consumer",
    ),
    TT_E_EMPTY: ("EMPTY", errors.RingEmptyError, "nothing to read yet; try again later"),
    TT_E_OVERFLOW: (
        "OVERFLOW",
        errors.NumericOverflowError,
        "does not fit a 64-bit mantissa; use a smaller amount or scale",
    ),
    TT_E_RANGE: ("RANGE", errors.InputError, "a value lies outside what is allowed"),
    TT_E_UNKNOWN_ORDER: ("UNKNOWN_ORDER", errors.UnknownOrderError, "no such order; check its id"),
    TT_E_DUPLICATE: (
        "DUPLICATE",
        errors.DuplicateError,
        "the key exists already; keys must be new",
    ),
    TT_E_UNKNOWN_INSTRUMENT: (
        "UNKNOWN_INSTRUMENT",
        errors.UnknownSymbolError,
        "no such instrument; define it before its first record",
    ),
    TT_E_TYPE: (
        "TYPE",
        errors.FileFormatError,
        "unknown message or template type; check the input's format",
    ),
    TT_E_LENGTH: ("LENGTH", errors.FileFormatError, "a length contradicts its message type"),
    TT_E_TRUNCATED: (
        "TRUNCATED",
        errors.TruncatedInputError,
        "the input ends inside a message; fetch the rest",
    ),
    TT_E_CORRUPT: (
        "CORRUPT",
        errors.FileFormatError,
        "a checksum, a magic number or the text form is wrong",
    ),
    TT_E_GAP: ("GAP", errors.GapError, "records were lost; resynchronize from a snapshot"),
    TT_E_KILLED: (
        "KILLED",
        errors.KilledError,
        "the kill word is set; clear it to send orders again",
    ),
    TT_E_NO_PASS: (
        "NO_PASS",
        errors.RiskBypassError,
        "the order carries no pass of the risk chain",
    ),
    TT_E_STATE: ("STATE", errors.StateError, "not allowed in this state"),
    TT_E_CLOSED: ("CLOSED", errors.ClosedError, "already closed; open it again"),
    TT_E_IO: ("IO", errors.SystemCallError, "the operating system refused"),
    TT_E_UNDERFLOW: ("UNDERFLOW", errors.InputError, "more would be removed than there is"),
    TT_E_DIVISION: ("DIVISION", errors.DivisionByZeroError, "division by zero"),
    TT_E_MEMORY: ("MEMORY", errors.OutOfMemoryError, "out of memory"),
    TT_E_CALLBACK: ("CALLBACK", errors.StrategyCallbackError, "user code raised"),
    TT_E_STOPPED: ("STOPPED", errors.StoppedError, "a stop was requested"),
}


cdef int _raise(int rc, object context) except -1:
    name, kind, text = CODES.get(rc, ("UNLISTED", errors.TectraError, "unlisted return code"))
    raise kind(f"{context}: {text} (TT_E_{name})" if context else f"{text} (TT_E_{name})")


cdef int check(int rc) except -1 nogil:
    if rc >= 0:
        return rc
    with gil:
        return _raise(rc, "")


cdef int check_with(int rc, object context) except -1:
    return rc if rc >= 0 else _raise(rc, context)


def _check(rc: int, context: str = "") -> int:
    """Return `rc` unless it is negative, else raise; `context` says what was tried."""
    return rc if rc >= 0 else _raise(rc, context)


# Cython and Python callers use one name; a module body may bind a C function's name only through
# its namespace.
_check.__name__ = _check.__qualname__ = "check"
globals()["check"] = _check
