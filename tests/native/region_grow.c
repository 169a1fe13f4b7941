/* A region grows from nothing to many large pages: what was there stays, what is new is zero, and
 * pages that were touched are not faulted in again. */
#include <tectra/memory.h>

#include <stdio.h>
#include <sys/resource.h>

static long faults(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_minflt;
}

static int failed(const char *what, uint64_t at)
{
    printf("FAIL %s at %llu\n", what, (unsigned long long)at);
    return 1;
}

int main(void)
{
    tt_region r = {NULL, 0};
    uint64_t filled = 0;
    long moving = 0;
    for (uint64_t want = 1000; want < (UINT64_C(96) << 20); want = want * 3 / 2) {
        const long before = faults();
        if (tt_region_grow(&r, want) != TT_OK) {
            return failed("grow", want);
        }
        moving += r.bytes > 4 * TT_HUGE_BYTES ? faults() - before : 0;
        if (r.bytes < want || (want >= TT_HUGE_BYTES && (uintptr_t)r.base % TT_HUGE_BYTES)) {
            return failed("size or boundary", want);
        }
        const uint64_t *words = r.base;
        for (uint64_t i = 0; i < filled; i += 512) {
            if (words[i] != i * 7) {
                return failed("kept", i);
            }
        }
        uint64_t *out = r.base;
        for (uint64_t i = filled; i < r.bytes / 8; i += 512) {
            if (out[i] != 0) {
                return failed("zero", i);
            }
            out[i] = i * 7;
        }
        filled = (r.bytes / 8 + 511) / 512 * 512;
    }
    if (moving > 100) {
        return failed("faults while moving", (uint64_t)moving);
    }
    const uint64_t bytes = r.bytes;
    if (tt_region_grow(&r, 10) != TT_OK || r.bytes != bytes) {
        return failed("shrinks", 0);
    }
    if (tt_region_grow(&r, UINT64_MAX / 2) != TT_E_MEMORY || r.bytes != bytes) {
        return failed("endless", 0);
    }
    tt_region_free(&r);
    tt_region_free(&r);
    if (r.base != NULL || r.bytes != 0) {
        return failed("freed", 0);
    }
    printf("ok\n");
    return 0;
}
