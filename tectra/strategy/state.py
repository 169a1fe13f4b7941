"""What a strategy keeps between callbacks, as bytes that are data and never code.

A value is a tag and its content, lengths as u32, little-endian. Equal state gives equal bytes: what
has no order of its own (a set) is sorted, everything else stays in the order it has. An object that
stands in two places is written once and found again by its number, so what was shared is shared
afterwards. Objects of the run (context, its random numbers, books, instruments, the strategy
itself) are named, not copied. Nothing is imported and no constructor of a user's class runs: a
class is looked up in the modules that are loaded, and its objects get the attributes they had.
"""

import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any

import numpy as np

from tectra.core.errors import FileFormatError, StateError
from tectra.core.fixed import Price, Quantity
from tectra.core.level import BookLevel
from tectra.core.rng import Random
from tectra.strategy.state_wire import Reader, Refused, Writer

__all__ = ["StateScope", "decode_state", "encode_state", "give_state", "take_state"]

_OWN = "save_state", "load_state"
_NO_STATE = (
    "define save_state(self) -> plain values and load_state(self, value) in the strategy, or keep "
    "plain values (numbers, text, lists, dicts, numpy arrays, objects of classes of its own file)"
)
_FACTORIES = {f.__name__: f for f in (int, float, str, bool, list, dict, set, tuple, bytes, deque)}
_DICTS = {"dict": dict, "Counter": Counter, "OrderedDict": OrderedDict}
_AMOUNTS: dict[str, Any] = {"Price": Price, "Quantity": Quantity, "BookLevel": BookLevel}
_ARRAYS = "biufcSUmM"
_DEPTH_MAX = 100


class StateScope:
    """The objects of one run that the state of a strategy may name; without any, it names none.

    `module` is where the strategy's class is from: files of one strategy are loaded under many
    names.
    """

    def __init__(self, module: str = "", named: Mapping[str, object] | None = None) -> None:
        self.module = module
        self.by_name = dict(named or {})
        self.by_id = {id(thing): name for name, thing in self.by_name.items()}


def encode_state(value: object, scope: StateScope | None = None, *, where: str = "state") -> bytes:
    """The value as bytes. StateError names the place of what cannot be kept, and what to do."""
    encoder = _Encoder(scope or StateScope())
    try:
        encoder.put(value)
    except Refused as refused:
        raise StateError(f"{refused.place(where)}: {refused.why}; {_NO_STATE}") from None
    except RecursionError:
        raise StateError(f"{where}: holds itself, or is too deep; {_NO_STATE}") from None
    return bytes(encoder.out.data)


def decode_state(data: bytes | memoryview, scope: StateScope | None = None) -> Any:
    """The value of encode_state(). FileFormatError for bytes that are none, StateError when they
    name a class or an object that this run does not have.
    """
    decoder = _Decoder(data, scope or StateScope())
    try:
        value = decoder.take()
        decoder.input.end()
    except (StateError, FileFormatError):
        raise
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise FileFormatError(
            f"state: its bytes are damaged ({type(error).__name__}: {error}); take an older one"
        ) from error
    return value


def take_state(strategy: Any, *, where: str) -> tuple[str, object]:
    """("own", what save_state() returns) or ("attributes", what the instance holds)."""
    if _has_own(strategy, where):
        return "own", strategy.save_state()
    if not hasattr(strategy, "__dict__"):
        raise StateError(
            f"{where}: is compiled and has no save_state(); define `def save_state(self)` and "
            "`def load_state(self, value)` in the class (return None when it keeps nothing)"
        )
    return "attributes", dict(_attributes(strategy))


def give_state(strategy: Any, kind: str, value: Any, *, where: str) -> None:
    """Put what take_state() gave into a new instance of the same class."""
    if kind == "own":
        if not _has_own(strategy, where):
            raise StateError(f"{where}: has no load_state(), but its state was its own")
        strategy.load_state(value)
        return
    if hasattr(strategy, "__dict__"):
        vars(strategy).clear()
    for name, held in value.items():
        object.__setattr__(strategy, name, held)


def _has_own(strategy: Any, where: str) -> bool:
    has = [callable(getattr(type(strategy), name, None)) for name in _OWN]
    if any(has) and not all(has):
        raise StateError(f"{where}: has only one of {' and '.join(_OWN)}; define both or neither")
    return all(has)


