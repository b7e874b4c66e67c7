/* source_web: one page from the web, for `extract URL`; see source.h.
 *
 * The crawl's fetcher on a loop of its own, run until the page is there.  What a user names on the command
 * line is fetched as a browser would: robots.txt is not asked. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "command/source.h"
#include "fetch/fetch.h"
#include "parse/url.h"
#include "record/record.h"

enum { CONNECT_MS = 10000, TOTAL_MS = 30000, SLOW_MS = 10000 };

struct web {
    uv_loop_t loop;
    struct fetch *fetch;
    struct budget *budget;
    struct url_parser *urls;
    struct source *into;  /* the page being fetched */
    trommel_str location; /* where it redirects to, the page's arena's */
    int done;
};

int web_new(const struct web_options *opt, struct web **ret, struct err *err)
{
    struct web *w = calloc(1, sizeof *w);

    if (!w || uv_loop_init(&w->loop) < 0)
        abort();
    w->budget = budget_new(4ull * LIMIT_BODY_BYTES, 2ull * LIMIT_BODY_BYTES);
    w->urls = url_parser_new();
    if (!w->budget || !w->urls)
        abort();
    struct fetch_options fetch = {
        .user_agent = opt->user_agent,
        .allow_private = opt->allow_private,
        .insecure = opt->insecure,
        .connect_ms = CONNECT_MS,
        .total_ms = TOTAL_MS,
        .slow_bytes = 1,
        .slow_ms = SLOW_MS,
        .body_bytes = LIMIT_BODY_BYTES,
        .header_bytes = LIMIT_HEADER_BYTES,
        .connections = 1,
        .budget = w->budget,
    };
    int rc = fetch_new(&w->loop, &fetch, &w->fetch, err);
    *ret = w;
    if (rc < 0) {
        web_free(w);
        *ret = NULL;
    }
    return rc;
}

void web_free(struct web *w)
{
    if (!w)
        return;
    if (w->fetch)
        fetch_close(w->fetch, NULL, NULL);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    uv_loop_close(&w->loop);
    budget_free(w->budget);
    url_parser_free(w->urls);
    free(w);
}

static trommel_str keep(struct source *s, trommel_str text)
{
    const char *copy = text.n ? arena_strndup(&s->arena, text.p, text.n) : NULL;

    return (trommel_str){ copy, copy ? text.n : 0 };
}

static void text_or_nil(struct buf *b, const char *key, const char *value)
{
    mp_cstr(b, key);
    value &&*value ? mp_cstr(b, value) : mp_nil(b);
}

/* The record's `fetch`. */
static void fetch_map(struct source *s, const struct fetch_answer *a)
{
    struct buf b = BUF_INIT(LIMIT_HEADER_BYTES);

    mp_map(&b, 8);
    text_or_nil(&b, "ip", a->ip);
    text_or_nil(&b, "protocol", a->protocol);
    text_or_nil(&b, "tls", a->tls);
    mp_cstr(&b, "redirects");
    mp_array(&b, s->n_hops);
    for (unsigned i = 0; i < s->n_hops; i++)
        mp_str(&b, s->hops[i].p, s->hops[i].n);
    mp_cstr(&b, "truncated");
    mp_bool(&b, a->error == FETCH_CUT || a->error == FETCH_TOO_LARGE);
    text_or_nil(&b, "via", NULL);
    mp_cstr(&b, "depth");
    mp_uint(&b, 0);
    text_or_nil(&b, "warc", NULL);
    if (!b.err)
        s->fetch = keep(s, (trommel_str){ (const char *)b.data, b.len });
    buf_release(&b);
}

static void no_page(struct source *s, const char *reason, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void no_page(struct source *s, const char *reason, const char *fmt, ...)
{
    va_list ap;

    s->reason = reason;
    va_start(ap, fmt);
    vsnprintf(s->message, sizeof s->message, fmt, ap);
    va_end(ap);
}

static void why_not(struct source *s, const struct fetch_answer *a)
{
    char http[16];

    if (a->error == FETCH_PRIVATE) {
        no_page(s, fetch_error_name(a->error), "its address is private; --allow-private lets it through");
    } else if (a->error != FETCH_OK) {
        const char *name = fetch_error_name(a->error);
        no_page(s, name, "%s%s%s", name, *a->message ? ": " : "", a->message);
    } else {
        snprintf(http, sizeof http, "http_%d", a->status);
        const char *name = arena_strndup(&s->arena, http, strlen(http));
        no_page(s, name ? name : "http", "the server answered with status %d", a->status);
    }
}

/* Copies of what dies with the callback; the body changes hands. */
static void answer_keep(struct source *s, struct fetch_answer *a)
{
    s->content_encoding = keep(s, a->content_encoding);
    s->headers = keep(s, a->headers);
    buf_release(&s->body);
    s->body = *a->body;
    buf_init(a->body, s->body.max);
}

static int is_redirect(const struct fetch_answer *a)
{
    return a->error == FETCH_OK && a->location.n &&
           ((a->status >= 301 && a->status <= 303) || a->status == 307 || a->status == 308);
}

static void on_answer(void *arg, struct fetch_answer *a)
{
    struct web *w = arg;
    struct source *s = w->into;

    w->done = 1;
    if (!s || a->error == FETCH_ABORTED)
        return;
    s->status = a->status;
    if (is_redirect(a)) {
        w->location = keep(s, a->location);
        return;
    }
    fetch_map(s, a);
    s->content_type = keep(s, a->content_type);
    if (a->error == FETCH_OK && a->status >= 200 && a->status <= 299)
        answer_keep(s, a);
    else
        why_not(s, a);
}

/* One hop.  True: go on at w->location. */
static int hop(struct source *s, struct web *w, trommel_str url)
{
    struct fetch_request req = { .url = url, .fresh = 1, .done = on_answer, .arg = w };

    w->done = 0;
    w->into = s;
    w->location = (trommel_str){ 0 };
    int rc = fetch_start(w->fetch, &req);
    if (rc < 0) {
        no_page(s, "refused", "cannot be fetched: %s", err_text(rc));
        return 0;
    }
    while (!w->done && uv_run(&w->loop, UV_RUN_ONCE))
        ;
    w->into = NULL;
    if (!w->done)
        no_page(s, "aborted", "the transfer never ended");
    return w->location.n > 0;
}

static int url_next(struct source *s, struct web *w, trommel_str base, trommel_str ref, trommel_str *url)
{
    int n = ref.n < 200 ? (int)ref.n : 200;
    int rc = url_resolve(w->urls, base, ref, &s->arena, url);

    if (rc < 0 && base.n)
        no_page(s, "bad_redirect", "redirects to \"%.*s\", which cannot be followed", n, ref.p);
    else if (rc < 0)
        no_page(s, "invalid_url", "\"%.*s\" is no URL that can be fetched; give one as https://host/path", n,
                ref.p);
    return rc;
}

void source_web(struct source *s, struct web *w, const char *text)
{
    int rc = url_next(s, w, (trommel_str){ 0 }, (trommel_str){ text, strlen(text) }, &s->url);

    s->final_url = s->url;
    while (rc == 0 && hop(s, w, s->final_url)) {
        if (s->n_hops >= LIMIT_REDIRECTS) {
            no_page(s, "too_many_redirects", "redirects more than %u times", LIMIT_REDIRECTS);
            return;
        }
        s->hops[s->n_hops++] = s->final_url;
        rc = url_next(s, w, s->final_url, w->location, &s->final_url);
    }
}
