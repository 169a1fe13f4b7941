"""Pictures: any Python value as plain nested values that say the same in every process.

Plain values are None, bool, int of 64 bits, float, str, bytes, list, and dict with text keys.
Whatever else there is becomes a dict with the mark "$". Any thread; a picture is never changed.
"""

import types
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any, TypeAlias

import msgspec
import numpy as np

from tectra.core.fixed import Price, Quantity
from tectra.core.rng import Random
from tectra.core.window import MarketDataWindow
from tectra.refdata.instrument import Instrument

__all__ = ["MARK", "Painter", "Plain", "opaque_paths", "same", "share"]

Plain: TypeAlias = Any
MARK = "$"
_DEPTH_MAX = 48
_INT_LOW, _INT_HIGH = -(1 << 63), (1 << 64) - 1
_BASES = (str, int, float, bytes, list, tuple, dict, set, frozenset)
_OPAQUE = (
    type,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.ModuleType,
    types.GeneratorType,
)
_encode = msgspec.msgpack.Encoder().encode
_NUMBERS = frozenset({int, float, bool, type(None)})


class Painter:
    """Paints values. With `indicators` a mapping, every indicator met is put there under its path
    (`fast`, `averages[1]`) and only a mark is left in its place.

    An indicator is an object whose class has `update` and which has a `value`, or a
    MarketDataWindow.
    `value` must be a pure function of the object. Sets are in the order of their elements' bytes.
    """

    def __init__(self) -> None:
        self._kinds: dict[type, Callable[[Any], Plain]] = {
            type(None): _itself,
            bool: _itself,
            float: _itself,
            int: _int,
            str: _text,
            bytes: _itself,
            list: self._list,
            tuple: self._tuple,
            dict: self._dict,
            set: self._set,
            frozenset: self._set,
            deque: self._deque,
            MarketDataWindow: self._window,
        }
        self._slots: dict[type, list[str]] = {}
        self._open: set[int] = set()
        self._path: list[str] = []
        self.indicators: dict[str, Plain] | None = None

    def paint(self, value: object) -> Plain:
        """The picture of a value."""
        kind = self._kinds.get(type(value))
        if kind is None:
            kind = self._kinds[type(value)] = self._choose(type(value))
        return kind(value)

    def attributes(self, owner: object, *, without: Mapping[str, object]) -> dict[str, Plain]:
        """Pictures of an object's own attributes by name, those named in `without` left out."""
        out = {}
        for name, value in self._own(owner).items():
            if name not in without:
                self._path.append(name)
                out[name] = self.paint(value)
                self._path.pop()
        return out

    # ---- containers ----

    def _enter(self, value: object) -> Plain | None:
        """A mark instead of a value that is being painted already, or lies too deep."""
        if id(value) in self._open:
            return {MARK: "cycle"}
        if len(self._open) >= _DEPTH_MAX:
            return {MARK: "opaque", "type": type(value).__qualname__}
        self._open.add(id(value))
        return None

    def _items(self, values: Sequence[Any]) -> list[Plain]:
        if _flat(values):
            return [*values]
        out = []
        for number, value in enumerate(values):
            self._path.append(f"[{number}]")
            out.append(self.paint(value))
            self._path.pop()
        return out

    def _list(self, value: list[Any]) -> Plain:
        mark = self._enter(value)
        if mark is not None:
            return mark
        out = self._items(value)
        self._open.discard(id(value))
        return out

    def _tuple(self, value: tuple[Any, ...]) -> Plain:
        mark = self._enter(value)
        if mark is not None:
            return mark
        out = {MARK: "tuple", "items": self._items(value)}
        self._open.discard(id(value))
        return out

    def _deque(self, value: deque[Any]) -> Plain:
        mark = self._enter(value)
        if mark is not None:
            return mark
        out = {MARK: "deque", "items": self._items(value), "maxlen": value.maxlen}
        self._open.discard(id(value))
        return out

    def _set(self, value: set[Any] | frozenset[Any]) -> Plain:
        mark = self._enter(value)
        if mark is not None:
            return mark
        kind = "set" if isinstance(value, set) else "frozenset"
        out = {MARK: kind, "items": sorted((self.paint(v) for v in value), key=_encode)}
        self._open.discard(id(value))
        return out

    def _dict(self, value: dict[Any, Any]) -> Plain:
        mark = self._enter(value)
        if mark is not None:
            return mark
        pairs = []
        for key, held in dict.items(value):
            self._path.append(f"[{key!r}]" if type(key) in (str, int, bool) else "[...]")
            pairs.append([self.paint(key), self.paint(held)])
            self._path.pop()
        self._open.discard(id(value))
        if MARK not in value and all(type(key) is str for key, _ in pairs):
            return dict(pairs)
        return {MARK: "dict", "items": pairs}

    # ---- objects ----

    def _choose(self, kind: type) -> Callable[[Any], Plain]:
        """How values of a class are painted."""
        if issubclass(kind, Enum):
            return lambda v: {MARK: "enum", "type": kind.__name__, "value": self.paint(v.value)}
        if issubclass(kind, (Decimal, Fraction, Price, Quantity)):
            return lambda v: {MARK: kind.__name__, "text": str(v)}
        if issubclass(kind, Instrument):
            return lambda v: {MARK: "instrument", "symbol": v.symbol}
        if issubclass(kind, Random):
            return lambda v: {MARK: "random", "state": list(v.state)}
        if issubclass(kind, np.ndarray):
            return _array
        if issubclass(kind, np.generic):
            return lambda v: {MARK: "scalar", "dtype": v.dtype.str, "data": v.tobytes()}
        if issubclass(kind, bytearray):
            return lambda v: {MARK: "bytearray", "data": bytes(v)}
        if issubclass(kind, _OPAQUE):
            return _opaque
        if callable(getattr(kind, "update", None)) and not issubclass(kind, dict | set):
            return self._perhaps_indicator
        return self._object

    def _object(self, value: Any) -> Plain:
        mark = self._enter(value)
        if mark is not None:
            return mark
        out: dict[str, Plain] = {MARK: "object", "type": type(value).__qualname__}
        base = next((b for b in _BASES if isinstance(value, b)), None)
        if base is not None:
            out["base"] = self._kinds[base](_plainest(base, value))
        own = self._own(value)
        if base is None and not own and not _pictured(type(value)):
            self._open.discard(id(value))
            return _opaque(value)
        out["attributes"] = self.attributes(value, without={})
        self._open.discard(id(value))
        return out

    def _own(self, value: object) -> dict[str, Any]:
        """Attributes that a value itself keeps; no property is asked."""
        kind = type(value)
        names = self._slots.get(kind)
        if names is None:
            names = self._slots[kind] = _slots(kind)
        out: dict[str, Any] = {}
        for name in names:
            try:
                out[name] = object.__getattribute__(value, name)
            except AttributeError:
                continue  # a slot that was never set
        out.update(getattr(value, "__dict__", {}))
        return out

    def _perhaps_indicator(self, value: Any) -> Plain:
        known = any("value" in vars(c) for c in type(value).__mro__)
        if self.indicators is None or not (known or "value" in self._own(value)):
            return self._object(value)
        name = self._name()
        path, self._path, kept, self.indicators = self._path, [], self.indicators, None
        picture = self._object(value)
        try:
            picture["value"] = self.paint(value.value)
        except Exception as error:  # noqa: BLE001  an indicator without a value yet may raise
            picture["value"] = {MARK: "raised", "type": type(error).__name__}
        self._path, self.indicators = path, kept
        kept[name] = picture
        return {MARK: "indicator", "type": type(value).__qualname__}

    def _window(self, value: MarketDataWindow) -> Plain:
        kept, self.indicators = self.indicators, None
        bars = [self.paint(bar) for bar in value]
        self.indicators = kept
        picture = {MARK: "window", "capacity": value.capacity, "items": bars}
        if kept is None:
            return picture
        kept[self._name()] = picture
        return {MARK: "indicator", "type": "MarketDataWindow"}

    def _name(self) -> str:
        text = self._path[0] if self._path else ""
        return text + "".join(p if p.startswith("[") else f".{p}" for p in self._path[1:])