def _attributes(thing: object) -> Iterator[tuple[str, object]]:
    """Attributes of an instance: those of its slots, then those of its dict, in their order."""
    for cls in reversed(type(thing).__mro__):
        slots = vars(cls).get("__slots__", ())
        for name in [slots] if isinstance(slots, str) else slots:
            plain = f"_{cls.__name__.lstrip('_')}{name}" if name.startswith("__") else name
            if plain not in ("__dict__", "__weakref__") and hasattr(thing, plain):
                yield plain, getattr(thing, plain)
    yield from getattr(thing, "__dict__", {}).items()


class _Encoder:
    """Writes one value. `seen`: number of each object that can be shared, by identity."""

    def __init__(self, scope: StateScope, *, in_set: bool = False) -> None:
        self.out = Writer()
        self.scope = scope
        self.in_set = in_set
        self.seen: dict[int, int] = {}
        self.arrays: list[Any] = []
        self.kept: list[object] = []  # a temporary must not give its id to another
        self.depth = 0

    def put(self, value: object) -> None:
        plain = _PLAIN.get(type(value))
        if plain is not None:
            plain(self.out, value)
            return
        name = self.scope.by_id.get(id(value))
        if name is not None:
            self.out.tag("O").text(name)
            return
        number = self.seen.get(id(value))
        if number is not None:
            self.out.tag("r").number(number)
            return
        self.depth += 1
        if self.depth > _DEPTH_MAX:
            raise Refused(f"is more than {_DEPTH_MAX} levels deep, or holds itself")
        self._put_other(value)
        self.depth -= 1

    def _put_other(self, value: Any) -> None:
        put = _SHARED.get(type(value))
        if put is not None:
            self._share(value)
            put(self, value)
        elif isinstance(value, Enum):
            self._enum(value)
        elif type(value) is tuple:
            self.out.tag("t")
            self._items(value)
        elif type(value) is frozenset:
            self.out.tag("z")
            self._sorted(value)
        elif type(value) is datetime:
            self._datetime(value)
        elif isinstance(value, np.generic):
            self._scalar(value)
        elif type(value) in _AMOUNTS.values():
            self.out.tag("P").text(type(value).__name__)
            self.put(value.to_dict())
        else:
            self._object(value)

    def _share(self, value: object) -> None:
        self.seen[id(value)] = len(self.seen)
        self.kept.append(value)

    def _items(self, values: Any) -> None:
        self.out.number(len(values))
        for index, item in enumerate(values):
            try:
                self.put(item)
            except Refused as refused:
                raise refused.within(f"[{index}]") from None

    def _sorted(self, values: Any) -> None:
        parts = []
        for item in values:
            one = _Encoder(self.scope, in_set=True)
            one.put(item)
            parts.append(bytes(one.out.data))
        self.out.number(len(parts))
        for part in sorted(parts):
            self.out.data += part

    def _pairs(self, pairs: Mapping[Any, Any], *, attributes: bool = False) -> None:
        self.out.number(len(pairs))
        for key, item in pairs.items():
            try:
                self.put(key)
                self.put(item)
            except Refused as refused:
                raise refused.within(f".{key}" if attributes else f"[{key!r:.40}]") from None

    def list(self, value: list[Any]) -> None:
        self.out.tag("l")
        self._items(value)

    def dict(self, value: Mapping[Any, Any]) -> None:
        self.out.tag("d").text(type(value).__name__)
        self._pairs(value)

    def defaultdict(self, value: Any) -> None:
        factory = value.default_factory
        name = "" if factory is None else getattr(factory, "__name__", "")
        if factory is not None and _FACTORIES.get(name) is not factory:
            raise Refused(
                f"is a defaultdict of {factory!r:.60}, which is none of the built-in ones"
            )
        self.out.tag("g").text(name)
        self._pairs(value)

    def set(self, value: set[Any]) -> None:
        self.out.tag("e")
        self._sorted(value)

    def deque(self, value: deque[Any]) -> None:
        self.out.tag("q").number(0 if value.maxlen is None else value.maxlen + 1)
        self._items(value)

    def bytearray(self, value: bytearray) -> None:
        self.out.tag("B").blob(value)

    def random(self, value: Random) -> None:
        self.out.tag("R")
        for word in value.state:
            self.out.wide(word)

    def array(self, value: Any) -> None:
        if value.dtype.kind not in _ARRAYS:
            raise Refused(f"is an array of {value.dtype}, which is no array of plain numbers")
        order = "C" if value.flags.c_contiguous else "F"
        if not value.flags.c_contiguous and not value.flags.f_contiguous:
            raise Refused("is a strided view of an array; keep a copy")
        if any(np.may_share_memory(value, other) for other in self.arrays):
            raise Refused("is a view of another array that is kept; keep one of them")
        self.arrays.append(value)
        self.out.tag("n").text(value.dtype.str).text(order + "RW"[bool(value.flags.writeable)])
        self.out.number(value.ndim)
        for length in value.shape:
            self.out.wide(length)
        self.out.blob(value.tobytes(order))

    def _scalar(self, value: Any) -> None:
        if value.dtype.kind not in _ARRAYS:
            raise Refused(f"is a {value.dtype}, which is no plain number")
        self.out.tag("y").text(value.dtype.str).blob(value.tobytes())

    def _datetime(self, value: datetime) -> None:
        zone = value.tzinfo
        if zone is not None and type(zone) is not timezone:
            raise Refused(f"is in the time zone {zone}; keep times in UTC, or as nanoseconds")
        self.out.tag("M").text(value.isoformat()).number(value.fold)

    def _class(self, tag: str, cls: type) -> None:
        module = "" if cls.__module__ == self.scope.module else cls.__module__
        if "<" in cls.__qualname__:
            raise Refused(f"is of {cls.__qualname__}, a class inside a function")
        self.out.tag(tag).text(module).text(cls.__qualname__)

    def _enum(self, value: Enum) -> None:
        self._class("E", type(value))
        self.put(value.value)

    def _object(self, value: object) -> None:
        cls = type(value)
        if not _may_be_made(cls, self.scope):
            raise Refused(f"is {value!r:.60} ({cls.__module__}.{cls.__qualname__})")
        if self.in_set and not _is_frozen(cls):
            raise Refused(f"is a {cls.__qualname__} in a set; keep such objects in a dict or list")
        self._share(value)
        self._class("V", cls)
        self._pairs(dict(_attributes(value)), attributes=True)


