"""Documents around one key of the configuration, and everything that can be wrong with it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tectra.core.config.fault import Path
from tectra.core.config.key import DATE, ENV_NAME, SYMBOL, URL, Key, keys_of
from tectra.core.config.section import Config
from tectra.core.config.value import found_text

# What an entry of a list or table is called in the documents.
ENTRIES = {("exchanges",): "binance", ("risk", "instruments"): "BTCUSDT",
           ("risk", "strategies"): "cross", ("risk", "venues"): "binance"}  # fmt: skip
# Keys that are allowed only beside others.
BESIDE: dict[Path, dict[str, Any]] = {
    ("control", "tls_cert_path"): {"tls_private_path": "p"},
    ("control", "tls_private_path"): {"tls_cert_path": "p"},
    ("runners", 0, "data_source", "source"): {"type": "live", "path": None},
    ("backtest", "end_date"): {"start_date": "2020-01-01"},
}


class Raw(str):
    """A value as it is written."""

    __slots__ = ()


class Writer:
    """Writes one key a line, and keeps the line of each. `twice` is written a second time."""

    def __init__(self, form: str, values: dict[str, Any], twice: Path = ()) -> None:
        self.out: list[str] = []
        self.lines: dict[Path, int] = {}
        self.twice = twice
        self.form = form
        if form == "toml":
            self.toml(values, ())
        else:
            self.json(values, (), "")
        self.text = "\n".join(self.out) + "\n"

    def put(self, text: str, path: Path = ()) -> None:
        self.out.append(text)
        if path:
            self.lines.setdefault(path, len(self.out))

    def toml(self, values: dict[str, Any], at: Path) -> None:
        later = []
        for name, value in values.items():
            rows = isinstance(value, list) and value and isinstance(value[0], dict)
            if isinstance(value, dict) or rows:
                later.append((name, value))
                continue
            path = (*at, name)
            for _ in range(2 if path == self.twice else 1):
                self.put(f"{json.dumps(name)} = {self.scalar(value)}", path)
        for name, value in later:
            path = (*at, name)
            head = ".".join(json.dumps(p) for p in path if isinstance(p, str))
            if isinstance(value, list):
                for i, row in enumerate(value):
                    self.put(f"[[{head}]]", path)
                    self.lines[*path, i] = len(self.out)
                    self.toml(row, (*path, i))
            else:
                self.put(f"[{head}]", path)
                if path == self.twice:
                    self.put(f"[{head}]", path)
                self.toml(value, path)

    def json(self, value: Any, at: Path, lead: str, comma: str = "") -> None:
        rows = isinstance(value, list) and value and isinstance(value[0], dict)
        if (isinstance(value, dict) and value) or rows:
            pairs = list(value.items() if isinstance(value, dict) else enumerate(value))
            self.put(lead + ("{" if isinstance(value, dict) else "["), at)
            pairs = [p for p in pairs for _ in range(2 if (*at, p[0]) == self.twice else 1)]
            for i, (name, inner) in enumerate(pairs):
                shown = f"{json.dumps(name)}: " if isinstance(name, str) else ""
                self.json(inner, (*at, name), shown, "," if i + 1 < len(pairs) else "")
            self.put(("}" if isinstance(value, dict) else "]") + comma)
        else:
            self.put(f"{lead}{self.scalar(value)}{comma}", at)

    def scalar(self, value: Any) -> str:
        return str(value) if isinstance(value, Raw) else json.dumps(value)


@dataclass(frozen=True)
class Case:
    """One thing that is wrong: the document, and what the fault has to say."""

    what: str
    path: Path
    values: dict[str, Any]
    found: str
    allowed: str
    says: str = ""
    twice: Path = ()
    forms: tuple[str, ...] = ("toml", "json", "yaml")
    environ: dict[str, str] = field(default_factory=dict)
    source: str = ""

    @property
    def at(self) -> Path:
        """The path of which the line is told: of a missing key what it is missing from."""
        return self.path[:-1] if self.what == "missing" else self.path


def sample(key: Key) -> Any:
    """A value that a key takes."""
    if key.kind == "flag":
        return True
    if key.kind in ("int", "float", "decimal"):
        if key.default is not None and not isinstance(key.default, str):
            return float(key.default) if key.kind != "int" else key.default
        return int(key.low) + 1 if key.kind == "int" else min(1.0, float(key.high))
    if key.kind == "choice":
        quiet = [c for c in key.choices if c in ("historical", "simulated")]
        return key.default or [*quiet, *key.choices][0]
    if key.kind == "text":
        forms = {ENV_NAME: "MY_KEY", URL: "wss://x.y/z", DATE: "2024-01-02", SYMBOL: "BTCUSDT"}
        return key.default or forms.get(key.pattern or "", "abc")
    return {} if key.kind in ("table", "free") else list(key.default or ())


def required(section: Any) -> dict[str, Any]:
    """The keys without which a section is refused."""
    out = {}
    for key in keys_of(section).values():
        if key.kind == "section" and any(k.required for k in keys_of(key.section).values()):
            out[key.name] = {"type": "historical", "path": "x.itch"}
        elif key.required:
            out[key.name] = sample(key)
    return out


def keys(section: Any = Config, at: Path = ()) -> Iterator[tuple[Path, Key]]:
    """Every key that takes a value, below one entry of each list and table."""
    for key in keys_of(section).values():
        path = (*at, key.name)
        if key.kind == "section":
            yield from keys(key.section, path)
        elif key.item is not None and key.item.kind == "section":
            yield from keys(key.item.section, (*path, ENTRIES.get(path, 0)))
        else:
            yield path, key


def document(path: Path, key: Key, *more: tuple[str, Any]) -> dict[str, Any]:
    """The smallest document that holds a key, with more keys beside it; None takes one away."""
    section: Any = Config
    top: dict[str, Any] = {}
    node = top
    for i, part in enumerate(path[:-1]):
        if isinstance(part, int) or (isinstance(path[i - 1], str) and path[:i] in ENTRIES):
            continue
        inner = keys_of(section)[str(part)]
        entry = inner.item is not None
        section = inner.item.section if inner.item is not None else inner.section
        made = node.setdefault(part, None) or required(section)
        rows = entry and path[: i + 1] not in ENTRIES
        node[part] = [made] if rows else {str(path[i + 1]): made} if entry else made
        node = made
    for name, value in [(path[-1], sample(key)), *BESIDE.get(path, {}).items(), *more]:
        if value is None:
            node.pop(str(name), None)
        else:
            node[str(name)] = value
    return top


def _wrong_values(key: Key) -> Iterator[tuple[str, Any, Any]]:
    """(what, as written, as found) of values that a key refuses."""
    number = key.kind in ("int", "float", "decimal")
    yield "null", Raw("null"), None
    yield "NaN", Raw("nan"), Raw("nan")
    yield "infinity", Raw("inf"), Raw("inf")
    below = -1 if not number or key.low >= 0 else int(key.low) - 1
    if number or key.kind != "free":
        yield "negative", below, below
    yield "wrong type", *((Raw('"abc"'), "abc") if number else (12345, 12345))
    if number:
        yield "bool for a number", True, True
        if (key.low > 0 or key.above == 0) and 0 not in key.choices:
            yield "zero", 0, 0
        huge = int(key.high) * 10 + 1
        yield "huge", huge, huge
        yield "huge", 10**40, 10**40
        if key.kind == "int":
            yield "fraction", Raw("1.5"), Raw("1.5")
    if key.kind in ("text", "choice"):
        yield "empty", "", ""
        yield "huge", "x" * 5000, "x" * 5000
    if key.kind == "flag":
        yield "wrong type", "yes", "yes"


def _of_values(path: Path, key: Key) -> Iterator[Case]:
    for what, written, found in _wrong_values(key):
        forms: tuple[str, ...] = ("toml", "json", "yaml")
        if what == "null":
            forms = ("json", "yaml")
        if what in ("NaN", "infinity"):
            forms = ("toml", "json")
        shown = found if isinstance(found, Raw) else found_text(found)
        if key.pattern == ENV_NAME and isinstance(found, str) and not isinstance(found, Raw):
            shown = f"a text of {len(found)} characters that names no variable"
        made = document(path, key, (str(path[-1]), written))
        yield Case(what, path, made, shown, key.allowed(), forms=forms)
    if key.item is not None and key.kind == "list":
        item: Any = "not allowed!" if key.item.kind != "int" else -1
        made = document(path, key, (str(path[-1]), [item]))
        yield Case("wrong entry", (*path, 0), made, found_text(item), key.item.allowed())
        made = document(path, key, (str(path[-1]), [sample(key.item)] * (key.longest + 1)))
        yield Case(
            "huge", path, made, f"a list of {key.longest + 1}", key.allowed(), forms=("json",)
        )


UNITS = {"ms": ("us", "s", ""), "us": ("ms", ""), "s": ("ms", ""), "fraction": ("pct", "bps", ""),
         "bytes": ("mb", ""), "days": ("s", "")}  # fmt: skip


def _of_names(path: Path, key: Key) -> Iterator[Case]:
    name = str(path[-1])
    siblings = key_names(path)
    made = document(path, key, (f"{name}_x", 1))
    yield Case("unknown key", (*path[:-1], f"{name}_x"), made, "an unknown key (1)", siblings, name)
    yield Case("duplicate", path, document(path, key), "the key twice", "once", twice=path)
    if key.required:
        made = document(path, key, (name, None))
        yield Case("missing", path, made, "nothing", key.allowed(), "required")
    base, _, unit = name.rpartition("_")
    for other in UNITS.get(unit, ()) if unit == key.unit else ():
        wrong = f"{base}_{other}".rstrip("_")
        made = document(path, key, (wrong, 1), (name, None))
        yield Case(
            "wrong unit", (*path[:-1], wrong), made, "an unknown key", siblings, f"write {name}"
        )
    if (not unit and key.unit in UNITS) or (key.unit and unit != key.unit):
        made = document(path, key, (f"{name}_ms", 1), (name, None))
        yield Case("wrong unit", (*path[:-1], f"{name}_ms"), made, "an unknown key", siblings, name)


def _of_variables(path: Path, key: Key) -> Iterator[Case]:
    made = document(path, key)
    parts = [str(p).upper() for p in path]
    typo = "TECTRA_" + "__".join([*parts[:-1], parts[-1] + parts[-1][-1]])
    wrong = (*(str(p).lower() for p in path[:-1]), str(path[-1]).lower() + str(path[-1])[-1])
    if len(path) > 1:
        yield Case(
            "environment typo", wrong, made, "an unknown key", key_names(path), str(path[-1]),
            environ={typo: "1"}, source=typo,
        )  # fmt: skip
    else:
        yield Case(
            "environment typo", (), made, "a variable", "TECTRA_SECTION__KEY", "TECTRA_MODE",
            environ={typo: "1"}, source=typo,
        )  # fmt: skip
    if key.kind in ("int", "float", "decimal", "flag"):
        right = "TECTRA_" + "__".join(parts)
        yield Case(
            "environment value", path, made, "'nonsense'", key.allowed(),
            environ={right: "nonsense"}, source=right,
        )  # fmt: skip


def key_names(path: Path) -> str:
    """The keys beside one, as messages list them."""
    section: Any = Config
    for i, part in enumerate(path[:-1]):
        if isinstance(part, int) or path[:i] in ENTRIES:
            continue
        key = keys_of(section)[str(part)]
        section = key.section if key.item is None else key.item.section
    return ", ".join(keys_of(section))


def cases(path: Path, key: Key) -> list[Case]:
    """Everything that can be wrong with a key."""
    return [*_of_values(path, key), *_of_names(path, key), *_of_variables(path, key)]
