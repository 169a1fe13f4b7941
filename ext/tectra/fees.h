/* Fees of a venue: a fraction of the money traded, and an amount per unit of quantity.
 *
 *   fee = round_half_even(px * qty * rate_e7 / 10^7) + per_unit * qty money mantissa; negative is a
 *   rebate
 *
 * 0.04 % is 4000, a rebate of 0.01 % is -1000. Money is at px_exponent + qty_exponent, so px * qty
 * is money without scaling and per_unit is in price mantissas (USD 0.003 a share at px_exponent -4:
 * 30).
 */
#ifndef TECTRA_FEES_H
#define TECTRA_FEES_H

#include "base.h"
#include "fixed.h"
#include "msg.h"

#define TT_FEE_SCALE 10000000
#define TT_FEE_MAKER_DEFAULT (-1000)
#define TT_FEE_TAKER_DEFAULT 4000

typedef struct {
    int64_t maker_rate_e7, taker_rate_e7; /* within +-TT_FEE_SCALE */
    int64_t per_unit;
} tt_fees;

/* TT_OK or TT_E_RANGE: a rate beyond 100 % is a mistake in units. */
static inline int tt_fees_init(tt_fees *f, int64_t maker_rate_e7, int64_t taker_rate_e7,
                               int64_t per_unit)
{
    if (maker_rate_e7 < -TT_FEE_SCALE || maker_rate_e7 > TT_FEE_SCALE ||
        taker_rate_e7 < -TT_FEE_SCALE || taker_rate_e7 > TT_FEE_SCALE)
        return TT_E_RANGE;
    f->maker_rate_e7 = maker_rate_e7;
    f->taker_rate_e7 = taker_rate_e7;
    f->per_unit = per_unit;
    return TT_OK;
}

/* Fee of one execution. TT_OK, or TT_E_OVERFLOW when the money or the fee does not fit int64 (then
 * *out is untouched). */
static inline int tt_fees_of(const tt_fees *f, uint8_t liquidity, int64_t px, int64_t qty,
                             int64_t *out)
{
    int64_t money, share, units, fee;
    const int64_t rate = liquidity == TT_LIQUIDITY_MAKER ? f->maker_rate_e7 : f->taker_rate_e7;
    TT_ASSERT(liquidity == TT_LIQUIDITY_MAKER || liquidity == TT_LIQUIDITY_TAKER);
    if (tt_notional(px, qty, &money) != TT_OK || tt_mul64(f->per_unit, qty, &units) != TT_OK ||
        tt_mul_div64(money, rate, TT_FEE_SCALE, &share, TT_ROUND_HALF_EVEN) != TT_OK ||
        tt_add64(share, units, &fee) != TT_OK)
        return TT_E_OVERFLOW;
    *out = fee;
    return TT_OK;
}

#endif