def _may_be_made(cls: type, scope: StateScope) -> bool:
    """A class whose objects are their attributes: of the strategy's own file, or a value of
    tectra.
    """
    try:
        object.__new__(cls)
    except TypeError:
        return False  # its objects hold what no attribute shows
    return cls.__module__ == scope.module or (
        cls.__module__.startswith("tectra.") and _is_frozen(cls)
    )


def _is_frozen(cls: Any) -> bool:
    parameters: Any = getattr(cls, "__dataclass_params__", None)
    return parameters is not None and bool(parameters.frozen)


_PLAIN: dict[type, Any] = {
    type(None): lambda out, _: out.tag("N"),
    bool: lambda out, value: out.tag("T" if value else "F"),
    int: lambda out, value: out.tag("i").integer(value),
    float: lambda out, value: out.tag("f").real(value),
    str: lambda out, value: out.tag("s").text(value),
    bytes: lambda out, value: out.tag("b").blob(value),
    Decimal: lambda out, value: out.tag("D").text(str(value)),
    date: lambda out, value: out.tag("j").number(value.toordinal()),
    timedelta: lambda out, value: out.tag("k").integer(value // timedelta(microseconds=1)),
}
_SHARED: dict[type, Any] = {
    list: _Encoder.list,
    dict: _Encoder.dict,
    Counter: _Encoder.dict,
    OrderedDict: _Encoder.dict,
    defaultdict: _Encoder.defaultdict,
    set: _Encoder.set,
    deque: _Encoder.deque,
    bytearray: _Encoder.bytearray,
    np.ndarray: _Encoder.array,
    Random: _Encoder.random,
}


class _Decoder:
    """Reads one value; `shared` in the order in which the encoder numbered."""

    def __init__(self, data: bytes | memoryview, scope: StateScope) -> None:
        self.input = Reader(data)
        self.scope = scope
        self.shared: list[Any] = []

    def take(self) -> Any:
        tag = self.input.tag()
        found = _TAKE.get(tag)
        if found is None:
            raise FileFormatError(f"state: found the tag {tag!r}; take an older one")
        return found(self)

    def _share(self, value: Any) -> Any:
        self.shared.append(value)
        return value

    def named(self) -> Any:
        name = self.input.text()
        if name not in self.scope.by_name:
            raise StateError(f"state: it names {name}, which is not in this run")
        return self.scope.by_name[name]

    def again(self) -> Any:
        return self.shared[self.input.number()]

    def items(self) -> list[Any]:
        return [self.take() for _ in range(self.input.count())]

    def apart(self) -> list[Any]:
        """The items of a set: each numbers what it shares from 0."""
        before, out = self.shared, []
        for _ in range(self.input.count()):
            self.shared = []
            out.append(self.take())
        self.shared = before
        return out

    def list(self) -> Any:
        out = self._share([])
        out.extend(self.take() for _ in range(self.input.count()))
        return out

    def _fill(self, out: Any) -> Any:
        for _ in range(self.input.count()):
            key = self.take()
            out[key] = self.take()
        return out

    def dict(self) -> Any:
        return self._fill(self._share(_DICTS[self.input.text()]()))

    def defaultdict(self) -> Any:
        name = self.input.text()
        return self._fill(self._share(defaultdict(_FACTORIES[name] if name else None)))

    def set(self) -> Any:
        out = self._share(set())
        out.update(self.apart())
        return out

    def deque(self) -> Any:
        maxlen = self.input.number() - 1
        out = self._share(deque(maxlen=None if maxlen < 0 else maxlen))
        out.extend(self.take() for _ in range(self.input.count()))
        return out

    def bytearray(self) -> Any:
        return self._share(bytearray(self.input.blob()))

    def random(self) -> Any:
        return self._share(Random.from_state([self.input.wide() for _ in range(4)]))

    def array(self) -> Any:
        dtype, how = self._dtype(), self.input.text()
        shape = [self.input.wide() for _ in range(self.input.count())]
        order: Any = "F" if how[0] == "F" else "C"
        seen: Any = np.ndarray(shape, dtype, buffer=self.input.blob(), order=order)
        out = self._share(seen.copy(order))
        out.flags.writeable = how[1] == "W"
        return out

    def _dtype(self) -> Any:
        dtype = np.dtype(self.input.text())
        if dtype.kind not in _ARRAYS:
            raise ValueError(f"an array of {dtype}")
        return dtype

    def scalar(self) -> Any:
        dtype = self._dtype()
        return np.ndarray((1,), dtype, buffer=self.input.blob())[0]

    def datetime(self) -> Any:
        when = datetime.fromisoformat(self.input.text())
        return when.replace(fold=self.input.number())

    def _class(self) -> Any:
        module, name = self.input.text() or self.scope.module, self.input.text()
        found: Any = sys.modules.get(module)
        for part in name.split("."):
            found = getattr(found, part, None)
        if not isinstance(found, type):
            raise StateError(f"state: it needs the class {module}.{name}, which is not loaded")
        return found

    def enum(self) -> Any:
        cls, value = self._class(), self.take()
        if not issubclass(cls, Enum):
            raise ValueError(f"{cls.__name__} is no enum")
        return cls(value)

    def object(self) -> Any:
        cls = self._class()
        if not _may_be_made(cls, self.scope):
            raise StateError(f"state: {cls.__module__}.{cls.__qualname__} cannot be made from data")
        out = self._share(object.__new__(cls))
        for _ in range(self.input.count()):
            object.__setattr__(out, self.take(), self.take())
        return out

    def amount(self) -> Any:
        return _AMOUNTS[self.input.text()].from_dict(self.take())


_TAKE: dict[str, Any] = {
    "N": lambda _: None,
    "T": lambda _: True,
    "F": lambda _: False,
    "i": lambda d: d.input.integer(),
    "f": lambda d: d.input.real(),
    "s": lambda d: d.input.text(),
    "b": lambda d: d.input.blob(),
    "D": lambda d: Decimal(d.input.text()),
    "j": lambda d: date.fromordinal(d.input.number()),
    "k": lambda d: timedelta(microseconds=d.input.integer()),
    "t": lambda d: tuple(d.items()),
    "z": lambda d: frozenset(d.apart()),
    "O": _Decoder.named,
    "r": _Decoder.again,
    "l": _Decoder.list,
    "d": _Decoder.dict,
    "g": _Decoder.defaultdict,
    "e": _Decoder.set,
    "q": _Decoder.deque,
    "B": _Decoder.bytearray,
    "R": _Decoder.random,
    "n": _Decoder.array,
    "y": _Decoder.scalar,
    "M": _Decoder.datetime,
    "E": _Decoder.enum,
    "V": _Decoder.object,
    "P": _Decoder.amount,
}
