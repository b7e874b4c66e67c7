/* fold: case folding and the kinds of characters, as far as telling copies apart needs them.
 *
 * The rules below are unrolled once into a table of the basic plane.  They fold the scripts that have
 * case (Latin with its extensions, Greek, Cyrillic, Armenian, full-width Latin) one to one; what is
 * neither listed as a break nor ignored is part of a word as it stands, so every script works.  Left
 * out on purpose: composition (NFC against NFD), foldings that change a word's length (German sharp s),
 * title case; two copies that differ in those are still near, only not exact. */
#include "plugin/stage/dedupe/words.h"

uint16_t fold_table[65536];

enum fold_kind {
    BREAK,
    IGNORE,
    KEEP,
    SHIFT, /* by `arg` */
    EVEN,  /* an even code point is the capital of the next */
    ODD,   /* an odd one is */
    TO,    /* the whole range becomes `arg` */
};

struct fold_rule {
    uint16_t first, last;
    enum fold_kind kind;
    int arg;
};

/* Later rows win. */
static const struct fold_rule rules[] = {
    { 0x0000, 0x002f, BREAK, 0 }, { 0x003a, 0x0060, BREAK, 0 }, { 0x007b, 0x00bf, BREAK, 0 },
    { 'A', 'Z', SHIFT, 32 },
    { 0x00aa, 0x00aa, TO, 'a' }, { 0x00b5, 0x00b5, TO, 0x3bc }, { 0x00ba, 0x00ba, TO, 'o' },
    { 0x00ad, 0x00ad, IGNORE, 0 },
    { 0x00c0, 0x00de, SHIFT, 32 }, { 0x00d7, 0x00d7, BREAK, 0 }, { 0x00f7, 0x00f7, BREAK, 0 },
    /* Latin, extended */
    { 0x0100, 0x0137, EVEN, 0 }, { 0x0130, 0x0131, TO, 'i' }, { 0x0139, 0x0148, ODD, 0 },
    { 0x014a, 0x0177, EVEN, 0 }, { 0x0178, 0x0178, TO, 0xff }, { 0x0179, 0x017e, ODD, 0 },
    { 0x017f, 0x017f, TO, 's' }, { 0x01cd, 0x01dc, ODD, 0 }, { 0x01de, 0x01ef, EVEN, 0 },
    { 0x01f8, 0x021f, EVEN, 0 }, { 0x0222, 0x0233, EVEN, 0 }, { 0x1e00, 0x1e95, EVEN, 0 },
    { 0x1ea0, 0x1eff, EVEN, 0 },
    { 0x02c2, 0x02df, BREAK, 0 }, { 0x02bc, 0x02bc, BREAK, 0 },
    /* Greek */
    { 0x037e, 0x037e, BREAK, 0 }, { 0x0384, 0x0385, BREAK, 0 }, { 0x0386, 0x0386, TO, 0x3ac },
    { 0x0387, 0x0387, BREAK, 0 }, { 0x0388, 0x038a, SHIFT, 37 }, { 0x038c, 0x038c, TO, 0x3cc },
    { 0x038e, 0x038f, SHIFT, 63 }, { 0x0391, 0x03ab, SHIFT, 32 }, { 0x03c2, 0x03c2, TO, 0x3c3 },
    /* Cyrillic, Armenian */
    { 0x0400, 0x040f, SHIFT, 80 }, { 0x0410, 0x042f, SHIFT, 32 }, { 0x0460, 0x0481, EVEN, 0 },
    { 0x048a, 0x04bf, EVEN, 0 }, { 0x04c1, 0x04ce, ODD, 0 }, { 0x04d0, 0x052f, EVEN, 0 },
    { 0x0531, 0x0556, SHIFT, 48 }, { 0x055a, 0x055f, BREAK, 0 }, { 0x0589, 0x058a, BREAK, 0 },
    /* Hebrew, Arabic, Indic: punctuation */
    { 0x05be, 0x05be, BREAK, 0 }, { 0x05c0, 0x05c0, BREAK, 0 }, { 0x05c3, 0x05c3, BREAK, 0 },
    { 0x05f3, 0x05f4, BREAK, 0 }, { 0x060c, 0x060d, BREAK, 0 }, { 0x061b, 0x061f, BREAK, 0 },
    { 0x0640, 0x0640, IGNORE, 0 }, { 0x066a, 0x066d, BREAK, 0 }, { 0x06d4, 0x06d4, BREAK, 0 },
    { 0x0964, 0x0965, BREAK, 0 }, { 0x0e3f, 0x0e3f, BREAK, 0 }, { 0x0e4f, 0x0e4f, BREAK, 0 },
    { 0x0e5a, 0x0e5b, BREAK, 0 }, { 0x104a, 0x104f, BREAK, 0 }, { 0x17d4, 0x17da, BREAK, 0 },
    { 0x1680, 0x1680, BREAK, 0 }, { 0x180e, 0x180e, IGNORE, 0 },
    /* punctuation, symbols, arrows, boxes, dingbats */
    { 0x2000, 0x206f, BREAK, 0 }, { 0x200b, 0x200f, IGNORE, 0 }, { 0x202a, 0x202e, IGNORE, 0 },
    { 0x2060, 0x206f, IGNORE, 0 }, { 0x20a0, 0x20cf, BREAK, 0 }, { 0x2100, 0x214f, BREAK, 0 },
    { 0x2190, 0x245f, BREAK, 0 }, { 0x2500, 0x2bff, BREAK, 0 }, { 0x2e00, 0x2e7f, BREAK, 0 },
    { 0x3000, 0x3003, BREAK, 0 }, { 0x3008, 0x3020, BREAK, 0 }, { 0x3030, 0x3030, BREAK, 0 },
    { 0x303d, 0x303f, BREAK, 0 }, { 0x309b, 0x309c, BREAK, 0 }, { 0x30a0, 0x30a0, BREAK, 0 },
    { 0x30fb, 0x30fb, BREAK, 0 },
    /* surrogates, private use, forms */
    { 0xd800, 0xf8ff, BREAK, 0 }, { 0xfd3e, 0xfd3f, BREAK, 0 }, { 0xfe00, 0xfe0f, IGNORE, 0 },
    { 0xfe10, 0xfe1f, BREAK, 0 }, { 0xfe30, 0xfe6f, BREAK, 0 }, { 0xfeff, 0xfeff, IGNORE, 0 },
    { 0xff01, 0xff0f, BREAK, 0 }, { 0xff10, 0xff19, SHIFT, '0' - 0xff10 },
    { 0xff1a, 0xff20, BREAK, 0 }, { 0xff21, 0xff3a, SHIFT, 'a' - 0xff21 },
    { 0xff3b, 0xff40, BREAK, 0 }, { 0xff41, 0xff5a, SHIFT, 'a' - 0xff41 },
    { 0xff5b, 0xff65, BREAK, 0 }, { 0xffe0, 0xffff, BREAK, 0 },
};

