/* Journal append beside its yardstick, and the loops that read.
 *
 *   yardstick   copy 64 bytes into a mapped, pre-faulted file and count, no checksum
 *   append      tt_journal_append: the same with CRC32C and the published count
 *   scan        the sum of every slot of a segment, against one CRC32C over the same bytes
 *   digest      tt_digest over the slots, against the same CRC32C
 *
 * Interleaved rounds in alternating order; each ratio is the median over the rounds.
 * usage: journal_bench [DIR]   the file is made in DIR (default /tmp) and removed
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <tectra/journal.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 41 };

static volatile uint64_t sink;
static uint32_t slots_n = 1u << 16;

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void *map_file(const char *dir, const char *name)
{
    char path[512];
    const size_t bytes = tt_journal_file_bytes(slots_n);
    snprintf(path, sizeof path, "%s/tectra_bench_%d_%s", dir, (int)getpid(), name);
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || posix_fallocate(fd, 0, (off_t)bytes) != 0)
        return NULL;
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    unlink(path);
    if (at == MAP_FAILED)
        return NULL;
    memset(at, 0, bytes);
    return at;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, by_value);
    return v[n / 2];
}

/* One pass over the segment; nanoseconds a slot. */
static double plain(uint8_t *slots, tt_journal_head *head, uint64_t *rec)
{
    const double start = now_ns();
    for (uint32_t i = 0; i < slots_n; i++) {
        rec[1] = i + 1;
        memcpy(slots + (uint64_t)i * TT_SLOT_BYTES, rec, TT_SLOT_BYTES);
        tt_store_release64(&head->published, i + 1);
    }
    return (now_ns() - start) / slots_n;
}

static double append(tt_segment *seg, void *file, const tt_journal_head *want, uint64_t *rec)
{
    if (tt_segment_create(seg, file, want) != TT_OK)
        exit(2);
    const double start = now_ns();
    for (uint32_t i = 0; i < slots_n; i++) {
        rec[1] = i + 1;
        if (tt_journal_append(seg, rec) != TT_OK)
            exit(3);
    }
    return (now_ns() - start) / slots_n;
}

static double one_crc(const tt_segment *seg)
{
    const double start = now_ns();
    sink += tt_crc32c(0, seg->slots, (size_t)slots_n * TT_SLOT_BYTES);
    return (now_ns() - start) / slots_n;
}

static double scan(const tt_segment *seg)
{
    const double start = now_ns();
    if (tt_journal_crc_scan(seg->slots, seg->crc, 0, slots_n, seg->seed) != slots_n)
        exit(4);
    return (now_ns() - start) / slots_n;
}

static double digest(const tt_segment *seg)
{
    tt_digest d;
    tt_digest_init(&d);
    const double start = now_ns();
    tt_digest_slots(&d, seg->slots, slots_n);
    sink += d.a;
    return (now_ns() - start) / slots_n;
}

static void report(const char *name, double *subject, double *yardstick, int rounds)
{
    double ratio[ROUNDS];
    for (int i = 0; i < rounds; i++)
        ratio[i] = subject[i] / yardstick[i];
    const double r = median(ratio, rounds);
    printf("{\"name\": \"%s\", \"ratio\": %.4f, \"subject_ns\": %.3f, \"yardstick_ns\": %.3f}\n",
           name, r, median(subject, rounds), median(yardstick, rounds));
}

int main(int argc, char **argv)
{
    const char *tiny = getenv("TECTRA_BENCH_TINY"), *dir = argc > 1 ? argv[1] : "/tmp";
    const int rounds = tiny != NULL && tiny[0] == '1' ? 1 : ROUNDS;
    double t[5][ROUNDS], summed[ROUNDS];
    uint64_t rec[8];
    tt_segment seg;
    if (rounds == 1)
        slots_n = 1024;
    uint8_t *file = map_file(dir, "a"), *other = map_file(dir, "b");
    if (file == NULL || other == NULL)
        return fprintf(stderr, "journal_bench: cannot map a file in %s\n", dir), 1;
    const tt_journal_head want = {.segment_id = 1, .capacity = slots_n, .epoch = 1};
    uint8_t *slots = other + tt_journal_slots_offset(slots_n);
    tt_rec_init(rec, TT_T_BOOK_ADD);
    memset(&seg, 0, sizeof seg);
    plain(slots, (tt_journal_head *)other, rec);
    for (int i = 0; i < rounds; i++) {
        if (i % 2) {
            t[0][i] = plain(slots, (tt_journal_head *)other, rec);
            t[1][i] = append(&seg, file, &want, rec);
        } else {
            t[1][i] = append(&seg, file, &want, rec);
            t[0][i] = plain(slots, (tt_journal_head *)other, rec);
        }
        t[2][i] = scan(&seg);
        t[3][i] = one_crc(&seg);
        t[4][i] = digest(&seg);
    }
    memcpy(summed, t[3], sizeof summed);
    report("journal.append_to_plain", t[1], t[0], rounds);
    report("journal.scan_to_crc", t[2], t[3], rounds);
    report("journal.digest_to_crc", t[4], summed, rounds);
    return 0;
}
