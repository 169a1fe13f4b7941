/* Which edges and comparisons a run went through: what code compiled with
 * -fsanitize-coverage=trace-pc,trace-cmp calls, and what is new in it. */
#ifndef GUIDED_MAP_H
#define GUIDED_MAP_H

#include <tectra/base.h>

#if !defined(__has_attribute) || !__has_attribute(no_sanitize_coverage)
#error "unsupported: no attribute that keeps a function out of the coverage"
#endif
/* What measures must not be measured, nor be slowed down by checks. */
#define GUIDED_OWN                                                                        \
    __attribute__((no_sanitize_coverage, no_sanitize_address, no_sanitize_undefined, \
                   noinline, unused))

enum { GUIDED_MAP = 1 << 16, GUIDED_WORDS = 256 };

/* An operand of a comparison, to be tried as a value. */
typedef struct {
    uint64_t value;
    uint32_t bytes, pad_;
} guided_word;

/* One half of the map is for edges, one for comparisons. */
static uint8_t guided_hits[GUIDED_MAP], guided_seen[GUIDED_MAP];
static uint32_t guided_touched[GUIDED_MAP], guided_n_touched, guided_edges;
static guided_word guided_words[GUIDED_WORDS];
static uint32_t guided_n_words;
static uintptr_t guided_before;
static volatile int guided_is_on;

GUIDED_OWN static void guided_hit(uint32_t at)
{
    if (guided_hits[at] == 0)
        guided_touched[guided_n_touched++] = at;
    guided_hits[at] += guided_hits[at] < 255;
}

/* Addresses count from one of the program's own, so that where it was loaded changes nothing. */
GUIDED_OWN static uintptr_t guided_place(void *pc)
{
    return ((uintptr_t)pc - (uintptr_t)&guided_hit) * 0x9e3779b97f4a7c15u >> 20;
}

GUIDED_OWN void __sanitizer_cov_trace_pc(void);
GUIDED_OWN void __sanitizer_cov_trace_pc(void)
{
    if (!guided_is_on)
        return;
    const uintptr_t place = guided_place(__builtin_return_address(0));
    guided_hit((uint32_t)(place ^ guided_before) % (GUIDED_MAP / 2));
    guided_before = place >> 1;
}

/* A comparison with one more equal byte than ever before is progress. */
GUIDED_OWN static void guided_compare(void *pc, uint64_t a, uint64_t b, uint32_t bytes)
{
    uint32_t same = 0;
    if (!guided_is_on || a == b)
        return;
    for (uint32_t i = 0; i < bytes; i++)
        same += (uint8_t)(a >> 8 * i) == (uint8_t)(b >> 8 * i);
    if (bytes > 1)
        guided_hit(GUIDED_MAP / 2 + (uint32_t)(guided_place(pc) * 9 + same) % (GUIDED_MAP / 2));
    guided_words[guided_n_words++ % GUIDED_WORDS] = (guided_word){a, bytes, 0};
    guided_words[guided_n_words++ % GUIDED_WORDS] = (guided_word){b, bytes, 0};
}

#define GUIDED_TRACE(NAME, TYPE)                                                          \
    GUIDED_OWN void __sanitizer_cov_trace_##NAME(TYPE a, TYPE b);                         \
    GUIDED_OWN void __sanitizer_cov_trace_##NAME(TYPE a, TYPE b)                          \
    {                                                                                     \
        guided_compare(__builtin_return_address(0), (uint64_t)a, (uint64_t)b, sizeof(a)); \
    }
GUIDED_TRACE(cmp1, uint8_t)
GUIDED_TRACE(cmp2, uint16_t)
GUIDED_TRACE(cmp4, uint32_t)
GUIDED_TRACE(cmp8, uint64_t)
GUIDED_TRACE(const_cmp1, uint8_t)
GUIDED_TRACE(const_cmp2, uint16_t)
GUIDED_TRACE(const_cmp4, uint32_t)
GUIDED_TRACE(const_cmp8, uint64_t)

/* cases[0]: how many, cases[1]: bits of the value, then the cases. */
GUIDED_OWN void __sanitizer_cov_trace_switch(unsigned long value, void *said);
GUIDED_OWN void __sanitizer_cov_trace_switch(unsigned long value, void *said)
{
    const uint64_t *cases = (const uint64_t *)said;
    for (uint64_t i = 0; i < cases[0] && i < 64; i++)
        guided_compare(__builtin_return_address(0), value, cases[2 + i],
                       (uint32_t)(cases[1] + 7) / 8);
}

GUIDED_OWN void __sanitizer_cov_trace_cmpf(float a, float b);
GUIDED_OWN void __sanitizer_cov_trace_cmpf(float a, float b)
{
    (void)a, (void)b;
}

GUIDED_OWN void __sanitizer_cov_trace_cmpd(double a, double b);
GUIDED_OWN void __sanitizer_cov_trace_cmpd(double a, double b)
{
    (void)a, (void)b;
}

/* Whether the run did what none had done: reached an edge, or an edge more often by a class. */
GUIDED_OWN static int guided_is_new(void)
{
    int is_new = 0;
    for (uint32_t i = 0; i < guided_n_touched; i++) {
        const uint32_t at = guided_touched[i];
        const uint32_t often = at >= GUIDED_MAP / 2 ? 1 : guided_hits[at];
        const uint8_t class_ = (uint8_t)(often < 4 ? 1u << (often - 1)
                                                   : 8u << (often >= 8) << (often >= 16)
                                                         << (often >= 32) << (often >= 128));
        is_new |= (class_ & ~guided_seen[at]) != 0;
        guided_edges += at < GUIDED_MAP / 2 && guided_seen[at] == 0;
        guided_seen[at] |= class_;
        guided_hits[at] = 0;
    }
    return is_new;
}

#endif
