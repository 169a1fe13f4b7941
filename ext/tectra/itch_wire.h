/* NASDAQ TotalView-ITCH 5.0 on the wire: lengths, where the fields lie, framing, and which locates
 * pass.
 *
 *   BinaryFILE record:  | u16 length (big-endian) | message |   a zero length ends the session
 *   message:            | type 1 | stock_locate u16 | tracking u16 | timestamp u48 | body |
 *
 * The timestamp is nanoseconds since midnight in New York. Some files carry a zero prefix before
 * every message; `by_type` frames those by the length table instead.
 * Nothing here reads outside what it was given: a message is touched only after its length equals
 * its type's length.
 */
#ifndef TECTRA_ITCH_WIRE_H
#define TECTRA_ITCH_WIRE_H

#include "base.h"
#include "bytes.h"
#include "msg.h"

#define TT_ITCH_LOCATES 65536
#define TT_ITCH_MESSAGE_BYTES_MAX 50
#define TT_ITCH_TYPES 23
#define TT_ITCH_PREFETCH_BYTES 2048

/* What the decoder does with a locate. */
enum { TT_ITCH_NEW = 0, TT_ITCH_PASS = 1, TT_ITCH_SKIP = 2 };

/* Locate -> symbol and verdict, learned from the first message that names the stock (R, or A in
 * files without R). A byte for a locate and not a bit: one load, no shift, and a market's ten
 * thousand locates still fit the L1 cache. */
typedef struct {
    uint8_t gate[TT_ITCH_LOCATES];    /* TT_ITCH_* */
    uint64_t symbol[TT_ITCH_LOCATES]; /* 8 bytes as on the wire, space-padded, as a big-endian
                                         number; 0 unknown */
    const uint64_t *wanted;           /* ascending, in the same form; NULL passes every symbol */
    uint32_t wanted_n;
    uint32_t learned; /* locates with a symbol */
} tt_itch_map;

/* How one type is decoded. `kind` is what to do; the rest is for TT_ITCH_ORDER_*. */
enum { TT_ITCH_ORDER_64 = 1, TT_ITCH_ORDER_128 = 2, TT_ITCH_OTHER = 3 };
typedef struct {
    uint64_t head;   /* the record's message header */
    uint64_t mask48; /* bits that count of the 8 bytes at off48: px, match_id or nothing, for record
                        offset 48 */
    uint64_t mask56; /* the same for qty at record offset 56 */
    uint8_t size;    /* message bytes, 0 = no such type */
    uint8_t kind;
    uint8_t off48, off56;
    uint8_t side_at;   /* offset of the side letter, 0 where there is none */
    uint16_t side_mask; /* all bits, or 0 where there is no side */
    uint8_t stock_at;  /* offset of the stock, 0 where there is none */
} tt_itch_plan;

#define TT_ITCH_HEAD(T, BYTES)                                                                     \
    ((uint64_t)((BYTES) - 8) | (uint64_t)(T) << 16 | (uint64_t)TT_SCHEMA_ID << 32 |                \
     (uint64_t)TT_SCHEMA_VERSION << 48)
#define TT_ITCH_U32 0xffffffffu
#define TT_ITCH_U64 0xffffffffffffffffu
#define TT_ITCH_ONE(T, SIZE, OFF48, MASK48, OFF56, MASK56, SIDE, STOCK)                            \
    {TT_ITCH_HEAD(T, 64), MASK48, MASK56, SIZE, TT_ITCH_ORDER_64, OFF48, OFF56, SIDE,              \
     (SIDE) ? 0xffff : 0,      STOCK}
#define TT_ITCH_TWO(T, SIZE, OFF48, MASK48, OFF56, MASK56, SIDE, STOCK)                            \
    {TT_ITCH_HEAD(T, 128), MASK48, MASK56, SIZE, TT_ITCH_ORDER_128, OFF48, OFF56, SIDE,            \
     (SIDE) ? 0xffff : 0,       STOCK}
#define TT_ITCH_REST(T, BYTES, SIZE, STOCK)                                                        \
    {TT_ITCH_HEAD(T, BYTES), 0, 0, SIZE, TT_ITCH_OTHER, 0, 0, 0, 0, STOCK}

