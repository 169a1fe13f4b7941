/* The risk chain as bytes, and from bytes: limits, buckets, latches, counts.
 *
 * The secret is not in it, nor a pass that was given: both are of one process. What the gate
 * counted is for the engine's image. Owner: the engine's thread.
 */
#ifndef TECTRA_RISK_IMAGE_H
#define TECTRA_RISK_IMAGE_H

#include "base.h"
#include "image.h"
#include "limits.h"

/* Then rows, rates and scopes. */
typedef struct {
    uint32_t slots, strategies, rules_on, kill_all;
    uint64_t version, pass_last, orders, cancels, accepted;
    uint64_t rejected[TT_RISK_RULES], skipped[TT_RISK_RULES];
} tt_image_risk;

static inline size_t tt_image_scopes_(const tt_risk *r)
{
    return (size_t)r->strategies * (r->slots + 1u);
}

static inline size_t tt_risk_image_bytes(const tt_risk *r)
{
    const size_t rows = (size_t)r->slots * r->strategies;
    return sizeof(tt_image_risk) + rows * sizeof(tt_limit_row) + r->strategies * sizeof(tt_rate) +
           tt_image_scopes_(r) * sizeof(tt_limit_scope);
}

/* `out` has tt_risk_image_bytes. */
static inline void tt_risk_save(const tt_risk *r, uint8_t *out)
{
    tt_image_risk head;
    const size_t rows = (size_t)r->slots * r->strategies;
    memset(&head, 0, sizeof(head));
    head.slots = r->slots;
    head.strategies = r->strategies;
    head.rules_on = r->rules_on;
    head.kill_all = r->kill_all;
    head.version = r->version;
    head.pass_last = r->pass_last;
    head.orders = r->orders;
    head.cancels = r->cancels;
    head.accepted = r->accepted;
    memcpy(head.rejected, r->rejected, sizeof(head.rejected));
    memcpy(head.skipped, r->skipped, sizeof(head.skipped));
    out = tt_image_put_(out, &head, sizeof(head));
    out = tt_image_put_(out, r->rows, rows * sizeof(tt_limit_row));
    out = tt_image_put_(out, r->rates, r->strategies * sizeof(tt_rate));
    tt_image_put_(out, r->scopes, tt_image_scopes_(r) * sizeof(tt_limit_scope));
}

/* Into a chain as tt_risk_init left it, its slots bound; `in` has tt_risk_image_bytes. TT_OK, or
 * TT_E_RANGE: made for another run. */
static inline int tt_risk_load(tt_risk *r, const uint8_t *in)
{
    tt_image_risk head;
    const size_t rows = (size_t)r->slots * r->strategies;
    const uint8_t *at = tt_image_get_(in, &head, sizeof(head));
    if (head.slots != r->slots || head.strategies != r->strategies)
        return TT_E_RANGE;
    for (size_t i = 0; i < rows; i++) {
        tt_limit_row row;
        tt_image_get_(at + i * sizeof(row), &row, sizeof(row));
        if (row.instrument_id != r->rows[i].instrument_id)
            return TT_E_RANGE;
    }
    r->rules_on = head.rules_on;
    r->kill_all = head.kill_all != 0;
    r->version = head.version;
    r->pass_live = 0;
    r->pass_last = head.pass_last;
    r->orders = head.orders;
    r->cancels = head.cancels;
    r->accepted = head.accepted;
    memcpy(r->rejected, head.rejected, sizeof(head.rejected));
    memcpy(r->skipped, head.skipped, sizeof(head.skipped));
    at = tt_image_get_(at, r->rows, rows * sizeof(tt_limit_row));
    at = tt_image_get_(at, r->rates, r->strategies * sizeof(tt_rate));
    tt_image_get_(at, r->scopes, tt_image_scopes_(r) * sizeof(tt_limit_scope));
    return TT_OK;
}

#endif
