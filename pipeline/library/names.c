/* names: see names.h. */
#include "library/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

struct name {
    uint8_t id[RECORD_ID_BYTES];
    char *text; /* NULL: free */
    uint32_t n;
};

static size_t slot_of(const struct name *slots, size_t cap, const uint8_t *id)
{
    uint64_t start;

    memcpy(&start, id, sizeof start); /* the id is a hash */
    size_t i = start & (cap - 1);
    while (slots[i].text && memcmp(slots[i].id, id, RECORD_ID_BYTES) != 0)
        i = (i + 1) & (cap - 1);
    return i;
}

static int grow(struct names *t)
{
    size_t cap = t->cap ? t->cap * 2 : 64;
    struct name *slots = cap > 2u * NAMES_MAX ? NULL : calloc(cap, sizeof *slots);

    if (!slots)
        return ERR_NOMEM;
    for (size_t i = 0; i < t->cap; i++)
        if (t->slots[i].text)
            slots[slot_of(slots, cap, t->slots[i].id)] = t->slots[i];
    free(t->slots);
    t->slots = slots;
    t->cap = cap;
    return 0;
}

void names_put(struct names *t, const uint8_t id[RECORD_ID_BYTES], trommel_str text)
{
    if (!text.n || text.n > UINT32_MAX || (2 * t->n >= t->cap && grow(t) < 0))
        return;
    struct name *slot = &t->slots[slot_of(t->slots, t->cap, id)];
    if (slot->text || !(slot->text = malloc(text.n)))
        return;
    memcpy(slot->text, text.p, text.n);
    slot->n = (uint32_t)text.n;
    memcpy(slot->id, id, RECORD_ID_BYTES);
    t->n++;
}

trommel_str names_get(const struct names *t, const uint8_t id[RECORD_ID_BYTES])
{
    if (!t->cap)
        return (trommel_str){ 0 };
    const struct name *slot = &t->slots[slot_of(t->slots, t->cap, id)];
    return (trommel_str){ slot->text, slot->text ? slot->n : 0 };
}

void names_release(struct names *t)
{
    for (size_t i = 0; i < t->cap; i++)
        free(t->slots[i].text);
    free(t->slots);
    *t = (struct names){ 0 };
}

/* Copies the map `field`, with 16-byte ids that have a name replaced by it. */
static int reword(const struct names *t, const struct mp_value *field, const unsigned char *end,
                  struct buf *out)
{
    const unsigned char *at = field->p;
    struct mp_value v;

    mp_map(out, field->u.n);
    for (uint32_t i = 0; i < field->u.n; i++) {
        const unsigned char *key = at;
        if (mp_skip(&at, end) < 0)
            return ERR_INVALID;
        buf_add(out, key, (size_t)(at - key));
        const unsigned char *value = at;
        if (mp_read(&at, end, &v) < 0 || (at = value, mp_skip(&at, end)) < 0)
            return ERR_INVALID;
        trommel_str name =
            v.type == MP_BIN && v.len == RECORD_ID_BYTES ? names_get(t, v.p) : (trommel_str){ 0 };
        if (name.n)
            mp_str(out, name.p, name.n);
        else
            buf_add(out, value, (size_t)(at - value));
    }
    return out->err;
}

int names_settle(const struct names *t, struct buf *record, const struct dedupe_verdict *v,
                 trommel_str sketch)
{
    static const unsigned char empty[] = { 0xde, 0, 0 };
    struct buf plain = BUF_INIT(LIMIT_RECORD_BYTES), worded = BUF_INIT(LIMIT_RECORD_BYTES);
    struct mp_value field;
    int rc;

    if (!t->n)
        return dedupe_settle(record, v, sketch);
    buf_add(&plain, empty, sizeof empty);
    rc = dedupe_settle(&plain, v, sketch);
    if (rc == 0)
        rc = record_get(plain.data, plain.len, "dedupe", &field);
    if (rc == 0)
        rc = field.type == MP_MAP ? reword(t, &field, plain.data + plain.len, &worded) : ERR_INVALID;
    if (rc == 0)
        rc = record_append(record, "dedupe", worded.data, worded.len);
    buf_release(&plain);
    buf_release(&worded);
    return rc;
}
