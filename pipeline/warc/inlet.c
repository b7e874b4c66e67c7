/* inlet: see inlet.h. */
#include "warc/inlet.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 20 };

int inlet_init(struct inlet *s, int fd, int stop_fd)
{
    struct stat st;
    off_t here = lseek(fd, 0, SEEK_CUR);

    *s = (struct inlet){
        .fd = fd, .stop_fd = stop_fd, .size = UINT64_MAX, .hold = UINT64_MAX, .cap = 2 * READ_BYTES
    };
    if (here >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        s->can_seek = 1;
        s->size = (uint64_t)st.st_size;
        s->offset = (uint64_t)here;
    }
    s->buf = malloc(s->cap);
    return s->buf ? 0 : ERR_NOMEM;
}

void inlet_release(struct inlet *s)
{
    if (!s)
        return;
    free(s->buf);
    s->buf = NULL;
}

/* Offset of the first byte in the buffer. */
static uint64_t first_held(const struct inlet *s)
{
    return s->offset - s->at;
}

uint64_t inlet_first(const struct inlet *s)
{
    return s->can_seek ? 0 : first_held(s);
}

/* How much of the front may go so that n bytes fit behind `at`. */
static size_t front_spare(const struct inlet *s, size_t n)
{
    uint64_t first = first_held(s);
    size_t keep =
        s->can_seek || s->hold >= s->offset ? 0 : (size_t)(s->offset - (s->hold > first ? s->hold : first));

    return keep + n <= INLET_HELD_MOST ? s->at - keep : s->at;
}

/* Room for n bytes from `at` on. */
static int make_room(struct inlet *s, size_t n)
{
    size_t spare = front_spare(s, n), cap = s->cap;
    unsigned char *more;

    if (spare) {
        memmove(s->buf, s->buf + spare, s->len - spare);
        s->len -= spare;
        s->at -= spare;
    }
    while (cap < s->at + n)
        cap *= 2;
    if (cap == s->cap)
        return 0;
    more = realloc(s->buf, cap);
    if (!more)
        return ERR_NOMEM;
    s->buf = more;
    s->cap = cap;
    return 0;
}

/* Waits for a pipe's bytes; 0: it is to be stopped. */
static int may_read(const struct inlet *s)
{
    struct pollfd fds[2] = { { .fd = s->fd, .events = POLLIN }, { .fd = s->stop_fd, .events = POLLIN } };

    while (poll(fds, 2, -1) < 0 && errno == EINTR)
        ;
    return !fds[1].revents;
}

size_t inlet_need(struct inlet *s, size_t n)
{
    while (inlet_left(s) < n && !s->is_end) {
        size_t want = n - inlet_left(s) > READ_BYTES ? n - inlet_left(s) : READ_BYTES;
        if (s->cap - s->len < want && make_room(s, inlet_left(s) + want) < 0)
            want = s->cap - s->len;
        if (s->stop_fd >= 0 && !s->can_seek && !may_read(s))
            want = 0;
        ssize_t got = want ? read(s->fd, s->buf + s->len, want) : 0;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            s->io_errno = errno;
        if (got <= 0)
            s->is_end = 1;
        else
            s->len += (size_t)got;
    }
    return inlet_left(s);
}

int inlet_seek(struct inlet *s, uint64_t offset)
{
    uint64_t first = first_held(s);

    if (offset >= first && offset <= first + s->len) {
        s->at = (size_t)(offset - first);
        s->offset = offset;
        return 0;
    }
    if (!s->can_seek)
        return ERR_UNSUPPORTED;
    if (lseek(s->fd, (off_t)offset, SEEK_SET) < 0) {
        s->io_errno = errno;
        return ERR_IO;
    }
    s->at = s->len = 0;
    s->is_end = 0;
    s->offset = offset;
    return 0;
}

size_t inlet_peek(struct inlet *s, uint64_t offset, void *ret, size_t n)
{
    uint64_t first = first_held(s);
    ssize_t got = 0;

    if (offset >= first && offset + n <= first + s->len) {
        memcpy(ret, s->buf + (offset - first), n);
        return n;
    }
    if (s->can_seek)
        got = pread(s->fd, ret, n, (off_t)offset);
    return got > 0 ? (size_t)got : 0;
}
