/* The order-by-order book of a whole market, all of it: apply (l3_apply.h), read and check
 * (l3_query.h), batches (l3_batch.h, l3_watch.h).
 *
 *     tt_book_effect fx;
 *     int rc = tt_l3_apply(book, record, &fx);      rc TT_E_FULL: grow arena book->short_of, apply
 * again const tt_top *top = tt_l3_top(book, fx.slot);
 */
#ifndef TECTRA_L3_H
#define TECTRA_L3_H

#include "l3_apply.h"
#include "l3_batch.h"
#include "l3_query.h"
#include "l3_watch.h"

#endif
