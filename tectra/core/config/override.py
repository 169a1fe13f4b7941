"""Single values from the environment and from the command line, laid over a tree."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Final

import msgspec

from tectra.core.config.fault import Fault, Path
from tectra.core.config.key import Key, keys_of
from tectra.core.config.reader import close_name
from tectra.core.config.section import Config
from tectra.core.config.tree import Layer, Origin, Tree
from tectra.core.config.value import is_secret_name, parse_text

__all__ = ["PREFIX", "config_variables", "env_name", "lay_environment", "lay_settings", "leaf_keys"]

PREFIX: Final = "TECTRA_"
# Of the program, not of the configuration.
_OTHERS: Final = frozenset({"TECTRA_PROFILE"})
_SECRETS: Final = re.compile(r"_(FILE|TOKEN|KEY|SECRET|PASSWORD)$")


def leaf_keys(section: type[msgspec.Struct] = Config, at: Path = ()) -> Iterator[tuple[Path, Key]]:
    """Every key that takes a value, with its path; `*` stands for an index or a name."""
    for key in keys_of(section).values():
        path = (*at, key.name)
        if key.kind == "section":
            yield from leaf_keys(key.section, path)
        elif key.item is not None and key.item.kind == "section":
            yield from leaf_keys(key.item.section, (*path, "*"))
        else:
            yield path, key


def env_name(path: Path) -> str:
    """The variable that sets a key: `TECTRA_RISK__MAX_ACCOUNT_RISK`."""
    return PREFIX + "__".join(str(p).upper() for p in path)


class _Unknown(Exception):
    """No such key; `fix` names a close one."""

    def __init__(self, allowed: Iterable[str], fix: str) -> None:
        super().__init__(fix)
        self.allowed, self.fix = ", ".join(allowed), fix


def _named(part: str, names: Iterable[str], fold: bool) -> str | None:
    """One of `names`; `fold` takes capitals for what they stand for."""
    if not fold:
        return part if part in names else None
    return next((n for n in names if n.upper() == part.upper()), None)


def _resolve(parts: Sequence[str], tree: Tree, fold: bool) -> tuple[Path, Key]:
    """The path and key that names lead to, through sections, tables and lists."""
    section: type[msgspec.Struct] = Config
    path: Path = ()
    rest = list(parts)
    while True:
        keys = keys_of(section)
        name = _named(rest[0], keys, fold)
        if name is None:
            raise _Unknown(keys, close_name(rest[0], keys))
        key, path, rest = keys[name], (*path, name), rest[1:]
        if key.kind in ("table", "free") and rest:
            path, key, rest = _entry(key, path, rest, tree, fold)
        elif key.kind == "list" and key.item is not None and key.item.kind == "section" and rest:
            rows = tree.at(path)
            count = len(rows) if isinstance(rows, list) else 0
            if not rest[0].isdigit() or int(rest[0]) >= count:
                raise _Unknown((f"an index below {count}",), "add the entry in a file first")
            path, key, rest = (*path, int(rest[0])), key.item, rest[1:]
        if not rest:
            return path, key
        if key.kind != "section":
            raise _Unknown(("nothing below it",), "")
        section = key.section


def _entry(
    key: Key, path: Path, rest: list[str], tree: Tree, fold: bool
) -> tuple[Path, Key, list[str]]:
    there = tree.at(path)
    names = {**(key.default or {}), **(there if isinstance(there, dict) else {})}
    known = [*names, *key.choices]
    name = _named(rest[0], known, fold)
    if name is None and not key.choices:
        # Capitals of a variable do not say how a new name is written; parameters are lower case.
        name = rest[0].lower() if fold and key.kind == "free" else None if fold else rest[0]
    if name is None:
        raise _Unknown(known or ("no entries",), close_name(rest[0], known))
    free = Key(name=name, kind="free") if key.item is None else key.item
    return (*path, name), free, rest[1:]


def _set(
    tree: Tree, parts: Sequence[str], written: str, origin: Origin, fold: bool
) -> Fault | None:
    """Put one value; the fault, if there is no such key."""
    shown: Path = tuple(p.lower() if fold else p for p in parts)
    if is_secret_name(str(shown[-1])):
        return Fault(
            path=shown,
            found="a value that is not shown",
            allowed="no secrets",
            fix="secrets have variables of their own, named by the *_env keys",
            source=origin.source,
            kind="credential",
        )
    try:
        path, key = _resolve(parts, tree, fold)
    except _Unknown as error:
        return Fault(
            path=shown,
            found="an unknown key",
            allowed=error.allowed,
            fix=error.fix,
            source=origin.source,
        )
    if key.kind in ("section", "table") or (
        key.kind == "free" and path[-1] == key.name == "parameters"
    ):
        return Fault(
            path=path, found="a text", allowed="a table, in a file", fix="set its keys",
            source=origin.source,
        )  # fmt: skip
    if key.kind == "list" and key.item is not None and key.item.kind == "section":
        return Fault(
            path=path, found="a text", allowed="a list of tables, in a file", source=origin.source
        )
    tree.put(path, parse_text(key, written), origin)
    return None


def _meant(name: str) -> str:
    """The variable that one without `__` was probably meant to be, or ''."""
    known = {env_name(p).replace("__", "_"): env_name(p) for p, _ in leaf_keys() if "*" not in p}
    close = get_close_matches(name, known, n=1, cutoff=0.9)
    return known[close[0]] if close else ""


def config_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that can set a key; those that hold secrets are not among them."""
    return {
        name: value
        for name, value in environ.items()
        if name.startswith(PREFIX) and ("__" in name or not _SECRETS.search(name))
    }


def lay_environment(tree: Tree, environ: Mapping[str, str]) -> list[Fault]:
    """Lay TECTRA_SECTION__KEY variables over the tree; the faults of those that name no key."""
    faults: list[Fault] = []
    layer: Layer = "environment"
    for name in sorted(environ):
        rest = name.removeprefix(PREFIX)
        if rest == name or not rest or name in _OTHERS:
            continue
        parts = rest.split("__")
        if len(parts) == 1 and _named(rest, keys_of(Config), True) is None:
            if not _SECRETS.search(name) and (meant := _meant(name)):
                faults.append(_typo(name, meant))
            continue
        if not all(parts):
            faults.append(_typo(name, _meant(re.sub("_+", "_", name)) or "TECTRA_SECTION__KEY"))
            continue
        fault = _set(tree, parts, environ[name], Origin(layer, name), True)
        if fault is not None:
            faults.append(fault)
    return faults


def _typo(name: str, meant: str) -> Fault:
    return Fault(
        path=(), found="a variable that sets no key", allowed="TECTRA_SECTION__KEY",
        fix=f"did you mean {meant}?", source=name,
    )  # fmt: skip


def lay_settings(tree: Tree, settings: Sequence[str]) -> list[Fault]:
    """Lay `a.b=c` texts over the tree; the faults of those that name no key."""
    faults: list[Fault] = []
    for setting in settings:
        left, found, written = setting.partition("=")
        parts = re.sub(r"\[(\d+)\]", r".\1", left.strip()).split(".")
        if not found or not all(parts):
            faults.append(
                Fault(path=(), found=repr(left[:60]), allowed="SECTION.KEY=VALUE", source="--set")
            )
            continue
        fault = _set(tree, parts, written, Origin("command line", "--set"), False)
        if fault is not None:
            faults.append(fault)
    return faults
