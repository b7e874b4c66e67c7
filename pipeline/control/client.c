/* client: see client.h. */
#include "control/client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "control/address.h"
#include "control/control.h"

enum { READ_BYTES = 65536 };

struct asking {
    const struct control_ask *how;
    int fd;
    uint64_t until_ms; /* 0: no end */
    const char *out;   /* what is still to be said */
    size_t out_n;
    struct buf in;
    struct err *err;
};

/* Until the socket may be read, or written while there is something to say. */
static int asking_wait(const struct asking *a)
{
    struct pollfd p = { .fd = a->fd, .events = (short)(POLLIN | (a->out_n ? POLLOUT : 0)) };
    uint64_t now = clock_mono_ms();
    int left = a->until_ms > now ? (int)(a->until_ms - now < INT32_MAX ? a->until_ms - now : INT32_MAX) : 0;
    int n = poll(&p, 1, a->until_ms ? left : -1);

    if (n == 0 && a->until_ms <= clock_mono_ms())
        return err_set(a->err, ERR_TIMEOUT,
                       "%s: the crawl has not answered within %.3g s: give it more with --timeout",
                       a->how->dir, (double)a->how->timeout_ms / 1000);
    return 0;
}

static int asking_say(struct asking *a)
{
    ssize_t n = a->out_n ? send(a->fd, a->out, a->out_n, MSG_NOSIGNAL) : 0;

    if (n >= 0) {
        a->out += n;
        a->out_n -= (size_t)n;
    } else if (errno == EPIPE) {
        a->out_n = 0; /* it hears no more of this, but it may have said why */
    } else if (errno != EAGAIN && errno != EINTR) {
        return err_set(a->err, ERR_IO, "%s/" CONTROL_SOCKET ": %s", a->how->dir, strerror(errno));
    }
    return 0;
}

static int asking_hear(struct asking *a)
{
    size_t room = a->in.max - a->in.len;
    unsigned char *p = buf_room(&a->in, room < READ_BYTES ? room : READ_BYTES);
    ssize_t n = p && room ? recv(a->fd, p, room < READ_BYTES ? room : READ_BYTES, 0) : -1;

    if (!room || !p)
        return err_set(a->err, ERR_CORRUPT, "%s/" CONTROL_SOCKET ": the answer has no end", a->how->dir);
    if (n > 0)
        a->in.len += (size_t)n;
    else if (n == 0 || errno == ECONNRESET)
        return err_set(a->err, ERR_CLOSED, "%s: the crawl ended before it answered", a->how->dir);
    else if (errno != EAGAIN && errno != EINTR)
        return err_set(a->err, ERR_IO, "%s/" CONTROL_SOCKET ": %s", a->how->dir, strerror(errno));
    return 0;
}

/* The answer, if it is among what has come; NULL if not yet. */
static json_t *asking_answer(struct asking *a, int *ret_rc)
{
    unsigned char *end;

    while (a->in.len && (end = memchr(a->in.data, '\n', a->in.len))) {
        json_t *o = json_loadb((const char *)a->in.data, (size_t)(end - a->in.data), 0, NULL);
        const char *progress = json_string_value(json_object_get(o, "progress"));
        buf_consume(&a->in, (size_t)(end - a->in.data) + 1);
        if (json_is_boolean(json_object_get(o, "ok")))
            return o;
        if (!progress)
            *ret_rc = err_set(a->err, ERR_CORRUPT, "%s/" CONTROL_SOCKET ": does not speak this protocol",
                              a->how->dir);
        else if (a->how->on_progress)
            a->how->on_progress(a->how->arg, progress);
        json_decref(o);
        if (*ret_rc < 0)
            break;
    }
    return NULL;
}

int control_ask(const struct control_ask *how, const json_t *request, json_t **ret, struct err *err)
{
    struct asking a = { .how = how, .err = err, .in = BUF_INIT(CONTROL_ANSWER_BYTES + READ_BYTES) };
    char *text = json_dumps(request, JSON_COMPACT);
    int rc = control_connect(how->dir, &a.fd, err);

    *ret = NULL;
    if (!text)
        abort();
    a.until_ms = how->timeout_ms ? clock_mono_ms() + how->timeout_ms : 0;
    a.out = text;
    a.out_n = strlen(text);
    text[a.out_n++] = '\n'; /* in place of the NUL: the length is kept */
    while (rc == 0 && !*ret) {
        rc = asking_wait(&a);
        rc = rc ? rc : asking_say(&a);
        rc = rc ? rc : asking_hear(&a);
        if (rc == 0)
            *ret = asking_answer(&a, &rc);
    }
    free(text);
    buf_release(&a.in);
    if (a.fd >= 0)
        close(a.fd);
    return rc;
}
