/* sketch: from text to the bytes that sketch.h describes, in one pass over the text.
 *
 * Each word is written, folded, into a small buffer that feeds the exact hash, and hashed; a rolling
 * polynomial over the last five word hashes gives the shingle's hash; a set of at most 64 keeps those
 * below the limit, which is halved whenever a 65th comes.  Memory is static and does not grow with the
 * page: words are cut between 128 and 256 bytes, the buffer is handed to the exact hash as it fills. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "plugin/stage/dedupe/words.h"

#define WORD_BYTES   128
#define BUFFER_BYTES 16384
#define SET_SLOTS    256

/* The shingles kept so far: a hash set, 0 = empty. */
struct sampler {
    uint64_t limit, slots[SET_SLOTS];
    unsigned e, n, max;
};

struct maker {
    XXH3_state_t exact;
    struct sampler wide, narrow;
    uint64_t recent[SKETCH_WIDE];        /* hashes of the last words, a ring */
    uint64_t rolling;                    /* polynomial over them */
    uint64_t first[SKETCH_WORDS_NARROW]; /* hashes of the first words, for the narrow shingles */
    uint32_t words;
    char *word, *at; /* in buffer: the word being written, and its end */
    char buffer[BUFFER_BYTES];
};

static struct maker maker;

/* ---- samples ----------------------------------------------------------------------------------- */

static void sampler_init(struct sampler *s, unsigned max)
{
    memset(s->slots, 0, sizeof s->slots);
    s->limit = UINT64_MAX;
    s->e = s->n = 0;
    s->max = max;
}

static void sampler_set(struct sampler *s, uint64_t h)
{
    unsigned i = h % SET_SLOTS;

    while (s->slots[i] && s->slots[i] != h)
        i = (i + 1) % SET_SLOTS;
    s->n += !s->slots[i];
    s->slots[i] = h;
}

/* Halves the limit until no more than max remain. */
static void sampler_thin(struct sampler *s)
{
    uint64_t old[SET_SLOTS];

    while (s->n > s->max && s->e < SKETCH_EXPONENT_MAX) {
        memcpy(old, s->slots, sizeof old);
        s->limit = sketch_limit(++s->e) - 1;
        s->n = 0;
        memset(s->slots, 0, sizeof s->slots);
        for (unsigned i = 0; i < SET_SLOTS; i++)
            if (old[i] && old[i] <= s->limit)
                sampler_set(s, old[i]);
    }
}

static inline void sampler_add(struct sampler *s, uint64_t h)
{
    if (h > s->limit)
        return;
    sampler_set(s, h ? h : 1);
    if (s->n > s->max)
        sampler_thin(s);
}

/* ---- shingles ---------------------------------------------------------------------------------- */

#define MULTIPLIER  UINT64_C(0x9fb21c651e98df25)
#define MULTIPLIER2 (MULTIPLIER * MULTIPLIER)
#define MULTIPLIER5 (MULTIPLIER2 * MULTIPLIER2 * MULTIPLIER)

/* Murmur3's finaliser: every bit of the sum decides about the sample. */
static inline uint64_t shingle_hash(uint64_t h, unsigned width)
{
    h ^= width * UINT64_C(0xc2b2ae3d27d4eb4f);
    h ^= h >> 33;
    h *= UINT64_C(0xff51afd7ed558ccd);
    h ^= h >> 33;
    h *= UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ h >> 33;
}

static inline void maker_word(struct maker *m, uint64_t h)
{
    uint64_t *oldest = &m->recent[m->words % SKETCH_WIDE];

    if (m->words < SKETCH_WORDS_NARROW)
        m->first[m->words] = h;
    m->rolling = m->rolling * MULTIPLIER + h - *oldest * MULTIPLIER5;
    *oldest = h;
    m->words++;
    if (m->words >= SKETCH_WIDE)
        sampler_add(&m->wide, shingle_hash(m->rolling, SKETCH_WIDE));
}

/* ---- words ------------------------------------------------------------------------------------- */

static inline void maker_break(struct maker *m)
{
    if (m->at == m->word)
        return;
    maker_word(m, XXH3_64bits(m->word, (size_t)(m->at - m->word)));
    *m->at++ = ' ';
    if (m->at > m->buffer + BUFFER_BYTES - 2 * WORD_BYTES - 8) { /* a word's last run may overshoot by one */
        XXH3_128bits_update(&m->exact, m->buffer, (size_t)(m->at - m->buffer));
        m->at = m->buffer;
    }
    m->word = m->at;
}

/* The character at p and its bytes; bad bytes are one of FFFD each. */
static unsigned utf8_read(const unsigned char *p, const unsigned char *end, uint32_t *ret)
{
    unsigned n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    uint32_t c = p[0] & (0x7fu >> n);

    *ret = 0xfffd;
    if (p[0] < 0xc2 || p[0] > 0xf4 || (size_t)(end - p) < n)
        return 1;
    for (unsigned i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 1;
        c = c << 6 | (p[i] & 0x3f);
    }
    *ret = c;
    return n;
}

