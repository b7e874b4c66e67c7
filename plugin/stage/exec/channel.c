/* channel: see channel.h. */
#include "plugin/stage/exec/channel.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { HEAD = 4, READ_BYTES = 65536, SLICE_MS = 100, KEEP_BYTES = 262144 };

struct sending {
    unsigned char head[HEAD];
    const unsigned char *p;
    size_t n, sent; /* sent counts the head, too */
};

static uint32_t be32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* As much as the pipe takes. */
static enum channel_end send_some(struct channel *c, struct sending *s)
{
    while (s->sent < HEAD + s->n) {
        size_t head = s->sent < HEAD ? HEAD - s->sent : 0, body = s->sent < HEAD ? 0 : s->sent - HEAD;
        struct iovec v[2] = { { s->head + (HEAD - head), head },
                              { (void *)(uintptr_t)(s->p + body), s->n - body } };
        ssize_t n = writev(c->in, v, 2);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return CHANNEL_OK;
        if (n < 0)
            return s->sent ? CHANNEL_GONE : CHANNEL_GONE_BEFORE;
        s->sent += (size_t)n;
    }
    return CHANNEL_OK;
}

static int has_room(struct channel *c)
{
    size_t cap = c->cap ? 2 * c->cap : READ_BYTES;
    unsigned char *p;

    if (c->len < c->cap)
        return 1;
    p = realloc(c->data, cap);
    if (!p)
        return 0;
    c->data = p;
    c->cap = cap;
    return 1;
}

/* One read: more would be more than an answer. */
static enum channel_end receive_some(struct channel *c)
{
    ssize_t n;

    if (!has_room(c))
        return CHANNEL_NOMEM;
    do
        n = read(c->out, c->data + c->len, c->cap - c->len);
    while (n < 0 && errno == EINTR);
    if (n == 0 || (n < 0 && errno != EAGAIN))
        return CHANNEL_GONE;
    c->len += n > 0 ? (size_t)n : 0;
    return CHANNEL_OK;
}

static int is_too_long(const struct channel *c)
{
    return c->len >= HEAD && be32(c->data) > EXEC_ANSWER_MAX;
}

static int is_whole(const struct channel *c)
{
    return c->len >= HEAD && c->len - HEAD >= be32(c->data);
}

/* What was given out goes; memory of a large answer goes, too. */
static void clear_taken(struct channel *c)
{
    c->len -= c->taken;
    if (c->taken && c->len)
        memmove(c->data, c->data + c->taken, c->len);
    c->taken = 0;
    if (!c->len && c->cap > KEEP_BYTES) {
        free(c->data);
        c->data = NULL;
        c->cap = 0;
    }
}

static int wait_ms(const struct channel_wait *w, uint64_t until_ns)
{
    uint64_t now = w->host->now_ns(w->ctx), left = until_ns > now ? (until_ns - now + 999999) / 1000000 : 0;

    return left < SLICE_MS ? (int)left : SLICE_MS;
}

static enum channel_end serve(struct channel *c, struct sending *s, const struct pollfd *fds)
{
    enum channel_end end = fds[0].revents ? send_some(c, s) : CHANNEL_OK;

    return end == CHANNEL_OK && fds[1].revents ? receive_some(c) : end;
}

/* One wait and what it brings; when the time is up, what lies there is still taken, once. */
static enum channel_end turn(struct channel *c, struct sending *s, const struct channel_wait *w,
                             uint64_t until_ns, int *is_up)
{
    struct pollfd fds[2] = { { .fd = s->sent < HEAD + s->n ? c->in : -1, .events = POLLOUT },
                             { .fd = is_whole(c) ? -1 : c->out, .events = POLLIN } };
    int ms = wait_ms(w, until_ns);

    if (*is_up)
        return CHANNEL_LATE;
    if (w->page && w->host->should_stop(w->page))
        return CHANNEL_STOPPED;
    *is_up = !ms;
    return poll(fds, 2, ms) > 0 ? serve(c, s, fds) : CHANNEL_OK;
}

enum channel_end channel_exchange(struct channel *c, const void *p, size_t n, const struct channel_wait *w,
                                  trommel_str *ret)
{
    struct sending s = { { (unsigned char)(n >> 24), (unsigned char)(n >> 16), (unsigned char)(n >> 8),
                           (unsigned char)n },
                         p,
                         n,
                         0 };
    uint64_t until = w->host->now_ns(w->ctx) + (uint64_t)w->ms * 1000000u;
    enum channel_end end;
    int is_up = 0;

    clear_taken(c);
    end = send_some(c, &s);
    while (end == CHANNEL_OK && !is_too_long(c)) {
        if (s.sent == HEAD + n && is_whole(c)) {
            c->taken = HEAD + (size_t)be32(c->data);
            *ret = (trommel_str){ (const char *)c->data + HEAD, c->taken - HEAD };
            return CHANNEL_OK;
        }
        end = turn(c, &s, w, until, &is_up);
    }
    if (!w->page && (end == CHANNEL_GONE || end == CHANNEL_GONE_BEFORE))
        receive_some(c); /* one that spoke and ended before it was spoken to: what it said tells most */
    if (is_too_long(c))
        return CHANNEL_TOO_LONG;
    return end;
}

trommel_str channel_head(const struct channel *c)
{
    return (trommel_str){ (const char *)c->data, c->len < 40 ? c->len : 40 };
}

void channel_close(struct channel *c, uint32_t ms)
{
    struct timespec from, now;
    char rest[4096];
    int left = (int)ms;

    close(c->in);
    clock_gettime(CLOCK_MONOTONIC, &from);
    while (left > 0) {
        struct pollfd fd = { .fd = c->out, .events = POLLIN };
        if (poll(&fd, 1, left) == 1 && read(c->out, rest, sizeof rest) == 0)
            break;
        clock_gettime(CLOCK_MONOTONIC, &now);
        left = (int)ms - (int)((now.tv_sec - from.tv_sec) * 1000 + (now.tv_nsec - from.tv_nsec) / 1000000);
    }
    close(c->out);
    free(c->data);
}
