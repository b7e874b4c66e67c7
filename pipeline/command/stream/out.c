/* out: see out.h. */
#include "command/stream/out.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { HEAD = 4, PIECES = 32 };

/* A descriptor of our own for the same pipe that does not wait.  Where there is none, PIPE_BUF bytes are what
 * a pipe takes at once when poll says that it can be written. */
static void pipe_own(struct stream_out *o, int fd)
{
    char path[40];

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    o->fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (o->fd < 0) {
        o->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        o->write_max = PIPE_BUF;
    }
}

void stream_out_init(struct stream_out *o, int fd, int ordered)
{
    struct stat st = { 0 };

    *o = (struct stream_out){ .fd = -1, .ordered = ordered, .write_max = SIZE_MAX };
    fstat(fd, &st);
    o->is_socket = S_ISSOCK(st.st_mode);
    if (S_ISFIFO(st.st_mode))
        pipe_own(o, fd);
    else
        o->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

/* ---- slots ---- */

static void push(struct stream_list *l, struct stream_slot *slot)
{
    slot->prev = l->last;
    slot->next = NULL;
    if (l->last)
        l->last->next = slot;
    else
        l->first = slot;
    l->last = slot;
}

static void take_out(struct stream_list *l, struct stream_slot *slot)
{
    if (slot->prev)
        slot->prev->next = slot->next;
    else
        l->first = slot->next;
    if (slot->next)
        slot->next->prev = slot->prev;
    else
        l->last = slot->prev;
}

static void drop(struct stream_list *l, struct stream_slot *slot)
{
    take_out(l, slot);
    free(slot->answer);
    free(slot);
}

static void pop(struct stream_out *o)
{
    o->bytes -= o->queue.first->n;
    o->at = 0;
    drop(&o->queue, o->queue.first);
}

struct stream_slot *stream_out_open(struct stream_out *o)
{
    struct stream_slot *slot = calloc(1, sizeof *slot);

    if (!slot)
        abort();
    push(o->ordered ? &o->queue : &o->open, slot);
    return slot;
}

void stream_out_fill(struct stream_out *o, struct stream_slot *slot, const void *p, size_t n)
{
    unsigned char head[HEAD] = { (unsigned char)(n >> 24), (unsigned char)(n >> 16), (unsigned char)(n >> 8),
                                 (unsigned char)n };

    slot->n = HEAD + n;
    slot->answer = malloc(slot->n);
    if (!slot->answer)
        abort();
    memcpy(slot->answer, head, HEAD);
    memcpy(slot->answer + HEAD, p, n);
    o->bytes += slot->n;
    if (!o->ordered) {
        take_out(&o->open, slot);
        push(&o->queue, slot);
    }
}

/* ---- writing ---- */

int stream_out_ready(const struct stream_out *o)
{
    return o->queue.first && o->queue.first->answer;
}

static int pieces(const struct stream_out *o, struct iovec *iov)
{
    const struct stream_slot *slot = o->queue.first;
    size_t at = o->at, left = o->write_max;
    int n = 0;

    for (; slot && slot->answer && n < PIECES && left; slot = slot->next, at = 0) {
        size_t len = slot->n - at < left ? slot->n - at : left;
        iov[n++] = (struct iovec){ slot->answer + at, len };
        left -= len;
    }
    return n;
}

static ssize_t write_once(const struct stream_out *o)
{
    struct iovec iov[PIECES];
    struct msghdr msg = { .msg_iov = iov, .msg_iovlen = (size_t)pieces(o, iov) };
    ssize_t n;

    do
        n = o->is_socket ? sendmsg(o->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL)
                         : writev(o->fd, iov, (int)msg.msg_iovlen);
    while (n < 0 && errno == EINTR);
    return n;
}

static void advance(struct stream_out *o, size_t n)
{
    while (n) {
        size_t left = o->queue.first->n - o->at;
        if (n < left) {
            o->at += n;
            return;
        }
        n -= left;
        pop(o);
    }
}

static int failed(struct stream_out *o)
{
    if (errno == EPIPE || errno == ECONNRESET)
        return err_set(&o->failed, ERR_CLOSED,
                       "standard output: whoever read it has gone; %zu bytes of answers are not written",
                       o->bytes - o->at);
    return err_set(&o->failed, ERR_IO, "standard output: cannot be written: %s", strerror(errno));
}

int stream_out_write(struct stream_out *o)
{
    while (!o->failed.code && stream_out_ready(o)) {
        ssize_t n = write_once(o);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (n < 0)
            return failed(o);
        advance(o, (size_t)n);
        if (o->write_max != SIZE_MAX) /* more may wait */
            break;
    }
    return o->failed.code;
}

void stream_out_give_up(struct stream_out *o)
{
    while (stream_out_ready(o))
        pop(o);
}

void stream_out_release(struct stream_out *o)
{
    while (o->queue.first)
        pop(o);
    while (o->open.first)
        drop(&o->open, o->open.first);
    if (o->fd >= 0)
        close(o->fd);
    o->fd = -1;
}
