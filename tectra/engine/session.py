"""What a session was made of, kept in its journal so that anyone can make it again."""

import hashlib
import inspect
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from tectra.core.errors import InputError, JournalError, StrategyLoadError, TectraError
from tectra.core.msg import DTYPES, Template
from tectra.engine.build import build_pipeline
from tectra.engine.pipeline import Pipeline
from tectra.journal.manifest import MANIFEST_NAME
from tectra.journal.segment import segment_name
from tectra.journal.writer import JournalWriter
from tectra.refdata.instrument import Instrument
from tectra.risk.chain import RiskChain
from tectra.risk.limits import RiskLimits, apply_limits
from tectra.strategy.loader import FILE_MODULE, load_strategy
from tectra.strategy.takeover import Takeover, takeover_class

__all__ = ["SessionSpec", "StrategySpec", "TakeoverSpec", "keep_sources", "open_journal"]

_SOURCES = "strategies"
# mode -> what the times in its journal count: a backtest's are those of its records, a replay's
# those of the journal it reads.
_CLOCKS = {"backtest": "simulated", "paper": "realtime", "live": "realtime", "replay": "journal"}


class TakeoverSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The strategy that takes over from another when the parameter `takeover` of that one is set.
    `cancel`: the open orders are cancelled then.
    """

    target: str
    params: dict[str, int | float | bool | str]
    sha256: str
    cancel: bool = True


class StrategySpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One strategy: where its class is, its parameters, and the digest of its source or binary."""

    name: str
    target: str
    params: dict[str, int | float | bool | str]
    sha256: str
    symbols: list[str] = []
    then: TakeoverSpec | None = None

    @classmethod
    def of(
        cls,
        strategy_class: type[Any],
        params: Mapping[str, Any],
        *,
        name: str = "",
        symbols: Sequence[str] = (),
    ) -> "StrategySpec":
        """Spec of a class as it is loaded now; without symbols it hears of every instrument."""
        file = _file_of(strategy_class)
        return cls(
            name=name or strategy_class.__name__,
            target=f"{strategy_class.__module__}:{strategy_class.__qualname__}",
            params=dict(params),
            sha256=hashlib.sha256(file.read_bytes()).hexdigest() if file else "",
            symbols=list(symbols),
        )


class SessionSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that decides how a pipeline answers its inputs. `sim` says what answered its orders: the
    simulated exchange and the driver around it, empty where a venue did.
    """

    mode: str
    tectra: str
    seed: int
    strategies: list[StrategySpec]
    instruments: list[dict[str, int | str]]
    limits: RiskLimits
    data: dict[str, str | int] = {}
    sim: dict[str, object] = {}

    @classmethod
    def from_journal(cls, session: Mapping[str, object]) -> "SessionSpec":
        """From a manifest's session entry; JournalError when it is not one of ours."""
        try:
            return msgspec.convert(dict(session), cls, strict=False)
        except msgspec.ValidationError as error:
            raise JournalError(
                f"the journal's manifest does not describe a session: {error}"
            ) from error

    def to_journal(self) -> dict[str, object]:
        """As plain JSON values."""
        out: dict[str, object] = msgspec.to_builtins(self)
        return out

    def make_instruments(self) -> tuple[Instrument, ...]:
        """The instruments of the run, in the order of their slots."""
        return tuple(Instrument.from_dict(dict(i)) for i in self.instruments)

    def make_pipeline(self, classes: Sequence[type[Any]], **options: Any) -> Pipeline:
        """A fresh pipeline with a new instance of each strategy. `options`: see build_pipeline."""
        if len(classes) != len(self.strategies):
            raise InputError(
                f"strategies: found {len(classes)} classes; needed: {len(self.strategies)}"
            )
        pipeline = build_pipeline(
            self.make_instruments(), strategies=len(classes), seed=self.seed, **options
        )
        by_symbol = {i.symbol: i for i in pipeline.instruments}
        for spec, strategy_class in zip(self.strategies, classes, strict=True):
            missing = sorted(set(spec.symbols) - set(by_symbol))
            if missing:
                raise InputError(
                    f"strategy {spec.name}: {missing[0]!r} is not in this run; allowed: "
                    f"{', '.join(by_symbol)}"
                )
            heard = [by_symbol[s] for s in spec.symbols] or None
            pipeline.add_strategy(_instance(strategy_class, spec.params), heard)
        return pipeline

    def limit_records(self, ts_ns: int) -> list[bytes]:
        """The run's limits as the control_limit records that set them at `ts_ns`."""
        instruments = self.make_instruments()
        names = {s.name: number for number, s in enumerate(self.strategies, start=1)}
        chain = RiskChain([i.instrument_id for i in instruments], len(self.strategies) + 1)
        dtype = DTYPES[Template.CONTROL_LIMIT]
        rows = np.frombuffer(
            bytearray(b"".join(apply_limits(chain, self.limits, instruments, names))), dtype=dtype
        )
        rows["ts_event_ns"] = ts_ns
        rows["ts_recv_ns"] = ts_ns
        return [row.tobytes() for row in rows]

    def load_classes(self, directory: Path) -> list[type[Any]]:
        """Strategy classes from the sources kept beside the journal at `directory`, or from the
        installed modules; their digests must hold.
        """
        out = []
        for number, spec in enumerate(self.strategies, start=1):
            found = _kept_class(directory, str(number), spec.name, spec.target, spec.sha256)
            if spec.then is not None:
                then = spec.then
                second = _kept_class(
                    directory, f"{number}.then", spec.name, then.target, then.sha256
                )
                found = takeover_class(found, second, then.params, cancel=then.cancel)
            out.append(found)
        return out


