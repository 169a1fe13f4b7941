/* The engine's state as bytes, section by section, and from bytes into a new pipeline of the same
 * kind. Books and strategies have images of their own.
 *
 * Kept is what can change a later record or a number that people read; pointers, indexes and the
 * secret of the risk chain are not, nor a pass that was given: the first check makes a new one. Two
 * pipelines that stepped the same records have equal sections, GATE apart: a replay sends nothing.
 * Owner: the engine's thread, between two records.
 */
#ifndef TECTRA_ENGINE_IMAGE_H
#define TECTRA_ENGINE_IMAGE_H

#include "orders_image.h"
#include "pipeline.h"
#include "risk_image.h"

enum {
    TT_IMAGE_CORE,
    TT_IMAGE_GATE,
    TT_IMAGE_PENDING,
    TT_IMAGE_STATES,
    TT_IMAGE_TRADES,
    TT_IMAGE_TIMERS,
    TT_IMAGE_ORDERS,
    TT_IMAGE_POSITIONS,
    TT_IMAGE_RISK,
    TT_IMAGE_SECTIONS
};

typedef struct {
    uint64_t ring_seq, records[4];
    tt_digest inputs, outputs;
    int64_t now_ns;
    uint64_t next_order_id;
    uint64_t book_errors, unknown_orders, invalid_transitions, overflows, refused_controls;
    uint64_t first_error_seq;
    int32_t first_error_rc;
    uint32_t n_pending, n_news, slots, strategies, reserved;
    tt_book_effect effect;
    uint8_t scratch[TT_RECORD_BYTES_MAX];
} tt_image_core;
_Static_assert(sizeof(tt_image_core) == 376, "tt_image_core: no padding");

/* What became of requests at the gate, and the kill word as it stood: of this process alone. */
typedef struct {
    uint64_t refusals, sent, killed, refused, full, kill_word;
} tt_image_gate;

/* One strategy's context; its buffered intents and notes follow. */
typedef struct {
    int64_t now_ns;
    uint64_t cause_seq;
    uint32_t n_intents, n_notes, refused;
    uint16_t strategy_id, reserved;
} tt_image_ctx;

/* Two builds that lay their state out differently do not read each other's images. */
static inline uint32_t tt_image_layout(void)
{
    const uint32_t words[] = {
        TT_SCHEMA_ID,          TT_SCHEMA_VERSION,           sizeof(tt_image_core),
        sizeof(tt_image_gate), sizeof(tt_image_risk),       sizeof(tt_image_ctx),
        sizeof(tt_order),      sizeof(tt_exec),             sizeof(tt_orders_head),
        sizeof(tt_position),   sizeof(tt_instrument_state), sizeof(tt_trade_view),
        TT_TRADES_KEPT,        sizeof(tt_timer_entry),      TT_TIMERS_MAX,
        sizeof(tt_limit_row),  sizeof(tt_rate),             sizeof(tt_limit_scope),
        TT_RISK_RULES,         sizeof(tt_order_intent),     sizeof(tt_strategy_signal),
        TT_INTENTS_MAX,        TT_NOTES_MAX,                sizeof(tt_book_effect),
        TT_ORDER_STATES,       TT_ORDER_EVENTS,             sizeof(tt_order_reject)};
    return tt_layout_hash(words, sizeof words / sizeof *words);
}

static inline size_t tt_image_rows_(const tt_pipeline *p)
{
    return (size_t)p->slots * p->strategies;
}

static inline size_t tt_image_trades_bytes_(const tt_pipeline *p)
{
    size_t bytes = (size_t)p->slots * sizeof(uint64_t);
    for (uint32_t slot = 0; slot < p->slots; slot++)
        bytes += tt_execs_kept_(p->trades[slot].n, TT_TRADES_KEPT) * sizeof(tt_trade_view);
    return bytes;
}

/* Size of one section. */
static inline size_t tt_image_bytes(const tt_pipeline *p, int section)
{
    switch (section) {
    case TT_IMAGE_CORE:
        return sizeof(tt_image_core);
    case TT_IMAGE_GATE:
        return sizeof(tt_image_gate);
    case TT_IMAGE_PENDING:
        return (size_t)p->n_pending * sizeof(tt_order_reject);
    case TT_IMAGE_STATES:
        return (size_t)p->slots * sizeof(tt_instrument_state);
    case TT_IMAGE_TRADES:
        return tt_image_trades_bytes_(p);
    case TT_IMAGE_TIMERS:
        return 2 * sizeof(uint64_t) + (size_t)p->timers->n * sizeof(tt_timer_entry);
    case TT_IMAGE_ORDERS:
        return tt_orders_image_bytes(p->orders);
    case TT_IMAGE_POSITIONS:
        return tt_image_rows_(p) * sizeof(tt_position);
    default:
        return tt_risk_image_bytes(p->risk);
    }
}

