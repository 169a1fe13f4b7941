/* The anchors of the counter's clock, fed with made-up pairs: 2 ticks a nanosecond, then what
 * machines do to them. */
#include <tectra/tsc.h>

#include <stdio.h>

static int failures;

static void expect(int ok, const char *what)
{
    if (!ok) {
        printf("FAIL %s\n", what);
        failures++;
    }
}

static tt_tsc_clock fresh(void)
{
    tt_tsc_clock c = {.tsc_base = 1000, .mono_base_ns = 500};
    const tt_tsc_pair to = {1000 + 2 * TT_NS_PER_S, 500 + TT_NS_PER_S, 100};
    c.span_ns = 10 * TT_NS_PER_MS;
    c.span_ns_max = 100 * TT_NS_PER_MS;
    expect(tt_tsc_draw(&c, &to) == TT_OK, "draw");
    expect(c.ns_per_2_32 == UINT64_C(1) << 31, "two ticks a nanosecond");
    expect(c.span == 20 * TT_NS_PER_MS, "span in ticks");
    return c;
}

/* A pair `ns` after the anchor, the system's clock `off` nanoseconds ahead of the line. */
static tt_tsc_pair later(const tt_tsc_clock *c, int64_t ns, int64_t off, uint64_t width)
{
    return (tt_tsc_pair){c->tsc_base + 2 * (uint64_t)ns, c->mono_base_ns + ns + off, width};
}

int main(void)
{
    tt_tsc_clock c = fresh();
    tt_tsc_pair p = later(&c, TT_NS_PER_S, 40, 100);
    expect(tt_tsc_anchor(&c, &p) == TT_OK && c.anchors == 1, "an anchor");
    expect(c.error_ns >= 65 && c.error_ns <= 66, "error: distance and half width");
    expect(c.span_ns == 20 * TT_NS_PER_MS, "the next interval is twice as long");
    expect(tt_tsc_to_ns(&c, p.tsc) == p.mono_ns, "the line goes through the anchor");
    for (int i = 0; i < 9; i++) {
        p = later(&c, TT_NS_PER_S, 0, 100);
        expect(tt_tsc_anchor(&c, &p) == TT_OK, "more anchors");
    }
    expect(c.span_ns == 100 * TT_NS_PER_MS, "and stays at what was asked for");

    c = fresh();
    p = later(&c, TT_NS_PER_S, 500000, 100);
    expect(tt_tsc_anchor(&c, &p) == TT_OK, "500 ppm is a slew");
    c = fresh();
    p = later(&c, TT_NS_PER_S, -3000000, 100);
    const tt_tsc_clock before = c;
    expect(tt_tsc_anchor(&c, &p) == TT_E_RANGE, "3000 ppm is none");
    expect(c.tsc_base == before.tsc_base && c.anchors == 0, "nothing changed");
    p = later(&c, TT_NS_PER_S, 30 * TT_NS_PER_S, 100);
    expect(tt_tsc_anchor(&c, &p) == TT_E_RANGE, "a machine that was moved");

    c = fresh();
    p = later(&c, TT_NS_PER_S, 900, 10000);
    expect(tt_tsc_anchor(&c, &p) == TT_OK && c.skipped == 1 && c.anchors == 0, "interrupted");
    expect(c.error_ns == 0, "and no error");
    p = later(&c, 0, 0, 100);
    p.tsc -= 500;
    expect(tt_tsc_anchor(&c, &p) == TT_E_RANGE, "a counter that went back");

    /* The living clock: given up when its anchor lies in the counter's future. */
    expect(tt_tsc_calibrate(&c, TT_NS_PER_MS, TT_NS_PER_MS) == TT_OK, "calibrate");
    int64_t last = tt_tsc_now(&c) + TT_NS_PER_MS;
    c.last_ns = last; /* as if the line had run ahead before an anchor pulled it back */
    expect(tt_tsc_now(&c) == last, "it stands until time has come by");
    c.tsc_base += UINT64_C(1) << 62;
    for (int i = 0; i < 1000; i++) {
        const int64_t now = tt_tsc_now(&c);
        expect(now >= last, "never back");
        last = now;
    }
    expect(tt_tsc_given_up(&c), "given up");
    const int64_t system = tt_mono_ns();
    expect(tt_tsc_now(&c) >= system, "the system's clock from then on");
    expect(tt_tsc_calibrate(&c, 1, TT_NS_PER_S) == TT_E_RANGE, "too short a span");
    printf("%s\n", failures ? "FAILED" : "ok");
    return failures != 0;
}
