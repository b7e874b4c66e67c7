/* chunked: see chunked.h. */
#include "parse/chunked.h"

#include <string.h>

#include "base/err.h"

void chunked_init(struct chunked *c)
{
    *c = (struct chunked){ 0 };
}

static int failed(struct chunked *c, int err)
{
    c->state = CHUNKED_FAILED;
    return c->err = err;
}

static int hex_digit(unsigned ch)
{
    if (ch >= '0' && ch <= '9')
        return (int)(ch - '0');
    ch |= 0x20;
    return ch >= 'a' && ch <= 'f' ? (int)(ch - 'a') + 10 : -1;
}

/* The size line is over: data, or the trailers behind the last chunk. */
static void size_ended(struct chunked *c)
{
    c->state = c->left ? CHUNKED_DATA : CHUNKED_TRAILER;
    c->line_bytes = 0;
    c->any = 0;
}

/* One byte of the size line. */
static int size_byte(struct chunked *c, unsigned ch)
{
    int digit = c->state == CHUNKED_SIZE ? hex_digit(ch) : -1;

    if (++c->line_bytes > CHUNKED_LINE_BYTES)
        return failed(c, ERR_LIMIT);
    if (digit >= 0) {
        if (c->left >> 58)
            return failed(c, ERR_LIMIT);
        c->left = c->left << 4 | (unsigned)digit;
        c->any = 1;
        return 0;
    }
    if (!c->any)
        return failed(c, ERR_INVALID);
    c->state = CHUNKED_EXT;
    if (ch == '\n')
        size_ended(c);
    return 0;
}

/* Behind a chunk's data: CRLF, or LF alone. */
static int after_byte(struct chunked *c, unsigned ch)
{
    if (ch == '\r' && !c->any) {
        c->any = 1;
        return 0;
    }
    if (ch != '\n')
        return failed(c, ERR_INVALID);
    c->state = CHUNKED_SIZE;
    c->left = 0;
    c->any = 0;
    return 0;
}

static int trailer_byte(struct chunked *c, unsigned ch)
{
    if (++c->line_bytes > CHUNKED_TRAILER_BYTES)
        return failed(c, ERR_LIMIT);
    if (ch == '\n' && !c->any)
        c->state = CHUNKED_DONE;
    else if (ch != '\r')
        c->any = ch != '\n';
    return 0;
}

/* As much of the chunk's data as there is; returns its bytes. */
static size_t data_take(struct chunked *c, const unsigned char *p, size_t n, unsigned char *out)
{
    if (n > c->left)
        n = (size_t)c->left;
    if (out && out != p)
        memmove(out, p, n);
    c->left -= n;
    if (!c->left)
        c->state = CHUNKED_AFTER;
    return n;
}

long chunked_read(struct chunked *c, const void *bytes, size_t n, void *to, size_t *ret_n)
{
    const unsigned char *p = bytes;
    unsigned char *out = to;
    size_t at = 0;

    *ret_n = 0;
    while (at < n && c->state != CHUNKED_DONE && c->state != CHUNKED_FAILED) {
        if (c->state == CHUNKED_DATA) {
            size_t k = data_take(c, p + at, n - at, out ? out + *ret_n : NULL);
            at += k;
            *ret_n += k;
        } else if (c->state == CHUNKED_AFTER) {
            after_byte(c, p[at++]);
        } else if (c->state == CHUNKED_TRAILER) {
            trailer_byte(c, p[at++]);
        } else {
            size_byte(c, p[at++]);
        }
    }
    return c->state == CHUNKED_FAILED ? c->err : (long)at;
}
