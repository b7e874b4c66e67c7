/* wire: see wire.h. */
#include "chain/wire.h"

#include <stdlib.h>
#include <string.h>

void wire_str(struct buf *b, const char *s)
{
    uint32_t n = s ? (uint32_t)strlen(s) + 1 : 0;

    buf_add(b, &n, sizeof n);
    buf_add(b, s, n);
}

int wire_take(const unsigned char **at, const unsigned char *end, const char **ret)
{
    uint32_t n;

    if ((size_t)(end - *at) < sizeof n)
        return ERR_CORRUPT;
    memcpy(&n, *at, sizeof n);
    *at += sizeof n;
    *ret = NULL;
    if (!n)
        return 0;
    if (n > (size_t)(end - *at) || (*at)[n - 1] || memchr(*at, 0, n - 1))
        return ERR_CORRUPT;
    *ret = (const char *)*at;
    *at += n;
    return 0;
}

void wire_head(struct buf *b, uint32_t type, uint32_t n, uint64_t seq)
{
    struct proto_head h = { .magic = PROTO_MAGIC, .type = type, .n = n, .seq = seq };

    buf_add(b, &h, sizeof h);
}

int wire_config(struct buf *b, const struct proto_config *head, const struct chain_config *config)
{
    size_t start = b->len;
    struct proto_config h = *head;

    h.size = sizeof h;
    h.n_items = (uint32_t)config->n_items;
    h.n_sets = (uint32_t)config->n_sets;
    h.flags |= config->is_none ? PROTO_NONE : 0;
    wire_head(b, PROTO_CONFIG, 0, 0);
    buf_add(b, &h, sizeof h);
    for (size_t i = 0; i < config->n_items; i++) {
        wire_str(b, config->items[i].ref);
        wire_str(b, config->items[i].path);
    }
    for (size_t i = 0; i < config->n_sets; i++) {
        uint32_t place[2] = { (uint32_t)config->sets[i].item, config->sets[i].soft != 0 };
        wire_str(b, config->sets[i].stage);
        wire_str(b, config->sets[i].option);
        wire_str(b, config->sets[i].value);
        wire_str(b, config->sets[i].dir);
        buf_add(b, place, sizeof place);
    }
    if (b->err)
        return b->err;
    uint32_t n = (uint32_t)(b->len - start - sizeof(struct proto_head));
    memcpy(b->data + start + offsetof(struct proto_head, n), &n, sizeof n);
    return n > PROTO_CONFIG_MAX ? ERR_LIMIT : 0;
}

/* A copy of the next string; what may not be absent is then an empty one. */
static int take_dup(const unsigned char **at, const unsigned char *end, int may_be_null, char **ret)
{
    const char *s;
    int rc = wire_take(at, end, &s);

    if (rc || (!s && may_be_null))
        return rc;
    *ret = strdup(s ? s : "");
    return *ret ? 0 : ERR_NOMEM;
}

static int take_set(const unsigned char **at, const unsigned char *end, struct chain_set *set)
{
    uint32_t place[2]; /* item, soft */
    int rc = take_dup(at, end, 0, &set->stage);

    rc = rc ? rc : take_dup(at, end, 0, &set->option);
    rc = rc ? rc : take_dup(at, end, 0, &set->value);
    rc = rc ? rc : take_dup(at, end, 1, &set->dir);
    if (rc || (size_t)(end - *at) < sizeof place)
        return rc ? rc : ERR_CORRUPT;
    memcpy(place, *at, sizeof place);
    *at += sizeof place;
    set->item = place[0];
    set->soft = (int)place[1];
    return 0;
}

int wire_config_read(const unsigned char *p, size_t n, struct proto_config *head, struct chain_config *ret,
                     struct err *err)
{
    const unsigned char *end = p + n;
    int rc = 0;

    *ret = (struct chain_config){ 0 };
    if (n < sizeof *head)
        return err_set(err, ERR_CORRUPT,
                       "the host speaks another protocol: install host and worker together");
    memcpy(head, p, sizeof *head);
    p += sizeof *head;
    head->version[sizeof head->version - 1] = 0;
    if (head->size != sizeof *head || strcmp(head->version, TROMMEL_VERSION))
        return err_set(err, ERR_REFUSED,
                       "the worker program is of version %s, the host of %s: install both together",
                       TROMMEL_VERSION, head->version);
    if (head->n_items > LIMIT_STAGES || head->n_sets > PROTO_CONFIG_MAX / 20)
        return err_set(err, ERR_CORRUPT, "damaged configuration");
    ret->is_none = (head->flags & PROTO_NONE) != 0;
    ret->items = calloc(head->n_items + 1, sizeof *ret->items);
    ret->sets = calloc(head->n_sets + 1, sizeof *ret->sets);
    if (!ret->items || !ret->sets)
        rc = ERR_NOMEM;
    for (; !rc && ret->n_items < head->n_items; ret->n_items++) {
        rc = take_dup(&p, end, 0, &ret->items[ret->n_items].ref);
        rc = rc ? rc : take_dup(&p, end, 0, &ret->items[ret->n_items].path);
    }
    for (; !rc && ret->n_sets < head->n_sets; ret->n_sets++)
        rc = take_set(&p, end, &ret->sets[ret->n_sets]);
    if (rc) {
        chain_config_release(ret);
        return err_set(err, rc, "damaged configuration");
    }
    return 0;
}