/* A u32 at offset o is the low half of the 8 bytes at o - 4, so one load serves both widths. */
static const tt_itch_plan tt_itch_plans[256] = {
    ['A'] = TT_ITCH_ONE(TT_T_BOOK_ADD, 36, 28, TT_ITCH_U32, 16, TT_ITCH_U32, 19, 24),
    ['E'] = TT_ITCH_ONE(TT_T_BOOK_EXECUTE, 31, 23, TT_ITCH_U64, 15, TT_ITCH_U32, 0, 0),
    ['X'] = TT_ITCH_ONE(TT_T_BOOK_CANCEL, 23, 0, 0, 15, TT_ITCH_U32, 0, 0),
    ['D'] = TT_ITCH_ONE(TT_T_BOOK_DELETE, 19, 0, 0, 0, 0, 0, 0),
    ['F'] = TT_ITCH_TWO(TT_T_BOOK_ADD_ATTRIBUTED, 40, 28, TT_ITCH_U32, 16, TT_ITCH_U32, 19, 24),
    ['C'] = TT_ITCH_TWO(TT_T_BOOK_EXECUTE_PRICED, 36, 23, TT_ITCH_U64, 15, TT_ITCH_U32, 0, 0),
    ['U'] = TT_ITCH_TWO(TT_T_BOOK_REPLACE, 35, 27, TT_ITCH_U32, 23, TT_ITCH_U32, 0, 0),
    ['P'] = TT_ITCH_REST(TT_T_TRADE, 64, 44, 24),
    ['Q'] = TT_ITCH_REST(TT_T_TRADE, 64, 40, 19),
    ['B'] = TT_ITCH_REST(TT_T_TRADE, 64, 19, 0),
    ['S'] = TT_ITCH_REST(TT_T_STATUS, 64, 12, 0),
    ['H'] = TT_ITCH_REST(TT_T_STATUS, 64, 25, 11),
    ['h'] = TT_ITCH_REST(TT_T_STATUS, 64, 21, 11),
    ['Y'] = TT_ITCH_REST(TT_T_STATUS, 64, 20, 11),
    ['W'] = TT_ITCH_REST(TT_T_STATUS, 64, 12, 0),
    ['N'] = TT_ITCH_REST(TT_T_STATUS, 64, 20, 11),
    ['R'] = TT_ITCH_REST(TT_T_INSTRUMENT, 128, 39, 11),
    ['I'] = TT_ITCH_REST(TT_T_AUCTION, 128, 50, 28),
    ['L'] = TT_ITCH_REST(TT_T_VENUE_MESSAGE, 128, 26, 15),
    ['V'] = TT_ITCH_REST(TT_T_VENUE_MESSAGE, 128, 35, 0),
    ['K'] = TT_ITCH_REST(TT_T_VENUE_MESSAGE, 128, 28, 11),
    ['J'] = TT_ITCH_REST(TT_T_VENUE_MESSAGE, 128, 35, 11),
    ['O'] = TT_ITCH_REST(TT_T_VENUE_MESSAGE, 128, 48, 11),
};

/* Bytes of a message of `type`, 0 for a type that the specification does not have. */
static inline uint32_t tt_itch_size(uint8_t type)
{
    return tt_itch_plans[type].size;
}

/* Nanoseconds since midnight: the 8 bytes at 3 are the tracking number and the timestamp. */
static inline int64_t tt_itch_time(const uint8_t *msg)
{
    return (int64_t)(tt_be64(msg + 3) & 0xffffffffffffu);
}

/* Start with no symbol known; locate 0 (messages of the whole market) always passes. */
static inline void tt_itch_map_init(tt_itch_map *map, const uint64_t *wanted, uint32_t wanted_n)
{
    TT_ASSERT(wanted || wanted_n == 0);
    memset(map->gate, TT_ITCH_NEW, sizeof map->gate);
    memset(map->symbol, 0, sizeof map->symbol);
    map->wanted = wanted;
    map->wanted_n = wanted_n;
    map->learned = 0;
    map->gate[0] = TT_ITCH_PASS;
}

/* Whether `symbol` is among the wanted ones: at most 32 halvings. */
static inline int tt_itch_wanted(const tt_itch_map *map, uint64_t symbol)
{
    uint32_t low = 0, high = map->wanted_n;
    if (!map->wanted)
        return 1;
    while (low < high) {
        const uint32_t mid = low + (high - low) / 2;
        if (map->wanted[mid] == symbol)
            return 1;
        if (map->wanted[mid] < symbol)
            low = mid + 1;
        else
            high = mid;
    }
    return 0;
}

/* Verdict for a locate that has none yet. A message that names no stock teaches nothing: it passes
 * only when no symbols were asked for, because its own stock cannot be told. */
static inline int tt_itch_learn(tt_itch_map *map, const uint8_t *msg, const tt_itch_plan *plan)
{
    const uint32_t locate = tt_be16(msg + 1);
    uint64_t symbol;
    TT_ASSERT(map->gate[locate] == TT_ITCH_NEW);
    if (!plan->stock_at)
        return map->wanted ? TT_ITCH_SKIP : TT_ITCH_PASS;
    symbol = tt_be64(msg + plan->stock_at);
    map->symbol[locate] = symbol;
    map->learned++;
    map->gate[locate] = tt_itch_wanted(map, symbol) ? TT_ITCH_PASS : TT_ITCH_SKIP;
    return map->gate[locate];
}

/* Bytes of the message whose prefix is at `at`, without the prefix; `room` bytes lie there.
 * TT_E_TRUNCATED when the message is cut, TT_E_CLOSED at the end of session, TT_E_TYPE or
 * TT_E_CORRUPT when by_type framing is lost. */
static inline int64_t tt_itch_frame(const uint8_t *at, size_t room, int by_type)
{
    uint32_t len;
    if (room < 2)
        return TT_E_TRUNCATED;
    len = tt_be16(at);
    if (TT_UNLIKELY(by_type)) {
        if (len != 0)
            return TT_E_CORRUPT;
        if (room < 3)
            return TT_E_TRUNCATED;
        len = tt_itch_plans[at[2]].size;
        if (len == 0)
            return TT_E_TYPE;
    } else if (TT_UNLIKELY(len == 0)) {
        return TT_E_CLOSED;
    }
    return room - 2 < len ? TT_E_TRUNCATED : (int64_t)len;
}

#endif
