"""Only the chain makes a pass, only the gate takes one, only the gate reaches the out ring."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SOURCES = sorted(
    p
    for top in ("ext", "tectra")
    for p in (ROOT / top).rglob("*")
    if p.suffix in (".h", ".pyx", ".pxd", ".c")
)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*|#[^\n]*(?=\n)|\"\"\".*?\"\"\"", re.DOTALL)

# What would make a pass, or change what the gate compares it with, and who may write it.
MAKERS = {
    r"\btt_pass_make_\s*\(": {"limits.h"},
    r"\btt_pass_seal_\s*\(": {"limits.h"},
    r"(?:\.|->)\s*seal\b": {"limits.h", "writer.pyx"},  # the journal seals segments
    r"\(\s*(?:const\s+)?tt_pass\s*\)\s*\{": set(),
    r"\btt_pass\s+\w+\s*=": set(),
    r"<\s*tt_pass\s*\*?\s*>": set(),
    r"\(\s*tt_pass\s*\*\s*\)": set(),
    r"mem(?:set|cpy|move)\s*\(\s*&?pass\b": set(),
    # An image of the engine keeps the count of passes and lets none live.
    r"\bpass_live\b": {"limits.h", "limit_table.h", "risk_image.h"},
    r"\bpass_last\b": {"limits.h", "limit_table.h", "risk_image.h"},
    r"(?:\.|->)\s*secret\b": {"limits.h", "limit_table.h"},
    r"\btt_pass_spend\s*\(": {"limits.h", "gate.h"},
    r"\btt_pass_holds\s*\(": {"limits.h", "gate.h"},
}


def code(path: Path) -> str:
    text = path.read_text()
    return COMMENT.sub("", text) if path.suffix == ".h" else text


def users(pattern: str) -> set[str]:
    return {p.name for p in SOURCES if re.search(pattern, code(p))}


@pytest.mark.parametrize(("pattern", "allowed"), MAKERS.items())
def test_only_the_chain_makes_a_pass(pattern: str, allowed: set[str]) -> None:
    found = users(pattern)
    assert found <= allowed, f"{sorted(found - allowed)}: {pattern} belongs to {sorted(allowed)}"


@pytest.mark.parametrize("pattern", [p for p, allowed in MAKERS.items() if allowed])
def test_the_patterns_still_find_something(pattern: str) -> None:
    assert users(pattern)


def test_only_the_gate_pushes_orders() -> None:
    """The engine's C side has no other way to the out ring than tt_gate_send."""
    engine = ("flow.h", "pipeline.h", "strategy.h", "limits.h", "limit_table.h", "orders.h")
    pushing = users(r"\btt_spsc_try_push(?:_n)?\s*\(")
    assert "gate.h" in pushing
    assert not pushing & set(engine)
    in_engine = {
        p.name
        for p in SOURCES
        if p.parent.name in ("engine", "strategy", "oms", "risk", "portfolio")
        and "try_push" in code(p)
    }
    assert not in_engine, f"{sorted(in_engine)} push to a ring: orders leave through the gate only"