def _itself(value: Plain) -> Plain:
    return value


def _int(value: int) -> Plain:
    return value if _INT_LOW <= value <= _INT_HIGH else {MARK: "int", "text": str(value)}


def _text(value: str) -> Plain:
    try:
        value.encode()
    except UnicodeEncodeError:
        return {MARK: "text", "data": value.encode(errors="surrogatepass")}
    return value


def _opaque(value: object) -> Plain:
    return {MARK: "opaque", "type": type(value).__qualname__}


def _array(value: np.ndarray) -> Plain:
    if value.dtype.hasobject or value.dtype.names is not None:
        return _opaque(value)
    data = np.ascontiguousarray(value).tobytes()
    return {MARK: "array", "dtype": value.dtype.str, "shape": list(value.shape), "data": data}


def _slots(kind: type) -> list[str]:
    out = []
    for cls in reversed(kind.__mro__):
        named = vars(cls).get("__slots__", ())
        for name in (named,) if isinstance(named, str) else named:
            if name in ("__dict__", "__weakref__"):
                continue
            hidden = name.startswith("__") and not name.endswith("__")
            out.append(f"_{cls.__name__.lstrip('_')}{name}" if hidden else name)
    return out


def _pictured(kind: type) -> bool:
    """Do the objects of a class keep all they have where Python sees it?"""
    return all("__slots__" in vars(c) or "__dict__" in vars(c) for c in kind.__mro__[:-1])


