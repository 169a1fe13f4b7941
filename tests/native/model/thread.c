/* Coroutines of the explorer, and the entry points that the program under test calls. */
#include "state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

tm_private tm_own[TM_THREADS];
int tm_current = -1;

static jmp_buf scheduler;
static ucontext_t started[TM_THREADS], starter;

uint64_t tm_hash_bytes(uint64_t hash, const void *bytes, size_t n)
{
    const uint8_t *at = bytes;
    uint64_t word;
    for (; n >= 8; n -= 8, at += 8) {
        memcpy(&word, at, 8);
        hash = tm_mix(hash, word);
    }
    word = 0;
    memcpy(&word, at, n);
    return tm_mix(hash, word);
}

/* Clears what earlier steps left on the stack below: equal threads then have equal stacks. */
__attribute__((noinline)) static void clear_below(void)
{
    volatile char below[TM_STACK_CLEAR];
    for (size_t i = 0; i < sizeof below; i += 8)
        *(volatile uint64_t *)(volatile void *)(below + i) = 0;
}

static void body(void)
{
    const uint32_t t = (uint32_t)tm_current;
    do {
        clear_below();
    } while (tm_the->step(t, tm_own[t].local));
    tm_now.thread[t].chain = tm_hash_bytes(t, tm_own[t].local, tm_the->local_bytes);
    tm_now.thread[t].state = TM_FINISHED;
    tm_now.thread[t].low = tm_own[t].stack + TM_STACK;
    _longjmp(scheduler, 1);
}

/* A suspended thread is its stack, its saved registers and its local bytes. */
void tm_switch_out(void)
{
    tm_thread *me = &tm_now.thread[tm_current];
    tm_private *own = &tm_own[tm_current];
    char *here = __builtin_frame_address(0);
    me->low = here - 512;
    if (me->low < own->stack)
        tm_fail("stack of thread %d", tm_current);
    if (_setjmp(me->resume) == 0) {
        uint64_t hash = tm_hash_bytes(1, own->local, tm_the->local_bytes);
        hash = tm_hash_bytes(hash, here, (size_t)(own->stack + TM_STACK - here));
        me->chain = tm_hash_bytes(hash, me->resume->__jmpbuf, sizeof me->resume->__jmpbuf);
        _longjmp(scheduler, 1);
    }
}

void tm_leave_out(void)
{
    tm_now.thread[tm_current].state = TM_LEFT_OUT;
    tm_switch_out();
}

/* Run a thread up to its next operation, or to its end. */
void tm_resume(uint32_t thread)
{
    tm_current = (int)thread;
    if (_setjmp(scheduler) == 0)
        _longjmp(tm_now.thread[tm_current].resume, 1);
    tm_current = -1;
}

void tm_threads_start(void)
{
    for (volatile uint32_t t = 0; t < tm_the->threads; t++) {
        getcontext(&started[t]);
        started[t].uc_stack.ss_sp = tm_own[t].stack;
        started[t].uc_stack.ss_size = TM_STACK;
        started[t].uc_link = NULL;
        makecontext(&started[t], body, 0);
        tm_now.thread[t].now.epoch[t] = tm_now.thread[t].pending.epoch[t] = 1;
        tm_current = (int)t;
        if (_setjmp(scheduler) == 0)
            swapcontext(&starter, &started[t]);
        tm_current = -1;
        if (tm_now.thread[t].state == TM_RUNNING)
            tm_announce(t);
    }
}

static void put(void *at, uint32_t bytes, uint64_t value)
{
    if (bytes == 4)
        *(uint32_t *)at = (uint32_t)value;
    else
        *(uint64_t *)at = value;
}

/* In the memory of one thread, or while nobody else runs. */
static bool is_alone(const void *at, uint32_t bytes)
{
    const size_t offset = (size_t)((const uint8_t *)at - tm_shared);
    return tm_current < 0 || (bytes != 0 && offset >= TM_ARENA);
}

static uint64_t alone(int kind, void *at, uint32_t bytes, uint64_t value)
{
    const uint64_t old = bytes == 0 ? 0 : tm_value_at(at, bytes);
    if (kind != TM_LOAD)
        tm_touch(at, bytes);
    if (kind == TM_STORE || kind == TM_SWAP)
        put(at, bytes, value);
    else if (kind == TM_ADD)
        put(at, bytes, old + value);
    return old;
}

uint64_t tm_operate(int kind, const void *at, uint32_t bytes, int ordered, uint64_t value,
                    tm_site site)
{
    if (is_alone(at, bytes))
        return alone(kind, (void *)(uintptr_t)at, bytes, value);
    tm_thread *me = &tm_now.thread[tm_current];
    me->next = (tm_next){.kind = kind,
                         .location = bytes != 0 ? tm_location(at, bytes) : -1,
                         .bytes = bytes,
                         .ordered = ordered,
                         .value = value,
                         .site = site};
    tm_switch_out();
    return me->result;
}

bool tm_cas(void *at, uint32_t bytes, void *expected, uint64_t value, tm_site site)
{
    const uint64_t want = tm_value_at(expected, bytes);
    if (is_alone(at, bytes)) {
        const uint64_t found = tm_value_at(at, bytes);
        tm_touch(at, bytes);
        put(found == want ? at : expected, bytes, found == want ? value : found);
        return found == want;
    }
    tm_thread *me = &tm_now.thread[tm_current];
    me->next = (tm_next){.kind = TM_CAS,
                         .location = tm_location(at, bytes),
                         .bytes = bytes,
                         .ordered = 1,
                         .value = value,
                         .expected = want,
                         .site = site};
    tm_switch_out();
    if (me->result == 0)
        put(expected, bytes, me->seen);
    return me->result != 0;
}

/* The model's process table: the code that runs alone is process 999, and lives. */
uint32_t tm_pid(uint32_t thread)
{
    return 1000 + thread;
}

static int alone_as = 999;

void tm_act_as(uint32_t thread)
{
    alone_as = thread < TM_THREADS ? (int)tm_pid(thread) : 999;
}

int tm_getpid(void)
{
    return tm_current < 0 ? alone_as : (int)tm_pid((uint32_t)tm_current);
}

int tm_kill(int pid, int signal, tm_site site)
{
    (void)signal;
    const uint32_t thread = (uint32_t)(pid - 1000);
    if (pid == 999)
        return 0;
    if (thread < tm_the->threads &&
        tm_operate(TM_LOAD, tm_shared + tm_alive_offset(thread), 8, 1, 0, site) == 0)
        return 0;
    errno = ESRCH;
    return -1;
}

void *tm_arena(void)
{
    return tm_shared;
}

void *tm_local(uint32_t thread)
{
    return tm_own[thread].local;
}

int tm_stopped(uint32_t thread)
{
    return tm_now.thread[thread].state == TM_STOPPED;
}
