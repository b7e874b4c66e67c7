/* pipe: see pipe.h. */
#include "pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MOST = 8192, LOST_SAID_MOST = 20, TURN_MS = 1000 };

static trommel *line;
static pipe_say *crawler_says;
static pthread_t dispatcher;
static int wake = -1, log_fd = -1;
static atomic_int stopping, broken;
static atomic_size_t handed, lost;
static atomic_size_t acked[TROMMEL_OUT_QUARANTINED + 1];

/* A page whose body the pipeline borrows from a thread of the crawler.  Whoever is the last of the two to
 * have done with it frees it. */
struct lent {
    pthread_cond_t back;
    int is_back, is_left; /* the body is not needed any more; the thread has gone on */
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards what follows, and every lent */
static pthread_cond_t dispatched = PTHREAD_COND_INITIALIZER;
static atomic_uint turns; /* calls of trommel_dispatch */
static unsigned n_full;   /* threads that wait for one */

__attribute__((format(printf, 2, 3))) static void say(int is_error, const char *fmt, ...)
{
    char text[LINE_MOST];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    crawler_says(is_error, text);
}

/* ---- records ---- */

/* One write a line, so that a line is there whole or not at all. */
static void log_line(trommel_str url)
{
    char text[LINE_MOST];

    int n = snprintf(text, sizeof text, "%.*s\n", (int)url.n, url.p ? url.p : "");
    if (n > 0 && n < (int)sizeof text && write(log_fd, text, (size_t)n) != n) {
        say(1, "log: cannot be written (%s); no more lines", strerror(errno));
        close(log_fd);
        log_fd = -1;
    }
}

static void on_record(void *arg, void *user, const trommel_result *r)
{
    if (r->outcome <= TROMMEL_OUT_QUARANTINED)
        acked[r->outcome]++;
    if (log_fd >= 0 && r->outcome != TROMMEL_OUT_DROPPED) /* which no sink gets */
        log_line(r->url);
}

static void on_log(void *arg, int level, const char *text)
{
    say(1, "%s", text);
}

static void failed(const trommel_error *err)
{
    if (!atomic_exchange(&broken, 1))
        say(1, "%s; no more records are made", err->text);
}

/* Room may have come about. */
static void turn_tell(void)
{
    pthread_mutex_lock(&mutex);
    turns++;
    if (n_full)
        pthread_cond_broadcast(&dispatched);
    pthread_mutex_unlock(&mutex);
}

static void *dispatch(void *arg)
{
    struct pollfd fds[2] = { { .fd = trommel_fd(line), .events = POLLIN }, { .fd = wake, .events = POLLIN } };
    trommel_error err = { .struct_size = sizeof err };

    while (!stopping) {
        int rc = poll(fds, 2, TURN_MS) < 0 && errno != EINTR ? -1 : 0;
        if (rc < 0)
            snprintf(err.text, sizeof err.text, "records cannot be waited for (%s)", strerror(errno));
        else
            rc = trommel_dispatch(line, 0, &err);
        if (rc < 0 && rc != TROMMEL_AGAIN && rc != TROMMEL_BUSY) {
            failed(&err);
            break;
        }
        turn_tell();
    }
    return NULL;
}

/* ---- opening ---- */

static int log_open(const char *path, trommel_error *err)
{
    if (!path)
        return 0;
    log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log_fd < 0)
        snprintf(err->text, sizeof err->text,
                 "log %s: cannot be opened (%s); name a file that can be written", path, strerror(errno));
    return log_fd < 0 ? -1 : 0;
}

static int dispatch_start(trommel_error *err)
{
    wake = eventfd(0, EFD_CLOEXEC);
    int rc = wake < 0 ? errno : pthread_create(&dispatcher, NULL, dispatch, NULL);

    if (rc != 0)
        snprintf(err->text, sizeof err->text, "a thread cannot be started (%s)", strerror(rc));
    return rc != 0 ? -1 : 0;
}

int pipe_open(const struct settings *s, pipe_say *says, const char **why)
{
    static trommel_error err = { .struct_size = sizeof err };
    trommel_options opt = {
        .struct_size = sizeof opt,
        .workers = s->workers,
        .config = s->chain,
        .set = (const char *const *)s->set,
        .n_set = s->n_set,
        .out = s->out,
        .on_record = on_record,
        .on_log = on_log,
    };

    crawler_says = says;
    *why = err.text;
    if (!s->out) {
        *why = "no option out=SINK says where the records go";
        return -1;
    }
    if (log_open(s->log, &err) < 0)
        return -1;
    if (trommel_open(&opt, &line, &err) < 0)
        return -1;
    if (dispatch_start(&err) < 0) {
        trommel_close(line);
        line = NULL;
        return -1;
    }
    return 0;
}

/* ---- pages ---- */

