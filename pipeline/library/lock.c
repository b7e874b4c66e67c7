/* lock: the library's one lock, and what is said while it is held; see inner.h.
 *
 * Modules below log by log.h, which would write to the host's stderr: while this thread is inside, its lines
 * are kept, and given to on_log when the lock is not held. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "library/inner.h"

void lock(struct trommel *t)
{
    pthread_mutex_lock(&t->mutex);
    t->log_was = log_thread_to((struct log_target){ say, t });
}

void unlock(struct trommel *t)
{
    log_thread_to(t->log_was);
    pthread_mutex_unlock(&t->mutex);
}

void say(void *arg, int level, const char *line)
{
    struct trommel *t = arg;
    size_t n = strlen(line) + 1;
    struct said *s = t->opt.on_log && t->n_said < SAID_MOST ? malloc(sizeof *s + n) : NULL;

    if (!s)
        return;
    s->after = NULL;
    s->level = level;
    memcpy(s->line, line, n);
    *t->said_end = s;
    t->said_end = &s->after;
    t->n_said++;
}

static struct said *said_take(struct trommel *t)
{
    struct said *all = t->said;

    t->said = NULL;
    t->said_end = &t->said;
    t->n_said = 0;
    return all;
}

void said_drop(struct trommel *t)
{
    for (struct said *s = said_take(t), *next; s; s = next) {
        next = s->after;
        free(s);
    }
}

void said_give(struct trommel *t)
{
    if (!t->said)
        return;
    struct said *s = said_take(t);
    unlock(t);
    while (s) {
        struct said *next = s->after;
        t->opt.on_log(t->opt.arg, s->level, s->line);
        free(s);
        s = next;
    }
    lock(t);
}

void released_give(struct trommel *t)
{
    struct ticket *k = t->released;

    if (!k)
        return;
    t->released = NULL;
    unlock(t);
    while (k) {
        struct ticket *next = k->released_after;
        k->release(k->user);
        k->release = NULL;
        k = next;
    }
    lock(t);
}

void bell_ring(struct trommel *t)
{
    static const uint64_t one = 1;

    while (write(t->bell, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

void bell_still(struct trommel *t)
{
    uint64_t n;

    while (read(t->bell, &n, sizeof n) < 0 && errno == EINTR)
        ;
}
