"""The one loader: default < profile < file < environment < command line."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any, Final

import msgspec

from tectra.core.config.document import Document, read_document
from tectra.core.config.fault import Fault, Path, error_of
from tectra.core.config.override import lay_environment, lay_settings
from tectra.core.config.reader import close_name, read_tree
from tectra.core.config.section import Config
from tectra.core.config.tree import DEFAULT, Layer, Origin, Tree
from tectra.core.errors import ConfigError

__all__ = ["PROFILES", "Loaded", "flatten", "load_config", "load_document", "profile_path"]

PROFILES: Final = ("demo", "dev", "perf", "paper", "live", "backtest", "production")
_HERE: Final = FilePath(__file__).resolve().parent / "profiles"
# Live trading starts with limits that somebody chose.
_CHOSEN_LIVE: Final = ("max_position_qty", "max_order_qty", "max_loss_window", "max_loss_day")


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration, where each of its values came from, and the file it was read from."""

    config: Config
    origins: dict[Path, Origin]
    file: str | None = None
    profile: str | None = None

    def origin_of(self, path: Path) -> Origin:
        """Where the value at a path came from; the default where no layer says it."""
        return self.origins.get(path, DEFAULT)

    def rows(self) -> Iterator[tuple[Path, Any, Origin]]:
        """Every value with its path and origin, in the order of the sections."""
        for path, value in flatten(self.config).items():
            yield path, value, self.origin_of(path)


def flatten(value: Any, at: Path = ()) -> dict[Path, Any]:
    """Every value of a configuration by its path; a list of scalars is one value."""
    out: dict[Path, Any] = {}
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            out.update(flatten(getattr(value, name), (*at, name)))
    elif isinstance(value, dict):
        for name, inner in value.items():
            out.update(flatten(inner, (*at, name)))
    elif isinstance(value, tuple) and value and isinstance(value[0], msgspec.Struct):
        for i, inner in enumerate(value):
            out.update(flatten(inner, (*at, i)))
    else:
        out[at] = value
    return out


def profile_path(name: str) -> FilePath:
    """File of a shipped profile; ConfigError with the names for another."""
    if name not in PROFILES:
        fix = close_name(name, PROFILES)
        fault = Fault(path=(), found=repr(name), allowed=", ".join(PROFILES), fix=fix,
                      source="profile")  # fmt: skip
        raise error_of([fault])
    return _HERE / f"{name}.toml"


def _lay(tree: Tree, document: Document, layer: Layer) -> list[Fault]:
    """Put a file on the tree; its faults. One that could not be read at all raises."""
    if document.faults and not document.values:
        raise error_of(document.faults)
    tree.lay(document.values, lambda p: Origin(layer, document.name, document.line_of(p)))
    return list(document.faults)


def load_config(
    file: str | FilePath | None = None,
    *,
    profile: str | None = None,
    environ: Mapping[str, str] | None = None,
    settings: Sequence[str] = (),
) -> Loaded:
    """Read, lay over one another and check; nothing has started when this raises.

    `profile` is one of PROFILES (default: TECTRA_PROFILE), `environ` the variables (default: those
    of the process), `settings` are `a.b=c` texts. ConfigError has every fault; OSError where the
    file cannot be read.
    """
    document = None if file is None else _read(file)
    return load_document(document, profile=profile, environ=environ, settings=settings)


def load_document(
    document: Document | None,
    *,
    profile: str | None = None,
    environ: Mapping[str, str] | None = None,
    settings: Sequence[str] = (),
) -> Loaded:
    """The same of a file that is read already."""
    environ = os.environ if environ is None else environ
    chosen = profile or environ.get("TECTRA_PROFILE") or None
    tree = Tree()
    faults: list[Fault] = []
    if chosen is not None:
        shipped = read_document(profile_path(chosen))
        faults += _lay(tree, msgspec.structs.replace(shipped, name=f"profile {chosen}"), "profile")
    if document is not None:
        faults += _lay(tree, document, "file")
    faults += lay_environment(tree, environ)
    faults += lay_settings(tree, settings)
    loaded = Loaded(
        config=read_tree(tree, faults),
        origins=tree.origins,
        file=None if document is None else document.name,
        profile=chosen,
    )
    if missing := list(_not_chosen(loaded)):
        raise error_of(missing)
    return loaded


def _read(file: str | FilePath) -> Document:
    try:
        return read_document(file)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"{file}: {reason.lower()}; give a .toml, .yaml or .json file") from error


def _not_chosen(loaded: Loaded) -> Iterator[Fault]:
    if loaded.config.effective_mode() != "live":
        return
    for name in _CHOSEN_LIVE:
        if loaded.origin_of(("risk", name)) is DEFAULT:
            yield Fault(
                path=("risk", name),
                found="only the default",
                allowed="a limit that is chosen, where mode is live",
                fix="set it, or use --profile live or production",
                source=loaded.file or "",
            )
