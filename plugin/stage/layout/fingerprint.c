/* fingerprint: see fingerprint.h.  The set's hash is a sum over its members, so their order is nothing. */
#include "fingerprint.h"

static int is_container(uint32_t tag)
{
    switch (tag) {
    case TROMMEL_TAG_HTML: case TROMMEL_TAG_BODY: case TROMMEL_TAG_DIV: case TROMMEL_TAG_SECTION:
    case TROMMEL_TAG_MAIN: case TROMMEL_TAG_HEADER: case TROMMEL_TAG_FOOTER: case TROMMEL_TAG_NAV:
    case TROMMEL_TAG_ASIDE: case TROMMEL_TAG_ARTICLE: case TROMMEL_TAG_FORM: case TROMMEL_TAG_TABLE:
    case TROMMEL_TAG_TBODY: case TROMMEL_TAG_TR: case TROMMEL_TAG_TD: case TROMMEL_TAG_CENTER:
        return 1;
    default:
        return 0;
    }
}

/* First word of s without digits; hashed into h. */
static uint64_t name_hash(trommel_str s, uint64_t h)
{
    size_t i = 0;

    while (i < s.n && (unsigned char)s.p[i] <= ' ')
        i++;
    for (size_t end = i + 64; i < s.n && i < end && (unsigned char)s.p[i] > ' '; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3u;
    return sdk_mix(h);
}

static int is_new(struct fingerprint *f, uint64_t path)
{
    unsigned at = (unsigned)(path >> 40) % (2 * FINGERPRINT_MAX);

    while (f->seen[at] && f->seen[at] != path)
        at = (at + 1) % (2 * FINGERPRINT_MAX);
    if (f->seen[at] || f->n == FINGERPRINT_MAX)
        return 0;
    f->seen[at] = path;
    f->n++;
    return 1;
}

void fingerprint_add(struct fingerprint *f, const trommel_dom *d, const trommel_node *x)
{
    if (x->depth > FINGERPRINT_LEVELS || !x->depth)
        return;
    f->path[x->depth] = 0;
    if (x->ns != TROMMEL_NS_HTML || !is_container(x->tag) || (x->depth > 1 && !f->path[x->depth - 1]))
        return;
    uint64_t h = sdk_mix(f->path[x->depth - 1] ^ (x->tag * 0xD6E8FEB86659FD93u));
    if (x->tag != TROMMEL_TAG_HTML && x->tag != TROMMEL_TAG_BODY) { /* theirs say what the page is about */
        h = name_hash(sdk_attr_str(d, x, TROMMEL_A_CLASS), h);
        h = name_hash(sdk_attr_str(d, x, TROMMEL_A_ID), h);
    }
    h |= 1;
    if (is_new(f, h))
        f->sum += sdk_mix(h);
    /* what lies below is content */
    if (x->tag != TROMMEL_TAG_MAIN && x->tag != TROMMEL_TAG_ARTICLE)
        f->path[x->depth] = h;
}

uint64_t fingerprint_get(const struct fingerprint *f)
{
    return sdk_mix(f->sum + f->n);
}
