/* mp_write: msgpack into a buf, through msgpack-c's packer.
 *
 * Measured: 14 ns a string, 7 ns when written by hand; at some thousand values a page that is one or two
 * per cent of its parse, so the library stays. */
#include <msgpack/pack.h>

#include "record/record.h"

static int write_buf(void *data, const char *p, size_t n)
{
    return buf_add(data, p, n);
}

static inline msgpack_packer packer(struct buf *b)
{
    msgpack_packer pk;

    msgpack_packer_init(&pk, b, write_buf);
    return pk;
}

void mp_map(struct buf *b, uint32_t n)
{
    msgpack_packer pk = packer(b);

    msgpack_pack_map(&pk, n);
}

void mp_array(struct buf *b, uint32_t n)
{
    msgpack_packer pk = packer(b);

    msgpack_pack_array(&pk, n);
}

/* A length that the format cannot hold is an error, not a cut. */
static int too_long(struct buf *b, size_t n)
{
    if (n > UINT32_MAX && !b->err)
        b->err = ERR_LIMIT;
    return n > UINT32_MAX;
}

void mp_str(struct buf *b, const char *p, size_t n)
{
    msgpack_packer pk = packer(b);

    if (too_long(b, n))
        return;
    msgpack_pack_str(&pk, n);
    buf_add(b, p, n);
}

void mp_cstr(struct buf *b, const char *s)
{
    mp_str(b, s, __builtin_strlen(s));
}

void mp_bin(struct buf *b, const void *p, size_t n)
{
    msgpack_packer pk = packer(b);

    if (too_long(b, n))
        return;
    msgpack_pack_bin(&pk, n);
    buf_add(b, p, n);
}

void mp_int(struct buf *b, int64_t v)
{
    msgpack_packer pk = packer(b);

    msgpack_pack_int64(&pk, v);
}

void mp_uint(struct buf *b, uint64_t v)
{
    msgpack_packer pk = packer(b);

    msgpack_pack_uint64(&pk, v);
}

void mp_f64(struct buf *b, double v)
{
    msgpack_packer pk = packer(b);

    msgpack_pack_double(&pk, v);
}

void mp_bool(struct buf *b, int v)
{
    msgpack_packer pk = packer(b);

    if (v)
        msgpack_pack_true(&pk);
    else
        msgpack_pack_false(&pk);
}

void mp_nil(struct buf *b)
{
    msgpack_packer pk = packer(b);

    msgpack_pack_nil(&pk);
}
