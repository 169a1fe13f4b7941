"""Finds strategies: a Python file, an installed module, compiled or not; refuses what would fail at
the first event.
"""

import dis
import hashlib
import importlib
import importlib.util
import inspect
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from tectra.core.errors import StrategyLoadError
from tectra.strategy.api import CALLBACKS, Strategy
from tectra.strategy.compiled import CompiledStrategy
from tectra.strategy.determinism import warn_of

__all__ = ["FILE_MODULE", "load_strategy", "validate_strategy", "wanted_callbacks"]

FILE_MODULE = "tectra_strategy_"  # how the name of a module begins that was read from a file

# Arguments with which each callback is called, self included.
_ARITY = {
    "on_book_update": 3,
    "on_trade": 3,
    "on_fill": 3,
    "on_timer": 3,
    "on_params_update": 2,
    "on_start": 2,
    "on_stop": 2,
}


def _import_file(path: Path) -> ModuleType:
    # Two files of one name are two modules.
    name = f"{FILE_MODULE}{path.stem}_{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise StrategyLoadError(f"{path}: not a Python file; give STRATEGY.py or STRATEGY.py:Class")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        raise StrategyLoadError(f"{path} does not import:\n{_trace(error, path)}") from error
    return module


def _trace(error: BaseException, path: Path) -> str:
    """Traceback from the first frame in the user's file on."""
    shown = traceback.TracebackException.from_exception(error)
    here = str(path.absolute())
    own = [i for i, frame in enumerate(shown.stack) if frame.filename == here]
    if own:
        del shown.stack[: own[0]]
    else:
        shown.stack.clear()  # a syntax error: the file itself never ran
    return "".join(shown.format(chain=False)).rstrip()


def _import_name(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        text = f"{type(error).__name__}: {error}"
        raise StrategyLoadError(
            f"strategy module {name!r} does not import: {text}; give a file or an installed module"
        ) from error


def _candidates(module: ModuleType) -> dict[str, type]:
    return {
        n: v
        for n, v in vars(module).items()
        if isinstance(v, type)
        and issubclass(v, (Strategy, CompiledStrategy))
        and v not in (Strategy, CompiledStrategy)
        and v.__module__ == module.__name__
    }


def load_strategy(spec: str) -> type[Any]:
    """Class named by `file.py`, `file.py:Class`, `package.module` or `package.module:Class`;
    StrategyLoadError says why not.
    """
    target, _, class_name = spec.rpartition(":")
    if not target or Path(spec).is_file():
        target, class_name = spec, ""
    path = Path(target)
    if path.suffix == ".py" or path.exists():
        if not path.is_file():
            found = "a directory" if path.is_dir() else "no such file"
            raise StrategyLoadError(f"{target}: {found}; give STRATEGY.py or STRATEGY.py:Class")
        module = _import_file(path)
    else:
        module = _import_name(target)
    found_classes = _candidates(module)
    if class_name:
        if class_name not in found_classes:
            allowed = ", ".join(found_classes) or "none"
            raise StrategyLoadError(f"{target}: no strategy class {class_name!r}; found: {allowed}")
        chosen = found_classes[class_name]
    elif len(found_classes) == 1:
        chosen = next(iter(found_classes.values()))
    elif not found_classes:
        raise StrategyLoadError(f"{target}: no subclass of tectra.Strategy in it")
    else:
        raise StrategyLoadError(
            f"{target}: several strategies; choose one of "
            f"{', '.join(f'{target}:{n}' for n in found_classes)}"
        )
    validate_strategy(chosen)
    return chosen


def validate_strategy(cls: type[Any]) -> None:
    """Refuse a class that lacks a callback, has one with the wrong arguments, or one that is a
    coroutine. What its source asks of the machine, and no replay can repeat, is warned of.
    """
    if issubclass(cls, CompiledStrategy):
        warn_of(cls)
        return
    if not issubclass(cls, Strategy):
        raise StrategyLoadError(
            f"{cls.__name__}: is no subclass of tectra.Strategy or tectra.CompiledStrategy"
        )
    missing = sorted(getattr(cls, "__abstractmethods__", frozenset()))
    if missing:
        raise StrategyLoadError(
            f"{cls.__name__} lacks {', '.join(missing)}; a strategy defines {', '.join(CALLBACKS)} "
            "(an empty body costs nothing)"
        )
    for name, arity in _ARITY.items():
        function = inspect.getattr_static(cls, name)
        if not inspect.isfunction(function):
            raise StrategyLoadError(
                f"{cls.__name__}.{name}: found {type(function).__name__}; define it as a plain "
                "method"
            )
        lazy = inspect.CO_COROUTINE | inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR
        if function.__code__.co_flags & lazy:
            raise StrategyLoadError(
                f"{cls.__name__}.{name} is a coroutine or generator; callbacks are synchronous"
            )
        signature = inspect.signature(function, follow_wrapped=False)
        try:
            signature.bind(*range(arity))
        except TypeError:
            raise StrategyLoadError(
                f"{cls.__name__}.{name}: found {name}{signature}; it is called with {arity} "
                "positional arguments, self included"
            ) from None
    warn_of(cls)


def _empty_body(function: Any) -> bool:
    """Whether a function is nothing but a docstring, `pass`, `...` or `return`."""
    body = [i for i in dis.get_instructions(function) if i.opname not in ("RESUME", "NOP")]
    names = [i.opname for i in body]
    if names == ["LOAD_CONST", "RETURN_VALUE"] or names == ["RETURN_CONST"]:
        return body[0].argval is None
    return False


def wanted_callbacks(strategy: object) -> frozenset[str]:
    """Callbacks worth calling: those with a body. A compiled strategy says so itself."""
    if isinstance(strategy, CompiledStrategy):
        return frozenset(strategy.wants())
    return frozenset(
        n for n in CALLBACKS if not _empty_body(inspect.getattr_static(type(strategy), n))
    )
