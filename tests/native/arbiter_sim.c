/* Two lines that carry the same numbered messages, cut into packets each in its own way, with
 * losses of 0 to 30 %, a skew of 0 to 50 ms, repetitions, packets out of order, and in every third
 * run one line that dies. What comes out must be the exact union, in order; what is given up,
 * exactly what no line brought; the counters, what this program counts itself.
 *
 * usage: arbiter_sim SEED MESSAGES SLOTS [START]
 *
 * With few SLOTS the window overflows: then every number still is delivered once or given up once.
 * START, the number of the first message, may lie just below 2^64. Packets and the window lie in
 * blocks of exactly their size. */
#include <tectra/arbiter.h>

enum { LINES = 2, PACKET_MESSAGES = 8, MESSAGE_MAX = 24, PACKET_MAX = 20 + 8 * 26 };
#define GAP_OF_MESSAGES_NS 2000
#define SETTLE_NS 400000
#define HOLD_NS 100000000
#define DEAD_NS 200000000
#define NEVER INT64_MAX

typedef struct {
    uint64_t state;      /* of its own random numbers */
    uint64_t at, n;      /* the packet on its way: first message (from 0), how many */
    int64_t arrives_ns;  /* NEVER: at the end */
    int64_t skew_ns;
    uint64_t dies_at;    /* nothing from this message on */
    uint32_t loss, late; /* of 1000; packets until one that is kept back comes */
    uint64_t kept_at, kept_n;
} line;

static line lines[LINES];
static tt_arbiter arbiter;
static uint64_t messages, start, cursor, delivered, given_up, recovered, highest, now_at;
static uint8_t *came, *seen, *gone;
static int is_small;

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void need(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "arbiter_sim: %s (at message %llu, clock %llu)\n", what,
                (unsigned long long)cursor, (unsigned long long)now_at);
        exit(1);
    }
}

static uint32_t bytes_of(uint64_t seq)
{
    return 8 + (uint32_t)(seq * 7 % (MESSAGE_MAX - 7));
}

static void check_message(uint64_t seq, const uint8_t *msg, uint32_t bytes)
{
    need(seq == start + cursor, "out of order");
    need(bytes == bytes_of(seq) && tt_be64(msg) == seq * 0x9e3779b97f4a7c15u, "another message");
    for (uint32_t i = 8; i < bytes; i++)
        need(msg[i] == (uint8_t)(seq + i), "another message behind its head");
    need(came[cursor], "delivered, and nobody brought it");
    cursor++;
    delivered++;
}

static size_t build(uint8_t *out, uint64_t at, uint64_t n)
{
    static const uint8_t session[10] = "SIMULATED1";
    size_t used = 20;
    tt_mold_put_head(out, session, start + at, (uint16_t)n);
    for (uint64_t i = 0; i < n; i++) {
        const uint64_t seq = start + at + i;
        const uint32_t bytes = bytes_of(seq);
        tt_put_be16(out + used, (uint16_t)bytes);
        tt_put_be64(out + used + 2, seq * 0x9e3779b97f4a7c15u);
        for (uint32_t k = 8; k < bytes; k++)
            out[used + 2 + k] = (uint8_t)(seq + k);
        used += 2 + bytes;
    }
    return used;
}

/* Drain the window and give up what the arbiter says is missing. */
static void settle(int64_t now)
{
    for (;;) {
        uint64_t first = 0, last = 0;
        uint32_t bytes = 0;
        int64_t ts = 0;
        const uint8_t *msg;
        while ((msg = tt_arbiter_next(&arbiter, &bytes, &ts)) != NULL)
            check_message(arbiter.seq.expected - 1, msg, bytes);
        if (tt_arbiter_gap(&arbiter, now, &first, &last) != TT_ARB_GAP)
            return;
        need(first == start + cursor && last >= first && last < start + messages, "gap elsewhere");
        for (; cursor <= last - start; cursor++, given_up++)
            gone[cursor] = 1;
        tt_arbiter_lose(&arbiter, last);
    }
}

static void count_recovered(uint64_t at, uint64_t n)
{
    for (uint64_t i = at; i < at + n; i++) {
        recovered += i >= cursor && !seen[i] && i + 1 < highest;
        seen[i] = 1;
    }
    highest = at + n > highest ? at + n : highest;
}

static void offer(uint32_t which, uint64_t at, uint64_t n, int64_t now)
{
    uint8_t image[PACKET_MAX];
    const size_t used = build(image, at, n);
    uint8_t *packet = malloc(used);
    tt_mold_packet p;
    tt_arb_span span;
    const int is_next = at <= cursor && at + n > cursor && arbiter.held == 0;
    if (packet == NULL)
        exit(2);
    memcpy(packet, image, used);
    need(tt_mold_parse(packet, used, &p) == TT_OK, "a packet that does not parse");
    count_recovered(at, n);
    const int verdict = tt_arbiter_offer(&arbiter, which, &p, now, now, &span);
    need(verdict != TT_ARB_SESSION && verdict != TT_ARB_STRAY, "a session");
    need(!is_next || verdict == TT_ARB_NEW, "what continues the stream had to wait");
    if (verdict == TT_ARB_NEW) {
        uint32_t used_bytes = 0;
        for (uint32_t i = 0; i < span.count; i++) {
            const uint32_t bytes = tt_be16(span.blocks + used_bytes);
            check_message(span.first + i, span.blocks + used_bytes + 2, bytes);
            used_bytes += 2 + bytes;
        }
        need(used_bytes == span.bytes, "the new part ends elsewhere");
    }
    free(packet);
    settle(now);
}

