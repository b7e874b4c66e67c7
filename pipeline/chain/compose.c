/* compose: writes the record of a page that went through the chain; see run.h.
 *
 * The fields come in the order of schemas/record.def.  Stages' values are one pass over the tree of fields
 * that link.c laid out in pre-order: which maps are needed and how many keys they have is counted from the
 * end to the front first, so nothing recurses and no length is patched. */
#include <string.h>

#include "base/limits.h"
#include "chain/run.h"
#include "base/utf8.h"

void compose_value(struct buf *b, const trommel_val *v)
{
    switch (v->type) {
    case TROMMEL_T_BOOL:
        mp_bool(b, v->u.i != 0);
        break;
    case TROMMEL_T_I64:
        mp_int(b, v->u.i);
        break;
    case TROMMEL_T_F64:
        mp_f64(b, v->u.d);
        break;
    case TROMMEL_T_STR:
        mp_str(b, v->u.p, v->n);
        break;
    case TROMMEL_T_BYTES:
        mp_bin(b, v->u.p, v->n);
        break;
    case TROMMEL_T_MSGPACK:
        buf_add(b, v->u.p, v->n);
        break;
    default:
        mp_nil(b);
    }
}

static void put_str(struct buf *b, const char *key, trommel_str s)
{
    mp_cstr(b, key);
    mp_str(b, s.p, s.n);
}

/* keys[i]: what field i holds on this page: leaves 1 if there, maps their number of keys. */
static void count_fields(const struct trommel_page *p, uint32_t *keys)
{
    const struct chain *c = p->run->chain;

    memset(keys, 0, c->n_fields * sizeof *keys);
    for (uint32_t i = (uint32_t)c->n_fields; i-- > 0;) {
        const struct field *f = &c->fields[i];
        if (f->slot != SLOT_NONE)
            keys[i] = p->is_set[f->slot];
        if (keys[i] && f->parent != SLOT_NONE)
            keys[f->parent]++;
    }
}

static void put_fields(const struct trommel_page *p, struct buf *b, uint32_t *n_fields)
{
    const struct chain *c = p->run->chain;
    uint32_t keys[FIELDS_MAX];

    count_fields(p, keys);
    for (uint32_t i = 0; i < c->n_fields; i++) {
        const struct field *f = &c->fields[i];
        if (!keys[i])
            continue;
        *n_fields += f->parent == SLOT_NONE;
        mp_cstr(b, f->key);
        if (f->slot != SLOT_NONE)
            compose_value(b, &p->vals[f->slot]);
        else
            mp_map(b, keys[i]);
    }
}

static void put_links(const struct links *l, struct buf *b, uint32_t *n_fields)
{
    static const char *const kinds[] = { "unknown",    "content",   "navigation", "related",
                                         "pagination", "canonical", "alternate" };

    ++*n_fields;
    mp_cstr(b, "links");
    mp_array(b, l->n);
    for (uint32_t i = 0; i < l->n; i++) {
        const struct link *k = &l->rows[i];
        int nofollow = k->nofollow || l->nofollow;
        mp_map(b, 4 + (uint32_t)nofollow);
        put_str(b, "url", k->url);
        mp_cstr(b, "rel");
        if (k->rel.n)
            mp_str(b, k->rel.p,
                   k->rel.n < LIMIT_LINK_TEXT ? k->rel.n
                                              : utf8_valid((const unsigned char *)k->rel.p, LIMIT_LINK_TEXT));
        else
            mp_nil(b);
        put_str(b, "text", k->text);
        mp_cstr(b, "kind");
        mp_cstr(b, kinds[k->kind]);
        if (nofollow) {
            mp_cstr(b, "nofollow");
            mp_bool(b, 1);
        }
    }
}

void compose_chain(struct buf *b, uint32_t generation, const char *hash, int clamped)
{
    mp_cstr(b, "chain");
    mp_map(b, clamped ? 4 : 3);
    mp_cstr(b, "generation");
    mp_uint(b, generation);
    mp_cstr(b, "hash");
    mp_cstr(b, hash);
    if (clamped) {
        mp_cstr(b, "clamped");
        mp_bool(b, 1);
    }
    mp_cstr(b, "stages");
}

static void put_chain(const struct trommel_page *p, struct buf *b, uint32_t *n_fields)
{
    const struct chain *c = p->run->chain;

    ++*n_fields;
    compose_chain(b, p->run->generation, c->hash, !!(p->parsed->dom.flags & TROMMEL_DOM_CLAMPED));
    mp_array(b, p->n_ran);
    for (uint32_t i = 0; i < p->n_ran; i++) {
        mp_map(b, 3);
        mp_cstr(b, "id");
        mp_cstr(b, c->stages[i].d.id);
        mp_cstr(b, "version");
        mp_cstr(b, c->stages[i].d.version ? c->stages[i].d.version : "");
        mp_cstr(b, "us");
        mp_uint(b, p->us[i]);
    }
}

static void put_extras(const struct trommel_page *p, struct buf *b, uint32_t *n_fields)
{
    const struct chain *c = p->run->chain;
    uint32_t n = 0;

    for (uint32_t i = 0; i < c->n_stages; i++)
        n += p->extras[i].n > 0;
    if (!n)
        return;
    ++*n_fields;
    mp_cstr(b, "x");
    mp_map(b, n);
    for (uint32_t i = 0; i < c->n_stages; i++) {
        const struct extras *x = &p->extras[i];
        if (!x->n)
            continue;
        mp_cstr(b, c->stages[i].d.id);
        mp_map(b, x->n);
        for (uint32_t k = 0; k < x->n; k++) {
            mp_str(b, x->rows[k].key.p, x->rows[k].key.n);
            compose_value(b, &x->rows[k].val);
        }
    }
}

static void put_error(const struct trommel_page *p, const struct run_result *res, struct buf *b,
                      uint32_t *n_fields)
{
    const char *id = res->stage == SLOT_NONE ? "" : p->run->chain->stages[res->stage].d.id;
    struct record_error e = { .stage = { id, strlen(id) }, .reason = res->reason, .message = res->message };

    record_put_error(b, &e, n_fields);
}

static trommel_str only_utf8(trommel_str s)
{
    return s.n && utf8_valid((const unsigned char *)s.p, s.n) == s.n ? s : (trommel_str){ 0 };
}

int compose(struct trommel_page *p, const struct links *links, const struct run_result *res)
{
    struct buf *b = &p->run->record;
    struct record_head head = p->in->head;
    uint32_t n_fields = 0;

    head.content_type = only_utf8(p->parsed->content_type);
    head.charset = only_utf8(p->parsed->charset);
    head.bytes = head.bytes ? head.bytes : p->in->body.n;
    head.outcome = res->outcome;
    head.reason = res->reason;
    record_begin(b, &head, &n_fields);
    put_fields(p, b, &n_fields);
    if (p->parsed->kind != PARSE_NONE)
        put_links(links, b, &n_fields);
    put_chain(p, b, &n_fields);
    put_extras(p, b, &n_fields);
    if (res->outcome == OUTCOME_QUARANTINED)
        put_error(p, res, b, &n_fields);
    record_end(b, n_fields);
    return b->err;
}
