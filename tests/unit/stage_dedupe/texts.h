/* Made-up texts by number: words drawn from a made-up vocabulary, the same each time. */
#ifndef TEXTS_H
#define TEXTS_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES 200000

static inline uint32_t text_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

/* Appends word number w. */
static inline void text_word(char *text, uint32_t w)
{
    static const char *const syllables[] = { "ba", "ker", "mo", "lin", "tas", "vu",
                                             "re", "shi", "on", "dal", "fe",  "gru" };
    char *p = text + strlen(text);

    if (p != text)
        *p++ = ' ';
    for (int i = 0; i < 2 || w; i++, w /= 12)
        p = stpcpy(p, syllables[w % 12]);
}

/* Appends `words` words of text number `seed`, from its word `from` on; every `change`-th one is another (0:
 * none). */
static inline void text_add(char *text, unsigned seed, unsigned from, unsigned words, unsigned change)
{
    uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;

    for (unsigned i = 0; i < from + words; i++) {
        uint32_t w = text_random(&state) % 20000;
        if (i >= from)
            text_word(text, change && i % change == change / 2 ? w + 20000 + i : w);
    }
}
#endif
