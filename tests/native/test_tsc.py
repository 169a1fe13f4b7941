"""The anchors of the counter's clock in plain C, and faults planted in them."""

import pytest

pytestmark = [pytest.mark.native, pytest.mark.timeout(60)]


def test_anchors(sanitized):
    done = sanitized("tsc_anchor.c", "address,undefined")
    assert done.returncode == 0 and done.stdout == "ok\n", done.stdout + done.stderr


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("if (error > TT_TSC_NOISE_NS", "if (0 && error > TT_TSC_NOISE_NS"),
        ("if (half > TT_TSC_WIDTH_NS / 2)", "if (0)"),
        ("if (now->tsc < c->tsc_base)", "if (0)"),
        ("c->span = 0;", "c->skipped++;"),
        ("c->last_ns = now > c->last_ns ? now : c->last_ns;", "c->last_ns = now;"),
        ("(c, now->width / 2)", "(c, 0 * now->width)"),
    ],
    ids=["fault", "interrupted", "backward", "given_up", "monotone", "width"],
)
def test_a_planted_fault_is_seen(sanitized, old, new):
    done = sanitized("tsc_anchor.c", "", header="tsc.h", edit={old: new})
    assert done.returncode != 0
