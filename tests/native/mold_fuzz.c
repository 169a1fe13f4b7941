/* MoldUDP64 packets, whole, damaged, cut and random, in blocks of exactly their size. A packet that
 * passes gives its announced messages and uses every byte; a whole one always passes and gives back
 * what went in.
 *
 * usage: mold_fuzz SEED PACKETS
 */
#include <tectra/mold.h>

enum { BYTES_MAX = 2048, MESSAGES_MAX = 64 };

static uint64_t state;

static uint64_t next_random(void)
{
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void need(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "mold_fuzz: %s (state %llx)\n", what, (unsigned long long)state);
        exit(1);
    }
}

static size_t make_packet(uint8_t *to, uint32_t *lengths, uint32_t *count, uint64_t *sequence)
{
    static const uint8_t session[] = "000000001A";
    size_t at = TT_MOLD_HEAD_BYTES;
    *sequence = next_random() % 8 ? next_random() : UINT64_MAX - next_random() % 4;
    *count = (uint32_t)(next_random() % 30);
    if (*sequence > UINT64_MAX - *count)
        *count = 0;
    for (uint32_t i = 0; i < *count; i++) {
        lengths[i] = (uint32_t)(next_random() % 60);
        tt_put_be16(to + at, (uint16_t)lengths[i]);
        memset(to + at + 2, (int)i, lengths[i]);
        at += 2 + lengths[i];
    }
    tt_mold_put_head(to, session, *sequence, (uint16_t)*count);
    return at;
}

static uint32_t walk(const tt_mold_packet *p, const uint32_t *lengths)
{
    uint32_t at = 0, bytes = 0, found = 0, sum = 0;
    for (const uint8_t *m; (m = tt_mold_next(p, &at, &bytes)) != NULL; found++) {
        for (uint32_t k = 0; k < bytes; k++) {
            sum += m[k];
            need(lengths == NULL || m[k] == found, "a byte of a message");
        }
        need(lengths == NULL || lengths[found] == bytes, "the length of a message");
        need(found < 0xffff, "more messages than a packet can have");
    }
    need(at == p->blocks_bytes, "bytes that belong to no message");
    need(found == p->count, "messages that were not announced");
    return sum;
}

static void one(void)
{
    uint8_t scratch[BYTES_MAX];
    uint32_t lengths[MESSAGES_MAX], count;
    uint64_t sequence;
    size_t n = make_packet(scratch, lengths, &count, &sequence);
    const int kind = (int)(next_random() % 4);
    if (kind == 1)
        n -= next_random() % (n + 1);
    if (kind == 2)
        for (uint64_t k = 1 + next_random() % 5; k > 0; k--)
            scratch[next_random() % n] = (uint8_t)next_random();
    if (kind == 3) {
        n = next_random() % 200;
        for (size_t k = 0; k < n; k++)
            scratch[k] = (uint8_t)(next_random() % 4 ? 0 : next_random());
    }
    uint8_t *exact = malloc(n ? n : 1);
    need(exact != NULL, "no memory");
    memcpy(exact, scratch, n);
    tt_mold_packet p;
    const int rc = tt_mold_parse(exact, n, &p);
    need(rc == TT_OK || rc == TT_E_TRUNCATED || rc == TT_E_CORRUPT, "a code that is none");
    if (kind == 0)
        need(rc == TT_OK && p.sequence == sequence && p.count == count && p.session == exact &&
                 p.is_heartbeat == (count == 0) && !p.is_end,
             "a whole packet is read wrong");
    if (rc == TT_OK)
        walk(&p, kind == 0 ? lengths : NULL);
    free(exact);
}

int main(int argc, char **argv)
{
    const uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    const long packets = argc > 2 ? atol(argv[2]) : 20000;
    state = seed;
    for (long i = 0; i < packets; i++)
        one();
    printf("mold_fuzz: %ld packets, seed %llu\n", packets, (unsigned long long)seed);
    return 0;
}
