/* check_say: calls, places, differences and refusals in words; see check_inner.h.  What stands on the board
 * may have been scribbled upon: strings are read with a bound. */
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "chain/check_inner.h"

static const char *const call_names[] = {
#define X(up, low, can_fail) low,
    CALL_MAP(X)
#undef X
};

/* The name of a row of the stage's table. */
static const char *row_name(const struct check *k, const char *list, const char *key, uint32_t index)
{
    const char *name =
        json_string_value(json_object_get(json_array_get(json_object_get(k->stage, list), index), key));

    return name ? name : "?";
}

static const char *meta_name(uint32_t what)
{
    static const char *const names[] = { "?",      "url",          "final_url", "base_url",
                                         "status", "content_type", "charset",   "header",
                                         "body",   "id",           "fetched_at" };

    return what < sizeof names / sizeof *names ? names[what] : "?";
}

static void say_argument(const struct check *k, const struct check_call *c, char out[200])
{
    out[0] = 0;
    switch (c->kind) {
    case CALL_ALLOC:
        snprintf(out, 200, " of %llu bytes", (unsigned long long)c->bytes);
        break;
    case CALL_OPT:
        snprintf(out, 200, " %.100s", row_name(k, "options", "key", c->index));
        break;
    case CALL_GET:
        snprintf(out, 200, " %.100s", row_name(k, "needs", "name", c->index));
        break;
    case CALL_PUT:
        snprintf(out, 200, " %.100s", row_name(k, "provides", "name", c->index));
        break;
    case CALL_META:
        snprintf(out, 200, " %s%s%.64s", meta_name(c->index), c->key[0] ? " " : "", c->key);
        break;
    case CALL_EXTRA:
    case CALL_SERVICE:
    case CALL_RESOLVE:
        snprintf(out, 200, "%s%.64s", c->key[0] ? " " : "", c->key);
        break;
    default:
        break;
    }
}

const char *say_call(const struct check *k, const struct check_call *c, char out[300])
{
    char argument[200];

    say_argument(k, c, argument);
    snprintf(out, 300, "call %llu (%s%s)", (unsigned long long)c->n,
             c->kind < CALL_KINDS ? call_names[c->kind] : "?", argument);
    return out;
}

const char *say_where(const struct check *k, int in_call, char out[900])
{
    const struct check_board *b = k->board;
    struct check_call last = b->call, broken = b->broken;
    char page[120] = "", at[300], made[300], text[400] = "";

    out[0] = 0;
    if (b->at == AT_NOTHING)
        return out;
    if (b->at == AT_PROCESS)
        snprintf(page, sizeof page, "on page \"%.63s\"", b->page);
    else
        snprintf(page, sizeof page, "in %s", b->at == AT_CONFIGURE ? "configure" : "close");
    if (last.kind == CALL_NONE || last.kind >= CALL_KINDS)
        snprintf(at, sizeof at, ", before its first call");
    else if (broken.n && broken.n == last.n)
        snprintf(at, sizeof at, ", at %s, which was made to fail", say_call(k, &last, text));
    else
        snprintf(at, sizeof at, ", %s %s", in_call ? "at" : "after", say_call(k, &last, text));
    made[0] = 0;
    if (broken.n && broken.n != last.n)
        snprintf(made, sizeof made, ", when %s had been made to fail", say_call(k, &broken, text));
    snprintf(out, 900, "%s%s%s: ", page, at, made);
    return out;
}

/* ---- refusals ---- */

static const char *bytes_wrong(uint32_t type, const trommel_val *v, char out[200])
{
    if (type == TROMMEL_T_STR)
        snprintf(out, 200, "it is no UTF-8 at byte %zu", utf8_valid(v->u.p, v->n));
    else
        snprintf(out, 200, "it is not exactly one well-formed msgpack object of depth 16 at most");
    return out;
}

