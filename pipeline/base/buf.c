/* buf: see buf.h. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

void buf_init(struct buf *b, size_t max_bytes)
{
    *b = (struct buf)BUF_INIT(max_bytes);
}

void buf_release(struct buf *b)
{
    if (!b)
        return;
    free(b->data);
    buf_init(b, b->max);
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->err = 0;
}

unsigned char *buf_room(struct buf *b, size_t n)
{
    if (b->err)
        return NULL;
    if (n > b->max - b->len) {
        b->err = ERR_LIMIT;
        return NULL;
    }
    size_t need = b->len + n;
    if (need > b->cap) {
        size_t cap = b->cap ? b->cap : 256;
        while (cap < need)
            cap = cap > b->max / 2 ? b->max : cap * 2;
        unsigned char *data = realloc(b->data, cap);
        if (!data) {
            b->err = ERR_NOMEM;
            return NULL;
        }
        b->data = data;
        b->cap = cap;
    }
    if (!b->data) { /* n is 0 and nothing was ever added */
        static unsigned char nothing[1];
        return nothing;
    }
    return b->data + b->len;
}

int buf_add(struct buf *b, const void *p, size_t n)
{
    unsigned char *room = buf_room(b, n);

    if (!room)
        return b->err;
    if (n)
        memcpy(room, p, n);
    b->len += n;
    return 0;
}

int buf_add_str(struct buf *b, const char *s)
{
    return buf_add(b, s, strlen(s));
}

int buf_add_byte(struct buf *b, unsigned c)
{
    unsigned char byte = (unsigned char)c;

    return buf_add(b, &byte, 1);
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        return b->err = b->err ? b->err : ERR_INVALID;
    unsigned char *room = buf_room(b, (size_t)n + 1);
    if (!room)
        return b->err;
    va_start(ap, fmt);
    vsnprintf((char *)room, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
    return 0;
}

void buf_consume(struct buf *b, size_t n)
{
    if (n >= b->len) {
        b->len = 0;
        return;
    }
    memmove(b->data, b->data + n, b->len - n);
    b->len -= n;
}

const char *buf_cstr(struct buf *b)
{
    unsigned char *room = buf_room(b, 1);

    if (!room)
        return "";
    *room = 0;
    return (const char *)(room - b->len);
}
