/* Packets of up to four lines in any order, with any numbers, times, sessions and holds: every
 * number comes out once, in order, as what was sent, or is given up once; nothing that came is
 * given up unless the window was full; what is held is what lies in the window.
 *
 * The input: 8 bytes of settings, then commands of 8 bytes. */
#include <tectra/arbiter.h>

#include "guided.h"

enum { COMMAND = 8, MESSAGES_MAX = 12, BYTES_MAX = 20 + MESSAGES_MAX * 40, CAME_MAX = 4096 };

static tt_arbiter arbiter;
static uint64_t due, came[CAME_MAX]; /* numbers of this session that a packet brought */
static uint32_t n_came;
static int64_t now;
static uint8_t session[TT_MOLD_SESSION_BYTES];
static int has_begun;

static uint32_t bytes_of(uint64_t seq)
{
    return (uint32_t)(seq * 7 % 37);
}

static void take(const uint8_t *msg, uint32_t bytes)
{
    guided_need(bytes == bytes_of(due), "a message of another length");
    for (uint32_t i = 0; i < bytes; i++)
        guided_need(msg[i] == (uint8_t)(due * 3 + i + arbiter.session[9]), "another message");
    due++;
}

static void check_window(void)
{
    uint64_t held = 0;
    for (uint64_t i = 0; i < arbiter.set.slots; i++) {
        const tt_arb_slot *slot = tt_arbiter_slot_(&arbiter, i);
        held += slot->seq != 0;
        guided_need(slot->seq == 0 || slot->seq - due < arbiter.set.slots,
                    "a slot holds a number outside the window");
    }
    guided_need(held == arbiter.held, "what is held is counted wrong");
    guided_need(!has_begun || arbiter.seq.expected == due, "another number is due");
}

static void drain(void)
{
    uint32_t bytes = 0;
    int64_t ts = 0;
    const uint8_t *msg;
    while ((msg = tt_arbiter_next(&arbiter, &bytes, &ts)) != NULL) {
        guided_need(arbiter.seq.expected == due + 1 && ts <= now, "out of order");
        take(msg, bytes);
    }
}

/* Give up what the arbiter calls a gap, or all that lacks. */
static void settle(int all)
{
    uint64_t first = 0, last = 0;
    for (int i = 0; i < 2 * CAME_MAX; i++) {
        drain();
        const int verdict = tt_arbiter_gap(&arbiter, now, &first, &last);
        if (verdict == TT_ARB_WHOLE || (verdict == TT_ARB_WAITING && !all))
            return;
        guided_need(first == due && last >= first, "a gap elsewhere");
        for (uint32_t k = 0; arbiter.overflow == 0 && k < n_came; k++)
            guided_need(came[k] < first || came[k] > last, "what came is given up");
        guided_need(tt_arbiter_lose(&arbiter, last) == last - first + 1, "given up otherwise");
        due = last + 1;
    }
    guided_need(0, "gaps without end");
}

static size_t build(uint8_t *out, uint64_t first, uint32_t count)
{
    size_t at = 20;
    tt_mold_put_head(out, session, first, (uint16_t)count);
    for (uint32_t i = 0; i < count && count != TT_MOLD_END; i++) {
        const uint32_t bytes = bytes_of(first + i);
        tt_put_be16(out + at, (uint16_t)bytes);
        for (uint32_t k = 0; k < bytes; k++)
            out[at + 2 + k] = (uint8_t)((first + i) * 3 + k + session[9]);
        at += 2 + bytes;
    }
    return at;
}

static void take_span(const tt_arb_span *span, uint64_t end)
{
    const uint8_t *at = span->blocks;
    guided_need(span->first == due && span->count > 0, "the new part begins elsewhere");
    for (uint32_t i = 0; i < span->count; i++) {
        const uint32_t bytes = tt_be16(at);
        take(at + 2, bytes);
        at += 2 + bytes;
    }
    guided_need(at == span->blocks + span->bytes && due == end, "the new part ends elsewhere");
}

