/* convert: a page's bytes as UTF-8 (charset.h).
 *
 * UTF-8 is checked, a word at a time where it is ASCII, and borrowed if it is valid.  Single-byte encodings
 * go through a table of 128 entries; the others through lexbor's decoder, ASCII runs beside it where
 * the encoding allows. */
#include <string.h>

#include "base/err.h"
#include "parse/charset.h"

enum { DECODE_STEP = 2048 };

static int is_single_byte(lxb_encoding_t e)
{
    switch (e) {
    case LXB_ENCODING_BIG5: case LXB_ENCODING_EUC_JP: case LXB_ENCODING_EUC_KR: case LXB_ENCODING_GBK:
    case LXB_ENCODING_ISO_2022_JP: case LXB_ENCODING_SHIFT_JIS: case LXB_ENCODING_UTF_16BE:
    case LXB_ENCODING_UTF_16LE:
    case LXB_ENCODING_UTF_8:
    case LXB_ENCODING_GB18030:
    case LXB_ENCODING_REPLACEMENT:
        return 0;
    default:
        return 1;
    }
}

/* ---- UTF-8 ------------------------------------------------------------------------------------- */

static int utf8_mend(trommel_str body, size_t valid, struct buf *room)
{
    const unsigned char *p = (const unsigned char *)body.p;

    for (size_t at = 0; at < body.n;) {
        buf_add(room, p + at, valid);
        at += valid;
        if (at >= body.n)
            break;
        if (buf_add(room, "\xef\xbf\xbd", 3))
            break;
        at += utf8_bad(p + at, body.n - at);
        valid = utf8_valid(body.p + at, body.n - at);
    }
    return room->err;
}

/* ---- the others -------------------------------------------------------------------------------- */

static unsigned char *utf8_put(unsigned char *to, lxb_codepoint_t c)
{
    if (c < 0x80) {
        *to++ = (unsigned char)c;
    } else if (c < 0x800) {
        *to++ = (unsigned char)(0xc0 | c >> 6);
        *to++ = (unsigned char)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        *to++ = (unsigned char)(0xe0 | c >> 12);
        *to++ = (unsigned char)(0x80 | (c >> 6 & 63));
        *to++ = (unsigned char)(0x80 | (c & 63));
    } else {
        *to++ = (unsigned char)(0xf0 | c >> 18);
        *to++ = (unsigned char)(0x80 | (c >> 12 & 63));
        *to++ = (unsigned char)(0x80 | (c >> 6 & 63));
        *to++ = (unsigned char)(0x80 | (c & 63));
    }
    return to;
}

static lxb_codepoint_t sound(lxb_codepoint_t c)
{
    return c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0xfffd : c;
}

struct half { /* the upper half of a single-byte encoding */
    unsigned char utf8[128][4], n[128];
};

static void half_init(struct half *h, const lxb_encoding_data_t *data)
{
    for (unsigned i = 0; i < 128; i++) {
        lxb_encoding_decode_t ctx;
        lxb_char_t byte = (lxb_char_t)(0x80 + i);
        const lxb_char_t *p = &byte;
        lxb_encoding_decode_init_single(&ctx, data);
        lxb_codepoint_t c = data->decode_single(&ctx, &p, p + 1);
        h->n[i] = (unsigned char)(utf8_put(h->utf8[i], sound(c)) - h->utf8[i]);
    }
}

static int single_convert(const lxb_encoding_data_t *data, trommel_str body, struct buf *room)
{
    struct half half;
    const unsigned char *p = (const unsigned char *)body.p, *end = p + body.n;

    half_init(&half, data);
    while (p < end) {
        size_t run = utf8_ascii(p, (size_t)(end - p));
        if (buf_add(room, p, run))
            break;
        p += run;
        size_t n = (size_t)(end - p) < DECODE_STEP ? (size_t)(end - p) : DECODE_STEP;
        unsigned char *to = buf_room(room, n * 3), *from = to;
        if (!to)
            break;
        /* A run of ASCII of any length is left to ascii_run. */
        for (const unsigned char *stop = p + n; p < stop; p++) {
            if (*p < 0x80) {
                if (stop - p >= 8 && utf8_ascii(p, 8) == 8)
                    break;
                *to++ = *p;
                continue;
            }
            for (unsigned k = 0; k < half.n[*p - 0x80]; k++)
                *to++ = half.utf8[*p - 0x80][k];
        }
        room->len += (size_t)(to - from);
    }
    return room->err;
}

static int points_add(struct buf *room, const lxb_codepoint_t *cp, size_t n)
{
    unsigned char *to = buf_room(room, n * 4), *from = to;

    if (!to)
        return room->err;
    for (size_t i = 0; i < n; i++)
        to = utf8_put(to, sound(cp[i]));
    room->len += (size_t)(to - from);
    return 0;
}

static int multi_convert(const lxb_encoding_data_t *data, trommel_str body, struct buf *room)
{
    lxb_codepoint_t cp[DECODE_STEP];
    static const lxb_codepoint_t replacement = 0xfffd;
    lxb_encoding_decode_t ctx = { 0 };
    const lxb_char_t *p = (const lxb_char_t *)body.p, *end = p + body.n;

    lxb_encoding_decode_init(&ctx, data, cp, DECODE_STEP);
    lxb_encoding_decode_replace_set(&ctx, &replacement, 1);
    for (;;) {
        const lxb_char_t *before = p;
        lxb_status_t status = data->decode(&ctx, &p, end);
        size_t n = lxb_encoding_decode_buf_used(&ctx);
        if (points_add(room, cp, n))
            return room->err;
        lxb_encoding_decode_buf_used_set(&ctx, 0);
        if (status != LXB_STATUS_SMALL_BUFFER || (p == before && n == 0))
            break;
    }
    lxb_encoding_decode_finish(&ctx); /* a sequence that was cut off */
    return points_add(room, cp, lxb_encoding_decode_buf_used(&ctx));
}

static size_t bom_bytes(lxb_encoding_t e, trommel_str b)
{
    if (e == LXB_ENCODING_UTF_8)
        return b.n >= 3 && memcmp(b.p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    if (e == LXB_ENCODING_UTF_16BE)
        return b.n >= 2 && memcmp(b.p, "\xfe\xff", 2) == 0 ? 2 : 0;
    if (e == LXB_ENCODING_UTF_16LE)
        return b.n >= 2 && memcmp(b.p, "\xff\xfe", 2) == 0 ? 2 : 0;
    return 0;
}

int charset_convert(struct charset c, trommel_str body, struct buf *room, trommel_str *ret)
{
    size_t bom = bom_bytes(c.encoding, body);
    const lxb_encoding_data_t *data = lxb_encoding_data(c.encoding);
    int err;

    body.p += bom;
    body.n -= bom;
    *ret = body;
    if (c.encoding == LXB_ENCODING_UTF_8) {
        size_t valid = utf8_valid(body.p, body.n);
        if (valid == body.n)
            return 0;
        err = utf8_mend(body, valid, room);
    } else if (c.encoding == LXB_ENCODING_REPLACEMENT) {
        err = body.n ? buf_add(room, "\xef\xbf\xbd", 3) : 0;
    } else if (is_single_byte(c.encoding)) {
        if (utf8_ascii((const unsigned char *)body.p, body.n) == body.n)
            return 0;
        err = single_convert(data, body, room);
    } else {
        err = multi_convert(data, body, room);
    }
    *ret = (trommel_str){ (const char *)room->data, room->len };
    return err;
}