def _plainest(base: Any, value: Any) -> Any:
    """The value as its built-in base has it, without asking methods of the subclass."""
    if base in (list, tuple, set, frozenset):
        return base(base.__iter__(value))
    if base is dict:
        return dict(dict.items(value))
    if base is str:
        return str.__str__(value)
    if base is bytes:
        return bytes.__getitem__(value, slice(None))
    return base.__pos__(value)


def same(a: Plain, b: Plain) -> bool:
    """Are two plain values the same, types, signs of zero and order of keys included?"""
    if a is b:
        return True
    kind = type(a)
    if kind is not type(b):
        return False
    return a == b if kind is int or kind is str else _encode(a) == _encode(b)


def share(old: Plain, new: Plain) -> Plain:
    """`new`, with the parts of `old` in place of equal ones: what did not change is one object."""
    kind = type(new)
    if same(old, new):
        return old
    if kind is dict and type(old) is dict:
        return {k: share(old[k], v) if k in old else v for k, v in new.items()}
    if kind is list and type(old) is list and len(old) == len(new) and not _flat(new):
        return [share(a, b) for a, b in zip(old, new, strict=True)]
    return new


def _flat(values: Iterable[object]) -> bool:
    """Nothing but numbers that are plain as they are, truth values and None?"""
    kinds = set(map(type, values))
    if not kinds <= _NUMBERS:
        return False
    if int not in kinds:
        return True
    ints = [v for v in values if type(v) is int]
    return min(ints) >= _INT_LOW and max(ints) <= _INT_HIGH


def opaque_paths(state: Plain, path: str = "") -> list[str]:
    """Where a picture has nothing to say: objects that hide what they keep."""
    if isinstance(state, list):
        return [p for i, v in enumerate(state) for p in opaque_paths(v, f"{path}[{i}]")]
    if not isinstance(state, dict):
        return []
    if state.get(MARK) in ("opaque", "cycle"):
        return [path]
    return [p for k, v in state.items() for p in opaque_paths(v, f"{path}.{k}" if path else str(k))]
