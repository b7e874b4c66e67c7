/* slot: one thread that does one thing at a time, so that a sink's slow calls never stand in the host's loop.
 *
 * slot_submit hands over, slot_fd becomes readable when it is done, slot_done takes it back.  What the
 * work touches belongs to the thread from slot_submit to slot_done, and to the loop otherwise; the mutex
 * orders the memory.  All signals are blocked in the thread: they are the host's. */
#ifndef TROMMEL_SINK_SLOT_H
#define TROMMEL_SINK_SLOT_H
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum slot_state { SLOT_IDLE, SLOT_BUSY, SLOT_DONE, SLOT_QUIT };
struct slot {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    enum slot_state state;
    int started, fd;
    void (*run)(void *arg);
    void *arg;
};

static inline void *slot_loop(void *p)
{
    struct slot *s = p;
    uint64_t one = 1;

    pthread_mutex_lock(&s->mutex);
    for (;;) {
        while (s->state != SLOT_BUSY && s->state != SLOT_QUIT)
            pthread_cond_wait(&s->cond, &s->mutex);
        if (s->state == SLOT_QUIT)
            break;
        pthread_mutex_unlock(&s->mutex);
        s->run(s->arg);
        pthread_mutex_lock(&s->mutex);
        s->state = SLOT_DONE;
        pthread_cond_broadcast(&s->cond);
        ssize_t k = write(s->fd, &one, sizeof one);
        (void)k;
    }
    pthread_mutex_unlock(&s->mutex);
    return NULL;
}

/* 0 or an errno. */
static inline int slot_start(struct slot *s, void (*run)(void *arg), void *arg)
{
    pthread_condattr_t attr;
    sigset_t all, old;

    s->run = run;
    s->arg = arg;
    s->state = SLOT_IDLE;
    s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->fd < 0)
        return errno;
    pthread_mutex_init(&s->mutex, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->cond, &attr);
    pthread_condattr_destroy(&attr);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&s->thread, NULL, slot_loop, s);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    s->started = rc == 0;
    if (rc)
        close(s->fd);
    return rc;
}

static inline int slot_idle(struct slot *s)
{
    pthread_mutex_lock(&s->mutex);
    int idle = s->state == SLOT_IDLE;
    pthread_mutex_unlock(&s->mutex);
    return idle;
}

/* Only when idle. */
static inline void slot_submit(struct slot *s)
{
    pthread_mutex_lock(&s->mutex);
    s->state = SLOT_BUSY;
    pthread_cond_broadcast(&s->cond);
    pthread_mutex_unlock(&s->mutex);
}

/* 1 if something was done since it was last asked; the slot is idle then. */
static inline int slot_done(struct slot *s)
{
    uint64_t n;

    pthread_mutex_lock(&s->mutex);
    int done = s->state == SLOT_DONE;
    if (done) {
        s->state = SLOT_IDLE;
        ssize_t k = read(s->fd, &n, sizeof n);
        (void)k;
    }
    pthread_mutex_unlock(&s->mutex);
    return done;
}

/* Waits until it is not busy; 0, or -1 when the time is over. */
static inline int slot_wait(struct slot *s, uint32_t ms)
{
    struct timespec until;
    int rc = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_mutex_lock(&s->mutex);
    while (s->state == SLOT_BUSY && rc == 0)
        rc = pthread_cond_timedwait(&s->cond, &s->mutex, &until);
    int busy = s->state == SLOT_BUSY;
    pthread_mutex_unlock(&s->mutex);
    return busy ? -1 : 0;
}

/* Ends an idle slot's thread. */
static inline void slot_stop(struct slot *s)
{
    if (!s->started)
        return;
    pthread_mutex_lock(&s->mutex);
    s->state = SLOT_QUIT;
    pthread_cond_broadcast(&s->cond);
    pthread_mutex_unlock(&s->mutex);
    pthread_join(s->thread, NULL);
    pthread_cond_destroy(&s->cond);
    pthread_mutex_destroy(&s->mutex);
    close(s->fd);
    s->started = 0;
}
#endif
