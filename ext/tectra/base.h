/* Return codes, assertions and small macros that every other header builds on. */
#ifndef TECTRA_BASE_H
#define TECTRA_BASE_H

/* Clocks, pinning and shared memory need it under -std=c11, ahead of the first system header. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Return codes: 0 or a count on success, negative on trouble. core/rc.pyx raises them. */
enum {
    TT_OK = 0,
    TT_E_FULL = -1,       /* no room: ring, pool, table, segment */
    TT_E_EMPTY = -2,      /* nothing to read */
    TT_E_OVERFLOW = -3,   /* a result does not fit int64 */
    TT_E_RANGE = -4,      /* a value lies outside what is allowed */
    TT_E_UNKNOWN_ORDER = -5,
    TT_E_DUPLICATE = -6,  /* the key exists already */
    TT_E_UNKNOWN_INSTRUMENT = -7,
    TT_E_TYPE = -8,       /* unknown message or template type */
    TT_E_LENGTH = -9,     /* a length contradicts the type */
    TT_E_TRUNCATED = -10, /* input ends inside a message */
    TT_E_CORRUPT = -11,   /* checksum, magic or layout is wrong */
    TT_E_GAP = -12,       /* records were lost */
    TT_E_KILLED = -13,    /* the kill word is set */
    TT_E_NO_PASS = -14,   /* an order without the risk chain's pass */
    TT_E_STATE = -15,     /* not allowed in this state */
    TT_E_CLOSED = -16,
    TT_E_IO = -17,
    TT_E_UNDERFLOW = -18, /* more would be removed than there is */
    TT_E_DIVISION = -19,  /* division by zero */
    TT_E_MEMORY = -20,
    TT_E_CALLBACK = -21,  /* user code raised */
    TT_E_STOPPED = -22,   /* the stop flag is set */
};

/* "No price": an empty side of a book, a market order. Never a valid mantissa. */
#define TT_NO_PX INT64_MIN

/* 1 where instructions of x86-64 may be used; -DTT_NO_X86 takes the way of every other machine,
 * with the same results. */
#if defined(__x86_64__) && !defined(TT_NO_X86)
#define TT_X86 1
#else
#define TT_X86 0
#endif

#define TT_LIKELY(x) __builtin_expect(!!(x), 1)
#define TT_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define TT_CACHE_LINE 64
/* Two lines: the adjacent-line prefetcher pairs them, so writers that must not disturb each other
 * stay this far apart. */
#define TT_FALSE_SHARING 128
#define TT_PREFETCH(p) __builtin_prefetch((p), 0, 3)
#define TT_PREFETCH_W(p) __builtin_prefetch((p), 1, 3)

#ifdef TECTRA_DEBUG
#define TT_ASSERT(cond)                                                                            \
    do {                                                                                           \
        if (TT_UNLIKELY(!(cond))) {                                                                \
            fprintf(stderr, "%s:%d: assertion failed: %s\n", __FILE__, __LINE__, #cond);           \
            abort();                                                                               \
        }                                                                                          \
    } while (0)
#else
#define TT_ASSERT(cond) ((void)sizeof((cond) ? 1 : 0))
#endif

#endif
