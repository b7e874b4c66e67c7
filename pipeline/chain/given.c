/* given: see given.h. */
#include "chain/given.h"

#include <stdio.h>
#include <string.h>

static uint32_t nodes_set(const trommel_val *v)
{
    uint32_t n = 0;

    for (uint64_t i = 0; i < v->n; i++)
        n += v->type == TROMMEL_T_NODE_U8 ? ((const uint8_t *)v->u.p)[i] != 0
                                          : ((const float *)v->u.p)[i] != 0;
    return n;
}

static void nodes_view(struct buf *b, const trommel_val *v)
{
    const uint32_t *index = v->u.p;

    if (v->type == TROMMEL_T_NODES) {
        mp_array(b, (uint32_t)v->n);
        for (uint64_t i = 0; i < v->n; i++)
            mp_uint(b, index[i]);
        return;
    }
    mp_map(b, 2);
    mp_cstr(b, "nodes");
    mp_uint(b, v->n);
    mp_cstr(b, "not_0");
    mp_uint(b, nodes_set(v));
}

static void value(const trommel_val *v, enum given_form form, struct buf *b)
{
    size_t width = v->type == TROMMEL_T_NODE_U8 ? 1 : 4;

    if (v->type < TROMMEL_T_NODES)
        compose_value(b, v);
    else if (form == GIVEN_VIEW)
        nodes_view(b, v);
    else
        mp_bin(b, v->u.p, v->n * width);
}

void given_pack(const struct trommel_page *p, uint32_t stage, enum given_form form, struct buf *b)
{
    const struct stage *s = &p->run->chain->stages[stage];
    const struct extras *x = &p->extras[stage];
    char name[STAGE_ID_MAX + 80];
    uint32_t n = x->n;

    for (unsigned i = 0; i < s->d.n_provides; i++)
        n += p->is_set[s->provide_slot[i]];
    mp_map(b, n);
    for (unsigned i = 0; i < s->d.n_provides; i++)
        if (p->is_set[s->provide_slot[i]]) {
            mp_cstr(b, s->provides[i].name);
            value(&p->vals[s->provide_slot[i]], form, b);
        }
    for (uint32_t i = 0; i < x->n; i++) {
        int len = snprintf(name, sizeof name, "x.%s.%.*s", s->d.id, (int)x->rows[i].key.n, x->rows[i].key.p);
        mp_str(b, name, (size_t)len);
        value(&x->rows[i].val, form, b);
    }
}
