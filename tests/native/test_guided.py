"""Coverage-guided fuzzers of the C decoders and books, under the address and undefined-behavior
sanitizers, with proof that guidance finds what chance does not, and that faults are seen.
"""

import re
from pathlib import Path

import pytest

SANITIZERS = "address,undefined"
# Executions of a run of seconds, and edges that it must reach: most of what a long run does.
TARGETS = {
    "arbiter": (1_500, 250),
    "bars": (1_000, 250),
    "column": (5_000, 100),
    "itch": (10_000, 190),
    "journal": (20_000, 130),
    "l3": (1_000, 500),
    "mold": (50_000, 70),
    "udp": (50_000, 50),
}
CANARY_EXECUTIONS = "400000"
SAID = re.compile(r"guided (\w+): (\d+) executions, (\d+) edges, corpus (\d+), (\d+) MB")

pytestmark = pytest.mark.native


def campaign(sanitized, target: str, executions: int, *, seed: int = 1, timeout_s: float = 120):
    """Edges reached by a run that finds nothing."""
    done = sanitized(
        f"guided_{target}.c", SANITIZERS, args=(str(seed), str(executions)), timeout_s=timeout_s
    )
    assert done.returncode == 0, done.stderr
    said = SAID.search(done.stdout)
    assert said is not None, done.stdout
    assert (said[1], int(said[2])) == (target, executions)
    print(said[0], "seed", seed)
    return int(said[3])


@pytest.mark.timeout(180)
@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_found(sanitized, target: str) -> None:
    executions, edges = TARGETS[target]
    assert campaign(sanitized, target, executions) >= edges, "the seeds lead nowhere"


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("target", TARGETS)
def test_a_million_inputs(sanitized, target: str) -> None:
    edges = campaign(sanitized, target, 1_000_000, seed=2, timeout_s=3500)
    assert edges >= TARGETS[target][1]


@pytest.mark.soak
@pytest.mark.timeout(40_000)
@pytest.mark.parametrize("target", TARGETS)
def test_ten_million_inputs(sanitized, target: str) -> None:
    campaign(sanitized, target, 10_000_000, seed=3, timeout_s=39_000)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", range(1, 6))
def test_guidance_finds_the_canary(sanitized, seed: int) -> None:
    done = sanitized("guided_canary.c", SANITIZERS, args=(str(seed), CANARY_EXECUTIONS))
    assert done.returncode != 0, "the planted fault went unseen"
    assert "the canary is found" in done.stderr
    again = re.search(r"hex ([0-9a-f]+)", done.stderr)
    assert again is not None, done.stderr
    repeated = sanitized("guided_canary.c", SANITIZERS, args=("hex", again[1]))
    assert repeated.returncode != 0
    assert "the canary is found" in repeated.stderr


@pytest.mark.timeout(120)
def test_chance_does_not_find_it(sanitized) -> None:
    done = sanitized("guided_canary.c", SANITIZERS, args=("1", CANARY_EXECUTIONS, "blind"))
    assert done.returncode == 0, done.stderr


@pytest.mark.timeout(120)
def test_a_seed_repeats_itself(sanitized) -> None:
    runs = [sanitized("guided_udp.c", SANITIZERS, args=("9", "5000")).stdout for _ in range(2)]
    first, second = (SAID.search(out) for out in runs)
    assert first is not None
    assert second is not None
    assert first.groups()[:4] == second.groups()[:4]


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("target", "header", "old", "new"),
    [
        ("mold", "mold.h", "n - at - 2 < tt_be16(data + at)", "n < tt_be16(data + at)"),
        ("udp", "udp.h", "if (step > n - at)", "if (step > n + 64)"),
        ("itch", "itch_wire.h", "return room - 2 < len ?", "return room < len ?"),
        ("itch", "itch.h", "cx->counts->filtered++;", "at += 1, cx->counts->filtered++;"),
        ("journal", "journal.h", "take > n - i", "take > n - i + 1"),
        ("journal", "journal.h", "i = 72; i < 128", "i = 72; i < 127"),
        ("arbiter", "arbiter.h", "slot->seq = 0;\n            a->held--;", "a->held--;"),
        ("arbiter", "arbiter.h", "|| bytes > a->set.slot_bytes", ""),
        ("column", "column.h", "v = word[-1] + tt_column_unzig(v)", "v = tt_column_unzig(v)"),
        ("column", "batch.h", "|| width > n - i)", ")"),
        ("l3", "l3_apply.h", "    if (r->qty > order->qty) {\n", "    if (0) {\n"),
        ("bars", "bar_run.h", "b->used + tt_bars_room(b) > b->cap;", "0;"),
    ],
)
def test_planted_faults_are_found(sanitized, target: str, header: str, old: str, new: str) -> None:
    source, executions = f"guided_{target}.c", str(TARGETS[target][0] * 3)
    done = sanitized(
        source, SANITIZERS, args=("1", executions), header=header, edit={old: new}, timeout_s=120
    )
    assert done.returncode != 0, "the fault went unseen"
    assert "input: " in done.stderr, done.stderr


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("letter", "told"),
    [
        ("h", "one input took more than a second"),
        ("a", "input: "),
        ("o", "heap-buffer-overflow"),
        ("u", "signed integer overflow"),
        ("m", "memory grew beyond 512 MB"),
        ("l", "detected memory leaks"),
    ],
)
def test_every_end_is_told(sanitized, tmp_path: Path, letter: str, told: str) -> None:
    (tmp_path / "input").write_text(letter)
    args = ("1", "3", str(tmp_path / "input"))
    done = sanitized("guided_ends.c", SANITIZERS, args=args)
    assert done.returncode == 1
    assert told in done.stderr, done.stderr
    assert letter in "lm" or f"hex {ord(letter):02x}" in done.stderr, done.stderr
