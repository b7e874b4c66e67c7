/* check: is this the record it should be?  For what a worker sent, which may be anything.
 *
 * First the form (mp_check), then one walk with a stack of open maps and arrays, each of which knows the
 * row of record.def that it is at (or none: keys that are not promised are free).  A promised key may not
 * come twice: readers would disagree on which one counts. */
#include <pthread.h>
#include <string.h>

#include "base/limits.h"
#include "record/record.h"

enum { NIL = 1, BOOL = 2, INT = 4, NUM = 12, STR = 16, BIN = 32, ARR = 64, MAP = 128 }; /* NUM takes INT */
enum { ALWAYS, MAYBE };

static const struct row {
    const char *path;
    unsigned types, when;
    const char *note;
} rows[] = {
#define X(path, types, when, note, sentence) { path, types, when, note },
#include "schemas/record.def"
#undef X
};
enum { ROWS = sizeof rows / sizeof rows[0], NONE = -1, TOP = -2 };

/* Which rows lie under which: made once from the paths. */
static struct place {
    const char *key; /* last part of the path; "" for "[]", "*" for any key */
    size_t key_n;
    int child, next;  /* first row under it, next beside it */
    unsigned ordinal; /* among its siblings: bit of `seen` */
} places[ROWS];
static int top_child = NONE;
static uint64_t top_always, always[ROWS];

/* Length of the parent's part of a path; 0: at the top. */
static size_t parent_length(const char *path)
{
    size_t n = strlen(path);

    if (n > 2 && !strcmp(path + n - 2, "[]"))
        return n - 2;
    const char *dot = strrchr(path, '.');
    return dot ? (size_t)(dot - path) : 0;
}

static int row_at(const char *path, size_t n)
{
    for (int i = 0; i < ROWS; i++)
        if (strlen(rows[i].path) == n && !memcmp(rows[i].path, path, n))
            return i;
    return NONE;
}

static void places_make(void)
{
    for (int i = 0; i < ROWS; i++) {
        const char *path = rows[i].path;
        size_t up = parent_length(path);
        int parent = up ? row_at(path, up) : TOP;
        int *slot = parent == TOP ? &top_child : &places[parent].child;
        places[i].key = path + up + (up ? 1 : 0);
        if (path[up] == '[')
            places[i].key = "";
        places[i].key_n = strlen(places[i].key);
        places[i].child = places[i].next = NONE;
        for (; *slot != NONE; slot = &places[*slot].next)
            places[i].ordinal++;
        *slot = i;
        if (rows[i].when == ALWAYS)
            *(parent == TOP ? &top_always : &always[parent]) |= 1ull << places[i].ordinal;
    }
}

static const char *const type_names[] = {
    [MP_NIL] = "nil",     [MP_BOOL] = "a boolean",   [MP_INT] = "an integer", [MP_UINT] = "an integer",
    [MP_F64] = "a float", [MP_STR] = "a string",     [MP_BIN] = "bytes",      [MP_ARRAY] = "an array",
    [MP_MAP] = "a map",   [MP_EXT] = "an ext value",
};

static unsigned type_bit(enum mp_type type)
{
    static const unsigned bits[] = {
        [MP_NIL] = NIL, [MP_BOOL] = BOOL, [MP_INT] = INT,   [MP_UINT] = INT, [MP_F64] = NUM & ~INT,
        [MP_STR] = STR, [MP_BIN] = BIN,   [MP_ARRAY] = ARR, [MP_MAP] = MAP,  [MP_EXT] = 0
    };

    return bits[type];
}

/* "a|b|c" holds the word? */
static int choice_has(const char *choices, const unsigned char *p, size_t n)
{
    for (;;) {
        size_t len = strcspn(choices, "|");
        if (len == n && !memcmp(choices, p, n))
            return 1;
        if (!choices[len])
            return 0;
        choices += len + 1;
    }
}

/* One open map or array. */
struct frame {
    uint64_t left;  /* values to come, or pairs */
    uint64_t seen;  /* promised keys that were there */
    int row, child; /* its row (NONE: free, TOP) and the first row under it */
    int is_map;
};

