/* pack: the little msgpack that this stage writes.  See pack.h. */
#include <string.h>

#include "plugin/stage/metadata/pack.h"

static void pack_put(struct pack *k, const void *p, size_t n)
{
    if (k->over || n > k->max - k->n) {
        k->over = 1;
        return;
    }
    if (n)
        memcpy(k->p + k->n, p, n);
    k->n += n;
}

/* A head byte and n as `bytes` bytes, big end first. */
static void pack_head(struct pack *k, unsigned head, uint64_t n, int bytes)
{
    unsigned char b[9] = { (unsigned char)head };

    for (int i = 0; i < bytes; i++)
        b[1 + i] = (unsigned char)(n >> 8 * (bytes - 1 - i));
    pack_put(k, b, 1 + (size_t)bytes);
}

void pack_map(struct pack *k, uint32_t n)
{
    n < 16 ? pack_head(k, 0x80 | n, 0, 0) : pack_head(k, 0xDE, n, 2);
}

void pack_array(struct pack *k, uint32_t n)
{
    n < 16 ? pack_head(k, 0x90 | n, 0, 0) : pack_head(k, 0xDC, n, 2);
}

void pack_str(struct pack *k, str s)
{
    if (s.n < 32)
        pack_head(k, 0xA0 | (unsigned)s.n, 0, 0);
    else if (s.n < 256)
        pack_head(k, 0xD9, s.n, 1);
    else if (s.n < 65536)
        pack_head(k, 0xDA, s.n, 2);
    else
        k->over = 1;
    pack_put(k, s.p, s.n);
}

void pack_double(struct pack *k, double v)
{
    uint64_t u;

    memcpy(&u, &v, sizeof u);
    pack_head(k, 0xCB, u, 8);
}

void pack_int(struct pack *k, int64_t v)
{
    if (v >= 0 && v < 128)
        pack_head(k, (unsigned)v, 0, 0);
    else
        pack_head(k, 0xD3, (uint64_t)v, 8);
}

void pack_list(struct pack *k, const struct meta_list *l)
{
    pack_array(k, l->n);
    for (uint32_t i = 0; i < l->n; i++)
        pack_str(k, l->item[i]);
}

void pack_pair(struct pack *k, const char *key, str s)
{
    pack_str(k, str_z(key));
    pack_str(k, s);
}
