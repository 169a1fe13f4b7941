/* Fails the k-th allocation that named libraries make, and keeps count of what they hold. Preloaded
 * into a process that names the libraries by the directory they lie in and arms it; until then, and
 * for every other caller (the interpreter, NumPy, the C library), all calls go through.
 *
 * The calls: malloc, calloc, realloc, aligned_alloc, posix_memalign, mmap, mremap, posix_fallocate,
 * pthread_create. Who calls is told by the return address: the headers of the core are inline, so
 * their calls are those of the extension. A block is known until anybody frees it; of mappings the
 * bytes are counted, and their ends only where a named library unmaps.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>

enum { NAMES = 4, SPANS = 1024, BLOCKS = 1 << 18 };

/* Of the C library itself: dlsym allocates, and would come back here. */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t bytes);
void *__libc_realloc(void *block, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void *block);

typedef struct {
    uintptr_t from, to;
} span;

static struct {
    pthread_mutex_t lock;
    char names[NAMES][1024];
    span spans[SPANS];
    int named, spanned;
    bool armed, sticky;
    long at, seen, hits, blocks, bytes;
    char last;               /* letter of the call that failed last */
    void *held[BLOCKS];      /* open addressing; NULL: free, GONE: was one */
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

#define GONE ((void *)1)
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define CALLER ((uintptr_t)__builtin_return_address(0))

static int look(struct dl_phdr_info *info, size_t size, void *cx)
{
    for (int i = 0; i < state.named; i++) {
        if (strncmp(info->dlpi_name, state.names[i], strlen(state.names[i])) != 0)
            continue;
        for (int h = 0; h < info->dlpi_phnum && state.spanned < SPANS; h++) {
            const ElfW(Phdr) *part = &info->dlpi_phdr[h];
            if (part->p_type != PT_LOAD || !(part->p_flags & PF_X))
                continue;
            const uintptr_t from = info->dlpi_addr + part->p_vaddr;
            state.spans[state.spanned++] = (span){from, from + part->p_memsz};
        }
        break;
    }
    return 0;
}

/* Libraries whose path begins so are watched; call it again once more of them are loaded. Returns
 * how many spans of code there are. */
int alloc_fault_watch(const char *prefix)
{
    pthread_mutex_lock(&state.lock);
    int known = 0;
    for (int i = 0; i < state.named; i++)
        known |= strcmp(state.names[i], prefix) == 0;
    if (!known && state.named < NAMES)
        strncpy(state.names[state.named++], prefix, sizeof(state.names[0]) - 1);
    state.spanned = 0;
    dl_iterate_phdr(look, NULL);
    pthread_mutex_unlock(&state.lock);
    return state.spanned;
}

/* Fail call number `at` (0: none) and, if sticky, all behind it. */
void alloc_fault_arm(long at, int sticky)
{
    pthread_mutex_lock(&state.lock);
    state.at = at;
    state.sticky = sticky;
    state.seen = state.hits = 0;
    state.last = 0;
    state.armed = true;
    pthread_mutex_unlock(&state.lock);
}

void alloc_fault_disarm(void)
{
    state.armed = false;
}

long alloc_fault_seen(void)
{
    return state.seen;
}

long alloc_fault_hits(void)
{
    return state.hits;
}

char alloc_fault_last(void)
{
    return state.last;
}

/* Blocks, and bytes of mappings, that watched libraries took and nobody gave back. */
long alloc_fault_blocks(void)
{
    return state.blocks;
}

long alloc_fault_bytes(void)
{
    return state.bytes;
}

static bool watched(uintptr_t caller)
{
    for (int i = 0; i < state.spanned; i++) {
        if (caller >= state.spans[i].from && caller < state.spans[i].to)
            return true;
    }
    return false;
}

static bool fails(bool ours, char letter)
{
    if (!ours || !state.armed)
        return false;
    pthread_mutex_lock(&state.lock);
    state.seen++;
    const bool hit = state.at != 0 &&
                     (state.seen == state.at || (state.sticky && state.seen > state.at));
    if (hit) {
        state.hits++;
        state.last = letter;
    }
    pthread_mutex_unlock(&state.lock);
    return hit;
}

static size_t place(const void *block)
{
    return ((uintptr_t)block >> 4) * UINT64_C(0x9E3779B97F4A7C15) >> 46;
}

static void *keep(bool ours, void *block)
{
    if (!ours || block == NULL)
        return block;
    pthread_mutex_lock(&state.lock);
    size_t i = place(block);
    while (state.held[i] != NULL && state.held[i] != GONE)
        i = (i + 1) % BLOCKS;
    state.held[i] = block;
    state.blocks++;
    pthread_mutex_unlock(&state.lock);
    return block;
}

static bool forget(void *block)
{
    bool found = false;
    if (block == NULL || state.blocks == 0)
        return false;
    pthread_mutex_lock(&state.lock);
    size_t i = place(block);
    for (size_t n = 0; n < BLOCKS && state.held[i] != NULL && !found; n++) {
        found = state.held[i] == block;
        if (found) {
            /* What nobody can stand behind need not be kept as gone. */
            state.held[i] = state.held[(i + 1) % BLOCKS] == NULL ? NULL : GONE;
            state.blocks--;
        }
        i = (i + 1) % BLOCKS;
    }
    pthread_mutex_unlock(&state.lock);
    return found;
}

static size_t pages(size_t bytes)
{
    return (bytes + 4095) / 4096 * 4096;
}

static void mapped(long bytes)
{
    pthread_mutex_lock(&state.lock);
    state.bytes += bytes;
    pthread_mutex_unlock(&state.lock);
}

static void *none(void)
{
    errno = ENOMEM;
    return NULL;
}

void *malloc(size_t bytes)
{
    const bool ours = watched(CALLER);
    return fails(ours, 'm') ? none() : keep(ours, __libc_malloc(bytes));
}

void *calloc(size_t n, size_t bytes)
{
    const bool ours = watched(CALLER);
    return fails(ours, 'c') ? none() : keep(ours, __libc_calloc(n, bytes));
}

void *realloc(void *block, size_t bytes)
{
    const bool ours = watched(CALLER);
    if (fails(ours, 'r'))
        return none();
    const bool was = forget(block);
    void *got = __libc_realloc(block, bytes);
    if (got == NULL && bytes != 0)
        keep(was, block);
    return keep(ours || was, got);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    const bool ours = watched(CALLER);
    return fails(ours, 'a') ? none() : keep(ours, __libc_memalign(alignment, bytes));
}

int posix_memalign(void **out, size_t alignment, size_t bytes)
{
    const bool ours = watched(CALLER);
    void *got = fails(ours, 'p') ? NULL : keep(ours, __libc_memalign(alignment, bytes));
    if (got == NULL)
        return ENOMEM;
    *out = got;
    return 0;
}

void free(void *block)
{
    forget(block);
    __libc_free(block);
}

#define MMAP(name)                                                                                 \
    void *name(void *where, size_t bytes, int prot, int flags, int fd, off_t at)                   \
    {                                                                                              \
        const bool ours = watched(CALLER);                                                         \
        if (fails(ours, 'M')) {                                                                    \
            errno = ENOMEM;                                                                        \
            return MAP_FAILED;                                                                     \
        }                                                                                          \
        void *got = REAL(mmap)(where, bytes, prot, flags, fd, at);                                 \
        if (ours && got != MAP_FAILED)                                                             \
            mapped((long)pages(bytes));                                                            \
        return got;                                                                                \
    }
MMAP(mmap)
MMAP(mmap64)

int munmap(void *at, size_t bytes)
{
    const int rc = REAL(munmap)(at, bytes);
    if (rc == 0 && watched(CALLER))
        mapped(-(long)pages(bytes));
    return rc;
}

void *mremap(void *at, size_t was, size_t bytes, int flags, ...)
{
    void *to = NULL;
    if (flags & MREMAP_FIXED) {
        va_list rest;
        va_start(rest, flags);
        to = va_arg(rest, void *);
        va_end(rest);
    }
    const bool ours = watched(CALLER);
    if (fails(ours, 'R')) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    void *got = REAL(mremap)(at, was, bytes, flags, to);
    if (ours && got != MAP_FAILED) /* what lay in a fixed place is gone with it */
        mapped((long)pages(bytes) - (long)pages(was) - (to != NULL ? (long)pages(bytes) : 0));
    return got;
}

#define FALLOCATE(name)                                                                            \
    int name(int fd, off_t at, off_t bytes)                                                        \
    {                                                                                              \
        return fails(watched(CALLER), 'f') ? ENOSPC : REAL(posix_fallocate)(fd, at, bytes);        \
    }
FALLOCATE(posix_fallocate)
FALLOCATE(posix_fallocate64)

int pthread_create(pthread_t *out, const pthread_attr_t *how, void *(*run)(void *), void *with)
{
    return fails(watched(CALLER), 't') ? EAGAIN : REAL(pthread_create)(out, how, run, with);
}