const char *say_refusal(const trommel_page *p, uint32_t type, const trommel_val *v, int32_t rc, char out[200])
{
    uint32_t n_nodes = p->parsed->dom.n_nodes;

    if (!v)
        snprintf(out, 200, "the value is NULL");
    else if (v->type != type)
        snprintf(out, 200, "its type is %s, %s was declared", port_type_name(v->type), port_type_name(type));
    else if (rc == TROMMEL_E_LIMIT)
        snprintf(out, 200, "it is over a limit (%llu bytes)", (unsigned long long)v->n);
    else if (type == TROMMEL_T_BOOL)
        snprintf(out, 200, "a BOOL is 0 or 1");
    else if (type == TROMMEL_T_F64)
        snprintf(out, 200, "it is no finite number");
    else if (v->n && !v->u.p)
        snprintf(out, 200, "u.p is NULL, and n is %llu", (unsigned long long)v->n);
    else if (type == TROMMEL_T_STR || type == TROMMEL_T_MSGPACK)
        bytes_wrong(type, v, out);
    else if (type == TROMMEL_T_NODES)
        snprintf(out, 200, "a node's index is not below %u", n_nodes);
    else
        snprintf(out, 200, "n is %llu, the page has %u nodes", (unsigned long long)v->n, n_nodes);
    return out;
}

/* ---- differences ---- */

/* A value as JSON, cut. */
static void say_value(const unsigned char *p, size_t n, char out[100])
{
    struct buf json = BUF_INIT(64u * MIB);

    if (!p)
        snprintf(out, 100, "not there");
    else if (record_json(p, n, &json))
        snprintf(out, 100, "%zu bytes", n);
    else
        snprintf(out, 100, json.len > 60 ? "%.60s… (%zu bytes)" : "%s", buf_cstr(&json), n);
    buf_release(&json);
}

/* The value of a key of the map at `at`; its bytes, or NULL. */
static const unsigned char *value_of(const unsigned char *at, const unsigned char *end,
                                     const struct mp_value *key, size_t *n)
{
    struct mp_value map, k;

    if (mp_read(&at, end, &map) || map.type != MP_MAP)
        return NULL;
    for (uint32_t i = 0; i < map.u.n; i++) {
        const unsigned char *from;
        if (mp_read(&at, end, &k) || k.type != MP_STR)
            return NULL;
        from = at;
        if (mp_skip(&at, end))
            return NULL;
        if (k.len == key->len && !memcmp(k.p, key->p, k.len)) {
            *n = (size_t)(at - from);
            return from;
        }
    }
    return NULL;
}

struct span {
    const unsigned char *at, *end;
};

/* The first key of the map a whose value in the map b is another; 0 if there is none. */
static int first_difference(struct span a, struct span b, int swapped, char out[400])
{
    struct mp_value map, key;

    if (mp_read(&a.at, a.end, &map) || map.type != MP_MAP)
        return 0;
    for (uint32_t i = 0; i < map.u.n; i++) {
        const unsigned char *from, *other;
        size_t n = 0;
        char one[100], two[100];
        if (mp_read(&a.at, a.end, &key) || key.type != MP_STR)
            return 0;
        from = a.at;
        if (mp_skip(&a.at, a.end))
            return 0;
        other = value_of(b.at, b.end, &key, &n);
        if (other && n == (size_t)(a.at - from) && !memcmp(from, other, n))
            continue;
        say_value(from, (size_t)(a.at - from), one);
        say_value(other, n, two);
        snprintf(out, 400, "%.*s was %s, now it is %s", (int)(key.len < 100 ? key.len : 100),
                 (const char *)key.p, swapped ? two : one, swapped ? one : two);
        return 1;
    }
    return 0;
}

const char *say_difference(const struct buf *a, const struct buf *b, char out[400])
{
    struct span x = { a->data, a->data + a->len }, y = { b->data, b->data + b->len };

    while (x.at < x.end && y.at < y.end) { /* the two maps of a result, one after the other */
        if (first_difference(x, y, 0, out) || first_difference(y, x, 1, out))
            return out;
        if (mp_skip(&x.at, x.end) || mp_skip(&y.at, y.end))
            break;
    }
    snprintf(out, 400, "the order of what it puts is another");
    return out;
}
