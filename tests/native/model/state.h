/* Inside of the explorer: the state of the program under test, shared by the memory model
 * (memory.c), the coroutines (thread.c) and the search (explore.c). */
#ifndef TECTRA_MODEL_STATE_H
#define TECTRA_MODEL_STATE_H

#include "explore.h"

#define TM_EXPLORER
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "atomic_model.h"

#include <setjmp.h>

#define TM_LOCATIONS 120
#define TM_STORES 64   /* of one location in one execution */
#define TM_EPOCHS 250  /* releases of one thread in one execution */
#define TM_EVENTS 4096 /* operations of one execution */
#define TM_STACK 32768
#define TM_STACK_CLEAR 2048
#define TM_GRANULES (TM_ARENA / 8)
#define TM_LINE 64
#define TM_LINES (TM_ARENA / TM_LINE)

/* Choices of a thread: the index of the store that its load reads, or one of these. */
enum { TM_DO = 250, TM_STOP = 251 };
enum { TM_RUNNING, TM_FINISHED, TM_STOPPED, TM_LEFT_OUT };

/* What a thread knows: of each location the oldest store it may still read, of each thread the
 * epoch up to which its accesses came before. */
typedef struct {
    uint8_t at[TM_LOCATIONS];
    uint8_t epoch[8];
} __attribute__((aligned(32))) tm_view;

typedef struct {
    uint64_t value;
    tm_view carries;
} tm_store;

typedef struct {
    int kind, location;
    uint32_t bytes;
    int ordered;
    uint64_t value, expected;
    tm_site site;
} tm_next;

typedef struct {
    tm_view now;     /* what it knows */
    tm_view pending; /* what it would know after an acquire fence */
    tm_view fenced;  /* what its relaxed stores carry since the last release fence */
    tm_next next;
    uint64_t result, seen; /* of the last operation */
    uint64_t chain;        /* fingerprint of the thread itself */
    uint64_t graph;        /* everything it did */
    uint32_t state;
    char *low; /* lowest used byte of its stack */
    jmp_buf resume;
} tm_thread;

typedef struct {
    tm_thread thread[TM_THREADS];
    tm_view full; /* what the full fences know together */
    uint32_t fences;
    uint8_t stores[TM_LOCATIONS]; /* entries of tm_history in use */
} tm_world;

/* Epochs of the accesses to eight bytes, by thread. */
typedef struct {
    uint8_t write[TM_THREADS], atomic_write[TM_THREADS];
    uint8_t read[TM_THREADS], atomic_read[TM_THREADS];
} tm_shadow;

typedef struct {
    _Alignas(128) uint8_t local[TM_LOCAL];
    _Alignas(128) char stack[TM_STACK];
} tm_private;

typedef struct {
    uint32_t thread;
    int choice, stores;
    uint64_t read, wrote;
    tm_next what;
} tm_event;

extern const tm_program *tm_the;
extern tm_world tm_now;
extern tm_private tm_own[TM_THREADS];
extern uint8_t tm_shared[TM_ARENA];
extern uint8_t tm_first[TM_ARENA]; /* as init left it */
extern int tm_current;             /* the thread that runs, or -1: alone */

extern tm_store tm_history[TM_LOCATIONS][TM_STORES];
extern size_t tm_offset[TM_LOCATIONS]; /* in the arena */
extern uint32_t tm_locations;
extern uint16_t tm_line[TM_LINES]; /* written to since init, the first tm_lines of the list */
extern uint32_t tm_lines;
extern tm_event tm_trace[TM_EVENTS];
extern uint32_t tm_events;

/* Learned about the program: threads that write each location; that use fences. */
extern tm_view tm_unused[TM_THREADS]; /* 0xff where a thread does not use the location */
extern uint32_t tm_writers[TM_LOCATIONS], tm_fullers, tm_acquirers, tm_releasers;
extern uint32_t tm_contended[TM_LOCATIONS]; /* 1: some write did not know the newest store */
extern int tm_surprise;

/* memory.c */
void tm_memory_reset(void);
void tm_memory_forget(void);
void tm_touch(const void *at, size_t bytes); /* is about to be written */
int tm_location(const void *at, uint32_t bytes);
uint64_t tm_value_at(const void *at, uint32_t bytes);
void tm_perform(uint32_t thread, int choice);
void tm_announce(uint32_t thread);
uint32_t tm_shadow_mark(void);
void tm_shadow_undo(uint32_t mark);
uint64_t tm_state_hash(void);
size_t tm_alive_offset(uint32_t thread);

/* table.c: fingerprint -> executions behind it */
void tm_table_reset(void);
double *tm_table_find(uint64_t key);
void tm_table_put(uint64_t key, double executions);
int tm_set_add(uint64_t key); /* 1: new */

/* thread.c */
void tm_threads_start(void);
void tm_resume(uint32_t thread);
void tm_switch_out(void);

static inline uint64_t tm_mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
    return hash ^ (hash >> 29);
}

uint64_t tm_hash_bytes(uint64_t hash, const void *bytes, size_t n);

static inline int tm_is_write(int kind)
{
    return kind == TM_STORE || kind == TM_ADD || kind == TM_SWAP || kind == TM_CAS;
}

static inline int tm_is_load(int kind)
{
    return kind == TM_LOAD || kind == TM_CAS;
}

#endif
