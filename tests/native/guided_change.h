/* The inputs of a guided fuzzer, and new ones made of them. */
#ifndef GUIDED_CHANGE_H
#define GUIDED_CHANGE_H

#include "guided_map.h"

#include <string.h>
#include <unistd.h>

enum { GUIDED_BYTES_MAX = 4096, GUIDED_CORPUS_MAX = 4096 };

typedef struct {
    const char *name;
    size_t max;  /* longest input */
    size_t unit; /* pieces are cut, moved and repeated in multiples of it; 1: bytes */
    void (*run)(const uint8_t *data, size_t n);
    void (*seeds)(void); /* calls guided_seed */
} guided_target;

static uint64_t guided_state;
static uint8_t *guided_corpus[GUIDED_CORPUS_MAX];
static size_t guided_sizes[GUIDED_CORPUS_MAX];
static uint32_t guided_n;

GUIDED_OWN static void guided_need(int ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "guided: %s\n", what);
    fflush(stderr);
    _exit(1);
}

GUIDED_OWN static uint64_t guided_random(uint64_t below)
{
    uint64_t z = (guided_state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return below == 0 ? z : z % below;
}

/* Keep an input; when there are too many, any other one makes room. */
GUIDED_OWN static void guided_keep(const uint8_t *data, size_t n)
{
    const uint32_t at = guided_n < GUIDED_CORPUS_MAX
                            ? guided_n++
                            : (uint32_t)guided_random(GUIDED_CORPUS_MAX);
    free(guided_corpus[at]);
    guided_corpus[at] = malloc(n ? n : 1);
    guided_need(guided_corpus[at] != NULL, "no memory");
    memcpy(guided_corpus[at], data, n);
    guided_sizes[at] = n;
}

GUIDED_OWN static void guided_seed(const void *data, size_t n)
{
    guided_keep((const uint8_t *)data, n < GUIDED_BYTES_MAX ? n : GUIDED_BYTES_MAX);
}

/* Write `bytes` of a value, in either order of bytes, where there is room. */
GUIDED_OWN static void guided_write(uint8_t *data, size_t n, uint64_t value, uint32_t bytes)
{
    if (n < bytes)
        return;
    uint8_t *to = data + guided_random(n - bytes + 1);
    const int is_big = (int)guided_random(2);
    for (uint32_t i = 0; i < bytes; i++)
        to[is_big ? bytes - 1 - i : i] = (uint8_t)(value >> 8 * i);
}

GUIDED_OWN static void guided_change_value(uint8_t *data, size_t n)
{
    static const uint64_t odd[] = {0,      1,      0x7f,       0x80,       0xff,      0x7fff,
                                   0x8000, 0xffff, 0x7fffffff, 0x80000000, UINT64_MAX, 20,
                                   64,     128,    4096,       INT64_MAX,  (uint64_t)INT64_MIN};
    const uint32_t bytes = 1u << guided_random(4);
    const size_t at = guided_random(n);
    uint64_t old = 0;
    switch (guided_random(6)) {
    case 0:
        data[at] ^= (uint8_t)(1u << guided_random(8));
        return;
    case 1:
        data[at] = (uint8_t)guided_random(256);
        return;
    case 2:
        guided_write(data, n, odd[guided_random(sizeof odd / sizeof *odd)], bytes);
        return;
    case 3: /* a length: what is left behind the field, or nearly */
        guided_write(data, n, n - at - guided_random(4), 1u << guided_random(3));
        return;
    case 4: { /* a value that the program compares with, or next to it */
        if (guided_n_words == 0)
            return;
        const uint32_t words = guided_n_words < GUIDED_WORDS ? guided_n_words : GUIDED_WORDS;
        const guided_word word = guided_words[guided_random(words)];
        guided_write(data, n, word.value + guided_random(3) - 1, word.bytes);
        return;
    }
    default: /* a little more or less, either order of bytes */
        if (n < bytes || at > n - bytes)
            return;
        for (uint32_t i = 0; i < bytes; i++)
            old |= (uint64_t)data[at + i] << 8 * i;
        if (guided_random(2) && bytes > 1)
            old = __builtin_bswap64(
                __builtin_bswap64(old << (64 - 8 * bytes)) + guided_random(32) - 16)
                  >> (64 - 8 * bytes);
        else
            old += guided_random(32) - 16;
        for (uint32_t i = 0; i < bytes; i++)
            data[at + i] = (uint8_t)(old >> 8 * i);
    }
}

/* Cut out, repeat, put in, or take the rest from another input; the new length. */
GUIDED_OWN static size_t guided_change_shape(uint8_t *data, size_t n, const guided_target *t)
{
    const size_t unit = guided_random(8) ? t->unit : 1;
    size_t at = guided_random(n / unit + 1) * unit;
    size_t take = (1 + guided_random(guided_random(4) ? 4 : 32)) * unit;
    const uint32_t other = (uint32_t)guided_random(guided_n);
    switch (guided_random(4)) {
    case 0:
        take = take < n - at ? take : n - at;
        memmove(data + at, data + at + take, n - at - take);
        return n - take;
    case 1: /* repeat a piece in front of another */
        take = take < n - at ? take : n - at;
        if (n + take > t->max)
            return n;
        {
            uint8_t piece[GUIDED_BYTES_MAX];
            const size_t to = guided_random(n / unit + 1) * unit;
            memcpy(piece, data + at, take);
            memmove(data + to + take, data + to, n - to);
            memcpy(data + to, piece, take);
        }
        return n + take;
    case 2:
        if (n + take > t->max)
            return n;
        memmove(data + at + take, data + at, n - at);
        for (size_t i = 0; i < take; i++)
            data[at + i] = (uint8_t)(guided_random(2) ? 0 : guided_random(256));
        return n + take;
    default: {
        const size_t from = guided_random(guided_sizes[other] / unit + 1) * unit;
        take = guided_sizes[other] - from;
        take = take < t->max - at ? take : t->max - at;
        memcpy(data + at, guided_corpus[other] + from, take);
        return at + take;
    }
    }
}

GUIDED_OWN static size_t guided_make(uint8_t *data, const guided_target *t)
{
    const uint32_t recent = guided_n < 16 ? guided_n : 16;
    const uint32_t pick = (uint32_t)(guided_random(2) ? guided_n - 1 - guided_random(recent)
                                                      : guided_random(guided_n));
    size_t n = guided_sizes[pick];
    memcpy(data, guided_corpus[pick], n);
    for (uint64_t k = 1u << guided_random(5); k > 0; k--) {
        if (n > 0 && guided_random(4))
            guided_change_value(data, n);
        else
            n = guided_change_shape(data, n, t);
    }
    return n;
}

#endif
