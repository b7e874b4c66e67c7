/* open: a pipeline's life; see trommel.h and inner.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "library/inner.h"

_Static_assert((int)TROMMEL_FULL == (int)ERR_FULL && (int)TROMMEL_AGAIN == (int)ERR_AGAIN &&
                   (int)TROMMEL_BUSY == (int)ERR_BUSY && (int)TROMMEL_FORKED == (int)ERR_FORKED,
               "trommel.h says the numbers");

const char *trommel_strerror(int code)
{
    return code >= 0 ? "no error" : err_text(code);
}

const char *trommel_version(void)
{
    return TROMMEL_VERSION;
}

/* ---- structs of callers that are older or newer ---- */

int error_out(trommel_error *to, const struct err *from, int code)
{
    size_t head = offsetof(trommel_error, text);

    if (to && to->struct_size > head + 1) {
        size_t room = to->struct_size - head;
        if (room > sizeof to->text)
            room = sizeof to->text;
        to->code = code;
        snprintf(to->text, room, "%s", from->code ? from->text : err_text(code));
    }
    return code;
}

int struct_in(const char *what, void *to, size_t size, size_t least, const void *from, struct err *err)
{
    const char *bytes = from;
    uint32_t n = 0;

    memset(to, 0, size);
    if (from)
        memcpy(&n, from, sizeof n);
    if (n < least)
        return err_set(err, ERR_INVALID, "%s: struct_size is %u: set it to the struct's sizeof", what, n);
    for (size_t i = size; i < n; i++)
        if (bytes[i])
            return err_set(
                err, ERR_UNSUPPORTED,
                "%s: something is set at byte %zu, and this library (%s) knows %zu: install a newer one",
                what, i, TROMMEL_VERSION, size);
    memcpy(to, from, n < size ? n : size);
    return 0;
}

/* ---- the chain ---- */

static int stage_add(struct chain_config *chain, const trommel_stage_ref *from, struct err *err)
{
    trommel_stage_ref ref;
    int rc = struct_in("chain", &ref, sizeof ref, sizeof ref, from, err);

    if (rc == 0 && (!ref.stage || !*ref.stage))
        rc = err_set(err, ERR_INVALID,
                     "chain: a stage has no name: give a bundled one's, or the path of a .so");
    rc = rc ? rc : chain_config_add(chain, ref.stage, err);
    for (uint32_t i = 0; rc == 0 && i < ref.n_set; i++)
        rc = strchr(ref.set[i], '=') && ref.set[i][0] != '='
                 ? chain_config_set_last(chain, ref.set[i], err)
                 : err_set(err, ERR_USAGE, "chain: %s: \"%s\" is not of the form OPTION=VALUE", ref.stage,
                           ref.set[i]);
    return rc;
}

/* Refs are as far apart as the caller's struct is large. */
static int chain_of_code(const struct trommel_options *opt, struct chain_config *chain, struct err *err)
{
    const char *at = (const char *)opt->chain;
    int rc =
        opt->config ? err_set(err, ERR_USAGE, "config and chain are both given: leave one of them out") : 0;

    for (size_t i = 0; rc == 0 && i < opt->n_chain; i++) {
        uint32_t size;
        memcpy(&size, at, sizeof size);
        rc = stage_add(chain, (const trommel_stage_ref *)(const void *)at, err);
        at += size;
    }
    return rc;
}

static int chain_read(const struct trommel_options *opt, struct chain_config *chain, struct err *err)
{
    int rc = opt->chain    ? chain_of_code(opt, chain, err)
             : opt->config ? chain_config_read(opt->config, chain, err)
                           : chain_config_default(chain, err);

    for (size_t i = 0; rc == 0 && i < opt->n_set; i++)
        rc = chain_config_set(chain, opt->set[i], err);
    return rc == 0 ? chain_config_find(chain, opt->stage_dir, err) : rc;
}

/* ---- opening ---- */

static int workers_open(struct trommel *t, struct err *err)
{
    struct chain_config chain = { 0 };
    struct pool_options pool = {
        .workers = t->opt.workers,
        .worker_path = t->opt.worker,
        .page_ms = t->opt.page_timeout_ms,
        .stage_ms = t->opt.stage_timeout_ms,
        .worker_bytes = t->opt.worker_bytes,
        .flags = t->opt.network_stages ? POOL_GEN_NETWORK : 0,
        .on_result = on_result,
        .arg = t,
        .on_log = say,
        .on_generation = on_generation,
    };
    int rc = chain_read(&t->opt, &chain, err);

    if (rc == 0)
        rc = dedupe_open(t->opt.dedupe_log, &t->dedupe, err);
    if (rc == 0)
        rc = pool_open(&pool, &chain, &t->pool, err);
    chain_config_release(&chain);
    return rc;
}

static int sink_open(struct trommel *t, struct err *err)
{
    struct deliver_options opt = {
        .sink = t->opt.out, .sink_dir = t->opt.sink_dir, .on_ack = on_ack, .arg = t
    };

    return t->opt.out ? deliver_open_alone(&opt, &t->deliver, err) : 0;
}

static int watch(struct trommel *t, int fd)
{
    struct epoll_event e = { .events = EPOLLIN };

    return epoll_ctl(t->epfd, EPOLL_CTL_ADD, fd, &e);
}

