"""What changed between two configurations, and the records that say so in a journal."""

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final

import msgspec

from tectra.core.config.fault import Path, path_text
from tectra.core.config.key import Key, keys_of
from tectra.core.config.load import flatten
from tectra.core.config.section import Config
from tectra.core.config.value import shows_secret
from tectra.core.errors import TruncatedInputError
from tectra.core.msg import Template
from tectra.core.record import Record, encode
from tectra.core.secret import HIDDEN

__all__ = ["Change", "changes_between", "key_at", "read_changes", "to_records"]

_PART_BYTES: Final = 64


class Change(msgspec.Struct, frozen=True):
    """One value that changed; None where it was not there before, or is not any more."""

    path: Path
    old: Any
    new: Any

    def text(self, operator: str) -> str:
        """As JSON: path, old, new, operator. Exact decimals are texts."""
        document = {
            "path": path_text(self.path),
            "old": _plain(self.old),
            "new": _plain(self.new),
            "operator": operator,
        }
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, str) and shows_secret(value):
        return HIDDEN
    return list(value) if isinstance(value, tuple) else value


def changes_between(old: Config, new: Config) -> list[Change]:
    """Every value that differs, in the order of the sections; values that are new come last."""
    before, after = flatten(old), flatten(new)
    paths = [*before, *(p for p in after if p not in before)]
    return [Change(p, before.get(p), after.get(p)) for p in paths if before.get(p) != after.get(p)]


def key_at(path: Path) -> Key | None:
    """The key that a path of a value belongs to; None where there is none."""
    section: type[msgspec.Struct] | None = Config
    key: Key | None = None
    entry: Key | None = None
    for part in path:
        if entry is not None:
            key, section, entry = entry, entry.section, None
            continue
        if section is None:
            return key  # below a key that takes any names
        key = keys_of(section).get(str(part))
        if key is None:
            return None
        section, entry = key.section, key.item
    return key


def to_records(
    changes: Iterable[Change], *, revision: int, ts_ns: int, operator: str, operator_id: int = 0
) -> list[bytes]:
    """The config_change records of one revision; each change is cut into parts of 64 bytes.

    `part` counts from 0 to `parts` - 1. The ring or pipeline that takes them
    numbers them.
    """
    out = []
    for change in changes:
        text = change.text(operator).encode()
        parts = range(0, len(text), _PART_BYTES)
        for number, start in enumerate(parts):
            piece = text[start : start + _PART_BYTES]
            out.append(
                encode(
                    Template.CONFIG_CHANGE,
                    ts_event_ns=ts_ns,
                    ts_recv_ns=ts_ns,
                    part=number,
                    parts=len(parts),
                    revision=revision,
                    operator_id=operator_id,
                    length=len(piece),
                    text=piece,
                )
            )
    return out


def read_changes(records: Iterable[Record]) -> Iterator[dict[str, Any]]:
    """The changes that config_change records tell, with `revision` and `operator_id`.

    Records of other kinds are passed over. TruncatedInputError where parts are missing.
    """
    pieces: list[bytes] = []
    parts = 0
    for record in records:
        if record.template != Template.CONFIG_CHANGE:
            continue
        part = record.get_int("part")
        if part != len(pieces) or (pieces and record.get_int("parts") != parts):
            raise TruncatedInputError(
                f"config_change: found part {part}; expected {len(pieces)}: the text is not whole"
            )
        parts = record.get_int("parts")
        text = record["text"]
        assert isinstance(text, bytes)
        pieces.append(text.ljust(_PART_BYTES, b"\0")[: record.get_int("length")])
        if len(pieces) == parts:
            document: dict[str, Any] = json.loads(b"".join(pieces))
            document["revision"] = record.get_int("revision")
            document["operator_id"] = record.get_int("operator_id")
            yield document
            pieces = []
    if pieces:
        raise TruncatedInputError(
            f"config_change: found {len(pieces)} of {parts} parts; the text is not whole"
        )
