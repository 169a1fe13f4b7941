/* Explorer of interleavings: runs a small concurrent program through every execution that the
 * memory model below allows, over the real headers, whose atomics atomic_model.h replaces.
 *
 * A thread of the program is a coroutine. Before each atomic operation it hands over to the search,
 * which chooses who goes on and, for a load, which store it reads. The state of the whole program
 * is saved at each choice and put back for the next one.
 *
 * Memory model: C11 by views. Each store of a location keeps its place in the modification order
 * and what its thread knew (release) or nothing (relaxed). A load may read any store that is not
 * older than what its thread knows of the location; an acquire takes over what the store carries.
 * Fences: release marks what later relaxed stores carry, acquire takes over what earlier relaxed
 * loads read, full joins one view that all full fences share. Read-modify-writes read the newest
 * store and prolong its release sequence; a failed compare-and-swap is an acquire load that may be
 * stale. Plain accesses (seen by the compiler's thread instrumentation, memcpy and tt_copy_*) must
 * be ordered by happens-before with every conflicting access, or the execution is a failure.
 *
 * Not in the model: a load that reads a store which comes later in the same cycle of program order
 * and reads-from (load buffering; RC11 excludes it too), and a store that enters the modification
 * order before one that was executed earlier (2+2W of relaxed stores). Both need relaxed accesses
 * of two locations by two writers each.
 *
 * Reduction. A load that reads a given store commutes with every later store of another thread, as
 * the old store stays readable. So (1) an operation on a location that no other running thread
 * writes goes first and alone (all its choices, no other thread's), and so does a store on a
 * location whose writes all know the newest store before them; (2) sleep sets: what was
 * explored at a state is not explored again behind an operation it commutes with: of a load, the
 * stores up to the newest one tried sleep for good; a write sleeps until another thread writes the
 * location. Who writes what is learned; a surprise starts the search again. (3) With `merge`, a
 * state that was met with the same sleep set is not entered again (64-bit fingerprints); the
 * number of its executions is remembered, so the total stays exact. A thread's part of the state
 * is its stack, registers and local bytes.
 *
 * `most` cuts a search, and the result says so. Retries are bounded by the programs, not by the
 * explorer: "explored" means every execution of the program as it is written.
 */
#ifndef TECTRA_MODEL_EXPLORE_H
#define TECTRA_MODEL_EXPLORE_H

#include <stddef.h>
#include <stdint.h>

#define TM_THREADS 5
#define TM_LOCAL 2048  /* private bytes of a thread: handle, script, results */
#define TM_ARENA 32768 /* shared bytes */

typedef struct {
    const char *name;
    uint32_t threads;
    size_t local_bytes; /* of TM_LOCAL */
    uint32_t may_stop;  /* bit per thread: may be stopped for ever before any operation */
    int stop_is_death;  /* a stopped thread's process is gone: kill() says so */
    /* Fill the arena and the locals; runs once, alone. */
    void (*init)(void);
    /* One operation of a thread: everything that it remembers is in `local`. 0: it has finished. */
    int (*step)(uint32_t thread, void *local);
    /* At the end of each execution, alone: may use the shared memory freely. */
    void (*check)(void);
    /* Optional: name the shared byte at `offset`. */
    void (*name_of)(size_t offset, char *text, size_t room);
} tm_program;

typedef struct {
    int reduce;    /* 0: every interleaving, for comparison */
    int merge;     /* 1: do not enter a known state again */
    int graphs;    /* 1: count different executions (who read which store), for comparison */
    int fresh_cas; /* 1: a compare-and-swap that fails reads the newest store only */
    uint64_t most; /* operations before the search is cut; 0: no bound */
} tm_options;

typedef struct {
    double executions; /* different ones; with `merge` including those behind a known state */
    uint64_t ends;     /* executions run to their end */
    uint64_t states, merged, blocked, left_out, operations, restarts, graphs;
    uint32_t depth;
    int cut;
    int fresh_cas;
    double seconds;
} tm_result;

tm_result tm_explore(const tm_program *program, const tm_options *options);
void tm_print(const tm_program *program, const tm_result *result);

void *tm_arena(void);
void *tm_local(uint32_t thread);
/* Was the thread stopped in this execution? For check. */
int tm_stopped(uint32_t thread);
/* The process id of a thread, as getpid() tells it; of the code that runs alone: 999. */
uint32_t tm_pid(uint32_t thread);
/* For init: be the process of a thread; TM_THREADS: nobody's again. */
void tm_act_as(uint32_t thread);

/* From a thread: the rest of this execution is the mirror image of one that is explored. */
void tm_leave_out(void);

/* What went wrong, the schedule that led there; exit 1. */
void tm_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
#define TM_CHECK(cond)                                                                             \
    do {                                                                                           \
        if (!(cond))                                                                               \
            tm_fail("%s:%d: does not hold: %s", __FILE__, __LINE__, #cond);                        \
    } while (0)

/* Outcomes of litmus programs: a set of numbers, emptied by tm_explore. */
void tm_outcome(uint64_t value);
size_t tm_outcomes(const uint64_t **values); /* sorted */

#endif