def _kept_class(directory: Path, stem: str, name: str, target: str, sha256: str) -> type[Any]:
    """A strategy's class from the source beside the journal, or where it came from."""
    kept = directory.parent / _SOURCES / f"{stem}.py"
    class_name = target.rpartition(":")[2]
    try:
        found = load_strategy(f"{kept}:{class_name}" if kept.exists() else target)
    except StrategyLoadError as error:
        if kept.exists() or not target.startswith(FILE_MODULE):
            raise
        raise StrategyLoadError(
            f"strategy {name}: its source {kept} is not there; copy the directory {_SOURCES} of "
            f"its run to {kept.parent}, beside the journal"
        ) from error
    file = _file_of(found)
    digest = hashlib.sha256(file.read_bytes()).hexdigest() if file else ""
    if sha256 and digest != sha256:
        raise JournalError(
            f"strategy {name}: its code is not the one that ran "
            f"(sha256 {digest[:12]}, journal {sha256[:12]}); "
            "replay with the build that wrote the journal"
        )
    return found


def _instance(strategy_class: type[Any], params: Mapping[str, Any]) -> Any:
    try:
        return strategy_class(**params)
    except TectraError:
        raise
    except Exception as error:
        raise StrategyLoadError(
            f"{strategy_class.__name__} cannot be made with its parameters: "
            f"{type(error).__name__}: {error}"
        ) from error


def _file_of(strategy_class: type[Any]) -> Path | None:
    module = inspect.getmodule(strategy_class)
    name = getattr(module, "__file__", None)
    return Path(name) if name and Path(name).is_file() else None


def keep_sources(classes: Sequence[type[Any]], directory: Path) -> None:
    """Copy the Python source of every strategy beside the journal; compiled ones are named by
    digest only.
    """
    for number, strategy_class in enumerate(classes, start=1):
        parts = {str(number): strategy_class}
        if issubclass(strategy_class, Takeover):
            parts = {str(number): strategy_class.FIRST, f"{number}.then": strategy_class.SECOND}
        for stem, part in parts.items():
            file = _file_of(part)
            if file is not None and file.suffix == ".py":
                target = directory.parent / _SOURCES
                target.mkdir(exist_ok=True)
                shutil.copyfile(file, target / f"{stem}.py")


def open_journal(
    directory: Path, spec: SessionSpec, classes: Sequence[type[Any]], **options: Any
) -> JournalWriter:
    """A new journal for a session, with the strategies' sources beside it. Its headers name the
    clock of the session's mode, and a run in real time keeps a reserve for a full disk. `options`:
    see JournalOptions.
    """
    if spec.mode not in _CLOCKS:
        raise InputError(f"mode: found {spec.mode!r}; allowed: {', '.join(_CLOCKS)}")
    writer = JournalWriter(
        directory,
        session=spec.to_journal(),
        clock_domain=_CLOCKS[spec.mode],
        run_seed=spec.seed,
        **options,
    )
    try:
        keep_sources(classes, directory)
    except BaseException:  # a full disk, say: the journal of no record goes, too
        with suppress(JournalError):
            writer.close()
        for left in (segment_name(1), MANIFEST_NAME):
            (directory / left).unlink(missing_ok=True)
        with suppress(OSError):
            directory.rmdir()
        raise
    return writer
