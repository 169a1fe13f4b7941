"""From plain values to structs, with every fault on the way."""

from difflib import get_close_matches
from typing import Any, Final

import msgspec

from tectra.core.config.fault import Fault, Path, error_of
from tectra.core.config.key import Key, keys_of
from tectra.core.config.section import Config
from tectra.core.config.tree import Tree
from tectra.core.config.unit import unit_fix
from tectra.core.config.value import (
    Refused,
    accept,
    accept_free,
    could_be_secret,
    found_text,
    is_secret_name,
)
from tectra.core.errors import ConfigError

__all__ = ["close_name", "read_tree"]

_BAD: Final = object()
_HIDDEN: Final = "a value that is not shown"


def close_name(name: str, names: Any) -> str:
    """What a name was probably meant to be, as `did you mean X?`, or ''."""
    by_fold = {n.lower(): n for n in names}
    close = get_close_matches(name.lower(), list(by_fold), n=1, cutoff=0.6)
    return f"did you mean {by_fold[close[0]]}?" if close else ""


def _homes(name: str, section: type[msgspec.Struct], at: str = "") -> list[str]:
    """Sections in which a key of this name does stand."""
    out = []
    for key in keys_of(section).values():
        if key.name == name:
            out.append(at or "the top")
        inner = key.item if key.item is not None else key
        if inner.section is not None:
            out += _homes(name, inner.section, f"{at}.{key.name}".lstrip("."))
    return out


class _Reader:
    """One reading of one tree. One thread, used once."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.faults: list[Fault] = []

    def fault(self, path: Path, error: Refused) -> Any:
        origin = self.tree.origin_of(path)
        made = Fault(
            path=path,
            found=error.found,
            allowed=error.allowed,
            fix=error.fix,
            source=origin.source,
            line=origin.line,
            kind=error.kind,
        )
        self.faults.append(made)
        return _BAD

    def section(self, cls: type[msgspec.Struct], raw: Any, path: Path, base: Any = None) -> Any:
        """One section; `base` has the values of keys that are not given."""
        if not isinstance(raw, dict):
            return self.fault(path, Refused(found_text(raw), "a table"))
        keys = keys_of(cls)
        before = len(self.faults)
        values = {} if base is None else {n: getattr(base, n) for n in keys}
        for name, value in raw.items():
            key = keys.get(name)
            if key is None:
                self.unknown(cls, name, value, path)
            else:
                values[name] = self.value(key, value, (*path, name))
        for key in keys.values():
            if key.required and key.name not in values:
                missing = Refused("nothing", key.allowed(), "the key is required: add it")
                self.fault((*path, key.name), missing)
        if len(self.faults) > before:
            return _BAD
        try:
            return cls(**values)
        except ConfigError as error:
            for inner in error.faults:
                assert isinstance(inner, Fault)
                again = Refused(inner.found, inner.allowed, inner.fix, kind=inner.kind)
                self.fault((*path, *inner.path), again)
            return _BAD

    def unknown(self, cls: type[msgspec.Struct], name: str, value: Any, path: Path) -> None:
        keys = keys_of(cls)
        if is_secret_name(str(name)):
            kind = ", ".join(k for k in keys if k.endswith("_env")) or "a key that ends in _env"
            text = (
                f"name a variable of the environment in {kind}, and put the value there or in a "
                "file that NAME_FILE names"
            )
            self.fault((*path, name), Refused(_HIDDEN, "no secrets", text, kind="credential"))
            return
        fix = unit_fix(str(name), value, keys) or close_name(str(name), keys)
        if not fix and (homes := _homes(str(name), Config)):
            fix = f"it stands in {', '.join(homes[:3])}"
        hide = isinstance(value, str) and could_be_secret(value)
        shown = _HIDDEN if hide else found_text(value)
        self.fault(
            (*path, name),
            Refused(f"an unknown key ({shown})", ", ".join(keys), fix or "remove it"),
        )

    def value(self, key: Key, raw: Any, path: Path) -> Any:
        if key.kind == "section":
            return self.section(key.section, raw, path, key.default)
        if key.kind == "list":
            return self.entries(key, raw, path)
        if key.kind in ("table", "free"):
            return self.table(key, raw, path)
        try:
            return accept(key, raw)
        except Refused as error:
            return self.fault(path, error)

    def entries(self, key: Key, raw: Any, path: Path) -> Any:
        if not isinstance(raw, list) or key.item is None:
            fix = "write it in [ ]" if isinstance(raw, str | int) else ""
            return self.fault(path, Refused(found_text(raw), key.allowed(), fix))
        if len(raw) > key.longest:
            return self.fault(path, Refused(found_text(raw), key.allowed()))
        return tuple(self.value(key.item, v, (*path, i)) for i, v in enumerate(raw))

    def table(self, key: Key, raw: Any, path: Path) -> Any:
        if not isinstance(raw, dict) or len(raw) > key.longest:
            return self.fault(path, Refused(found_text(raw), key.allowed()))
        # Entries that are there by default stay, with what they say and the file does not.
        default = dict(key.default or {})
        out: dict[str, Any] = {}
        for name, value in raw.items():
            at = (*path, name)
            if key.choices and name not in key.choices:
                fix = close_name(str(name), key.choices)
                out[name] = self.fault(at, Refused("an unknown name", ", ".join(key.choices), fix))
            elif key.item is None:
                out[name] = self.free(str(name), value, at)
            elif key.item.kind == "section":
                out[name] = self.section(key.item.section, value, at, default.get(name))
            else:
                out[name] = self.value(key.item, value, at)
        return {**default, **out}

    def free(self, name: str, raw: Any, path: Path) -> Any:
        try:
            return accept_free(name, raw)
        except Refused as error:
            return self.fault(path, error)


def read_tree(tree: Tree, faults: list[Fault]) -> Config:
    """The configuration, or one ConfigError with `faults` and all that is wrong beside them."""
    reader = _Reader(tree)
    config = reader.section(Config, tree.values, ())
    every = [*faults, *reader.faults]
    if every:
        raise error_of(sorted(every, key=lambda f: (f.source, f.line)))
    assert isinstance(config, Config)
    return config
