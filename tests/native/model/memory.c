/* The memory model of the explorer: stores and views, races of plain accesses, and the fingerprint
 * of a state. */
#include "state.h"

#include <string.h>

tm_world tm_now;
_Alignas(128) uint8_t tm_shared[TM_ARENA];
uint8_t tm_first[TM_ARENA];
tm_store tm_history[TM_LOCATIONS][TM_STORES];
size_t tm_offset[TM_LOCATIONS];
uint32_t tm_locations;
tm_view tm_unused[TM_THREADS];
uint32_t tm_writers[TM_LOCATIONS], tm_fullers, tm_acquirers, tm_releasers;
uint32_t tm_contended[TM_LOCATIONS];
int tm_surprise;

uint16_t tm_line[TM_LINES];
uint32_t tm_lines;

static uint8_t line_known[TM_LINES];
static uint8_t location_at[TM_ARENA / 4], width_of[TM_LOCATIONS];
static tm_shadow shadow[TM_GRANULES];
static uint16_t touched[TM_GRANULES]; /* granules with plain accesses */
static uint32_t touches;
static uint8_t is_touched[TM_GRANULES];

typedef struct {
    uint32_t granule;
    tm_shadow before;
} shadow_undo;

#define UNDOS 200000
static shadow_undo undo[UNDOS];
static uint32_t undos;

size_t tm_alive_offset(uint32_t thread)
{
    return TM_ARENA - 8u * TM_THREADS + 8u * thread;
}

/* Another execution of the same program: what was learned stays. */
void tm_memory_reset(void)
{
    memset(&tm_now, 0, sizeof tm_now);
    memset(shadow, 0, sizeof shadow);
    undos = 0;
    tm_lines = 0;
    memset(line_known, 0, sizeof line_known);
    for (uint32_t i = 0; i < tm_locations; i++)
        tm_now.stores[i] = 1;
}

void tm_touch(const void *at, size_t bytes)
{
    const size_t offset = (size_t)((const uint8_t *)at - tm_shared);
    if (offset >= TM_ARENA || bytes == 0)
        return;
    for (size_t line = offset / TM_LINE; line <= (offset + bytes - 1) / TM_LINE; line++)
        if (line < TM_LINES && !line_known[line]) {
            line_known[line] = 1;
            tm_line[tm_lines++] = (uint16_t)line;
        }
}

uint64_t tm_value_at(const void *at, uint32_t bytes)
{
    return bytes == 4 ? *(const uint32_t *)at : *(const uint64_t *)at;
}

/* The location of an atomic; its first store is what init left there. */
int tm_location(const void *at, uint32_t bytes)
{
    const size_t offset = (size_t)((const uint8_t *)at - tm_shared);
    if (offset >= TM_ARENA || (offset & (bytes - 1)) != 0)
        tm_fail("an atomic outside the shared memory, or misaligned");
    const uint32_t known = location_at[offset / 4];
    if (known != 0) {
        if (width_of[known - 1] != bytes)
            tm_fail("an atomic at +%zu of two widths", offset);
        return (int)known - 1;
    }
    if (tm_locations == TM_LOCATIONS)
        tm_fail("more than %d locations", TM_LOCATIONS);
    const uint32_t id = tm_locations++;
    location_at[offset / 4] = (uint8_t)(id + 1);
    width_of[id] = (uint8_t)bytes;
    tm_offset[id] = offset;
    tm_now.stores[id] = 1;
    memset(&tm_history[id][0], 0, sizeof(tm_store));
    tm_history[id][0].value = tm_value_at(tm_first + offset, bytes);
    return (int)id;
}

/* Forget the locations: another program. */
void tm_memory_forget(void)
{
    tm_locations = 0;
    memset(location_at, 0, sizeof location_at);
    memset(tm_writers, 0, sizeof tm_writers);
    memset(tm_contended, 0, sizeof tm_contended);
    for (uint32_t t = 0; t < TM_THREADS; t++) {
        memset(tm_unused[t].at, 0xff, sizeof tm_unused[t].at);
        memset(tm_unused[t].epoch, 0, sizeof tm_unused[t].epoch);
    }
    memset(is_touched, 0, sizeof is_touched);
    touches = 0;
    tm_fullers = tm_acquirers = tm_releasers = 0;
}

static void join(tm_view *into, const tm_view *from)
{
    uint8_t *a = (uint8_t *)into;
    const uint8_t *b = (const uint8_t *)from;
    for (size_t i = 0; i < sizeof(tm_view); i++)
        a[i] = a[i] > b[i] ? a[i] : b[i];
}

