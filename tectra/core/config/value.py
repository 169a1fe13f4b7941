"""One value against its key: taken, or refused with what was found, what is allowed, what to do."""

import datetime as dt
import re
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Any, Final

from tectra.core.config.key import DATE, ENV_NAME, Key
from tectra.core.config.unit import unit_hint

__all__ = [
    "Refused",
    "accept",
    "accept_free",
    "could_be_secret",
    "found_text",
    "is_secret_name",
    "parse_text",
    "shows_secret",
]

_SHOWN = 60
_DIGITS_MAX = 34
_INT_MAX = 1 << 63

_SECRET_NAME: Final = re.compile(
    r"(^|[_.-])(secrets?|passwords?|passwd|passphrase|pass|pwd|tokens?|bearer|mnemonic|"
    r"credentials?|(api|private|access|secret|signing)[_.-]?(keys?|secrets?|tokens?)|key)$",
    re.IGNORECASE,
)
# Texts that are keys by their very form, wherever they stand.
_SECRET_TEXT: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{30,}"
    r"|\b[sr]k_(live|test)_[A-Za-z0-9]{16,}|\bxox[abprs]-[A-Za-z0-9-]{10,}"
    r"|://[^/\s@]+:[^/\s@]+@|\b[A-Za-z0-9]{64}\b|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\."
)
_ENV_ONLY = (
    "secrets do not stand in configuration: put the value in the environment (or a file named by "
    "NAME_FILE) and name the variable in the *_env key"
)


class Refused(Exception):
    """Why a value is not taken; the reader adds where it stands."""

    def __init__(self, found: str, allowed: str, fix: str = "", *, kind: str = "") -> None:
        super().__init__(found)
        self.found, self.allowed, self.fix, self.kind = found, allowed, fix, kind


def is_secret_name(name: str) -> bool:
    """Whether a key's name says that its value is a secret; `api_key_env` does not."""
    return bool(_SECRET_NAME.search(name))


def shows_secret(value: str) -> bool:
    """Whether a text has the form of a key, a token, or an address with a password."""
    return bool(_SECRET_TEXT.search(value))


def could_be_secret(value: str) -> bool:
    """Whether a text where none is expected had better not be repeated: one long word with digits
    and letters in it.
    """
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    return shows_secret(value) or (len(value) >= 16 and mixed and not re.search(r"\s|[/.]", value))


