/* mp_read: a cursor over msgpack that may hold anything.
 *
 * msgpack-c's reader builds a tree of objects; here nothing is allocated and nothing recurses: what is
 * open is a count (mp_skip) or an array of counts (mp_check).  A length is believed only if so many bytes
 * are left, and each element takes one at least, so work is linear in the bytes. */
#include <string.h>

#include "base/limits.h"
#include "record/record.h"
#include "base/utf8.h"

static uint64_t big_endian(const unsigned char *p, unsigned n)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < n; i++)
        v = v << 8 | p[i];
    return v;
}

static double float_of(uint64_t bits, unsigned bytes)
{
    uint32_t half = (uint32_t)bits;
    float f;
    double d;

    if (bytes == 4) {
        memcpy(&f, &half, sizeof f);
        return (double)f;
    }
    memcpy(&d, &bits, sizeof d);
    return d;
}

static void set_int(struct mp_value *v, int64_t i)
{
    v->type = i < 0 ? MP_INT : MP_UINT;
    v->u.i = i;
}

/* The forms whose first byte says all. */
static int read_short(unsigned byte, struct mp_value *v)
{
    if (byte < 0x80 || byte >= 0xe0) {
        set_int(v, (int8_t)byte);
    } else if (byte < 0xa0) {
        v->type = byte < 0x90 ? MP_MAP : MP_ARRAY;
        v->u.n = byte & 0x0f;
    } else if (byte < 0xc0) {
        v->type = MP_STR;
        v->len = byte & 0x1f;
    } else if (byte == 0xc0) {
        v->type = MP_NIL;
    } else if (byte == 0xc2 || byte == 0xc3) {
        v->type = MP_BOOL;
        v->u.u = byte == 0xc3;
    } else {
        return 0;
    }
    return 1;
}

/* 0xc4..0xdf: bytes of the length or number behind the first byte; 0: no such form. */
static unsigned width(unsigned byte)
{
    static const unsigned char widths[28] = { 1, 2, 4, 1, 2, 4, 4, 8, 1, 2, 4, 8, 1, 2,
                                              4, 8, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4 };

    return byte >= 0xc4 && byte <= 0xdf ? widths[byte - 0xc4] : 0;
}

static int64_t sign_extend(uint64_t v, unsigned bytes)
{
    unsigned shift = 64 - 8 * bytes;

    return (int64_t)(v << shift) >> shift;
}

/* The forms with a number of `w` bytes, n, behind their first byte. */
static void read_long(unsigned byte, unsigned w, uint64_t n, struct mp_value *v)
{
    if (byte <= 0xc6) {
        v->type = MP_BIN;
        v->len = n;
    } else if (byte <= 0xc9) {
        v->type = MP_EXT;
        v->len = n;
    } else if (byte <= 0xcb) {
        v->type = MP_F64;
        v->u.d = float_of(n, w);
    } else if (byte <= 0xcf) {
        v->type = MP_UINT;
        v->u.u = n;
    } else if (byte <= 0xd3) {
        set_int(v, sign_extend(n, w));
    } else if (byte <= 0xdb) {
        v->type = MP_STR;
        v->len = n;
    } else {
        v->type = byte <= 0xdd ? MP_ARRAY : MP_MAP;
        v->u.n = (uint32_t)n;
    }
}

int mp_read(const unsigned char **at, const unsigned char *end, struct mp_value *ret)
{
    const unsigned char *p = *at;

    memset(ret, 0, sizeof *ret);
    if (p >= end)
        return ERR_INVALID;
    unsigned byte = *p++;
    if (byte >= 0xd4 && byte <= 0xd8) { /* fixext 1, 2, 4, 8, 16 */
        ret->type = MP_EXT;
        ret->len = (size_t)1 << (byte - 0xd4);
    } else if (!read_short(byte, ret)) {
        unsigned w = width(byte);
        if (!w || (size_t)(end - p) < w)
            return ERR_INVALID;
        read_long(byte, w, big_endian(p, w), ret);
        p += w;
    }
    if (ret->type == MP_EXT) {
        if (p >= end)
            return ERR_INVALID;
        ret->u.i = (int8_t)*p++;
    }
    size_t left = (size_t)(end - p);
    ret->p = p;
    if (ret->type == MP_ARRAY || ret->type == MP_MAP) {
        if ((ret->type == MP_MAP ? 2 * (uint64_t)ret->u.n : ret->u.n) > left)
            return ERR_INVALID;
    } else if (ret->len > left) {
        return ERR_INVALID;
    }
    *at = p + ret->len;
    return 0;
}

int mp_skip(const unsigned char **at, const unsigned char *end)
{
    const unsigned char *p = *at;
    struct mp_value v;

    for (uint64_t open = 1; open; open--) {
        if (mp_read(&p, end, &v) < 0)
            return ERR_INVALID;
        if (v.type == MP_ARRAY)
            open += v.u.n;
        else if (v.type == MP_MAP)
            open += 2 * (uint64_t)v.u.n;
    }
    *at = p;
    return 0;
}

int mp_check(const void *bytes, size_t n, unsigned depth_max, struct err *err)
{
    enum { DEEPEST = 128 };
    const unsigned char *at = bytes, *start = bytes, *end = at + n;
    uint64_t left[DEEPEST + 1] = { 1 }; /* values still to come at each depth */
    unsigned depth = 0;
    struct mp_value v;

    if (depth_max > DEEPEST)
        depth_max = DEEPEST;
    for (;;) {
        while (!left[depth]) {
            if (!depth)
                return at == end ? 0
                                 : err_set(err, ERR_INVALID, "msgpack: %zu bytes follow the value",
                                           (size_t)(end - at));
            depth--;
        }
        left[depth]--;
        size_t where = (size_t)(at - start);
        if (mp_read(&at, end, &v) < 0)
            return err_set(err, ERR_INVALID, "msgpack: byte %zu begins no whole value", where);
        if (v.type == MP_STR && utf8_valid(v.p, v.len) != v.len)
            return err_set(err, ERR_INVALID, "msgpack: the string at byte %zu is no valid UTF-8", where);
        if (v.type == MP_ARRAY || v.type == MP_MAP) {
            if (depth >= depth_max)
                return err_set(err, ERR_LIMIT, "msgpack: nested deeper than %u at byte %zu", depth_max,
                               where);
            left[++depth] = v.type == MP_MAP ? 2 * (uint64_t)v.u.n : v.u.n;
        }
    }
}
