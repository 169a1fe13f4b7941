"""The ITCH decoder under AddressSanitizer and UBSan, and proof that this sees an overread."""

import pytest

SANITIZERS = "address,undefined"


@pytest.mark.native
@pytest.mark.timeout(60)
@pytest.mark.parametrize("seed", [1, 2])
def test_damaged_streams(sanitized, seed: int) -> None:
    done = sanitized("itch_fuzz.c", SANITIZERS, args=(str(seed), "4000"))
    assert done.returncode == 0, done.stderr


@pytest.mark.native
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("header", "old", "new"),
    [
        ("itch_wire.h", "return room - 2 < len ?", "return room < len ?"),
        ("itch_scan.h", "if (plan->size != len)", "if (plan->size == 0)"),
        ("itch.h", "if (TT_UNLIKELY(plan->size != len)) {", "if (plan->size == 0) {"),
        ("itch.h", "if (TT_UNLIKELY(out_last - out < 16)) {", "if (out_last - out < 8) {"),
    ],
)
def test_planted_faults_are_found(sanitized, header: str, old: str, new: str) -> None:
    done = sanitized("itch_fuzz.c", SANITIZERS, args=("1", "4000"), header=header, edit={old: new})
    assert done.returncode != 0, "the fault went unseen"