static void learn(uint32_t *mask, uint32_t thread)
{
    if (!(*mask >> thread & 1u)) {
        *mask |= 1u << thread;
        tm_surprise = 1;
    }
}

/* The thread stands before its next operation. */
void tm_announce(uint32_t thread)
{
    const tm_next *next = &tm_now.thread[thread].next;
    if (next->location >= 0 && tm_unused[thread].at[next->location] != 0) {
        tm_unused[thread].at[next->location] = 0;
        tm_surprise = 1;
    }
    if (tm_is_write(next->kind))
        learn(&tm_writers[next->location], thread);
    if (next->kind == TM_FULL)
        learn(&tm_fullers, thread);
    if (next->kind == TM_FULL || next->kind == TM_ACQUIRE)
        learn(&tm_acquirers, thread);
    if (next->kind == TM_FULL || next->kind == TM_RELEASE)
        learn(&tm_releasers, thread);
}

/* Races. */

static tm_shadow *touch(uint32_t granule)
{
    if (undos == UNDOS)
        tm_fail("too many accesses in one execution");
    undo[undos].granule = granule;
    undo[undos++].before = shadow[granule];
    return &shadow[granule];
}

uint32_t tm_shadow_mark(void)
{
    return undos;
}

void tm_shadow_undo(uint32_t mark)
{
    while (undos > mark) {
        undos--;
        shadow[undo[undos].granule] = undo[undos].before;
    }
}

static void ordered_after(const uint8_t *epochs, uint32_t thread, size_t offset, const char *what)
{
    const uint8_t *known = tm_now.thread[thread].now.epoch;
    for (uint32_t u = 0; u < tm_the->threads; u++)
        if (u != thread && epochs[u] > known[u]) {
            char name[64] = "";
            if (tm_the->name_of)
                tm_the->name_of(offset, name, sizeof name);
            tm_fail("data race at +%zu %s: thread %u %s of thread %u", offset, name, thread, what,
                    u);
        }
}

static void access(uint32_t thread, size_t granule, bool writes, bool atomic)
{
    tm_shadow *s = touch((uint32_t)granule);
    const uint8_t epoch = tm_now.thread[thread].now.epoch[thread];
    const size_t offset = granule * 8;
    if (!atomic && !is_touched[granule]) {
        is_touched[granule] = 1;
        touched[touches++] = (uint16_t)granule;
    }
    ordered_after(s->write, thread, offset,
                  writes ? "writes, unordered with a plain write"
                         : "reads, unordered with a write");
    if (!atomic)
        ordered_after(s->atomic_write, thread, offset, "unordered with an atomic write");
    if (writes) {
        ordered_after(s->read, thread, offset, "writes, unordered with a plain read");
        if (!atomic)
            ordered_after(s->atomic_read, thread, offset, "writes, unordered with an atomic read");
    }
    uint8_t *mine =
        writes ? (atomic ? s->atomic_write : s->write) : (atomic ? s->atomic_read : s->read);
    mine[thread] = epoch;
}

/* A plain access of the thread that runs. */
static void plain(const void *at, size_t bytes, bool writes)
{
    const size_t offset = (size_t)((const uint8_t *)at - tm_shared);
    if (writes)
        tm_touch(at, bytes);
    if (tm_current < 0 || bytes == 0)
        return;
    if (offset >= TM_ARENA || offset + bytes > TM_ARENA)
        return;
    for (size_t granule = offset / 8; granule <= (offset + bytes - 1) / 8; granule++)
        access((uint32_t)tm_current, granule, writes, false);
}

void *tm_memcpy(void *to, const void *from, size_t bytes)
{
    plain(from, bytes, false);
    plain(to, bytes, true);
    return memcpy(to, from, bytes);
}

void *tm_memset(void *to, int value, size_t bytes)
{
    plain(to, bytes, true);
    return memset(to, value, bytes);
}

/* The compiler's thread instrumentation calls these before each plain access. */
#define TM_HOOK(bytes)                                                                             \
    void __tsan_read##bytes(void *at);                                                             \
    void __tsan_read##bytes(void *at)                                                              \
    {                                                                                              \
        plain(at, bytes, false);                                                                   \
    }                                                                                              \
    void __tsan_write##bytes(void *at);                                                            \
    void __tsan_write##bytes(void *at)                                                             \
    {                                                                                              \
        plain(at, bytes, true);                                                                    \
    }                                                                                              \
    void __tsan_unaligned_read##bytes(void *at);                                                   \
    void __tsan_unaligned_read##bytes(void *at)                                                    \
    {                                                                                              \
        plain(at, bytes, false);                                                                   \
    }                                                                                              \
    void __tsan_unaligned_write##bytes(void *at);                                                  \
    void __tsan_unaligned_write##bytes(void *at)                                                   \
    {                                                                                              \
        plain(at, bytes, true);                                                                    \
    }

