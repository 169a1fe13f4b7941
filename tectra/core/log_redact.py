"""Keeps secrets out of log lines: by value, by the name they stand under, by type.

A registered value is searched in each form in which text carries it: plain, escaped as JSON or by
Python, percent-encoded, in hexadecimal, and inside base64 at each of the three alignments.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from urllib.parse import quote, quote_plus

from tectra.core.errors import InputError
from tectra.core.secret import HIDDEN, Secret

__all__ = ["Redactor", "is_sensitive"]

CHARS_MIN = 4
_LINE_CHARS_MIN = 16  # of a value with several lines, such as a PEM key, each longer one counts
_WORDS = {"secret", "token", "password", "passwd", "passphrase", "authorization", "apikey"}
_WORDS |= {"apisecret", "privatekey", "signature", "credential", "credentials", "cookie"}
_PAIRS = {("api", "key"), ("private", "key"), ("access", "key"), ("secret", "key")}
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# Linear in the text: what stands before and behind a quantifier never matches the same character.
_NAME = re.compile(r"""(?<![\w.-])([\w.-]++)\\*+["']?\s*+(?:=>|[:=])\s*+""")
_VALUE = re.compile(
    r"""(?:Bearer|Basic|Digest|Token)\s++[^\s"',;]++"""
    r"""|b?"(?:[^"\\]|\\.)*+"|b?'(?:[^'\\]|\\.)*+'|[^\s,;&)\]}]++""",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"\b(Bearer|Basic)(\s++)[A-Za-z0-9+/=._~-]{8,}", re.IGNORECASE)
_USERINFO = re.compile(r"(://[^\s/:@]*+:)[^\s/@]++@")


def is_sensitive(name: str) -> bool:
    """Whether a value under this name is masked: api_key, secretToken, X-Authorization, ..."""
    parts = [part.lower() for part in _PARTS.findall(name)]
    return not _WORDS.isdisjoint(parts) or any(pair in _PAIRS for pair in pairwise(parts))


def _base64_cores(raw: bytes) -> Iterator[str]:
    """What base64 of any text around `raw` has in common, for each alignment of its first byte."""
    for before in range(3):
        padded = b"\0" * before + raw
        text = base64.b64encode(padded).decode().rstrip("=")
        # Digits that also hold bits of a neighbor differ with it.
        first = (before * 8 + 5) // 6
        last = len(padded) * 8 // 6
        yield text[first:last]


def _forms(value: str) -> Iterator[tuple[str, bool]]:
    """(text, whether letter case matters) of a value."""
    raw = value.encode("utf-8", "surrogatepass")
    plain = [value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]]
    plain += [repr(value)[1:-1], repr(raw)[2:-1], value.replace("/", r"\/")]
    plain.append(json.dumps(plain[1])[1:-1])
    for text in plain:
        yield text, True
    for text in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield text, False
        yield quote(text, safe=""), False
    yield "".join(f"%{byte:02x}" for byte in raw), False
    yield "".join(f"\\x{byte:02x}" for byte in raw), False
    yield raw.hex(), False
    yield raw.hex(":"), False
    yield raw.hex(" "), False
    for core in _base64_cores(raw):
        if len(core) >= CHARS_MIN:
            for text in (core, core.translate(str.maketrans("+/", "-_"))):
                yield text, True
                yield quote(text, safe=""), True
                yield text.replace("/", r"\/"), True


class Redactor:
    """Masks registered values and whatever stands under a telling name.

    Any thread: the pattern is replaced whole when a value is added. A value shows in no repr.
    """

    def __init__(self, secrets: Iterable[Secret | str] = ()) -> None:
        self._values: frozenset[str] = frozenset()
        self._exact: tuple[str, ...] = ()
        self._folded: tuple[str, ...] = ()
        self._pattern = re.compile("(?!)")
        self.add(*secrets)

    def add(self, *secrets: Secret | str) -> None:
        """Register values. InputError for one of fewer than 4 characters, which would mask
        ordinary words and does not protect anything.
        """
        values = set(self._values)
        for secret in secrets:
            value = secret.reveal() if isinstance(secret, Secret) else secret
            if len(value) < CHARS_MIN:
                raise InputError(
                    f"secret to keep out of the log: found {len(value)} characters; allowed: "
                    f"{CHARS_MIN} or more; use a longer one"
                )
            values.add(value)
            values |= {line for line in value.splitlines() if len(line) >= _LINE_CHARS_MIN}
        forms = {form for value in values for form in _forms(value)}
        exact = {text for text, cased in forms if cased}
        folded = {text.lower() for text, cased in forms if not cased}
        # The longest first: one value may begin another.
        parts = [re.escape(text) for text in sorted(exact, key=lambda t: (-len(t), t))]
        parts += [f"(?i:{re.escape(t)})" for t in sorted(folded, key=lambda t: (-len(t), t))]
        self._values = frozenset(values)
        self._pattern = re.compile("|".join(parts) or "(?!)")
        self._exact, self._folded = tuple(exact), tuple(folded)

    def __reduce__(self) -> tuple[type["Redactor"], tuple[()]]:
        return Redactor, ()  # values do not travel

    def __repr__(self) -> str:
        return f"Redactor({len(self._values)} values)"

    def has_secret(self, text: str) -> bool:
        """Whether a registered value stands in a text, in any form."""
        # Plain searches cost a tenth of the pattern, and nearly every text has none.
        if any(form in text for form in self._exact):
            return True
        folded = text.lower()
        return any(form in folded for form in self._folded)

    def text(self, text: str) -> str:
        """The text with registered values, and what follows a telling name, masked."""
        if self._exact and self.has_secret(text):
            text = self._pattern.sub(HIDDEN, text)
        if ":" in text or "=" in text:
            text = _assignments(text)
            text = _USERINFO.sub(rf"\1{HIDDEN}@", text)
        return _SCHEME.sub(rf"\1\2{HIDDEN}", text) if _has_scheme(text) else text


def _has_scheme(text: str) -> bool:
    folded = text.lower()
    return "bearer" in folded or "basic" in folded


def _assignments(text: str) -> str:
    out = []
    done = 0
    for name in _NAME.finditer(text):
        if name.start() < done or not is_sensitive(name[1]):
            continue
        value = _VALUE.match(text, name.end())
        if value is None:
            continue
        quote_mark = value[0].removeprefix("b")[:1]
        quote_mark = quote_mark if quote_mark in ("'", '"') else ""
        out.append(f"{text[done : name.end()]}{quote_mark}{HIDDEN}{quote_mark}")
        done = value.end()
    return "".join([*out, text[done:]])
