"""Memory that grows by moving its page table, in plain C, and faults planted in it."""

import pytest

pytestmark = [pytest.mark.native, pytest.mark.timeout(60)]


def test_growth(sanitized):
    done = sanitized("region_grow.c", "address,undefined")
    assert done.returncode == 0 and done.stdout == "ok\n", done.stdout + done.stderr


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("memcpy(p, r->base, r->bytes);", ""),
        ("if (large && r->bytes >= TT_HUGE_BYTES) {", "if (0) {"),
        (
            "tt_mem_up((uintptr_t)p, TT_HUGE_BYTES);\n    if",
            "((uintptr_t)p + TT_PAGE_BYTES);\n    if",
        ),
    ],
    ids=["copy", "move", "boundary"],
)
def test_a_planted_fault_is_seen(sanitized, old, new):
    done = sanitized("region_grow.c", "", header="memory.h", edit={old: new})
    assert done.returncode != 0