TM_HOOK(1)
TM_HOOK(2)
TM_HOOK(4)
TM_HOOK(8)
TM_HOOK(16)

void __tsan_init(void);
void __tsan_init(void)
{
}
void __tsan_func_entry(void *at);
void __tsan_func_entry(void *at)
{
    (void)at;
}
void __tsan_func_exit(void *at);
void __tsan_func_exit(void *at)
{
    (void)at;
}
void __tsan_read_range(void *at, size_t bytes);
void __tsan_read_range(void *at, size_t bytes)
{
    plain(at, bytes, false);
}
void __tsan_write_range(void *at, size_t bytes);
void __tsan_write_range(void *at, size_t bytes)
{
    plain(at, bytes, true);
}

/* Operations. */

static void read_store(uint32_t thread, const tm_next *op, uint32_t index)
{
    tm_thread *me = &tm_now.thread[thread];
    const tm_store *store = &tm_history[op->location][index];
    if (index < me->now.at[op->location])
        tm_fail("the explorer reads a store that is too old");
    me->now.at[op->location] = (uint8_t)index;
    join(op->ordered ? &me->now : &me->pending, &store->carries);
    join(&me->pending, &me->now);
    access(thread, tm_offset[op->location] / 8, false, true);
    me->seen = store->value;
    me->graph = tm_mix(me->graph, (uint64_t)op->location << 32 | index << 8 | 1u);
}

static void next_epoch(tm_thread *me, uint32_t thread)
{
    if (++me->now.epoch[thread] > TM_EPOCHS)
        tm_fail("more than %d releases of one thread", TM_EPOCHS);
    me->pending.epoch[thread] = me->now.epoch[thread];
}

static void write_store(uint32_t thread, const tm_next *op, uint64_t value)
{
    tm_thread *me = &tm_now.thread[thread];
    const uint32_t index = tm_now.stores[op->location]++;
    if (index >= TM_STORES)
        tm_fail("more than %d stores to one location", TM_STORES);
    access(thread, tm_offset[op->location] / 8, true, true);
    me->now.at[op->location] = me->pending.at[op->location] = (uint8_t)index;
    tm_store *store = &tm_history[op->location][index];
    store->value = op->bytes == 4 ? (uint32_t)value : value;
    store->carries = op->ordered ? me->now : me->fenced;
    store->carries.at[op->location] = (uint8_t)index;
    if (op->ordered)
        next_epoch(me, thread);
    void *at = tm_shared + tm_offset[op->location];
    tm_touch(at, op->bytes);
    if (op->bytes == 4)
        *(uint32_t *)at = (uint32_t)value;
    else
        *(uint64_t *)at = value;
    me->graph = tm_mix(me->graph, (uint64_t)op->location << 32 | index << 8 | 2u);
}

static void fence(uint32_t thread, int kind)
{
    tm_thread *me = &tm_now.thread[thread];
    if (kind != TM_RELEASE)
        me->now = me->pending;
    if (kind == TM_FULL) {
        join(&me->now, &tm_now.full);
        me->pending = me->now;
        tm_now.full = me->now;
        me->graph = tm_mix(me->graph, ++tm_now.fences);
    }
    if (kind != TM_ACQUIRE) {
        me->fenced = me->now;
        next_epoch(me, thread);
    }
}

/* The chosen thread does its next operation; it has not gone on yet. */
void tm_perform(uint32_t thread, int choice)
{
    tm_thread *me = &tm_now.thread[thread];
    const tm_next *op = &me->next;
    const uint32_t newest = op->location >= 0 ? tm_now.stores[op->location] - 1u : 0;
    me->seen = 0;
    if (choice == TM_DO && op->location >= 0 && me->now.at[op->location] < newest)
        learn(&tm_contended[op->location], 0);
    if (choice != TM_DO) {
        read_store(thread, op, (uint32_t)choice);
        me->result = op->kind == TM_CAS ? 0 : me->seen;
    } else if (op->kind >= TM_ACQUIRE) {
        fence(thread, op->kind);
    } else if (op->kind == TM_STORE) {
        write_store(thread, op, op->value);
    } else {
        /* Read-modify-writes acquire and release; what the store before carries goes on. */
        read_store(thread, op, newest);
        me->result = op->kind == TM_CAS ? 1 : me->seen;
        write_store(thread, op, op->kind == TM_ADD ? me->seen + op->value : op->value);
    }
}

/* Fingerprint of the state: what can still matter. Indices count from the oldest store that a
 * thread which uses the location may still read; epochs are ranked among those of recorded accesses
 * that some thread does not know to be over. Two states with the same print go on alike. */

