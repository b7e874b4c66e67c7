/* record: what a page becomes (DESIGN 4.3): one msgpack map with string keys.
 *
 * Building appends to a struct buf (its first error sticks).  The outer map is always written as map16,
 * so that a field can be added at its end later (the host settles `dedupe` there).  Field names, types
 * and the order in which they are written are rows of schemas/record.def. */
#ifndef TROMMEL_RECORD_RECORD_H
#define TROMMEL_RECORD_RECORD_H
#include <stdint.h>
#include <trommel/stage.h>

#include "base/buf.h"
#include "base/err.h"

#define RECORD_VERSION 1
#define RECORD_ID_BYTES 16

/* ---- outcomes ---- */
#define OUTCOME_MAP(X) \
    X(OK, ok) X(UNCHANGED, unchanged) X(NO_CONTENT, no_content) X(DROPPED, dropped) X(FAILED, failed) \
    X(QUARANTINED, quarantined)
enum outcome {
#define X(up, low) OUTCOME_##up,
    OUTCOME_MAP(X)
#undef X
    OUTCOME_COUNT
};
const char *outcome_name(enum outcome o); /* "no_content" */
int outcome_from_name(trommel_str s);     /* enum outcome, or -1 */

/* ---- msgpack, written ---- */
void mp_map(struct buf *b, uint32_t n);
void mp_array(struct buf *b, uint32_t n);
void mp_str(struct buf *b, const char *p, size_t n);
void mp_cstr(struct buf *b, const char *s);
void mp_bin(struct buf *b, const void *p, size_t n);
void mp_int(struct buf *b, int64_t v);
void mp_uint(struct buf *b, uint64_t v);
void mp_f64(struct buf *b, double v);
void mp_bool(struct buf *b, int v);
void mp_nil(struct buf *b);
struct json_t; /* jansson's */
/* A JSON value as msgpack: what record_json prints, read back (but for bytes, which stay hexadecimal text).
 * Recurses as deep as the value is nested; jansson reads 2048 levels. */
void mp_json(struct buf *b, const struct json_t *value);

/* ---- building a record ---- */
/* What every record begins with.  Strings are borrowed. */
struct record_head {
    uint8_t id[RECORD_ID_BYTES]; /* written as 16 bytes (hex in JSON) unless id_text is set */
    trommel_str id_text;         /* a manifest's id, written as a string; empty: none */
    trommel_str url, final_url;  /* empty: nil */
    int64_t fetched_ms;          /* wall clock, ms since 1970 */
    uint16_t status;
    trommel_str content_type, charset;
    uint64_t bytes;              /* body as received */
    enum outcome outcome;
    trommel_str reason;          /* empty: nil */
    trommel_str fetch;           /* one msgpack map for `fetch`, or empty */
};
struct record_error { /* `error` on quarantined pages */
    trommel_str stage, reason, message;
    int signal; /* 0: none */
    const char *const *backtrace; /* the innermost call first */
    size_t n_backtrace;
};
/* Begins a record in the empty buffer b: outer map and head fields.  *n_fields counts what is written. */
void record_begin(struct buf *b, const struct record_head *h, uint32_t *n_fields);
/* Ends it: writes the number of fields into the outer map. */
void record_end(struct buf *b, uint32_t n_fields);
/* Writes `error` as a field. */
void record_put_error(struct buf *b, const struct record_error *e, uint32_t *n_fields);
/* Adds a field to a finished record at its end.  value: one msgpack object.  ERR_EXISTS if the field is
 * there, ERR_INVALID if record or value is none, ERR_LIMIT; the record is then as it was. */
int record_append(struct buf *rec, const char *key, const void *value, size_t n);

/* ---- reading ---- */
/* Is this exactly one well-formed msgpack object within bytes and depth, strings valid UTF-8? */
int mp_check(const void *p, size_t n, unsigned depth_max, struct err *err);
/* mp_check, and: a map of the shape of 4.3 (the rows of schemas/record.def: types, which must be there, none
 * twice).  For what a worker sent.  Thread-safe. */
int record_check(const void *p, size_t n, struct err *err);

/* A cursor over msgpack, which may also be hostile; does not recurse or allocate.  A whole number is
 * MP_UINT if it is not negative and MP_INT if it is, however it was written.  Of an EXT, u.i is its type. */
enum mp_type { MP_NIL, MP_BOOL, MP_INT, MP_UINT, MP_F64, MP_STR, MP_BIN, MP_ARRAY, MP_MAP, MP_EXT };
struct mp_value {
    enum mp_type type;
    union { int64_t i; uint64_t u; double d; uint32_t n; } u; /* n: elements, or pairs of a map */
    const unsigned char *p; /* STR, BIN, EXT: the bytes; ARRAY, MAP: the first element */
    size_t len;             /* STR, BIN, EXT: bytes */
};
/* Reads the value at *at and moves *at behind its head (behind all of it for scalars, strings). */
int mp_read(const unsigned char **at, const unsigned char *end, struct mp_value *ret);
/* Moves *at behind one whole object. */
int mp_skip(const unsigned char **at, const unsigned char *end);
/* The value at a path of map keys ("outcome.code") in a record; ERR_ABSENT. */
int record_get(const void *p, size_t n, const char *path, struct mp_value *ret);
/* The same, a string only; empty if absent or no string. */
trommel_str record_get_str(const void *p, size_t n, const char *path);

/* The bytes of the value of a field of the record; empty if it is absent or no record. */
trommel_str record_field(const void *p, size_t n, const char *key);

/* ---- views ---- */
/* The record as one line of JSON without its end, appended to out; bytes as hex, invalid UTF-8 as U+FFFD,
 * NaN and infinity as null.  ERR_INVALID (no whole msgpack object), ERR_LIMIT (depth, out's maximum). */
int record_json(const void *p, size_t n, struct buf *out);
#endif
