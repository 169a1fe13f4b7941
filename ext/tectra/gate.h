/* The gate: the only function that puts an order on the out ring.
 *
 * It reads the shared kill word first, then asks the risk chain whether the pass is its own, live,
 * and of exactly this request; only then does it push. A pass is spent by the push: nothing leaves
 * twice. A cancel needs a pass too, and leaves while the kill word is set.
 * Owner: the engine's thread, the producer of the out ring. About 8 ns beside the push.
 */
#ifndef TECTRA_GATE_H
#define TECTRA_GATE_H

#include "base.h"
#include "kill.h"
#include "limits.h"
#include "msg.h"
#include "spsc.h"

/* TT_OK; TT_E_KILLED; TT_E_NO_PASS (made up, of another order, used, or older than a change of
 * limits); TT_E_FULL: nothing left, and the pass is still good. `kill` NULL: no kill word. */
static inline int tt_gate_send(tt_spsc *out, const tt_kill *kill, tt_risk *r,
                               const tt_order_send *send, const tt_pass *pass)
{
    const int cancel = send->action == TT_INTENT_ACTION_CANCEL;
    if (TT_UNLIKELY(kill != NULL && tt_kill_is_set(kill) && !cancel)) {
        r->gate_killed++;
        return TT_E_KILLED;
    }
    if (TT_UNLIKELY(send->template_id != TT_T_ORDER_SEND || !tt_pass_holds(r, send, pass))) {
        r->gate_refused++;
        return TT_E_NO_PASS;
    }
    const int rc = tt_spsc_try_push(out, send);
    if (TT_UNLIKELY(rc != TT_OK)) {
        r->gate_full++;
        return rc;
    }
    tt_pass_spend(r);
    r->gate_sent++;
    return TT_OK;
}

#endif
