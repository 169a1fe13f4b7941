/* Bytes out and in, one piece behind the other: what images of state are written with. Any
 * alignment; the caller knows that there is room. */
#ifndef TECTRA_IMAGE_H
#define TECTRA_IMAGE_H

#include <string.h>

#include "base.h"

/* Both return where the next piece goes or comes from. A piece of no bytes may be NULL. */
static inline uint8_t *tt_image_put_(uint8_t *out, const void *from, size_t bytes)
{
    if (bytes != 0)
        memcpy(out, from, bytes);
    return out + bytes;
}

static inline const uint8_t *tt_image_get_(const uint8_t *in, void *to, size_t bytes)
{
    if (bytes != 0)
        memcpy(to, in, bytes);
    return in + bytes;
}

#endif
