/* link: matches what stages need with what earlier ones provide, and lays out the record; see load.h.
 *
 * Ports become indexes here, so that a page's run looks up no names.  Record fields become a tree in
 * pre-order ("meta.title": a map `meta`, in it a leaf), so that composing a record is one pass over an
 * array.  A wrong order is a message here, not a bad crawl. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/limits.h"
#include "chain/load.h"

const char *port_type_name(uint32_t type)
{
    static const char *const names[] = { "NIL",   "BOOL",    "I64",   "F64",     "STR",
                                         "BYTES", "MSGPACK", "NODES", "NODE_U8", "NODE_F32" };

    return type < sizeof names / sizeof names[0] ? names[type] : "?";
}

static uint32_t slot_find(const struct chain *c, const char *name)
{
    for (uint32_t i = 0; i < c->n_slots; i++)
        if (!strcmp(c->slots[i].name, name))
            return i;
    return SLOT_NONE;
}

/* Written by the host: no stage may give these. */
static int host_owns(const char *name)
{
    static const char *const owned[] = { "v",          "kind",   "id",           "url",     "final_url",
                                         "fetched_at", "status", "content_type", "charset", "bytes",
                                         "outcome",    "fetch",  "links",        "dedupe",  "chain",
                                         "x",          "error" };
    size_t n = strcspn(name, ".");

    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
        if (strlen(owned[i]) == n && !memcmp(owned[i], name, n))
            return 1;
    return 0;
}

/* Ports whose type the host relies on. */
static const struct {
    const char *name;
    uint32_t type;
} known[] = {
    { "content.text", TROMMEL_T_STR },      { "content.markdown", TROMMEL_T_STR },
    { "content.nodes", TROMMEL_T_NODE_U8 }, { "links.kind", TROMMEL_T_NODE_U8 },
    { "dedupe.sketch", TROMMEL_T_BYTES },
};

static int check_provided(const struct chain *c, const struct stage *s, const trommel_port *p,
                          struct err *err)
{
    uint32_t there = slot_find(c, p->name);

    if (there != SLOT_NONE)
        return err_set(err, ERR_USAGE, "`%s` and `%s` both provide `%s`: take one of them out", s->d.id,
                       c->stages[c->slots[there].provider].d.id, p->name);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (!strcmp(known[i].name, p->name) && known[i].type != p->type)
            return err_set(err, ERR_REFUSED,
                           "`%s` provides `%s` as %s, the host takes it as %s: mend the stage", s->d.id,
                           p->name, port_type_name(p->type), port_type_name(known[i].type));
    if (!(p->flags & TROMMEL_PORT_RECORD))
        return 0;
    if (host_owns(p->name))
        return err_set(err, ERR_REFUSED,
                       "`%s` provides the record field `%s`, which is the host's own: name it "
                       "otherwise, or use put_extra (x.%s)",
                       s->d.id, p->name, s->d.id);
    if (p->type >= TROMMEL_T_NODES)
        return err_set(err, ERR_REFUSED,
                       "`%s` provides the record field `%s` as %s, which never goes into a record: "
                       "leave TROMMEL_PORT_RECORD out",
                       s->d.id, p->name, port_type_name(p->type));
    return 0;
}

static int link_provides(struct chain *c, uint32_t index, struct err *err)
{
    struct stage *s = &c->stages[index];

    for (unsigned i = 0; i < s->d.n_provides; i++) {
        const trommel_port *p = &s->provides[i];
        int rc = check_provided(c, s, p, err);
        if (rc)
            return rc;
        if (c->n_slots == SLOTS_MAX)
            return err_set(err, ERR_USAGE, "chain: more than %d ports: take a stage out", SLOTS_MAX);
        s->provide_slot[i] = (uint32_t)c->n_slots;
        c->slots[c->n_slots++] = (struct slot){ p->name, p->type, index, !!(p->flags & TROMMEL_PORT_RECORD) };
    }
    return 0;
}

/* The stage that provides `name` behind `index`, or NULL. */
static const struct stage *provided_later(const struct chain *c, uint32_t index, const char *name)
{
    for (size_t i = index; i < c->n_stages; i++)
        for (unsigned k = 0; k < c->stages[i].d.n_provides; k++)
            if (!strcmp(c->stages[i].provides[k].name, name))
                return &c->stages[i];
    return NULL;
}