static inline void tt_image_save_core_(const tt_pipeline *p, uint8_t *out)
{
    tt_image_core core;
    memset(&core, 0, sizeof(core));
    core.ring_seq = p->tap.ring_seq;
    memcpy(core.records, p->tap.records, sizeof(core.records));
    core.inputs = p->tap.inputs;
    core.outputs = p->tap.outputs;
    core.now_ns = p->now_ns;
    core.next_order_id = p->next_order_id;
    core.book_errors = p->book_errors;
    core.unknown_orders = p->unknown_orders;
    core.invalid_transitions = p->invalid_transitions;
    core.overflows = p->overflows;
    core.refused_controls = p->refused_controls;
    core.first_error_seq = p->first_error_seq;
    core.first_error_rc = p->first_error_rc;
    core.n_pending = p->n_pending;
    core.n_news = p->n_news;
    core.slots = p->slots;
    core.strategies = p->strategies;
    core.effect = p->effect;
    memcpy(core.scratch, p->scratch, sizeof(core.scratch));
    tt_image_put_(out, &core, sizeof(core));
}

static inline void tt_image_save_trades_(const tt_pipeline *p, uint8_t *out)
{
    for (uint32_t slot = 0; slot < p->slots; slot++) {
        const tt_trades *kept = &p->trades[slot];
        out = tt_image_put_(out, &kept->n, sizeof(kept->n));
        out = tt_image_put_(out, kept->ring,
                            tt_execs_kept_(kept->n, TT_TRADES_KEPT) * sizeof(tt_trade_view));
    }
}

/* `out` has tt_image_bytes of the section. */
static inline void tt_image_save(const tt_pipeline *p, int section, uint8_t *out)
{
    const tt_image_gate gate = {p->gate_refusals,       p->risk->gate_sent,
                                p->risk->gate_killed,   p->risk->gate_refused,
                                p->risk->gate_full,     p->kill ? tt_kill_word(p->kill) : 0};
    const tt_timers *t = p->timers;
    switch (section) {
    case TT_IMAGE_CORE:
        tt_image_save_core_(p, out);
        return;
    case TT_IMAGE_GATE:
        tt_image_put_(out, &gate, sizeof(gate));
        return;
    case TT_IMAGE_PENDING:
        tt_image_put_(out, p->pending, tt_image_bytes(p, section));
        return;
    case TT_IMAGE_STATES:
        tt_image_put_(out, p->state, tt_image_bytes(p, section));
        return;
    case TT_IMAGE_TRADES:
        tt_image_save_trades_(p, out);
        return;
    case TT_IMAGE_TIMERS:
        out = tt_image_put_(out, &t->next_due_ns, sizeof(t->next_due_ns));
        out = tt_image_put_(out, &t->next_id, sizeof(t->next_id));
        tt_image_put_(out, t->entries, t->n * sizeof(tt_timer_entry));
        return;
    case TT_IMAGE_ORDERS:
        tt_orders_save(p->orders, out);
        return;
    case TT_IMAGE_POSITIONS:
        tt_image_put_(out, p->positions, tt_image_bytes(p, section));
        return;
    default:
        tt_risk_save(p->risk, out);
        return;
    }
}

static inline int tt_image_load_core_(tt_pipeline *p, const uint8_t *in)
{
    tt_image_core core;
    tt_image_get_(in, &core, sizeof(core));
    if (core.slots != p->slots || core.strategies != p->strategies ||
        core.n_pending > p->pending_max)
        return TT_E_RANGE;
    p->tap.ring_seq = core.ring_seq;
    memcpy(p->tap.records, core.records, sizeof(core.records));
    p->tap.inputs = core.inputs;
    p->tap.outputs = core.outputs;
    p->now_ns = core.now_ns;
    p->next_order_id = core.next_order_id;
    p->book_errors = core.book_errors;
    p->unknown_orders = core.unknown_orders;
    p->invalid_transitions = core.invalid_transitions;
    p->overflows = core.overflows;
    p->refused_controls = core.refused_controls;
    p->first_error_seq = core.first_error_seq;
    p->first_error_rc = core.first_error_rc;
    p->n_pending = core.n_pending;
    p->n_news = core.n_news;
    p->effect = core.effect;
    memcpy(p->scratch, core.scratch, sizeof(core.scratch));
    return TT_OK;
}

static inline void tt_image_load_gate_(tt_pipeline *p, const uint8_t *in)
{
    tt_image_gate gate;
    tt_image_get_(in, &gate, sizeof(gate));
    p->gate_refusals = gate.refusals;
    p->risk->gate_sent = gate.sent;
    p->risk->gate_killed = gate.killed;
    p->risk->gate_refused = gate.refused;
    p->risk->gate_full = gate.full;
}

static inline int tt_image_load_trades_(tt_pipeline *p, const uint8_t *in, size_t bytes)
{
    const uint8_t *end = in + bytes;
    for (uint32_t slot = 0; slot < p->slots; slot++) {
        tt_trades *kept = &p->trades[slot];
        if ((size_t)(end - in) < sizeof(kept->n))
            return TT_E_CORRUPT;
        in = tt_image_get_(in, &kept->n, sizeof(kept->n));
        const size_t size = tt_execs_kept_(kept->n, TT_TRADES_KEPT) * sizeof(tt_trade_view);
        if ((size_t)(end - in) < size)
            return TT_E_CORRUPT;
        in = tt_image_get_(in, kept->ring, size);
    }
    return in == end ? TT_OK : TT_E_CORRUPT;
}

