/* trommel/trommel.h: the pipeline as a library.
 *
 * Open with a chain configuration, submit pages, get their records.  The library starts its own worker
 * processes, installs no signal handlers, prints nothing, never exits, and leaves nothing running after
 * close.  One pipeline belongs to the thread that uses it: calls on one trommel * are not thread-safe,
 * several pipelines in several threads are.
 *
 *     trommel *t;
 *     trommel_error err = { .struct_size = sizeof err };
 *     trommel_options opt = { .struct_size = sizeof opt, .on_record = got };
 *     if (trommel_open(&opt, &t, &err)) …
 *     trommel_submit(t, &page, user, &err);
 *     trommel_flush(t, -1);
 *     trommel_close(t);
 *
 * Licence: SPDX-License-Identifier: MIT */
#ifndef TROMMEL_H
#define TROMMEL_H
#include <trommel/stage.h> /* trommel_str */
#ifdef __cplusplus
extern "C" {
#endif

typedef struct trommel trommel;

/* Errors of the library: negative, as returned; trommel_strerror gives the text. */
enum {
    TROMMEL_FULL = -7,  /* no room now: call trommel_dispatch until a record came, then submit again */
    TROMMEL_AGAIN = -8, /* nothing happened within the time given */
};
const char *trommel_strerror(int code);
const char *trommel_version(void);

typedef struct trommel_error {
    uint32_t struct_size, rsv;
    int code;
    char text[1000]; /* the thing, what was wrong, the mend */
} trommel_error;

/* What became of a page. */
typedef struct trommel_result {
    uint32_t struct_size;
    uint32_t outcome;   /* TROMMEL_OUT_* */
    trommel_str record; /* msgpack, borrowed: dies when the callback returns */
    trommel_str id;     /* the id submitted, borrowed */
    uint64_t cpu_us;    /* CPU time in the worker */
} trommel_result;
enum {
    TROMMEL_OUT_OK,
    TROMMEL_OUT_NO_CONTENT,
    TROMMEL_OUT_DROPPED,
    TROMMEL_OUT_FAILED,      /* no page was to be had (status, empty body, decoding) */
    TROMMEL_OUT_QUARANTINED, /* a stage failed on it; the record says which */
};

typedef struct trommel_options {
    uint32_t struct_size;
    uint32_t workers;          /* 0: one a core */
    const char *config;        /* YAML file with the chain; NULL: the default chain */
    const char *const *set;    /* "STAGE.OPTION=VALUE" each; override the file */
    size_t n_set;
    const char *worker;        /* path of the worker program; NULL: found beside the library */
    const char *stage_dir;     /* where bundled stages lie; NULL: found beside the library */
    uint32_t page_timeout_ms;  /* 0: 5000 */
    uint32_t stage_timeout_ms; /* 0: 1000 */
    uint64_t worker_bytes;     /* address space of a worker; 0: 1 GiB */
    const char *dedupe_log;    /* file that keeps the dedupe index between runs; NULL: this run only */
    /* Called from trommel_dispatch, _flush and _close for every page submitted, in the order in which
     * they finish (but see ordered).  It may submit; it must not close. */
    void (*on_record)(void *arg, void *user, const trommel_result *);
    /* Warnings and what stages log; NULL: thrown away. */
    void (*on_log)(void *arg, int level, const char *line);
    void *arg;
    /* Not 0: records are handed out in the order in which their pages were submitted, and `dedupe` is settled
     * in that order, so that two runs over the same pages say the same.  Up to 64 MiB of finished records
     * are kept for it. */
    uint32_t ordered;
    /* Not 0: stages that declare TROMMEL_F_NETWORK run, and then the whole chain runs outside the sandbox; 0:
     * they are refused. */
    uint32_t network_stages;
} trommel_options;

/* One page.  Borrowed during trommel_submit: the library copies what it needs. */
typedef struct trommel_input {
    uint32_t struct_size;
    uint16_t status;          /* HTTP status; 0: 200; outside 200–299: no page, the record is `http_404` … */
    uint16_t rsv;
    trommel_str id;           /* printed as the record's id; empty: made from the URL or the body */
    trommel_str url;          /* empty: none; relative links then stay as they are written */
    trommel_str final_url;    /* empty: as url */
    trommel_str content_type; /* as in the header; empty: sniffed */
    trommel_str content_encoding; /* "gzip", "br, gzip", …; empty: as is */
    trommel_str headers;      /* "Name: value\r\n" lines, or empty */
    trommel_str body;
    int64_t fetched_ms;       /* ms since 1970; 0: now */
    trommel_str fetch;        /* the record's `fetch`: one msgpack map, or empty */
} trommel_input;

/* Starts the workers, loads and checks the chain.  0, or an error with *err saying what and the mend. */
int trommel_open(const trommel_options *, trommel **ret, trommel_error *err);
/* Hands a page over.  0, TROMMEL_FULL, or an error for this page (then there will be no record). */
int trommel_submit(trommel *, const trommel_input *, void *user, trommel_error *err);
/* A descriptor that is readable when trommel_dispatch has something to do; for poll, epoll, libuv. */
int trommel_fd(const trommel *);
/* Waits up to timeout_ms (-1: for ever, 0: not at all) and hands out what finished.  Returns the number
 * of records handed out, TROMMEL_AGAIN for none, or an error that ends the pipeline. */
int trommel_dispatch(trommel *, int timeout_ms, trommel_error *err);
/* Pages submitted whose record has not been handed out. */
size_t trommel_pending(const trommel *);
/* Dispatches until nothing is pending or timeout_ms is over. */
int trommel_flush(trommel *, int timeout_ms, trommel_error *err);
/* Ends the workers and frees everything; pending pages get no record.  NULL-safe. */
void trommel_close(trommel *);

#ifdef __cplusplus
}
#endif
#endif