static int need_missing(const struct chain *c, uint32_t index, const char *name, struct err *err)
{
    const char *id = c->stages[index].d.id;
    const struct stage *later = provided_later(c, index, name);

    if (later == &c->stages[index])
        return err_set(err, ERR_REFUSED, "`%s` needs `%s`, which only it provides itself: mend the stage", id,
                       name);
    if (later)
        return err_set(err, ERR_USAGE,
                       "`%s` needs `%s`, provided by `%s`, which comes later: move `%s` before `%s`", id,
                       name, later->d.id, later->d.id, id);
    return err_set(err, ERR_USAGE,
                   "`%s` needs `%s`, which no stage of the chain provides: add one that does before "
                   "it, or take `%s` out",
                   id, name, id);
}

static int link_needs(struct chain *c, uint32_t index, struct err *err)
{
    struct stage *s = &c->stages[index];

    for (unsigned i = 0; i < s->d.n_needs; i++) {
        const trommel_port *p = &s->needs[i];
        uint32_t slot = slot_find(c, p->name);
        s->need_slot[i] = slot;
        if (slot == SLOT_NONE) {
            if (!(p->flags & TROMMEL_PORT_OPTIONAL))
                return need_missing(c, index, p->name, err);
            continue;
        }
        if (c->slots[slot].type != p->type)
            return err_set(err, ERR_REFUSED,
                           "`%s` needs `%s` as %s, `%s` provides it as %s: use versions of the two "
                           "that fit",
                           s->d.id, p->name, port_type_name(p->type), c->stages[c->slots[slot].provider].d.id,
                           port_type_name(c->slots[slot].type));
    }
    return 0;
}

/* ---- the record's fields ---- */

static int field_add(struct chain *c, const char *key, size_t n, uint32_t parent, uint32_t slot,
                     struct err *err)
{
    char *copy = c->n_fields < FIELDS_MAX ? strndup(key, n) : NULL;

    if (!copy)
        return err_set(err, ERR_NOMEM, "chain: too many record fields, or out of memory");
    c->fields[c->n_fields++] = (struct field){ copy, parent, slot };
    return 0;
}

static uint32_t field_find(const struct chain *c, const char *key, size_t n, uint32_t parent)
{
    for (uint32_t i = 0; i < c->n_fields; i++)
        if (c->fields[i].parent == parent && strlen(c->fields[i].key) == n &&
            !memcmp(c->fields[i].key, key, n))
            return i;
    return SLOT_NONE;
}

/* Puts one port's name into the tree, making the maps on its way. */
static int field_place(struct chain *c, uint32_t slot, struct err *err)
{
    const char *at = c->slots[slot].name, *id = c->stages[c->slots[slot].provider].d.id;
    uint32_t parent = SLOT_NONE;

    for (int depth = 1;; depth++) {
        size_t n = strcspn(at, ".");
        int last = !at[n];
        uint32_t f = field_find(c, at, n, parent);
        if (depth > FIELD_DEPTH_MAX || !n)
            return err_set(err, ERR_REFUSED,
                           "`%s` provides the record field `%s`: more than %d parts, or an empty one", id,
                           c->slots[slot].name, FIELD_DEPTH_MAX);
        if (f != SLOT_NONE && (last || c->fields[f].slot != SLOT_NONE))
            return err_set(err, ERR_REFUSED,
                           "`%s` provides the record field `%s`, but another field is its parent or "
                           "lies in it: name it otherwise",
                           id, c->slots[slot].name);
        if (f == SLOT_NONE) {
            int rc = field_add(c, at, n, parent, last ? slot : SLOT_NONE, err);
            if (rc)
                return rc;
            f = (uint32_t)c->n_fields - 1;
        }
        if (last)
            return 0;
        parent = f;
        at += n + 1;
    }
}

/* From the order of making to pre-order: children follow their parent at once.  Works on an explicit
 * stack of depth FIELD_DEPTH_MAX. */