void pipe_lost(const char *url, const char *why)
{
    size_t n = lost++;

    if (n < LOST_SAID_MOST)
        say(1, "%s: %s; no record", url, why);
    else if (n == LOST_SAID_MOST)
        say(1, "more pages without a record are counted, not named");
}

void pipe_warn_once(const char *text)
{
    static atomic_int said;

    if (!atomic_exchange(&said, 1))
        say(1, "%s", text);
}

/* With the mutex; at most TURN_MS, after which `broken` is to be asked. */
static void turn_wait(pthread_cond_t *cond)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += TURN_MS / 1000;
    pthread_cond_timedwait(cond, &mutex, &until);
}

static struct lent *lent_new(void)
{
    struct lent *l = calloc(1, sizeof *l);

    if (l && pthread_cond_init(&l->back, NULL) != 0) {
        free(l);
        l = NULL;
    }
    return l;
}

static void lent_free(struct lent *l)
{
    if (!l)
        return;
    pthread_cond_destroy(&l->back);
    free(l);
}

/* In the thread that dispatches, that submits, or that closes. */
static void on_release(void *user)
{
    struct lent *l = user;

    pthread_mutex_lock(&mutex);
    int is_left = l->is_left;
    l->is_back = 1;
    if (!is_left)
        pthread_cond_signal(&l->back);
    pthread_mutex_unlock(&mutex);
    if (is_left)
        lent_free(l);
}

/* Until the body is the crawler's again: a worker has it then.  A pipeline that has broken reads no more of
 * them, and gives them back when it is closed. */
static void body_wait(struct lent *l)
{
    pthread_mutex_lock(&mutex);
    while (!l->is_back && !broken)
        turn_wait(&l->back);
    int is_back = l->is_back;
    l->is_left = 1;
    pthread_mutex_unlock(&mutex);
    if (is_back)
        lent_free(l);
}

/* Until there was a turn since `seen`. */
static void room_wait(unsigned seen)
{
    pthread_mutex_lock(&mutex);
    n_full++;
    if (turns == seen && !broken)
        turn_wait(&dispatched);
    n_full--;
    pthread_mutex_unlock(&mutex);
}

/* Hands it over as soon as there is room. */
static int submit(const trommel_input *in, struct lent *l, trommel_error *err)
{
    int rc = TROMMEL_FULL;

    while (rc == TROMMEL_FULL && !broken && !stopping) {
        unsigned seen = turns;
        rc = trommel_submit_ref(line, in, l, on_release, err);
        if (rc == TROMMEL_FULL)
            room_wait(seen);
    }
    return rc;
}

int pipe_put(trommel_input *in)
{
    trommel_error err = { .struct_size = sizeof err, .text = "there is no memory" };
    int is_page = !in->failed.n && in->status / 100 == 2;
    struct lent *l = lent_new();
    char id[LINE_MOST];

    in->struct_size = sizeof *in;
    snprintf(id, sizeof id, "%.*s %u %.*s", (int)in->url.n, in->url.p, in->status, (int)in->failed.n,
             in->failed.n ? in->failed.p : "");
    if (!is_page)
        in->made_of = (trommel_str){ id, strlen(id) };
    if (l && submit(in, l, &err) == 0) {
        handed++;
        body_wait(l);
        return 0;
    }
    lent_free(l);
    id[in->url.n < sizeof id ? in->url.n : sizeof id - 1] = 0;
    pipe_lost(id, broken || stopping ? "the pipeline has ended" : err.text);
    return -1;
}

/* ---- closing ---- */

static void sum_up(void)
{
    size_t n[TROMMEL_OUT_QUARANTINED + 1], all = 0;

    for (int i = 0; i <= TROMMEL_OUT_QUARANTINED; i++)
        all += n[i] = acked[i];
    say(0,
        "%zu of %zu answers done: %zu ok, %zu no content, %zu dropped, %zu failed, "
        "%zu quarantined",
        all, (size_t)handed, n[TROMMEL_OUT_OK], n[TROMMEL_OUT_NO_CONTENT], n[TROMMEL_OUT_DROPPED],
        n[TROMMEL_OUT_FAILED], n[TROMMEL_OUT_QUARANTINED]);
    if (lost)
        say(1, "%zu pages have no record", (size_t)lost);
}

void pipe_close(void)
{
    trommel_error err = { .struct_size = sizeof err };
    uint64_t one = 1;

    if (!line)
        return;
    stopping = 1;
    if (write(wake, &one, sizeof one) == sizeof one)
        pthread_join(dispatcher, NULL);
    if (!broken && trommel_flush(line, -1, &err) < 0)
        failed(&err);
    sum_up();
    trommel_close(line);
    line = NULL;
    close(wake);
    if (log_fd >= 0)
        close(log_fd);
}