static int key_row(struct frame *f, const struct mp_value *key, struct err *err, int *ret)
{
    *ret = NONE;
    if (key->type != MP_STR)
        return err_set(err, ERR_INVALID, "record: a map has %s as a key; keys are strings",
                       type_names[key->type]);
    for (int i = f->child; i != NONE; i = places[i].next) {
        const struct place *p = &places[i];
        int any = p->key_n == 1 && *p->key == '*';
        if (!any && (p->key_n != key->len || memcmp(p->key, key->p, key->len) != 0))
            continue;
        *ret = i;
        if (any)
            return 0;
        if (f->seen & 1ull << p->ordinal)
            return err_set(err, ERR_INVALID, "record: %s is there twice", rows[i].path);
        f->seen |= 1ull << p->ordinal;
        return 0;
    }
    return 0;
}

static int value_judge(const struct mp_value *v, int row, struct err *err)
{
    if (v->type == MP_EXT)
        return err_set(err, ERR_INVALID, "record: an ext value; a record has none");
    if (row == NONE)
        return 0;
    if (!(type_bit(v->type) & rows[row].types))
        return err_set(err, ERR_INVALID, "record: %s is %s, which it cannot be", rows[row].path,
                       type_names[v->type]);
    if (v->type == MP_STR && strchr(rows[row].note, '|') && !choice_has(rows[row].note, v->p, v->len))
        return err_set(err, ERR_INVALID, "record: %s is \"%.*s\"; it must be one of %s", rows[row].path,
                       v->len < 40 ? (int)v->len : 40, v->p, rows[row].note);
    return 0;
}

static int frame_end(const struct frame *f, struct err *err)
{
    uint64_t must = !f->is_map || f->row == NONE ? 0 : f->row == TOP ? top_always : always[f->row];
    uint64_t missing = must & ~f->seen;

    if (!missing)
        return 0;
    int i = f->child;
    while (!(missing & 1ull << places[i].ordinal))
        i = places[i].next;
    return err_set(err, ERR_INVALID, "record: %s is missing", rows[i].path);
}

static struct frame frame_open(const struct mp_value *v, int row)
{
    return (struct frame){ .left = v->u.n,
                           .row = row,
                           .is_map = v->type == MP_MAP,
                           .child = row == NONE  ? NONE
                                    : row == TOP ? top_child
                                                 : places[row].child };
}

/* The bytes are well-formed and no deeper than LIMIT_RECORD_DEPTH. */
static int walk(const unsigned char *at, const unsigned char *end, struct err *err)
{
    struct frame frames[LIMIT_RECORD_DEPTH + 1];
    struct mp_value v;
    unsigned depth = 0;

    mp_read(&at, end, &v);
    frames[0] = frame_open(&v, TOP);
    for (;;) {
        struct frame *f = &frames[depth];
        int row = NONE, rc = 0;
        if (!f->left) {
            if ((rc = frame_end(f, err)) < 0 || !depth)
                return rc;
            depth--;
            continue;
        }
        f->left--;
        if (f->is_map) {
            if (mp_read(&at, end, &v) < 0 || (rc = key_row(f, &v, err, &row)) < 0)
                return ERR_INVALID;
        } else if (f->child != NONE && !*places[f->child].key) {
            row = f->child;
        }
        if (mp_read(&at, end, &v) < 0 || value_judge(&v, row, err) < 0)
            return ERR_INVALID;
        if (v.type == MP_MAP || v.type == MP_ARRAY)
            frames[++depth] = frame_open(&v, row);
    }
}

int record_check(const void *p, size_t n, struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const unsigned char *bytes = p;

    pthread_once(&once, places_make);
    if (n > LIMIT_RECORD_BYTES)
        return err_set(err, ERR_LIMIT, "record: %zu bytes are over the limit of %u", n, LIMIT_RECORD_BYTES);
    if (n < 3 || bytes[0] != 0xde)
        return err_set(err, ERR_INVALID, "record: does not begin with a map16");
    int rc = mp_check(p, n, LIMIT_RECORD_DEPTH, err);
    return rc < 0 ? rc : walk(bytes, bytes + n, err);
}
