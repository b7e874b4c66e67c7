/* fork: what a child of this process has of a pipeline: nothing but memory to free; see trommel.h.
 *
 * The lock of every pipeline is held while a process forks, so what the child has of it is whole.  What leads
 * to the workers is closed in the child before fork returns there: else workers would outlive a parent that
 * dies, for as long as a child of it lives. */
#include <stdlib.h>
#include <unistd.h>

#include "library/inner.h"

static pthread_mutex_t all_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct trommel *all; /* that are open */

static void before(void)
{
    pthread_mutex_lock(&all_mutex);
    for (struct trommel *t = all; t; t = t->all_next)
        pthread_mutex_lock(&t->mutex);
}

static void after(void)
{
    for (struct trommel *t = all; t; t = t->all_next)
        pthread_mutex_unlock(&t->mutex);
    pthread_mutex_unlock(&all_mutex);
}

static void fd_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void after_in_child(void)
{
    for (struct trommel *t = all; t; t = t->all_next) {
        if (t->pool)
            pool_leave(t->pool);
        fd_end(&t->epfd);
        fd_end(&t->timer);
        fd_end(&t->bell);
    }
    after();
}

static void handlers_set(void)
{
    pthread_atfork(before, after, after_in_child);
}

void fork_watch(struct trommel *t)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, handlers_set);
    pthread_mutex_lock(&all_mutex);
    t->all_next = all;
    all = t;
    pthread_mutex_unlock(&all_mutex);
}

void fork_unwatch(struct trommel *t)
{
    pthread_mutex_lock(&all_mutex);
    for (struct trommel **at = &all; *at; at = &(*at)->all_next)
        if (*at == t) {
            *at = t->all_next;
            break;
        }
    pthread_mutex_unlock(&all_mutex);
}

int is_forked(const struct trommel *t)
{
    return getpid() != t->pid;
}

int forked_say(trommel_error *to)
{
    struct err err;

    return error_out(
        to, &err,
        err_set(&err, ERR_FORKED,
                "this process is a child of the one that opened the pipeline: open one of its own, or go on "
                "in the parent"));
}

/* The memory of a sink, which only its own close could free, stays. */
void fork_close(struct trommel *t)
{
    if (t->swap)
        swap_leave(t->swap);
    swap_close(t->swap);
    if (t->deliver)
        deliver_leave(t->deliver);
    pool_close(t->pool);
    if (t->dedupe)
        dedupe_leave(t->dedupe);
    dedupe_close(t->dedupe);
    ticket_free(t->in_hand); /* of a thread that is not here */
    memory_free(t);
}
