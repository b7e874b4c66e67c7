/* buf: a growing byte buffer that is born with its maximum.
 *
 * The first error sticks (ERR_LIMIT or ERR_NOMEM): later appends do nothing, and the builder's user
 * checks `b->err` once at the end.  Single-threaded. */
#ifndef TROMMEL_BASE_BUF_H
#define TROMMEL_BASE_BUF_H
#include <stddef.h>
#include <stdint.h>

struct buf {
    unsigned char *data; /* not NUL-terminated unless buf_cstr was called */
    size_t len, cap, max;
    int err;
};

#define BUF_INIT(max_bytes) { NULL, 0, 0, (max_bytes), 0 }

void buf_init(struct buf *b, size_t max_bytes);
/* Frees the memory; the maximum stays.  NULL-safe. */
void buf_release(struct buf *b);
/* Empties it for using again, keeps the memory, clears the error. */
void buf_clear(struct buf *b);

int buf_add(struct buf *b, const void *p, size_t n);
int buf_add_str(struct buf *b, const char *s);
int buf_add_byte(struct buf *b, unsigned c);
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Room for n more bytes at b->data + b->len; NULL on error.  The caller adds what it used to b->len. */
unsigned char *buf_room(struct buf *b, size_t n);
/* Cuts n bytes off the front. */
void buf_consume(struct buf *b, size_t n);
/* NUL-terminates and gives the bytes as a C string; "" if empty or out of memory. */
const char *buf_cstr(struct buf *b);
#endif