static unsigned fold_one(const struct fold_rule *r, unsigned c)
{
    switch (r->kind) {
    case BREAK: return FOLD_BREAK;
    case IGNORE: return FOLD_IGNORE;
    case SHIFT: return c + (unsigned)r->arg;
    case EVEN: return c | 1;
    case ODD: return c + (c & 1);
    case TO: return (unsigned)r->arg;
    case KEEP: break;
    }
    return c;
}

void fold_init(void)
{
    for (unsigned c = 0; c < 65536; c++)
        fold_table[c] = (uint16_t)c;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        for (unsigned c = rules[i].first; c <= rules[i].last; c++)
            fold_table[c] = (uint16_t)fold_one(&rules[i], c);
}

int fold_alone(uint32_t c)
{
    static const struct { uint32_t first, last; } ranges[] = {
        { 0x0e00, 0x0fff }, { 0x1000, 0x109f }, { 0x1780, 0x17ff }, { 0x2e80, 0x2fdf },
        { 0x3005, 0x3007 }, { 0x3040, 0x30ff }, { 0x3400, 0x4dbf }, { 0x4e00, 0x9fff },
        { 0xf900, 0xfaff }, { 0xff66, 0xff9f }, { 0x20000, 0x3ffff },
    };

    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c <= ranges[i].last)
            return c >= ranges[i].first;
    return 0;
}
