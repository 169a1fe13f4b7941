/* The one place that touches C11 atomics. A field that two threads or processes share is a
 * tt_atomic_*, so that a plain access does not compile. Each call site says in a comment which
 * access it pairs with. No operation here blocks. */
#ifndef TECTRA_ATOMIC_H
#define TECTRA_ATOMIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* An explorer of interleavings puts its own definitions of everything below in the place of these.
 */
#ifdef TECTRA_ATOMIC_MODEL
#include TECTRA_ATOMIC_MODEL
#else

typedef struct {
    _Atomic uint32_t v;
} tt_atomic_u32;

typedef struct {
    _Atomic uint64_t v;
} tt_atomic_u64;

/* Shared memory and signal handlers both need atomics without a hidden lock. */
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "32-bit atomics must be lock free");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "64-bit atomics must be lock free");
_Static_assert(sizeof(tt_atomic_u32) == 4, "as wide as its value");
_Static_assert(sizeof(tt_atomic_u64) == 8, "as wide as its value");

static inline uint32_t tt_load_relaxed32(const tt_atomic_u32 *a)
{
    return atomic_load_explicit(&a->v, memory_order_relaxed);
}

static inline uint32_t tt_load_acquire32(const tt_atomic_u32 *a)
{
    return atomic_load_explicit(&a->v, memory_order_acquire);
}

static inline void tt_store_relaxed32(tt_atomic_u32 *a, uint32_t v)
{
    atomic_store_explicit(&a->v, v, memory_order_relaxed);
}

static inline void tt_store_release32(tt_atomic_u32 *a, uint32_t v)
{
    atomic_store_explicit(&a->v, v, memory_order_release);
}

/* Add and return the value before. */
static inline uint32_t tt_fetch_add32(tt_atomic_u32 *a, uint32_t v)
{
    return atomic_fetch_add_explicit(&a->v, v, memory_order_acq_rel);
}

static inline uint32_t tt_exchange32(tt_atomic_u32 *a, uint32_t v)
{
    return atomic_exchange_explicit(&a->v, v, memory_order_acq_rel);
}

/* Compare and swap; on failure *expected takes the value found. */
static inline bool tt_cas32(tt_atomic_u32 *a, uint32_t *expected, uint32_t v)
{
    return atomic_compare_exchange_strong_explicit(&a->v, expected, v, memory_order_acq_rel,
                                                   memory_order_acquire);
}

static inline uint64_t tt_load_relaxed64(const tt_atomic_u64 *a)
{
    return atomic_load_explicit(&a->v, memory_order_relaxed);
}

static inline uint64_t tt_load_acquire64(const tt_atomic_u64 *a)
{
    return atomic_load_explicit(&a->v, memory_order_acquire);
}

static inline void tt_store_relaxed64(tt_atomic_u64 *a, uint64_t v)
{
    atomic_store_explicit(&a->v, v, memory_order_relaxed);
}

static inline void tt_store_release64(tt_atomic_u64 *a, uint64_t v)
{
    atomic_store_explicit(&a->v, v, memory_order_release);
}

/* Add and return the value before. */
static inline uint64_t tt_fetch_add64(tt_atomic_u64 *a, uint64_t v)
{
    return atomic_fetch_add_explicit(&a->v, v, memory_order_acq_rel);
}

/* Counter with one writer: a plain add that readers may see late but never torn. No locked
 * instruction. */
static inline void tt_bump64(tt_atomic_u64 *a, uint64_t v)
{
    tt_store_relaxed64(a, tt_load_relaxed64(a) + v);
}

static inline uint64_t tt_exchange64(tt_atomic_u64 *a, uint64_t v)
{
    return atomic_exchange_explicit(&a->v, v, memory_order_acq_rel);
}

/* Compare and swap; on failure *expected takes the value found. */
static inline bool tt_cas64(tt_atomic_u64 *a, uint64_t *expected, uint64_t v)
{
    return atomic_compare_exchange_strong_explicit(&a->v, expected, v, memory_order_acq_rel,
                                                   memory_order_acquire);
}

/* Fences, for sequence locks: a reader copies between two loads of the version. */
static inline void tt_fence_acquire(void)
{
    atomic_thread_fence(memory_order_acquire);
}

static inline void tt_fence_release(void)
{
    atomic_thread_fence(memory_order_release);
}

static inline void tt_fence_full(void)
{
    atomic_thread_fence(memory_order_seq_cst);
}

/* Plain copies into and out of memory that one thread hands to another: an explorer of
 * interleavings looks for races between them. */
static inline void tt_copy_in(void *shared, const void *from, size_t bytes)
{
    memcpy(shared, from, bytes);
}

static inline void tt_copy_out(void *to, const void *shared, size_t bytes)
{
    memcpy(to, shared, bytes);
}

#endif

#endif