/* What trommel_fd stands for. */
static int fds_open(struct trommel *t, struct err *err)
{
    int sink = t->deliver ? deliver_fd(t->deliver) : -1;

    t->epfd = epoll_create1(EPOLL_CLOEXEC);
    t->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    t->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (t->epfd < 0 || t->timer < 0 || t->bell < 0 || watch(t, pool_fd(t->pool)) || watch(t, t->timer) ||
        watch(t, t->bell) || (sink >= 0 && watch(t, sink)))
        return err_set(err, ERR_IO,
                       "the pipeline's descriptors cannot be made: %s: allow more open files (ulimit -n)",
                       strerror(errno));
    return 0;
}

static int options_check(struct trommel_options *opt, struct err *err)
{
    opt->queue = opt->queue ? opt->queue : QUEUE_DEFAULT;
    opt->sink_patience_ms = opt->sink_patience_ms ? opt->sink_patience_ms : SINK_PATIENCE_MS;
    opt->page_timeout_ms = opt->page_timeout_ms ? opt->page_timeout_ms : LIMIT_PAGE_MS;
    opt->stage_timeout_ms = opt->stage_timeout_ms ? opt->stage_timeout_ms : LIMIT_STAGE_MS;
    opt->worker_bytes = opt->worker_bytes ? opt->worker_bytes : LIMIT_WORKER_BYTES;
    if (opt->queue > QUEUE_MOST)
        return err_set(err, ERR_LIMIT, "queue: %u pages are over the limit of %d", opt->queue, QUEUE_MOST);
    return 0;
}

/* What opening borrowed may die now. */
static void options_forget(struct trommel_options *opt)
{
    opt->config = opt->worker = opt->stage_dir = opt->dedupe_log = opt->out = opt->sink_dir = NULL;
    opt->set = NULL;
    opt->chain = NULL;
}

/* The sink first: a wrong one is known before workers start. */
static int start(struct trommel *t, struct err *err)
{
    int rc = options_check(&t->opt, err);

    t->urls = url_parser_new();
    if (!t->urls || (t->opt.dedupe_log && !(t->dedupe_log = strdup(t->opt.dedupe_log))))
        rc = rc ? rc : ERR_NOMEM;
    rc = rc ? rc : config_keep(t);
    rc = rc ? rc : sink_open(t, err);
    rc = rc ? rc : workers_open(t, err);
    rc = rc ? rc : fds_open(t, err);
    options_forget(&t->opt);
    return rc;
}

static struct trommel *trommel_new(void)
{
    struct trommel *t = calloc(1, sizeof *t);
    pthread_condattr_t attr;

    if (!t)
        return NULL;
    t->epfd = t->timer = t->bell = -1;
    t->said_end = &t->said;
    arena_init(&t->arena, 1 * MIB);
    pthread_mutex_init(&t->mutex, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&t->turned, &attr);
    pthread_condattr_destroy(&attr);
    return t;
}

int trommel_open(const trommel_options *options, trommel **ret, trommel_error *error)
{
    struct trommel_options opt;
    struct err err = { 0 };
    struct trommel *t;
    int rc = struct_in("options", &opt, sizeof opt, offsetof(trommel_options, config), options, &err);

    *ret = NULL;
    if (rc < 0)
        return error_out(error, &err, rc);
    t = trommel_new();
    if (!t)
        return error_out(error, &err, ERR_NOMEM);
    t->opt = opt;
    t->pid = getpid();
    fork_watch(t);
    lock(t);
    rc = start(t, &err);
    said_give(t);
    unlock(t);
    if (rc < 0) {
        trommel_close(t);
        return error_out(error, &err, rc);
    }
    *ret = t;
    return 0;
}

/* ---- closing ---- */

/* Bodies by reference of pages that wait are their owners' again. */
static void released_drop(struct trommel *t)
{
    for (struct ticket *k = t->queue.first; k; k = k->after)
        ticket_release(t, k);
    released_give(t);
}

static void pages_free(struct trommel *t)
{
    ticket_free(t->current);
    for (struct ticket *k = t->first, *next; k; k = next) {
        next = k->next;
        ticket_free(k);
    }
    for (struct ticket *k = t->late, *next; k; k = next) {
        next = k->next;
        ticket_free(k);
    }
}

static void parts_close(struct trommel *t)
{
    t->is_closing = 1;
    changes_close(t);
    if (t->current)
        commit_note(t, t->current);
    if (t->deliver) {
        commit_tell(t);
        deliver_close(t->deliver, SINK_CLOSE_MS, NULL, NULL);
    }
    if (t->pool && t->unsynced)
        dedupe_write(t);
    pool_close(t->pool);
    dedupe_close(t->dedupe);
}

static void fd_end(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* All that is no process, no sink and no file of this pipeline. */
void memory_free(struct trommel *t)
{
    pages_free(t);
    waiting_spares_free(t);
    said_drop(t);
    changed_drop(t);
    names_release(&t->names);
    url_parser_free(t->urls);
    arena_release(&t->arena);
    config_forget(t);
    free(t->dedupe_log);
    fd_end(t->epfd);
    fd_end(t->timer);
    fd_end(t->bell);
    free(t);
}

void trommel_close(trommel *t)
{
    if (!t)
        return;
    fork_unwatch(t);
    if (is_forked(t)) {
        fork_close(t);
        return;
    }
    lock(t);
    parts_close(t);
    changed_give(t);
    released_drop(t);
    said_give(t);
    unlock(t);
    pthread_cond_destroy(&t->turned);
    pthread_mutex_destroy(&t->mutex);
    memory_free(t);
}
