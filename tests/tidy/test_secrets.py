"""No file of the project holds a key or a password."""

import re
from pathlib import Path

import pytest
import sources

# Put together, so that the patterns do not find themselves.
PATTERNS = {
    "private key": re.compile("-----BEGIN " + r"(?:[A-Z]+ )*PRIVATE KEY-----"),
    "AWS key": re.compile(r"\bAK" + r"IA[0-9A-Z]{16}\b"),
    "GitHub token": re.compile(r"\bgh" + r"[pousr]_[A-Za-z0-9]{36}\b"),
    "chat token": re.compile(r"\bxox" + r"[abprs]-[0-9A-Za-z-]{20,}"),
    "payment key": re.compile(r"\b[sr]k_" + r"live_[A-Za-z0-9]{16,}"),
    "address with password": re.compile(
        r"[a-z]+://[^/\s:@'\"{]+" + r":[^/\s:@'\"{}]{6,}@[a-z0-9.]+"
    ),
    "assigned secret": re.compile(
        r"(?i)\b(?:api_?key|secret_?key|password|token)\b['\"]?\s*[=:]\s*"
        r"['\"][A-Za-z0-9+/_-]{24,}['\"]"
    ),
}
# Tests of the very thing plant what looks like one.
PLANTED = {"tests/unit/core/config/test_credential.py", "tests/unit/core/config/test_watch.py"}
SUFFIXES = (".py", ".pyx", ".pyi", ".pxd", ".h", ".c", ".toml", ".yaml", ".yml", ".json", ".md",
            ".cfg", ".ini", ".sh", ".env", ".txt", ".xml")  # fmt: skip


def found(text: str) -> list[str]:
    return [name for name, pattern in PATTERNS.items() if pattern.search(text)]


def files() -> list[Path]:
    skipped = {"build", ".git", "__pycache__", ".hypothesis", "node_modules"}
    return sorted(
        p
        for p in sources.ROOT.rglob("*")
        if p.suffix in SUFFIXES
        and not skipped & set(p.relative_to(sources.ROOT).parts)
        and p.is_file()
    )


def test_no_secret_in_any_file() -> None:
    wrong = {
        sources.rel(p): names
        for p in files()
        if sources.rel(p) not in PLANTED and (names := found(p.read_text(errors="replace")))
    }
    assert not wrong


@pytest.mark.parametrize("name", sorted(PLANTED))
def test_the_exceptions_are_needed(name: str) -> None:
    assert (sources.ROOT / name).exists()


def test_the_patterns_themselves() -> None:
    planted = (
        "-----BEGIN EC " + "PRIVATE KEY-----", "AK" + "IA" + "A" * 16, "gh" + "p_" + "a1" * 18,
        "xox" + "b-" + "1" * 20, "sk_" + "live_" + "x" * 20, "wss://me:" + "hunter22@host/x",
        "api_key = " + "'" + "q8" * 20 + "'",
    )  # fmt: skip
    for text in planted:
        assert found(text), text
    for text in ("api_key_env = 'BINANCE_API_KEY'", "wss://host:9443/ws", "token = 'x'"):
        assert not found(text), text