def found_text(value: Any) -> str:
    """A value in words, short, and never a secret."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        if shows_secret(value):
            return f"a text of {len(value)} characters that looks like a secret"
        shown = value if len(value) <= _SHOWN else value[:_SHOWN] + "..."
        return f"{shown!r}" if value else "an empty text"
    if isinstance(value, int | float | Decimal):
        exact = Decimal(value)
        small = not exact.is_finite() or abs(exact) < _INT_MAX
        shown = str(value).lower() if small else f"{value:.6g}"
        return shown.replace("infinity", "inf")
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}" if value else "an empty list"
    if isinstance(value, dict):
        return "a table" if value else "an empty table"
    return f"{value} ({type(value).__name__})"


def _refuse(key: Key, value: Any, fix: str = "") -> Refused:
    return Refused(found_text(value), key.allowed(), fix)


def _number(key: Key, value: Any) -> Any:
    if isinstance(value, str) and value in key.choices:
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        if isinstance(value, str):
            raise _refuse(key, value, unit_hint(key, value) or "write a number, without quotes")
        raise _refuse(key, value)
    finite = isinstance(value, int) or Decimal(value).is_finite()
    if not finite:
        raise _refuse(key, value, "give a finite number")
    if key.kind == "int" and not isinstance(value, int):
        raise _refuse(key, value, "write it without a decimal point")
    if isinstance(value, Decimal) and len(value.as_tuple().digits) > _DIGITS_MAX:
        raise _refuse(key, value, f"give at most {_DIGITS_MAX} digits")
    exact: Any = value
    below = exact < key.low if key.above is None else exact <= key.above
    if below or exact > key.high:
        raise _refuse(key, value)
    if key.kind == "float":
        return float(value)
    return Decimal(str(value)) if key.kind == "decimal" else value


def _text(key: Key, value: Any) -> str:
    if key.pattern == DATE and type(value) is dt.date:
        value = value.isoformat()
    if not isinstance(value, str):
        fix = "" if value is None else "put the text in quotes"
        raise _refuse(key, value, fix)
    if shows_secret(value):
        raise Refused(found_text(value), key.allowed(), _ENV_ONLY, kind="credential")
    if key.pattern == ENV_NAME and not _is_env_name(value):
        hidden = f"a text of {len(value)} characters that names no variable"
        raise Refused(hidden, key.allowed(), _ENV_ONLY, kind="credential")
    wrong = not value.strip() or len(value) > key.longest or not value.isprintable()
    if wrong or (key.pattern is not None and not re.search(key.pattern, value)):
        raise _refuse(key, value)
    if key.pattern == DATE:
        try:
            dt.date.fromisoformat(value)
        except ValueError:
            raise _refuse(key, value, "there is no such day") from None
    return value


def _is_env_name(value: str) -> bool:
    """A name as people give them. A long word of capitals and digits in one piece is a key id."""
    return bool(re.search(ENV_NAME, value)) and not (len(value) >= 16 and "_" not in value)


def accept(key: Key, value: Any) -> Any:
    """A scalar as its key wants it, or Refused. Sections, lists and tables are the reader's."""
    if key.kind in ("int", "float", "decimal"):
        return _number(key, value)
    if key.kind == "text":
        return _text(key, value)
    if key.kind == "flag":
        if not isinstance(value, bool):
            raise _refuse(key, value, "write it without quotes" if isinstance(value, str) else "")
        return value
    if not isinstance(value, str) or value not in key.choices:
        close = get_close_matches(str(value).lower(), key.choices, n=1)
        raise _refuse(key, value, f"did you mean {close[0]}?" if close else "")
    return value


def accept_free(name: str, value: Any) -> Any:
    """One entry of a table whose names the configuration does not know: strategy parameters."""
    allowed = "a finite number within 64 bits, a text, true or false"
    if is_secret_name(name):
        raise Refused("a value that is not shown", "no secrets", _ENV_ONLY, kind="credential")
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        if shows_secret(value):
            raise Refused(found_text(value), allowed, _ENV_ONLY, kind="credential")
        if len(value) <= 4096:
            return value
    if isinstance(value, int) and -_INT_MAX <= value < _INT_MAX:
        return value
    if isinstance(value, float | Decimal):
        exact = Decimal(value)
        if exact.is_finite() and abs(exact) < Decimal("1e300"):
            return float(value)
    raise Refused(found_text(value), allowed)


def parse_text(key: Key, written: str) -> Any:
    """A value from a variable or the command line, as a file would have it.

    What does not read as the key's type stays text, and is refused like one.
    """
    written = written.strip()
    if key.kind == "flag" and written in ("true", "false"):
        return written == "true"
    if key.kind == "int" and re.fullmatch(r"[+-]?\d{1,30}", written):
        return int(written)
    if key.kind in ("int", "float", "decimal") and written not in key.choices:
        whole_in_powers = key.kind == "int" and "e" in written.lower()
        return written if whole_in_powers else _decimal(written)
    if key.kind == "list" and key.item is not None:
        parts = [p.strip() for p in written.split(",")] if written else []
        return [parse_text(key.item, p) for p in parts]
    if key.kind == "free":
        number = _decimal(written)
        if isinstance(number, Decimal) and re.fullmatch(r"[+-]?\d{1,19}", written):
            return int(written)
        return {"true": True, "false": False}.get(written, number)
    return written


def _decimal(written: str) -> Any:
    try:
        return Decimal(written) if len(written) <= 64 else written
    except InvalidOperation:
        return written