static uint8_t rank_of[TM_THREADS][256];
static tm_view floor_now;

static uint64_t hash_view(uint64_t hash, const tm_view *view)
{
    union {
        uint8_t bytes[TM_LOCATIONS];
        uint64_t words[TM_LOCATIONS / 8];
    } seen;
    for (size_t i = 0; i < TM_LOCATIONS; i++)
        seen.bytes[i] =
            view->at[i] > floor_now.at[i] ? (uint8_t)(view->at[i] - floor_now.at[i]) : 0;
    for (size_t i = 0; i * 8 < tm_locations; i++)
        if (seen.words[i] != 0)
            hash = tm_mix(hash, seen.words[i] ^ (i << 59));
    uint64_t ranks = 0;
    for (uint32_t t = 0; t < tm_the->threads; t++)
        ranks = ranks << 8 | rank_of[t][view->epoch[t]];
    return tm_mix(hash, ranks);
}

static void find_floor(void)
{
    uint8_t *least = (uint8_t *)&floor_now;
    memset(&floor_now, 0xff, sizeof floor_now);
    for (uint32_t t = 0; t < tm_the->threads; t++) {
        const tm_thread *thread = &tm_now.thread[t];
        if (thread->state != TM_RUNNING)
            continue;
        const uint8_t *known = (const uint8_t *)&thread->now;
        const uint8_t *unused = (const uint8_t *)&tm_unused[t];
        for (size_t i = 0; i < sizeof(tm_view); i++) {
            const uint8_t k = known[i] | unused[i];
            least[i] = k < least[i] ? k : least[i];
        }
    }
}

/* An access that all know to be over is as good as none. */
static void find_ranks(void)
{
    memset(rank_of, 0, sizeof rank_of);
    for (uint32_t i = 0; i < touches; i++) {
        const uint8_t *epochs = (const uint8_t *)&shadow[touched[i]];
        for (uint32_t j = 0; j < sizeof(tm_shadow); j++)
            if (epochs[j] > floor_now.epoch[j % TM_THREADS])
                rank_of[j % TM_THREADS][epochs[j]] = 1;
    }
    for (uint32_t t = 0; t < tm_the->threads; t++)
        for (uint32_t e = 1; e < 256; e++)
            rank_of[t][e] = (uint8_t)(rank_of[t][e] + rank_of[t][e - 1]);
}

static uint64_t hash_shadow(uint64_t hash, const tm_shadow *s)
{
    const uint8_t *epochs = (const uint8_t *)s;
    for (uint32_t i = 0; i < sizeof(tm_shadow); i++) {
        const uint32_t u = i % TM_THREADS;
        if (epochs[i] > floor_now.epoch[u])
            hash = tm_mix(hash, (uint64_t)i << 8 | rank_of[u][epochs[i]]);
    }
    return hash;
}

static uint64_t hash_stores(uint64_t hash, uint32_t location)
{
    const uint32_t n = tm_now.stores[location];
    const tm_store *store = tm_history[location];
    /* The newest always: the check at the end reads it. */
    hash = tm_mix(hash, store[n - 1].value);
    for (uint32_t i = floor_now.at[location]; i < n; i++)
        hash = hash_view(tm_mix(hash, store[i].value), &store[i].carries);
    return hash;
}

uint64_t tm_state_hash(void)
{
    uint64_t hash = 1;
    find_floor();
    find_ranks();
    for (uint32_t t = 0; t < tm_the->threads; t++) {
        const tm_thread *thread = &tm_now.thread[t];
        hash = tm_mix(hash, thread->state);
        hash = tm_mix(hash, thread->chain);
        if (thread->state != TM_RUNNING)
            continue;
        hash = tm_mix(hash, (uint64_t)thread->next.location << 8 | (uint32_t)thread->next.kind);
        hash = tm_mix(tm_mix(hash, thread->next.value), thread->next.expected);
        hash = hash_view(hash, &thread->now);
        if (tm_acquirers >> t & 1u)
            hash = hash_view(hash, &thread->pending);
        if (tm_releasers >> t & 1u)
            hash = hash_view(hash, &thread->fenced);
    }
    if (tm_fullers != 0)
        hash = hash_view(hash, &tm_now.full);
    for (uint32_t i = 0; i < tm_locations; i++)
        hash = hash_stores(hash, i);
    for (uint32_t i = 0; i < touches; i++) {
        uint64_t word;
        memcpy(&word, tm_shared + touched[i] * 8u, 8);
        hash = hash_shadow(tm_mix(hash, word), &shadow[touched[i]]);
    }
    return hash;
}
