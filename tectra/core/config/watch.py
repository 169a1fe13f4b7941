"""Follows a configuration file: read again when it changed, checked, swapped whole."""

import hashlib
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from tectra.core.clock import Clock
from tectra.core.config.change import Change, changes_between, key_at, to_records
from tectra.core.config.document import FORMATS, Document, parse_document
from tectra.core.config.fault import Fault, error_of
from tectra.core.config.load import Loaded, load_config, load_document
from tectra.core.config.override import config_variables
from tectra.core.config.section import Config
from tectra.core.errors import ConfigError

__all__ = ["ConfigWatcher", "WatchOptions"]

_BYTES_MAX: Final = 1 << 20
_LOG: Final = logging.getLogger(__name__)
_Signature = tuple[object, ...]


class WatchOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a file is read and watched. `environ` None: the process's own, read at each look."""

    profile: str | None = None
    settings: Sequence[str] = ()
    environ: Mapping[str, str] | None = None
    operator: str = "file"
    operator_id: int = 0
    interval_ms: int = 250


def _nothing(_: object) -> None:
    """Where nobody asked to be told of changes."""


def _log(error: ConfigError) -> None:
    """Where nobody asked to be told of faults, the log is."""
    _LOG.error("%s", error)


class ConfigWatcher:
    """The configuration of a running engine. `do_work` belongs to one thread; `config`,
    `revision` and `loaded` may be read by any.

    A look costs one stat; the file is read when it, or a TECTRA_ variable, is other than before
    and stayed so for one interval, so that an editor's half of a file is not taken. What is read
    holds only as a whole: a fault, or a change of a key that cannot change while an engine runs,
    leaves every old value, and is told once to `on_fault` (default: logged). A change is told
    first, as config_change records to `on_change`; then one reference is swapped and the revision
    grows.
    """

    def __init__(
        self,
        file: str | Path,
        clock: Clock,
        *,
        options: WatchOptions | None = None,
        on_change: Callable[[list[bytes]], object] = _nothing,
        on_fault: Callable[[ConfigError], object] = _log,
    ) -> None:
        self.file = Path(file)
        self._clock = clock
        self._options = options or WatchOptions()
        self._on_change = on_change
        self._on_fault = on_fault
        self._next_ns = 0
        self._seen = self._pending = self._signature()
        data = self._read()
        if data is None or self.file.suffix.lower() not in FORMATS:
            load_config(file)  # says what is wrong with it
        self._digest = self._digest_of(data or b"")
        self._current = (self._load(data or b""), 0)

    @property
    def config(self) -> Config:
        """The values that hold now."""
        return self._current[0].config

    @property
    def loaded(self) -> Loaded:
        """The same with the origin of each value."""
        return self._current[0]

    @property
    def revision(self) -> int:
        """How often values changed since the start."""
        return self._current[1]

    def do_work(self) -> int:
        """Look once, if the interval is over; 1 where an edit was taken or refused, else 0."""
        now_ns = self._clock.now_ns()
        if now_ns < self._next_ns:
            return 0
        self._next_ns = now_ns + self._options.interval_ms * 1_000_000
        signature = self._signature()
        if signature == self._seen:
            self._pending = signature
            return 0
        if signature != self._pending:
            self._pending = signature
            return 0
        return self._look(signature, now_ns)

    def _environ(self) -> Mapping[str, str]:
        return os.environ if self._options.environ is None else self._options.environ

    def _signature(self) -> _Signature:
        """What tells one state of file and variables from another without reading the file."""
        ours = tuple(sorted(config_variables(self._environ()).items()))
        try:
            status = self.file.stat()
        except OSError:
            return (None, ours)
        return (status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns, ours)

    def _read(self) -> bytes | None:
        try:
            with self.file.open("rb") as stream:
                return stream.read(_BYTES_MAX + 1)
        except OSError:
            return None

    def _digest_of(self, data: bytes) -> bytes:
        digest = hashlib.sha256(data)
        digest.update(repr(self._signature()[-1]).encode())
        return digest.digest()

    def _look(self, signature: _Signature, now_ns: int) -> int:
        data = self._read()
        if self._signature() != signature:
            self._pending = self._signature()
            return 0  # it changed while it was read
        self._seen = signature
        if data is None:
            self._digest = b""
            self._tell("no file", "the file that was read at the start", "put it back")
            return 1
        digest = self._digest_of(data)
        if digest == self._digest:
            return 0
        self._digest = digest
        try:
            self._take(data, now_ns)
        except ConfigError as error:
            self._on_fault(error)
        return 1

    def _tell(self, found: str, allowed: str, fix: str) -> None:
        fault = Fault(path=(), found=found, allowed=allowed, fix=fix, source=str(self.file))
        self._on_fault(error_of([fault]))

    def _take(self, data: bytes, now_ns: int) -> None:
        if not data.strip():
            fault = Fault(
                path=(), found="an empty file", allowed="the keys that it had",
                fix="remove keys one by one to return to defaults", source=str(self.file),
            )  # fmt: skip
            raise error_of([fault])
        loaded = self._load(data)
        old, revision = self._current
        changes = changes_between(old.config, loaded.config)
        if fixed := [c for c in changes if not _live(c)]:
            raise error_of([_fixed(c, loaded) for c in fixed])
        if changes:
            revision += 1
            o = self._options
            records = to_records(
                changes, revision=revision, ts_ns=now_ns, operator=o.operator,
                operator_id=o.operator_id,
            )  # fmt: skip
            self._on_change(records)
        self._current = (loaded, revision)

    def _load(self, data: bytes) -> Loaded:
        name, o = str(self.file), self._options
        try:
            text = data[:_BYTES_MAX].decode("utf-8")
        except UnicodeDecodeError:
            text = "\0"
        document: Document = parse_document(text, FORMATS[self.file.suffix.lower()], name)
        return load_document(document, profile=o.profile, environ=o.environ, settings=o.settings)


def _live(change: Change) -> bool:
    key = key_at(change.path)
    return key is not None and key.live


def _fixed(change: Change, loaded: Loaded) -> Fault:
    origin = loaded.origin_of(change.path)
    return Fault(
        path=change.path,
        found="another value than the running engine has",
        allowed="no change while an engine runs",
        fix="restart the engine, or take the change back",
        source=origin.source or (loaded.file or ""),
        line=origin.line,
    )