static void offer(uint32_t line, uint64_t first, uint32_t count)
{
    uint8_t image[BYTES_MAX];
    const size_t n = build(image, first, count);
    uint8_t *packet = malloc(n); /* of its exact size, and gone when the offer is over */
    tt_mold_packet p;
    tt_arb_span span = {0};
    guided_need(packet != NULL, "no memory");
    memcpy(packet, image, n);
    if (tt_mold_parse(packet, n, &p) == TT_OK) {
        int verdict = tt_arbiter_offer(&arbiter, line, &p, now, now, &span);
        if (verdict == TT_ARB_SESSION) {
            settle(1);
            tt_arbiter_session(&arbiter, session, 1);
            due = 1;
            n_came = 0;
            verdict = tt_arbiter_offer(&arbiter, line, &p, now, now, &span);
            guided_need(verdict != TT_ARB_SESSION && verdict != TT_ARB_STRAY, "a session twice");
        }
        if (!has_begun) {
            has_begun = 1;
            due = verdict == TT_ARB_NEW ? span.first : arbiter.seq.expected;
        }
        if (verdict != TT_ARB_STRAY)
            for (uint32_t i = 0; i < p.count && n_came < CAME_MAX; i++)
                came[n_came++] = first + i;
        guided_need(verdict != TT_ARB_NEW || !arbiter.is_holding, "handed on while holding");
        if (verdict == TT_ARB_NEW)
            take_span(&span, first + p.count);
    }
    free(packet);
}

static void command(const uint8_t *c)
{
    const int64_t delta = (int8_t)c[2];
    uint64_t first = due + (uint64_t)delta;
    const uint32_t line =
        c[1] % 8u == 7 ? TT_ARB_REPLY : c[1] % arbiter.set.lines;
    now += c[4] * (int64_t)(c[5] & 1 ? 100000 : 10);
    if (c[7] == 0xff) /* near the end of all numbers */
        first = UINT64_MAX - c[2];
    switch (c[0] % 8) {
    case 0:
        session[9] = (uint8_t)('A' + c[6] % 3);
        offer(line, c[6] & 8 ? 1 : first, c[3] % MESSAGES_MAX);
        break;
    case 1:
        offer(line, first, c[6] & 1 ? TT_MOLD_END : TT_MOLD_HEARTBEAT);
        break;
    case 2:
        tt_arbiter_hold(&arbiter, c[3] & 1);
        break;
    case 3:
        settle(c[6] & 1);
        break;
    default:
        offer(line, first, c[3] % MESSAGES_MAX);
    }
    if (!arbiter.is_holding)
        settle(0);
    check_window();
}

static void run(const uint8_t *data, size_t n)
{
    if (n < COMMAND)
        return;
    const tt_arb_settings set = {.lines = data[0] % 5u,
                                 .slots = 1u << data[1] % 7,
                                 .slot_bytes = data[2] % 48u,
                                 .hold_ns = data[3] * 100,
                                 .settle_ns = data[4] * 10,
                                 .dead_ns = data[5] * 1000};
    memcpy(session, "SESSION-1A", sizeof session);
    now = 1;
    n_came = 0;
    due = data[6] ? data[6] : 0;
    has_begun = due != 0;
    void *window = calloc(1, tt_arbiter_bytes(&set) + 1);
    guided_need(window != NULL, "no memory");
    const int rc = tt_arbiter_init(&arbiter, &set, window, due, now);
    guided_need(rc == TT_OK || set.lines == 0 || set.slots < 2 || set.dead_ns == 0,
                "settings are refused");
    for (size_t at = COMMAND; rc == TT_OK && at + COMMAND <= n; at += COMMAND)
        command(data + at);
    if (rc == TT_OK) {
        tt_arbiter_hold(&arbiter, 0);
        settle(1);
        guided_need(arbiter.held == 0, "something is left in the window");
    }
    free(window);
}

static void seeds(void)
{
    uint8_t bytes[COMMAND * 20] = {2, 4, 40, 50, 20, 100, 1, 0};
    for (uint8_t i = 1; i < 20; i++) {
        uint8_t *c = bytes + COMMAND * i;
        c[0] = 5, c[1] = i % 2, c[2] = i % 3 * 2, c[3] = 1 + i % 4, c[4] = 50;
        if (i % 7 == 6)
            c[0] = (uint8_t)(i / 7);
        guided_seed(bytes, COMMAND * (i + 1u));
    }
}

int main(int argc, char **argv)
{
    return guided_main(argc, argv, &(guided_target){"arbiter", 1024, COMMAND, run, seeds});
}
