/* Fails the k-th call on the files of one directory: with an errno, by writing only half, or by
 * killing the process before or behind the call. Preloaded into a process that arms it by calling
 * io_fault_arm; until then, and for all other files, every call goes through.
 *
 * The calls: open, write, pwrite, posix_fallocate, ftruncate, fsync (n: of a directory's names),
 * fdatasync, mmap, rename. What was called is kept as one letter each, in order; a note puts a
 * letter of the caller's between.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { FDS = 4096, LOG = 1 << 16 };
enum { COUNT = 0, FAIL = 1, HALF = 2, KILL_BEFORE = 3, KILL_BEHIND = 4 };

static struct {
    pthread_mutex_t lock;
    bool armed, mine[FDS];
    char dir[1024], only, log[LOG];
    int action, error;
    long at, seen, logged;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* Files of the same directory that were opened since it was named first are known already. `only`
 * is a letter: just calls of that kind count, 0: all. `at` 0: none is hit. */
void io_fault_arm(const char *dir, char only, long at, int action, int error)
{
    pthread_mutex_lock(&state.lock);
    if (strcmp(state.dir, dir) != 0)
        memset(state.mine, 0, sizeof(state.mine));
    strncpy(state.dir, dir, sizeof(state.dir) - 1);
    state.only = only;
    state.at = at;
    state.action = action;
    state.error = error;
    state.seen = state.logged = 0;
    state.armed = true;
    pthread_mutex_unlock(&state.lock);
}

long io_fault_seen(void)
{
    return state.seen;
}

static void put(char letter)
{
    if (state.logged < LOG - 1) {
        state.log[state.logged++] = letter;
        state.log[state.logged] = 0;
    }
}

void io_fault_note(char letter)
{
    pthread_mutex_lock(&state.lock);
    put(letter);
    pthread_mutex_unlock(&state.lock);
}

const char *io_fault_log(void)
{
    return state.log;
}

static void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

static bool named(const char *path)
{
    return state.armed && path != NULL && strncmp(path, state.dir, strlen(state.dir)) == 0;
}

static bool held(int fd)
{
    return state.armed && fd >= 0 && fd < FDS && state.mine[fd];
}

/* Count a call on our files. Returns what shall happen to it; a kill before it happens here. */
static int turn(bool ours, char letter)
{
    int what = COUNT;
    if (!ours)
        return COUNT;
    pthread_mutex_lock(&state.lock);
    put(letter);
    if (state.only == 0 || state.only == letter)
        what = ++state.seen == state.at ? state.action : COUNT;
    if (what == FAIL || what == HALF)
        put('!');
    pthread_mutex_unlock(&state.lock);
    if (what == KILL_BEFORE)
        die();
    return what;
}

static long behind(int what, long result)
{
    if (what == KILL_BEHIND)
        die();
    return result;
}

static bool is_directory(int fd)
{
    struct stat about;
    return fstat(fd, &about) == 0 && S_ISDIR(about.st_mode);
}

#define FAILS(what) ((what) == FAIL || (what) == HALF)

static int opened(const char *path, int flags, mode_t mode, bool ours)
{
    const int what = turn(ours, 'o');
    if (FAILS(what)) {
        errno = state.error;
        return -1;
    }
    const int fd = REAL(open)(path, flags, mode);
    if (ours && fd >= 0 && fd < FDS)
        state.mine[fd] = true;
    return (int)behind(what, fd);
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        const mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;                            \
        va_end(rest);                                                                              \
        return opened(path, flags, mode, named(path));                                             \
    }
OPEN(open)
OPEN(open64)

int close(int fd)
{
    if (fd >= 0 && fd < FDS)
        state.mine[fd] = false;
    return REAL(close)(fd);
}

static int same_file(int fd, int made)
{
    if (made >= 0 && made < FDS)
        state.mine[made] = held(fd);
    return made;
}

int dup(int fd)
{
    return same_file(fd, REAL(dup)(fd));
}

#define FCNTL(name)                                                                                \
    int name(int fd, int what, ...)                                                                \
    {                                                                                              \
        va_list rest;                                                                              \
        va_start(rest, what);                                                                      \
        void *with = va_arg(rest, void *);                                                         \
        va_end(rest);                                                                              \
        const int result = REAL(fcntl)(fd, what, with);                                            \
        return what == F_DUPFD_CLOEXEC ? same_file(fd, result) : result;                           \
    }
FCNTL(fcntl)
FCNTL(fcntl64)

/* How many bytes a write gets; -1: none, with errno set. */
static ssize_t share(int what, size_t bytes)
{
    if (what == HALF && bytes > 1)
        return (ssize_t)(bytes / 2);
    if (!FAILS(what))
        return (ssize_t)bytes;
    errno = state.error;
    return -1;
}

ssize_t write(int fd, const void *data, size_t bytes)
{
    const int what = turn(held(fd), 'w');
    const ssize_t some = share(what, bytes);
    return some < 0 ? -1 : behind(what, REAL(write)(fd, data, (size_t)some));
}

#define PWRITE(name)                                                                               \
    ssize_t name(int fd, const void *data, size_t bytes, off_t at)                                 \
    {                                                                                              \
        const int what = turn(held(fd), 'p');                                                      \
        const ssize_t some = share(what, bytes);                                                   \
        return some < 0 ? -1 : behind(what, REAL(pwrite)(fd, data, (size_t)some, at));             \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

#define FALLOCATE(name)                                                                            \
    int name(int fd, off_t at, off_t bytes)                                                        \
    {                                                                                              \
        const int what = turn(held(fd), 'a');                                                      \
        return FAILS(what) ? state.error                                                           \
                           : (int)behind(what, REAL(posix_fallocate)(fd, at, bytes));              \
    }
FALLOCATE(posix_fallocate)
FALLOCATE(posix_fallocate64)

#define PLAIN(name, letter, parameters, ours, arguments)                                           \
    int name parameters                                                                            \
    {                                                                                              \
        const int what = turn(ours, letter);                                                       \
        if (FAILS(what)) {                                                                         \
            errno = state.error;                                                                   \
            return -1;                                                                             \
        }                                                                                          \
        return (int)behind(what, REAL(name) arguments);                                            \
    }
PLAIN(ftruncate, 't', (int fd, off_t bytes), held(fd), (fd, bytes))
PLAIN(ftruncate64, 't', (int fd, off_t bytes), held(fd), (fd, bytes))
PLAIN(fsync, is_directory(fd) ? 'n' : 's', (int fd), held(fd), (fd))
PLAIN(fdatasync, 'd', (int fd), held(fd), (fd))
PLAIN(rename, 'r', (const char *from, const char *to), named(from), (from, to))

#define MMAP(name)                                                                                 \
    void *name(void *where, size_t bytes, int prot, int flags, int fd, off_t at)                   \
    {                                                                                              \
        const int what = turn(held(fd), 'm');                                                      \
        if (FAILS(what)) {                                                                         \
            errno = state.error;                                                                   \
            return MAP_FAILED;                                                                     \
        }                                                                                          \
        void *got = REAL(mmap)(where, bytes, prot, flags, fd, at);                                 \
        behind(what, 0);                                                                           \
        return got;                                                                                \
    }
MMAP(mmap)
MMAP(mmap64)
