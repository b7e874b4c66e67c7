/* answer: see answer.h.  Reading is msgpack-c's, which bounds depth; the frame bounds bytes. */
#include "plugin/stage/exec/answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 2, 3))) static int say(char why[ANSWER_WHY_BYTES], const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, ANSWER_WHY_BYTES, fmt, ap);
    va_end(ap);
    return -1;
}

static int is_str(const msgpack_object *o, const char *text)
{
    return o->type == MSGPACK_OBJECT_STR && o->via.str.size == strlen(text) &&
           !memcmp(o->via.str.ptr, text, o->via.str.size);
}

static int take_str(const msgpack_object *o, trommel_str *ret)
{
    if (o->type != MSGPACK_OBJECT_STR || !o->via.str.size)
        return -1;
    *ret = (trommel_str){ o->via.str.ptr, o->via.str.size };
    return 0;
}

/* The frame's one map, or NULL and why. */
static const msgpack_object_map *map_read(trommel_str frame, msgpack_unpacked *in, char why[ANSWER_WHY_BYTES])
{
    msgpack_unpack_return rc;
    size_t off = 0;

    if (!frame.n) {
        say(why, "an empty frame, where one map was wanted");
        return NULL;
    }
    rc = msgpack_unpack_next(in, frame.p, frame.n, &off);
    if (rc == MSGPACK_UNPACK_SUCCESS && off == frame.n && in->data.type == MSGPACK_OBJECT_MAP)
        return &in->data.via.map;
    say(why, "a frame of %zu bytes that is not one msgpack map%s", frame.n,
        rc == MSGPACK_UNPACK_SUCCESS && off < frame.n ? ", but has bytes behind it" : "");
    return NULL;
}

/* ---- a page's answer ---- */

static int field_read(const msgpack_object_kv *kv, struct answer *a, char why[ANSWER_WHY_BYTES])
{
    const msgpack_object *k = &kv->key, *v = &kv->val;

    if (is_str(k, "n"))
        return 0;
    if (is_str(k, "put")) {
        if (v->type != MSGPACK_OBJECT_MAP)
            return say(why, "`put` must be a map of what goes into the record");
        a->put = &v->via.map;
        return 0;
    }
    if (is_str(k, "drop"))
        return take_str(v, &a->drop) ? say(why, "`drop` must be the reason, as text") : 0;
    if (is_str(k, "error"))
        return take_str(v, &a->error) ? say(why, "`error` must be what went wrong, as text") : 0;
    if (is_str(k, "retry")) {
        if (v->type != MSGPACK_OBJECT_BOOLEAN)
            return say(why, "`retry` must be true or false");
        a->retry = v->via.boolean;
        return 0;
    }
    if (k->type != MSGPACK_OBJECT_STR)
        return say(why, "a key that is no text");
    return say(why, "unknown key `%.*s`: there are n, put, drop, error and retry",
               (int)(k->via.str.size < 60 ? k->via.str.size : 60), k->via.str.ptr);
}

static int number_find(const msgpack_object_map *m, uint64_t *ret)
{
    for (uint32_t i = 0; i < m->size; i++) {
        if (is_str(&m->ptr[i].key, "n") && m->ptr[i].val.type == MSGPACK_OBJECT_POSITIVE_INTEGER) {
            *ret = m->ptr[i].val.via.u64;
            return 0;
        }
    }
    return -1;
}

enum answer_state answer_read(trommel_str frame, uint64_t n, msgpack_unpacked *in, struct answer *ret,
                              char why[ANSWER_WHY_BYTES])
{
    const msgpack_object_map *m = map_read(frame, in, why);

    *ret = (struct answer){ 0 };
    if (!m)
        return ANSWER_NONE;
    if (number_find(m, &ret->n)) {
        say(why, "an answer without `n`, the page's number");
        return ANSWER_NONE;
    }
    if (ret->n != n) {
        say(why, "an answer to page %llu, where page %llu had been sent (two answers to one page?)",
            (unsigned long long)ret->n, (unsigned long long)n);
        return ANSWER_NONE;
    }
    for (uint32_t i = 0; i < m->size; i++)
        if (field_read(&m->ptr[i], ret, why))
            return ANSWER_BAD;
    if ((ret->drop.n != 0) + (ret->error.n != 0) + ret->retry > 1) {
        say(why, "more than one of `drop`, `error` and `retry`");
        return ANSWER_BAD;
    }
    return ANSWER_OK;
}

/* ---- hello ---- */

static int reason_read(const msgpack_object *o, char ret[EXEC_REASON_BYTES + 1])
{
    trommel_str s;

    if (take_str(o, &s) || s.n > EXEC_REASON_BYTES)
        return -1;
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && !(s.p[i] >= '0' && s.p[i] <= '9') && s.p[i] != '_')
            return -1;
    memcpy(ret, s.p, s.n);
    ret[s.n] = 0;
    return 0;
}

static int reasons_read(const msgpack_object *o, struct hello *h, char why[ANSWER_WHY_BYTES])
{
    const msgpack_object_array *a = &o->via.array;

    if (o->type != MSGPACK_OBJECT_ARRAY || a->size > EXEC_REASONS_MAX || h->reasons)
        return say(why, "`reasons` in its hello must be one list of at most %d names", EXEC_REASONS_MAX);
    h->reasons = calloc(a->size + 1, sizeof *h->reasons);
    if (!h->reasons)
        return say(why, "out of memory");
    for (; h->n_reasons < a->size; h->n_reasons++)
        if (reason_read(&a->ptr[h->n_reasons], h->reasons[h->n_reasons]))
            return say(why, "`reasons[%u]` in its hello must be 1 to %d of a-z 0-9 _", h->n_reasons,
                       EXEC_REASON_BYTES);
    return 0;
}

static int hello_field(const msgpack_object_kv *kv, struct hello *h, int *seen, char why[ANSWER_WHY_BYTES])
{
    const msgpack_object *k = &kv->key, *v = &kv->val;

    if (is_str(k, "type")) {
        *seen |= is_str(v, "hello") ? 1 : 0;
    } else if (is_str(k, "v")) {
        if (v->type != MSGPACK_OBJECT_POSITIVE_INTEGER || v->via.u64 != EXEC_PROTOCOL)
            return say(why,
                       "its hello has another `v` than %d, which is the protocol spoken here: use a version "
                       "of the program that speaks it",
                       EXEC_PROTOCOL);
        *seen |= 2;
    } else if (is_str(k, "name")) {
        take_str(v, &h->name);
    } else if (is_str(k, "version")) {
        take_str(v, &h->version);
    } else if (is_str(k, "reasons")) {
        return reasons_read(v, h, why);
    }
    return 0;
}

int hello_read(trommel_str frame, msgpack_unpacked *in, struct hello *ret, char why[ANSWER_WHY_BYTES])
{
    const msgpack_object_map *m = map_read(frame, in, why);
    int seen = 0, rc = m ? 0 : -1;

    *ret = (struct hello){ 0 };
    for (uint32_t i = 0; !rc && i < m->size; i++)
        rc = hello_field(&m->ptr[i], ret, &seen, why);
    if (!rc && seen != 3)
        rc = say(why, "its first map is no hello: it must have `type`: \"hello\" and `v`: %d", EXEC_PROTOCOL);
    if (rc) {
        free(ret->reasons);
        ret->reasons = NULL;
    }
    return rc;
}