static char *utf8_write(char *o, uint32_t c)
{
    if (c < 0x80) {
        *o++ = (char)c;
    } else if (c < 0x800) {
        *o++ = (char)(0xc0 | c >> 6);
        *o++ = (char)(0x80 | (c & 0x3f));
    } else {
        if (c < 0x10000) {
            *o++ = (char)(0xe0 | c >> 12);
        } else {
            *o++ = (char)(0xf0 | c >> 18);
            *o++ = (char)(0x80 | (c >> 12 & 0x3f));
        }
        *o++ = (char)(0x80 | (c >> 6 & 0x3f));
        *o++ = (char)(0x80 | (c & 0x3f));
    }
    return o;
}

/* Beyond the basic plane: emoji and other pictures part words, letters of all scripts are kept. */
static uint32_t fold(uint32_t c)
{
    if (c < 0x10000)
        return fold_table[c];
    if (c >= 0x1f000 && c <= 0x1faff)
        return FOLD_BREAK;
    if (c >= 0xe0000)
        return c < 0xe01f0 ? FOLD_IGNORE : FOLD_BREAK;
    return c;
}

static void maker_wide(struct maker *m, uint32_t c)
{
    uint32_t f = fold(c);

    if (f == FOLD_IGNORE)
        return;
    if (f == FOLD_BREAK) {
        maker_break(m);
    } else if (f >= 0xe00 && fold_alone(f)) {
        maker_break(m);
        m->at = utf8_write(m->at, f);
        maker_break(m);
    } else {
        m->at = utf8_write(m->at, f);
    }
}

static void maker_text(struct maker *m, const unsigned char *p, const unsigned char *end)
{
    while (p < end) {
        const unsigned char *stop = (size_t)(end - p) > WORD_BYTES ? p + WORD_BYTES : end;
        uint32_t c;

        while (p < stop && *p < 0x80 && fold_table[*p] != FOLD_BREAK)
            *m->at++ = (char)fold_table[*p++];
        if (m->at - m->word >= WORD_BYTES) {
            maker_break(m); /* no word of a language: cut, so that memory is bounded */
        } else if (p < stop && *p < 0x80) {
            maker_break(m);
            p++;
        } else if (p < stop) {
            p += utf8_read(p, end, &c);
            maker_wide(m, c);
        }
    }
    maker_break(m);
}

/* ---- bytes ------------------------------------------------------------------------------------- */

static unsigned char *put(unsigned char *p, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        *p++ = (unsigned char)(v >> (8 * i));
    return p;
}

/* The sample in ascending order: an insertion sort, for there are at most 64. */
static unsigned sampler_sorted(const struct sampler *s, uint64_t out[SKETCH_HASHES])
{
    unsigned n = 0;

    for (unsigned i = 0; i < SET_SLOTS; i++) {
        unsigned j = n;

        if (!s->slots[i])
            continue;
        for (; j > 0 && out[j - 1] > s->slots[i]; j--)
            out[j] = out[j - 1];
        out[j] = s->slots[i];
        n++;
    }
    return n;
}

static unsigned char *put_section(unsigned char *p, const struct sampler *s, unsigned width)
{
    uint64_t hashes[SKETCH_HASHES];
    unsigned n = sampler_sorted(s, hashes);

    p = put(p, width, 1);
    p = put(p, s->e, 1);
    p = put(p, n, 2);
    p = put(p, 0, 4);
    for (unsigned i = 0; i < n; i++)
        p = put(p, hashes[i], 8);
    return p;
}

static void maker_narrow(struct maker *m, unsigned max)
{
    const uint64_t *w = m->first;

    sampler_init(&m->narrow, max);
    for (uint32_t i = 0; i + SKETCH_NARROW <= m->words; i++) {
        uint64_t h = w[i] * MULTIPLIER2 + w[i + 1] * MULTIPLIER + w[i + 2];

        sampler_add(&m->narrow, shingle_hash(h, SKETCH_NARROW));
    }
}

size_t sketch_make(const char *text, size_t n, unsigned char out[SKETCH_BYTES_MAX])
{
    struct maker *m = &maker;
    const unsigned char *start = (const unsigned char *)text;
    XXH128_canonical_t exact;
    unsigned char *p = out;
    int wide, narrow;

    XXH3_128bits_reset(&m->exact);
    sampler_init(&m->wide, SKETCH_HASHES);
    memset(m->recent, 0, sizeof m->recent);
    m->rolling = 0;
    m->words = 0;
    m->word = m->at = m->buffer;
    maker_text(m, start, start + n);
    XXH3_128bits_update(&m->exact, m->buffer, (size_t)(m->at - m->buffer));
    XXH128_canonicalFromHash(&exact, XXH3_128bits_digest(&m->exact));

    narrow = m->words >= SKETCH_WORDS_MIN && m->words < SKETCH_WORDS_NARROW;
    wide = m->words >= SKETCH_WORDS_WIDE;
    p = put(p, SKETCH_VERSION, 1);
    p = put(p, (unsigned)(wide + narrow), 1);
    p = put(p, 0, 2);
    p = put(p, m->words, 4);
    memcpy(p, exact.digest, 16);
    p += 16;
    if (wide && narrow) {
        m->wide.max = SKETCH_HASHES_TWO;
        sampler_thin(&m->wide);
    }
    if (wide)
        p = put_section(p, &m->wide, SKETCH_WIDE);
    if (narrow) {
        maker_narrow(m, wide ? SKETCH_HASHES_TWO : SKETCH_HASHES);
        p = put_section(p, &m->narrow, SKETCH_NARROW);
    }
    return (size_t)(p - out);
}
