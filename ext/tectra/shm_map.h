/* The system calls that make and map a shared segment: a file of this user on /dev/shm.
 *
 * It is made with its full size allocated, so that a machine out of memory says so here and not by
 * SIGBUS later. Nothing unlinks it but its owner or an explicit call. Cold paths, any thread.
 */
#ifndef TECTRA_SHM_MAP_H
#define TECTRA_SHM_MAP_H

#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "shm.h"

#ifndef MAP_POPULATE
#define MAP_POPULATE 0
#endif

/* Make the file with all its bytes allocated and zero, and map it. TT_OK, TT_E_DUPLICATE (the name
 * is taken) or TT_E_IO (errno). */
static inline int tt_shm_create(const char *path, uint64_t bytes, void **base)
{
    TT_ASSERT(bytes > 0 && base != NULL);
    const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return errno == EEXIST ? TT_E_DUPLICATE : TT_E_IO;
    const int err = posix_fallocate(fd, 0, (off_t)bytes);
    void *p = MAP_FAILED;
    if (err != 0)
        errno = err;
    else
        p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    const int saved = errno;
    close(fd);
    if (p == MAP_FAILED) {
        unlink(path);
        errno = saved;
        return TT_E_IO;
    }
    *base = p;
    return TT_OK;
}

/* Map an existing segment whole. TT_OK, TT_E_IO (errno), or TT_E_CORRUPT with *reason (a TT_SHM_*).
 */
static inline int tt_shm_attach(const char *path, int writable, void **base, uint64_t *bytes,
                                int *reason)
{
    struct stat st;
    TT_ASSERT(base != NULL && bytes != NULL && reason != NULL);
    const int fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return TT_E_IO;
    *reason = TT_SHM_GOOD;
    if (fstat(fd, &st) != 0) {
        close(fd);
        return TT_E_IO;
    }
    *bytes = (uint64_t)st.st_size;
    if (!S_ISREG(st.st_mode))
        *reason = TT_SHM_WRONG_KIND;
    else if (st.st_uid != geteuid())
        *reason = TT_SHM_FOREIGN;
    else if (*bytes < sizeof(tt_shm_head))
        *reason = TT_SHM_TRUNCATED;
    if (*reason != TT_SHM_GOOD) {
        close(fd);
        return TT_E_CORRUPT;
    }
    void *p = mmap(NULL, *bytes, writable ? PROT_READ | PROT_WRITE : PROT_READ,
                   MAP_SHARED | MAP_POPULATE, fd, 0);
    const int saved = errno;
    close(fd);
    errno = saved;
    if (p == MAP_FAILED)
        return TT_E_IO;
    *base = p;
    return TT_OK;
}

/* Zeroed memory of this process alone, with the alignment of a page. */
static inline int tt_shm_anonymous(uint64_t bytes, void **base)
{
    TT_ASSERT(bytes > 0 && base != NULL);
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
                   -1, 0);
    if (p == MAP_FAILED)
        return TT_E_MEMORY;
    *base = p;
    return TT_OK;
}

#endif
