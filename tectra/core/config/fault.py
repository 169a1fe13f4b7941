"""What is wrong with a configuration: one fault, and all of them as one error."""

from collections.abc import Iterable

import msgspec

from tectra.core.errors import ConfigError, CredentialError, ModeConflict

__all__ = ["Fault", "Path", "error_of", "path_text"]

Path = tuple[str | int, ...]

_KINDS: dict[str, type[ConfigError]] = {
    "": ConfigError,
    "mode": ModeConflict,
    "credential": CredentialError,
}


def path_text(path: Path) -> str:
    """A path as people write it: `runners[0].data_source.type`."""
    out = ""
    for part in path:
        if isinstance(part, int):
            out += f"[{part}]"
        else:
            out += f".{part}" if out else part
    return out


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong: where, what was found, what is allowed, what to do.

    `source` is a file name, the name of a variable or `--set`; `line` counts from 1, 0 where there
    are no lines. `kind` is "mode" or "credential" where the error has a class of its own.
    """

    path: Path
    found: str
    allowed: str
    fix: str = ""
    source: str = ""
    line: int = 0
    kind: str = ""

    def __str__(self) -> str:
        where = f"{self.source}:{self.line}" if self.source and self.line else self.source
        parts = [p for p in (where, path_text(self.path)) if p]
        text = f"found {self.found}; allowed: {self.allowed}"
        if self.fix:
            text += f"; {self.fix}"
        return ": ".join([*parts, text])


def error_of(faults: Iterable[Fault]) -> ConfigError:
    """All faults as one error, one line each; of the faults' own class if they share one."""
    every = tuple(faults)
    kinds = {f.kind for f in every}
    made = _KINDS[kinds.pop()] if len(kinds) == 1 else ConfigError
    head = "" if len(every) == 1 else f"{len(every)} faults in the configuration\n"
    return made(head + "\n".join(map(str, every)), faults=every)
