/* One datagram as a receiver hands it on: where its bytes lie, and when it came. Whoever receives
 * owns the memory; it holds until the next poll. */
#ifndef TECTRA_DATAGRAM_H
#define TECTRA_DATAGRAM_H

#include "base.h"

/* Longer than the room for it: `bytes` of it are here, the rest is lost. */
#define TT_DATAGRAM_CUT 1u

typedef struct {
    const uint8_t *data;
    uint32_t bytes;
    uint32_t flags;
    int64_t ts_kernel_ns; /* when the kernel took it from the network, UTC; 0: it does not say */
    int64_t ts_recv_ns;   /* when the receiver had it, on the receiver's clock */
} tt_datagram;

#endif
