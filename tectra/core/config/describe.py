"""The configuration in words: a commented file to start from, and the tables of the manual."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import msgspec

from tectra.core.config.key import Key, keys_of
from tectra.core.config.section import Config

__all__ = ["commented_file", "key_tables", "toml_value"]

_HEAD: Final = """\
# Configuration of tectra. Every key that there is stands here as a comment, with its default; take
# the # away to set it. `tectra config check tectra.toml` says what is wrong, with the line;
# `tectra config show tectra.toml` says where each value came from.
#
# Layers: defaults < --profile < this file < TECTRA_SECTION__KEY variables < --set section.key=x.
# Keys and secrets never stand in a file: *_env keys name the variables that hold them.
"""


def toml_value(value: Any) -> str:
    """A value as TOML has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    if isinstance(value, dict):
        inner = ", ".join(f"{json.dumps(k)} = {toml_value(v)}" for k, v in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    return str(value)


class _Block(msgspec.Struct, frozen=True):
    """A section in a document: its name, whether it is an entry of a list, or a sample of one that
    somebody may add.
    """

    name: str
    section: type[msgspec.Struct]
    base: Any
    rows: bool = False
    sample: bool = False

    @property
    def head(self) -> str:
        """The header of the section, '' at the top."""
        if not self.name:
            return ""
        return f"[[{self.name}]]" if self.rows else f"[{self.name}]"

    @property
    def sentence(self) -> str:
        """The first sentence of the section."""
        return " ".join((self.section.__doc__ or "").split("\n\n")[0].split())


def _blocks(block: _Block) -> Iterator[_Block]:
    """A section and all below it that have keys of their own."""
    if any(_keys_here(block.section)):
        yield block
    for key in keys_of(block.section).values():
        name = f"{block.name}.{key.name}".lstrip(".")
        if key.kind == "section":
            yield from _blocks(_Block(name, key.section, key.default, False, block.sample))
        elif key.item is not None and key.item.kind == "section":
            rows = key.kind == "list"
            inner = name if rows else f"{name}.NAME"
            yield from _blocks(_Block(inner, key.item.section, None, rows, True))


def _note(key: Key) -> str:
    live = " Can change at run time." if key.live else ""
    need = " Required." if key.required else ""
    allowed = key.allowed()
    return f"{key.sentence} {allowed[:1].upper()}{allowed[1:]}.{need}{live}"


def _keys_here(section: type[msgspec.Struct]) -> Iterator[Key]:
    """Keys of a section that take a value in it."""
    for key in keys_of(section).values():
        inner = key.item if key.item is not None else key
        if inner.section is None:
            yield key


def _default_of(key: Key, base: Any) -> Any:
    return key.default if base is None else getattr(base, key.name)


def commented_file() -> str:
    """A configuration file in which every key is a comment with its default, range and sentence."""
    out = [_HEAD]
    for block in _blocks(_Block("", Config, Config())):
        if block.name:
            out += ["", *_wrapped(block.sentence), f"{'# ' if block.sample else ''}{block.head}"]
        for key in _keys_here(block.section):
            default = _default_of(key, block.base)
            shown = "..." if default is None else toml_value(default)
            out += [*_wrapped(_note(key)), f"# {key.name} = {shown}"]
    return "\n".join(out) + "\n"


def _wrapped(text: str) -> list[str]:
    lines, line = [], "#"
    for word in text.split():
        if len(line) + len(word) > 98:
            lines.append(line)
            line = "#"
        line += f" {word}"
    return [*lines, line]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def key_tables() -> str:
    """Every key with unit, default, range and sentence, as Markdown tables by section."""
    out: list[str] = []
    for block in _blocks(_Block("", Config, Config())):
        title = f"`{block.head}`" if block.name else "At the top"
        out += [f"### {title}", "", block.sentence, ""]
        out += ["| key | unit | default | allowed | meaning |", "|---|---|---|---|---|"]
        for key in _keys_here(block.section):
            default = _default_of(key, block.base)
            shown = "required" if key.required else "none"
            if default is not None:
                shown = f"`{toml_value(default)}`"
            live = " Live." if key.live else ""
            row = (f"`{key.name}`", key.unit or "-", shown, key.allowed(), key.sentence + live)
            out.append("| " + " | ".join(map(_cell, row)) + " |")
        out.append("")
    return "\n".join(out)