static int fields_sort(struct chain *c)
{
    struct field *out = calloc(c->n_fields + 1, sizeof *out);
    uint32_t *new_index = calloc(c->n_fields + 1, sizeof *new_index);
    uint32_t stack[FIELD_DEPTH_MAX + 1] = { SLOT_NONE }, next[FIELD_DEPTH_MAX + 1] = { 0 }, n = 0;
    int top = 0;

    if (!out || !new_index) {
        free(out);
        free(new_index);
        return ERR_NOMEM;
    }
    while (top >= 0) {
        uint32_t i = next[top];
        while (i < c->n_fields && c->fields[i].parent != stack[top])
            i++;
        if (i == c->n_fields) {
            top--;
            continue;
        }
        next[top] = i + 1;
        new_index[i] = n;
        out[n] = c->fields[i];
        out[n++].parent = stack[top] == SLOT_NONE ? SLOT_NONE : new_index[stack[top]];
        if (c->fields[i].slot == SLOT_NONE) {
            stack[++top] = i;
            next[top] = 0;
        }
    }
    free(new_index);
    free(c->fields);
    c->fields = out;
    return 0;
}

static int link_fields(struct chain *c, struct err *err)
{
    static const char *const order[] = { "layout", "content", "meta", NULL };

    c->fields = calloc(FIELDS_MAX, sizeof *c->fields);
    if (!c->fields)
        return err_set(err, ERR_NOMEM, "out of memory");
    /* The groups that schemas/ promises come first and in its order, the rest as the chain has them. */
    for (int pass = 0; pass < 4; pass++) {
        for (uint32_t i = 0; i < c->n_slots; i++) {
            size_t n = strcspn(c->slots[i].name, ".");
            int group = 0;
            while (order[group] && (strlen(order[group]) != n || memcmp(order[group], c->slots[i].name, n)))
                group++;
            int rc = c->slots[i].in_record && group == pass ? field_place(c, i, err) : 0;
            if (rc)
                return rc;
        }
    }
    return fields_sort(c) ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

int chain_link(struct chain *c, struct err *err)
{
    int rc = 0;

    c->slots = calloc(SLOTS_MAX, sizeof *c->slots);
    if (!c->slots)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; !rc && i < c->n_stages; i++) {
        rc = link_needs(c, i, err);
        rc = rc ? rc : link_provides(c, i, err);
    }
    rc = rc ? rc : link_fields(c, err);
    c->slot_text = slot_find(c, "content.text");
    c->slot_kind = slot_find(c, "links.kind");
    c->slot_sketch = slot_find(c, "dedupe.sketch");
    return rc;
}

/* ---- its name ---- */

static int hash_file(XXH3_state_t *h, const char *path, struct err *err)
{
    unsigned char piece[64 * 1024];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    ssize_t n = -1;

    /* What cannot be read is the stage's to complain of: it knows what the file is for. */
    if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode))
        while ((n = read(fd, piece, sizeof piece)) > 0)
            XXH3_128bits_update(h, piece, (size_t)n);
    if (fd >= 0)
        close(fd);
    return n < 0 && err ? err_set(err, ERR_IO, "%s: cannot be read", path) : 0;
}

static void hash_text(XXH3_state_t *h, const char *s)
{
    XXH3_128bits_update(h, s ? s : "", s ? strlen(s) + 1 : 1);
}

static void hash_options(XXH3_state_t *h, const struct stage *s)
{
    for (unsigned i = 0; i < s->d.n_opts; i++) {
        if (s->opts[i].flags & TROMMEL_OPT_SECRET)
            continue;
        hash_text(h, s->opts[i].key);
        if ((s->opts[i].flags & TROMMEL_OPT_PATH) && s->values[i].text && *s->values[i].text)
            hash_file(h, s->values[i].text, NULL); /* what is in it counts, not where it lies */
        else
            hash_text(h, s->values[i].text);
    }
}

int chain_hash(struct chain *c, struct err *err)
{
    XXH3_state_t *h = XXH3_createState();
    XXH128_canonical_t canon;
    int rc = h ? 0 : err_set(err, ERR_NOMEM, "out of memory");

    if (h)
        XXH3_128bits_reset(h);
    if (h && c->is_none)
        hash_text(h, "none");
    for (size_t i = 0; !rc && i < c->n_stages; i++) {
        const struct stage *s = &c->stages[i];
        hash_text(h, s->d.id);
        hash_text(h, s->d.version);
        hash_options(h, s);
        rc = s->path ? hash_file(h, s->path, err) : 0;
    }
    if (!rc) {
        XXH128_canonicalFromHash(&canon, XXH3_128bits_digest(h));
        for (int i = 0; i < 16; i++)
            snprintf(c->hash + 2 * i, 3, "%02x", canon.digest[i]);
    }
    XXH3_freeState(h);
    return rc;
}