static inline int tt_image_load_timers_(tt_timers *t, const uint8_t *in, size_t bytes)
{
    const size_t head = 2 * sizeof(uint64_t);
    if (bytes < head || (bytes - head) % sizeof(tt_timer_entry) != 0 ||
        (bytes - head) / sizeof(tt_timer_entry) > TT_TIMERS_MAX)
        return TT_E_CORRUPT;
    in = tt_image_get_(in, &t->next_due_ns, sizeof(t->next_due_ns));
    in = tt_image_get_(in, &t->next_id, sizeof(t->next_id));
    t->n = (uint32_t)((bytes - head) / sizeof(tt_timer_entry));
    tt_image_get_(in, t->entries, bytes - head);
    return TT_OK;
}

static inline int tt_image_load_positions_(tt_pipeline *p, const uint8_t *in)
{
    const size_t rows = tt_image_rows_(p);
    for (size_t i = 0; i < rows; i++) {
        tt_position row;
        tt_image_get_(in + i * sizeof(row), &row, sizeof(row));
        if (row.instrument_id != p->positions[i].instrument_id ||
            row.strategy_id != p->positions[i].strategy_id)
            return TT_E_RANGE;
        if (tt_position_check(&row) != TT_OK)
            return TT_E_CORRUPT;
        p->positions[i] = row;
    }
    return TT_OK;
}

/* One section into a new pipeline, CORE before PENDING. TT_OK; TT_E_RANGE: of a run of another
 * kind; TT_E_CORRUPT. After an error the pipeline is of no use. */
static inline int tt_image_load(tt_pipeline *p, int section, const uint8_t *in, size_t bytes)
{
    if (section == TT_IMAGE_ORDERS)
        return tt_orders_load(p->orders, in, bytes);
    if (section == TT_IMAGE_TRADES)
        return tt_image_load_trades_(p, in, bytes);
    if (section == TT_IMAGE_TIMERS)
        return tt_image_load_timers_(p->timers, in, bytes);
    if (bytes != tt_image_bytes(p, section))
        return TT_E_RANGE;
    switch (section) {
    case TT_IMAGE_CORE:
        return tt_image_load_core_(p, in);
    case TT_IMAGE_GATE:
        tt_image_load_gate_(p, in);
        return TT_OK;
    case TT_IMAGE_PENDING:
        tt_image_get_(in, p->pending, bytes);
        return TT_OK;
    case TT_IMAGE_STATES:
        tt_image_get_(in, p->state, bytes);
        return TT_OK;
    case TT_IMAGE_POSITIONS:
        return tt_image_load_positions_(p, in);
    default:
        return tt_risk_load(p->risk, in);
    }
}

static inline size_t tt_image_ctx_bytes(const tt_ctx *ctx)
{
    return sizeof(tt_image_ctx) + ctx->n_intents * sizeof(tt_order_intent) +
           ctx->n_notes * sizeof(tt_strategy_signal);
}

static inline void tt_image_ctx_save(const tt_ctx *ctx, uint8_t *out)
{
    const tt_image_ctx head = {.now_ns = ctx->now_ns,
                               .cause_seq = ctx->cause_seq,
                               .n_intents = ctx->n_intents,
                               .n_notes = ctx->n_notes,
                               .refused = ctx->refused,
                               .strategy_id = ctx->strategy_id};
    out = tt_image_put_(out, &head, sizeof(head));
    out = tt_image_put_(out, ctx->intents, ctx->n_intents * sizeof(tt_order_intent));
    tt_image_put_(out, ctx->notes, ctx->n_notes * sizeof(tt_strategy_signal));
}

static inline int tt_image_ctx_load(tt_ctx *ctx, const uint8_t *in, size_t bytes)
{
    tt_image_ctx head;
    if (bytes < sizeof(head))
        return TT_E_CORRUPT;
    in = tt_image_get_(in, &head, sizeof(head));
    if (head.strategy_id != ctx->strategy_id)
        return TT_E_RANGE;
    if (head.n_intents > TT_INTENTS_MAX || head.n_notes > TT_NOTES_MAX ||
        bytes != sizeof(head) + head.n_intents * sizeof(tt_order_intent) +
                     head.n_notes * sizeof(tt_strategy_signal))
        return TT_E_CORRUPT;
    ctx->now_ns = head.now_ns;
    ctx->cause_seq = head.cause_seq;
    ctx->n_intents = head.n_intents;
    ctx->n_notes = head.n_notes;
    ctx->refused = head.refused;
    in = tt_image_get_(in, ctx->intents, ctx->n_intents * sizeof(tt_order_intent));
    tt_image_get_(in, ctx->notes, ctx->n_notes * sizeof(tt_strategy_signal));
    return TT_OK;
}

#endif
