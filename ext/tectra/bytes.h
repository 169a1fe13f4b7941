/* Unaligned big- and little-endian reads and writes. The caller has checked the length; compilers
 * make one load and a byte swap of each. 48-bit values (ITCH time stamps) read six bytes, never
 * eight, so that the end of a buffer is safe. */
#ifndef TECTRA_BYTES_H
#define TECTRA_BYTES_H

#include <stdint.h>
#include <string.h>

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "tectra records are little-endian in memory; this machine is not"
#endif

static inline uint16_t tt_le16(const void *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint32_t tt_le32(const void *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t tt_le64(const void *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void tt_put_le16(void *p, uint16_t v)
{
    memcpy(p, &v, sizeof v);
}

static inline void tt_put_le32(void *p, uint32_t v)
{
    memcpy(p, &v, sizeof v);
}

static inline void tt_put_le64(void *p, uint64_t v)
{
    memcpy(p, &v, sizeof v);
}

static inline uint16_t tt_be16(const void *p)
{
    return __builtin_bswap16(tt_le16(p));
}

static inline uint32_t tt_be32(const void *p)
{
    return __builtin_bswap32(tt_le32(p));
}

static inline uint64_t tt_be48(const void *p)
{
    return ((uint64_t)tt_be16(p) << 32) | tt_be32((const uint8_t *)p + 2);
}

static inline uint64_t tt_be64(const void *p)
{
    return __builtin_bswap64(tt_le64(p));
}

static inline void tt_put_be16(void *p, uint16_t v)
{
    tt_put_le16(p, __builtin_bswap16(v));
}

static inline void tt_put_be32(void *p, uint32_t v)
{
    tt_put_le32(p, __builtin_bswap32(v));
}

/* Writes the low 48 bits of v. */
static inline void tt_put_be48(void *p, uint64_t v)
{
    tt_put_be16(p, (uint16_t)(v >> 32));
    tt_put_be32((uint8_t *)p + 2, (uint32_t)v);
}

static inline void tt_put_be64(void *p, uint64_t v)
{
    tt_put_le64(p, __builtin_bswap64(v));
}

#endif
