/* The crc32 instruction in three lanes, in one lane and over slots, beside the table: all lengths
 * up to a bound, then random ones. Buffers end where the allocation ends. */
#include "tectra/crc32c.h"

static uint64_t state = 88172645463325252ull;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static int differs(size_t bytes, uint32_t seed)
{
    uint8_t *p = malloc(bytes ? bytes : 1);
    uint32_t out[64];
    for (size_t i = 0; i < bytes; i++)
        p[i] = (uint8_t)next();
    int bad = tt_crc32c(seed, p, bytes) != tt_crc32c_table(seed, p, bytes);
    const size_t slots = bytes / 64 < 64 ? bytes / 64 : 64;
    tt_crc32c_slots(seed, p, slots, out);
    for (size_t i = 0; i < slots; i++) {
        const uint32_t want = tt_crc32c_table(seed + (uint32_t)i, p + 64 * i, 64);
        bad |= out[i] != want || tt_crc32c_64(seed + (uint32_t)i, p + 64 * i) != want;
    }
    free(p);
    return bad;
}

int main(void)
{
    if (tt_crc32c(0, "123456789", 9) != 0xe3069283u)
        return fprintf(stderr, "crc32c_check: wrong check value\n"), 1;
    for (size_t bytes = 0; bytes < 700; bytes++)
        if (differs(bytes, (uint32_t)next()))
            return fprintf(stderr, "crc32c_check: %zu bytes differ\n", bytes), 1;
    for (int i = 0; i < 300; i++) {
        const size_t bytes = (size_t)(next() % 20000);
        if (differs(bytes, (uint32_t)next()))
            return fprintf(stderr, "crc32c_check: %zu bytes differ\n", bytes), 1;
    }
    return 0;
}
