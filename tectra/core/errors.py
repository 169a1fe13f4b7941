"""Every exception of tectra, in one tree. A message says what was found, what is allowed, and what
to do next.

TectraError
├── InputError (ValueError)             a value given by the caller is not allowed
│   ├── UnknownSymbolError              no such symbol or instrument
│   ├── UnknownOrderError               no such order
│   ├── DuplicateError                  the key exists already
│   ├── ParameterError                  a strategy parameter is outside its bounds
│   └── UnsupportedOrderType            the venue has no such order type
├── NumericError                        exact arithmetic has no result
│   ├── NumericOverflowError (OverflowError)
│   └── DivisionByZeroError (ZeroDivisionError)
├── FileFormatError                     bytes are not what their format says
│   ├── TruncatedInputError             they end inside a message
│   └── LayoutVersionError              written by another layout or schema version
├── ConfigError                         configuration: path, found, allowed; .faults has them all
│   ├── CredentialError                 a key or secret is missing, weak or lies open
│   └── ModeConflict                    historical data with live execution, and the like
├── StateError                          not possible in the present state
│   ├── ClosedError                     used after close()
│   └── NonDeterminismError             a replayed strategy asked what no replay can repeat
├── CapacityError                       a fixed table, pool or segment is full
│   └── RingFullError                   the consumer is too slow; nothing was written
├── RingEmptyError                      nothing to read
├── GapError                            records were lost; says which
├── KilledError                         the kill word is set
├── RiskBypassError                     an order without the pass of the risk chain
├── SimulationError                     a seeded simulation found what must never be
├── StoppedError                        Ctrl-C, SIGTERM or a stop request ended the loop
├── StrategyError
│   ├── StrategyLoadError               file, class, signature or parameters are wrong
│   └── StrategyCallbackError           user code raised in a callback
├── JournalError
│   ├── JournalCorruptError             a checksum or a link does not hold
│   ├── JournalFullError                no disk space for the next segment
│   └── ReplayMismatchError             a replay differs; says at which record
├── SystemCallError (OSError)           the operating system refused
├── OutOfMemoryError (MemoryError)
└── MissingExtraError (ImportError)     an optional dependency is not installed
"""

from collections.abc import Iterable

__all__ = [
    "CapacityError",
    "ClosedError",
    "ConfigError",
    "CredentialError",
    "DivisionByZeroError",
    "DuplicateError",
    "FileFormatError",
    "GapError",
    "InputError",
    "JournalCorruptError",
    "JournalError",
    "JournalFullError",
    "KilledError",
    "LayoutVersionError",
    "MissingExtraError",
    "ModeConflict",
    "NonDeterminismError",
    "NumericError",
    "NumericOverflowError",
    "OutOfMemoryError",
    "ParameterError",
    "ReplayMismatchError",
    "RingEmptyError",
    "RingFullError",
    "RiskBypassError",
    "SimulationError",
    "StateError",
    "StoppedError",
    "StrategyCallbackError",
    "StrategyError",
    "StrategyLoadError",
    "SystemCallError",
    "TectraError",
    "TruncatedInputError",
    "UnknownOrderError",
    "UnknownSymbolError",
    "UnsupportedOrderType",
]


class TectraError(Exception):
    """Root of the tree: `except TectraError` catches whatever tectra raises on purpose."""


class InputError(TectraError, ValueError):
    """A value given by the caller is not allowed."""


class UnknownSymbolError(InputError):
    """No such symbol or instrument; the message names close matches and what is available."""


class UnknownOrderError(InputError):
    """No such order."""


class DuplicateError(InputError):
    """The key exists already."""


class ParameterError(InputError):
    """A strategy parameter is unknown or outside its bounds."""


class UnsupportedOrderType(InputError):
    """The venue has no wire form for this order type."""


class NumericError(TectraError):
    """Exact arithmetic has no result."""


class NumericOverflowError(NumericError, OverflowError):
    """The exact result does not fit an int64 mantissa."""


class DivisionByZeroError(NumericError, ZeroDivisionError):
    """Division by zero."""


class FileFormatError(TectraError):
    """Bytes are not what their format says."""


class TruncatedInputError(FileFormatError):
    """The input ends inside a message."""


class LayoutVersionError(FileFormatError):
    """Written by another layout or schema version than this build reads."""


class ConfigError(TectraError):
    """Configuration is wrong; the message gives the path, what was found and what is allowed.

    `faults` holds every fault that was found, where the reader of a file found them.
    """

    def __init__(self, message: str = "", *, faults: Iterable[object] = ()) -> None:
        super().__init__(message)
        self.faults = tuple(faults)


class CredentialError(ConfigError):
    """A key or secret is missing, weak, or lies open; the message never shows it."""


class ModeConflict(ConfigError):
    """Two settings that exclude each other, such as live execution of historical data."""


class StateError(TectraError):
    """Not possible in the present state."""


class ClosedError(StateError):
    """Used after close()."""


class NonDeterminismError(StateError):
    """A strategy that is replayed asked the machine for what no replay can repeat; the message says
    what, where and what to use instead.
    """


class CapacityError(TectraError):
    """A fixed table, pool or segment is full; nothing was changed."""


class RingFullError(CapacityError):
    """The consumer is too slow; nothing was written."""


class RingEmptyError(TectraError):
    """Nothing to read."""


class GapError(TectraError):
    """Records were lost; the message says which."""


class KilledError(TectraError):
    """The kill word is set: only cancels pass until it is cleared."""


class RiskBypassError(TectraError):
    """An order reached the gate without the pass of the risk chain."""


class SimulationError(TectraError):
    """A seeded simulation found what must never be. `seed` repeats it, `steps` is how many messages
    it was asked for, `trace` the digest of what the engine took and said up to there.
    """

    seed: int = 0
    steps: int = 0
    trace: str = ""


class StoppedError(TectraError):
    """Ctrl-C, SIGTERM or a stop request ended the loop."""


class StrategyError(TectraError):
    """A strategy cannot be loaded or failed."""


class StrategyLoadError(StrategyError):
    """File, class, callback signature or parameters of a strategy are wrong."""


class StrategyCallbackError(StrategyError):
    """User code raised in a callback; the cause is chained."""


class JournalError(TectraError):
    """A journal cannot be written or read."""


class JournalCorruptError(JournalError):
    """A checksum or a link of a journal does not hold."""


class JournalFullError(JournalError):
    """No disk space for a segment; what was written before is valid."""


class ReplayMismatchError(JournalError):
    """A replay differs from its journal; the message says at which record."""


class SystemCallError(TectraError, OSError):
    """The operating system refused."""


class OutOfMemoryError(TectraError, MemoryError):
    """No memory; nothing has changed. `slots_done`: where a batch stopped on the way, how many of
    its slots were taken in; give what lies behind them once there is memory again.
    """

    slots_done: int = 0


class MissingExtraError(TectraError, ImportError):
    """An optional dependency is not installed; the message gives the pip command."""