static void beat(uint32_t which, int is_end, int64_t now)
{
    uint8_t image[20];
    tt_mold_packet p;
    tt_arb_span span;
    build(image, messages, 0);
    tt_put_be16(image + 18, is_end ? TT_MOLD_END : TT_MOLD_HEARTBEAT);
    need(tt_mold_parse(image, 20, &p) == TT_OK, "a heartbeat that does not parse");
    need(tt_arbiter_offer(&arbiter, which, &p, now, now, &span) == TT_ARB_BEAT, "no heartbeat");
    settle(now);
}

/* The next packet of a line that is not lost. */
static void advance(line *l)
{
    for (l->at += l->n;; l->at += l->n) {
        if (l->at >= messages || l->at >= l->dies_at) {
            l->arrives_ns = NEVER;
            return;
        }
        l->n = 1 + next_random(&l->state) % PACKET_MESSAGES;
        l->n = l->at + l->n > messages ? messages - l->at : l->n;
        if (next_random(&l->state) % 1000 < l->loss)
            continue;
        const int64_t jitter = (int64_t)(next_random(&l->state) % 20000);
        const int64_t due = (int64_t)(l->at + l->n) * GAP_OF_MESSAGES_NS + l->skew_ns + jitter;
        l->arrives_ns = due > l->arrives_ns ? due : l->arrives_ns + 1;
        memset(came + l->at, 1, l->n);
        return;
    }
}

static void arrive(uint32_t which)
{
    line *l = &lines[which];
    const int64_t now = l->arrives_ns;
    const uint64_t dice = next_random(&l->state) % 100;
    now_at = (uint64_t)now;
    if (l->kept_n == 0 && dice < 3) {
        l->kept_at = l->at, l->kept_n = l->n, l->late = 1 + (uint32_t)(dice % 3);
    } else {
        offer(which, l->at, l->n, now);
        if (dice >= 97)
            offer(which, l->at, l->n, now);
        if (l->kept_n != 0 && --l->late == 0) {
            offer(which, l->kept_at, l->kept_n, now);
            l->kept_n = 0;
        }
    }
    advance(l);
    if (l->arrives_ns == NEVER || l->arrives_ns > now + SETTLE_NS / 2) {
        if (l->kept_n != 0)
            offer(which, l->kept_at, l->kept_n, now);
        l->kept_n = 0;
    }
}

static void check_end(void)
{
    uint64_t first = 0;
    for (uint32_t i = 0; i < LINES; i++)
        first += arbiter.line[i].first;
    need(cursor == messages && arbiter.held == 0, "the end was not reached");
    need(delivered + given_up == messages, "numbers neither delivered nor given up");
    need(first == delivered, "who was first does not add up");
    need(arbiter.seq.taken == delivered && arbiter.seq.lost == given_up, "taken and lost");
    if (is_small)
        return;
    for (uint64_t i = 0; i < messages; i++)
        need(came[i] != gone[i], came[i] ? "given up, and a line brought it" : "not given up");
    need(arbiter.overflow == 0, "overflow");
    need(arbiter.seq.recovered == recovered, "recovered counts something else");
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    uint64_t seed = strtoull(argv[1], NULL, 10);
    messages = strtoull(argv[2], NULL, 10);
    const uint32_t slots = (uint32_t)strtoul(argv[3], NULL, 10);
    start = argc > 4 ? strtoull(argv[4], NULL, 10) : 1;
    is_small = slots < 65536;
    const tt_arb_settings set = {.lines = LINES, .slots = slots,
                                 .slot_bytes = MESSAGE_MAX - (is_small ? 8 : 0),
                                 .hold_ns = HOLD_NS, .settle_ns = SETTLE_NS, .dead_ns = DEAD_NS};
    void *window = malloc(tt_arbiter_bytes(&set));
    came = calloc(messages, 1), seen = calloc(messages, 1), gone = calloc(messages, 1);
    if (window == NULL || came == NULL || seen == NULL || gone == NULL)
        return 2;
    need(tt_arbiter_init(&arbiter, &set, window, start, 0) == TT_OK, "settings");
    for (uint32_t i = 0; i < LINES; i++) {
        line *l = &lines[i];
        l->state = seed * 2 + i + 1;
        l->loss = (uint32_t)(next_random(&l->state) % 301);
        l->skew_ns = (int64_t)(next_random(&l->state) % 50000000);
        l->dies_at = seed % 3 == 1 && i == seed / 3 % 2 ? next_random(&l->state) % messages
                                                        : messages;
        advance(l);
    }
    while (lines[0].arrives_ns != NEVER || lines[1].arrives_ns != NEVER)
        arrive(lines[1].arrives_ns < lines[0].arrives_ns);
    for (uint32_t i = 0; i < LINES; i++)
        beat(i, 1, (int64_t)now_at + 60000000);
    for (int64_t i = 1; i <= 4; i++)
        settle((int64_t)now_at + 60000000 + i * SETTLE_NS);
    check_end();
    printf("%llu delivered, %llu given up, %llu recovered, %llu overflow\n",
           (unsigned long long)delivered, (unsigned long long)given_up,
           (unsigned long long)arbiter.seq.recovered, (unsigned long long)arbiter.overflow);
    free(window), free(came), free(seen), free(gone);
    return 0;
}
