/* rig: pipelines for the tests of the library, and the records that come out of them, kept. */
#ifndef TROMMEL_TESTS_LIBRARY_RIG_H
#define TROMMEL_TESTS_LIBRARY_RIG_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <trommel/trommel.h>

#include "base/limits.h"
#include "record/record.h"

/* The build's folder (this program is BUILD/test/unit/library/NAME), and what of it a pipeline needs. */
static char build[PATH_MAX], worker[PATH_MAX], stages[PATH_MAX], sinks[PATH_MAX];
static char chain[] = "/tmp/trommel-chain-XXXXXX";

static inline int places(void **state)
{
    ssize_t n = readlink("/proc/self/exe", build, sizeof build - 1);

    if (n <= 0)
        return -1;
    build[n] = 0;
    for (int i = 0; i < 4; i++)
        *strrchr(build, '/') = 0;
    if (getenv("TROMMEL_WORKER"))
        snprintf(worker, sizeof worker, "%s", getenv("TROMMEL_WORKER"));
    else
        snprintf(worker, sizeof worker, "%.4000s/trommel-worker", build);
    if (getenv("TROMMEL_STAGE_DIR"))
        snprintf(stages, sizeof stages, "%s", getenv("TROMMEL_STAGE_DIR"));
    else
        snprintf(stages, sizeof stages, "%.4000s/stage", build);
    snprintf(sinks, sizeof sinks, "%.4000s/sink", build);
    int fd = mkstemp(chain);
    return fd < 0 || dprintf(fd, "chain: [boilerplate, dedupe]\n") < 0 ? -1 : close(fd);
}

enum { KEEP = 64 };
static struct kept {
    size_t n;
    unsigned outcome[KEEP];
    char id[KEEP][64], url[KEEP][64];
    void *user[KEEP];
    struct buf record[KEEP];
    char log[4000];
} kept;
static trommel *submitter; /* on_record submits one more page to it */

static inline trommel_str str_of(const char *s)
{
    return (trommel_str){ s, s ? strlen(s) : 0 };
}

static inline trommel_input page_of(const char *id, const char *body)
{
    return (trommel_input){ .struct_size = sizeof(trommel_input), .id = str_of(id), .body = str_of(body) };
}

static inline void keep(const trommel_result *r)
{
    assert_true(kept.n < KEEP);
    size_t i = kept.n++;
    kept.outcome[i] = r->outcome;
    kept.user[i] = r->user;
    snprintf(kept.id[i], sizeof kept.id[i], "%.*s", (int)r->id.n, r->id.n ? r->id.p : "");
    snprintf(kept.url[i], sizeof kept.url[i], "%.*s", (int)r->url.n, r->url.n ? r->url.p : "");
    buf_init(&kept.record[i], LIMIT_RECORD_BYTES);
    buf_add(&kept.record[i], r->record.p, r->record.n);
}

static inline void on_record(void *arg, void *user, const trommel_result *r)
{
    assert_ptr_equal(arg, &kept);
    assert_ptr_equal(user, r->user);
    keep(r);
    if (submitter) {
        trommel_input more = page_of("more", "<p>One more page, submitted from the callback.");
        trommel *t = submitter;
        submitter = NULL;
        assert_int_equal(trommel_submit(t, &more, NULL, NULL), 0);
    }
}

static inline void on_log(void *arg, int level, const char *line)
{
    size_t n = strlen(kept.log);

    snprintf(kept.log + n, sizeof kept.log - n, "%s\n", line);
}

static inline void kept_clear(void)
{
    for (size_t i = 0; i < kept.n; i++)
        buf_release(&kept.record[i]);
    kept.n = 0;
    kept.log[0] = 0;
}

static inline trommel_options options(unsigned workers)
{
    return (trommel_options){ .struct_size = sizeof(trommel_options),
                              .config = chain,
                              .workers = workers,
                              .worker = worker,
                              .stage_dir = stages,
                              .sink_dir = sinks,
                              .on_record = on_record,
                              .on_log = on_log,
                              .arg = &kept };
}

static inline trommel *pipeline_with(const trommel_options *opt)
{
    trommel_error err = { .struct_size = sizeof err };
    trommel *t;

    kept_clear();
    if (trommel_open(opt, &t, &err) < 0)
        fail_msg("%s", err.text);
    return t;
}

static inline trommel *pipeline(unsigned workers)
{
    trommel_options opt = options(workers);

    return pipeline_with(&opt);
}

static inline size_t kept_at(const char *id)
{
    for (size_t i = 0; i < kept.n; i++)
        if (!strcmp(kept.id[i], id))
            return i;
    fail_msg("no record has the id %s", id);
    return 0;
}

static inline void field_is(const char *id, const char *path, const char *want)
{
    struct buf *b = &kept.record[kept_at(id)];
    trommel_str got = record_get_str(b->data, b->len, path);

    if (got.n != strlen(want) || memcmp(got.p, want, got.n) != 0)
        fail_msg("%s: %s is \"%.*s\", not \"%s\"", id, path, (int)got.n, got.n ? got.p : "", want);
}

static const char story[] =
    "<!doctype html><title>The lock at Ost</title><article><h1>The lock at Ost</h1>"
    "<p>The old lock was opened again on Friday, and the first barge went through before the mayor had "
    "finished her speech about it.</p><p>Two hundred people had come to see the gates move, which had not "
    "been closed since the winter when the canal froze to its bed.</p><p>The keeper says that the wood is "
    "oak from the hills nearby, and that it will last for another sixty years if it is kept wet.</p>"
    "</article>";

static inline int forget(void **state)
{
    kept_clear();
    return unlink(chain);
}
#endif
