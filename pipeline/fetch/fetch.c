/* fetch: see fetch.h.  Transfers: one curl handle, one deadline, one body each.
 *
 * curl's multi socket interface drives them: curl says which sockets and which timeout it wants watched,
 * libuv watches, and whatever is ready is handed back to curl.  A timeout of 0 ms stays 0 (made 1 it costs
 * over nine tenths of the speed at one transfer in flight).  Handles and their memory are used again.
 *
 * Backpressure: when the budget refuses room, the transfer is paused and its clock is stopped; when the
 * budget calls, it goes on from a timer, never from inside another of curl's callbacks.
 *
 * Promises: a callback for every transfer that started, once; memory that stays flat; no address is
 * connected to that the guard refuses.  SIGPIPE must be ignored by the program, since curl is told to leave
 * signals alone.
 *
 * Omits: names are resolved by curl itself (Debian's: in threads of its own); no proxies, cookies, netrc. */
#include "fetch/fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fetch/transfer.h"

enum { SPARE_BYTES = 8192 };

static const char *const error_names[] = {
#define X(name, text) [FETCH_##name] = text,
    FETCH_ERROR_MAP(X)
#undef X
};

const char *fetch_error_name(enum fetch_error e)
{
    return e <= FETCH_OTHER ? error_names[e] : "other";
}

/* ---- curl's sockets and timeout on the loop ---- */

struct watch {
    uv_poll_t poll;
    curl_socket_t fd;
    struct fetch *f;
};

static void transfers_collect(struct fetch *f);

static void curl_act(struct fetch *f, curl_socket_t fd, int what)
{
    int running;

    curl_multi_socket_action(f->multi, fd, what, &running);
    transfers_collect(f);
}

static void on_socket(uv_poll_t *h, int status, int events)
{
    struct watch *w = h->data;
    int what = status < 0 ? CURL_CSELECT_ERR : 0;

    if (events & UV_READABLE)
        what |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        what |= CURL_CSELECT_OUT;
    curl_act(w->f, w->fd, what);
}

static void on_curl_timer(uv_timer_t *h)
{
    curl_act(h->data, CURL_SOCKET_TIMEOUT, 0);
}

static int want_timer(CURLM *m, long timeout_ms, void *user)
{
    struct fetch *f = user;

    if (timeout_ms < 0 || f->closing)
        uv_timer_stop(&f->curl_timer);
    else
        uv_timer_start(&f->curl_timer, on_curl_timer, (uint64_t)timeout_ms, 0);
    return 0;
}

static void handle_closed(struct fetch *f)
{
    if (--f->handles || !f->closing)
        return;
    void (*done_fn)(void *) = f->closed_fn;
    void *arg = f->closed_arg;
    free(f);
    if (done_fn)
        done_fn(arg);
}

static void watch_closed(uv_handle_t *h)
{
    struct watch *w = h->data;
    struct fetch *f = w->f;

    free(w);
    handle_closed(f);
}

static struct watch *watch_new(struct fetch *f, curl_socket_t fd)
{
    struct watch *w = calloc(1, sizeof *w);

    if (!w)
        abort();
    w->f = f;
    w->fd = fd;
    if (uv_poll_init_socket(f->loop, &w->poll, fd) < 0) {
        free(w);
        return NULL;
    }
    w->poll.data = w;
    f->handles++;
    curl_multi_assign(f->multi, fd, w);
    return w;
}

static int want_socket(CURL *easy, curl_socket_t fd, int action, void *user, void *socket_data)
{
    struct fetch *f = user;
    struct watch *w = socket_data;

    if (action == CURL_POLL_REMOVE) {
        if (w) {
            curl_multi_assign(f->multi, fd, NULL);
            uv_poll_stop(&w->poll);
            uv_close((uv_handle_t *)&w->poll, watch_closed);
        }
        return 0;
    }
    if (!w)
        w = watch_new(f, fd);
    if (!w)
        return -1;
    int events = (action & CURL_POLL_IN ? UV_READABLE : 0) | (action & CURL_POLL_OUT ? UV_WRITABLE : 0);
    return uv_poll_start(&w->poll, events, on_socket) < 0 ? -1 : 0;
}

/* ---- a transfer's life ---- */

static void on_deadline(uv_timer_t *h);

static void active_add(struct transfer *t)
{
    struct fetch *f = t->f;

    t->prev = NULL;
    t->next = f->active;
    if (t->next)
        t->next->prev = t;
    f->active = t;
    f->running++;
}

static void active_cut(struct transfer *t)
{
    struct fetch *f = t->f;

    if (t->prev)
        t->prev->next = t->next;
    else
        f->active = t->next;
    if (t->next)
        t->next->prev = t->prev;
    f->running--;
}

static struct transfer *transfer_take(struct fetch *f)
{
    struct transfer *t = f->spare;

    if (t) {
        f->spare = t->next;
    } else {
        t = calloc(1, sizeof *t);
        if (!t)
            abort();
        t->f = f;
        t->easy = curl_easy_init();
        if (!t->easy)
            abort();
        uv_timer_init(f->loop, &t->deadline);
        t->deadline.data = t;
        f->handles++;
        buf_init(&t->headers, 2u * f->opt.header_bytes); /* bare LF becomes CRLF */
        buf_init(&t->scratch, f->opt.header_bytes);
        buf_init(&t->request, f->opt.header_bytes);
        buf_init(&t->head, f->opt.header_bytes);
    }
    transfer_clear(t);
    return t;
}

/* Kept for the next one, without what an odd answer made large. */
static void transfer_put(struct transfer *t)
{
    if (t->headers.cap > SPARE_BYTES)
        buf_release(&t->headers);
    if (t->scratch.cap > SPARE_BYTES)
        buf_release(&t->scratch);
    if (t->head.cap > SPARE_BYTES)
        buf_release(&t->head);
    curl_easy_reset(t->easy);
    t->next = t->f->spare;
    t->f->spare = t;
}

static void deadline_closed(uv_handle_t *h)
{
    struct transfer *t = h->data;
    struct fetch *f = t->f;

    free(t);
    handle_closed(f);
}

static void transfer_free(struct transfer *t)
{
    curl_easy_cleanup(t->easy);
    buf_release(&t->headers);
    buf_release(&t->scratch);
    buf_release(&t->request);
    buf_release(&t->head);
    buf_release(&t->body);
    uv_close((uv_handle_t *)&t->deadline, deadline_closed);
}

static void resume_cut(struct transfer *t)
{
    struct fetch *f = t->f;

    if (!t->resuming)
        return;
    for (struct transfer **at = &f->resume; *at; at = &(*at)->resume_next)
        if (*at == t) {
            *at = t->resume_next;
            break;
        }
    t->resuming = 0;
}

static void clock_stop(struct transfer *t)
{
    uv_timer_stop(&t->deadline);
    t->clock_runs = 0;
}

static void clock_start(struct transfer *t)
{
    t->clock_since_ms = uv_now(t->f->loop);
    uv_timer_start(&t->deadline, on_deadline, t->left_ms ? t->left_ms : 1, 0);
    t->clock_runs = 1;
}

/* The transfer is over: tells its owner, and keeps the handle for the next one. */
static void transfer_finish(struct transfer *t, CURLcode code, enum fetch_error forced)
{
    struct fetch *f = t->f;
    struct fetch_answer answer = { 0 };

    clock_stop(t);
    resume_cut(t);
    f->paused -= t->paused ? 1 : 0;
    transfer_answer(t, code, forced, &answer);
    curl_multi_remove_handle(f->multi, t->easy);
    active_cut(t);
    budget_settle(t->share, t->body.len);
    f->bytes += t->body.len;
    t->req.done(t->req.arg, &answer);
    budget_end(&t->share);
    buf_release(&t->body);
    if (f->closing)
        transfer_free(t);
    else
        transfer_put(t);
}

static void transfers_collect(struct fetch *f)
{
    CURLMsg *msg;
    int left;

    while (!f->closing && (msg = curl_multi_info_read(f->multi, &left))) {
        if (msg->msg != CURLMSG_DONE)
            continue;
        struct transfer *t = NULL;
        CURLcode code = msg->data.result;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        transfer_finish(t, code, FETCH_OK);
    }
}

static void on_deadline(uv_timer_t *h)
{
    struct transfer *t = h->data;

    snprintf(t->message, sizeof t->message, "not complete after %u ms", t->total_ms);
    transfer_finish(t, CURLE_OPERATION_TIMEDOUT, FETCH_TIMEOUT);
}

/* ---- pausing ---- */

void transfer_pause(struct transfer *t)
{
    uint64_t ran = uv_now(t->f->loop) - t->clock_since_ms;

    if (t->paused)
        return;
    t->paused = 1;
    t->f->paused++;
    t->left_ms = ran < t->left_ms ? t->left_ms - ran : 0;
    clock_stop(t);
}

static void on_resume_timer(uv_timer_t *h)
{
    struct fetch *f = h->data;
    int running;

    while (f->resume) {
        struct transfer *t = f->resume;
        f->resume = t->resume_next;
        t->resuming = 0;
        if (!t->paused)
            continue;
        t->paused = 0;
        f->paused--;
        clock_start(t);
        CURLcode rc = curl_easy_pause(t->easy, CURLPAUSE_CONT); /* writes; may pause again */
        if (rc != CURLE_OK)
            transfer_finish(t, rc, FETCH_OK);
    }
    curl_multi_socket_action(f->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    transfers_collect(f);
}

/* The budget has room; whoever gave it back may be inside of curl. */
static void on_room(void *arg)
{
    struct transfer *t = arg;
    struct fetch *f = t->f;

    if (t->resuming || f->closing)
        return;
    t->resuming = 1;
    t->resume_next = f->resume;
    f->resume = t;
    uv_timer_start(&f->resume_timer, on_resume_timer, 0, 0);
}

/* ---- the interface ---- */

static int url_judge(trommel_str url)
{
    int http = url.n > 7 && !memcmp(url.p, "http://", 7);
    int https = url.n > 8 && !memcmp(url.p, "https://", 8);

    if (url.n > LIMIT_URL_BYTES)
        return ERR_LIMIT;
    if (!http && !https)
        return ERR_UNSUPPORTED;
    for (size_t i = 0; i < url.n; i++)
        if ((unsigned char)url.p[i] <= 0x20 || url.p[i] == 0x7f)
            return ERR_INVALID;
    return 0;
}

int fetch_start(struct fetch *f, const struct fetch_request *req)
{
    int rc = url_judge(req->url);
    struct transfer *t;

    if (f->closing)
        return ERR_CLOSED;
    if (rc < 0)
        return rc;
    if (!fetch_room(f))
        return ERR_FULL;
    t = transfer_take(f);
    t->share = budget_start(f->opt.budget, on_room, t);
    rc = t->share ? transfer_set_up(t, req) : ERR_FULL;
    if (rc == 0 && curl_multi_add_handle(f->multi, t->easy) != CURLM_OK)
        rc = ERR_FAIL;
    if (rc < 0) {
        budget_end(&t->share);
        transfer_put(t);
        return rc;
    }
    t->started_ns = clock_mono_ns();
    clock_start(t);
    active_add(t);
    f->requests++;
    return 0;
}

int fetch_room(const struct fetch *f)
{
    return !f->closing && f->running < f->opt.connections && budget_room(f->opt.budget);
}

struct fetch_state fetch_state(const struct fetch *f)
{
    return (struct fetch_state){ f->running, f->paused, f->bytes, f->requests };
}

static struct curl_slist *header_list(const char *encodings)
{
    static const char *const rest[] = {
        "Accept: text/html,application/xhtml+xml,text/plain;q=0.9,application/xml;q=0.9,*/*;q=0.5",
        "Accept-Language: en;q=0.8, *;q=0.7",
    };
    struct curl_slist *list = curl_slist_append(NULL, encodings);

    for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++)
        list = list ? curl_slist_append(list, rest[i]) : NULL;
    if (!list)
        abort();
    return list;
}

int fetch_new(uv_loop_t *loop, const struct fetch_options *opt, struct fetch **ret, struct err *err)
{
    struct fetch *f = calloc(1, sizeof *f);

    if (!f)
        abort();
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(f->multi = curl_multi_init())) {
        free(f);
        return err_set(err, ERR_FAIL, "fetch: libcurl could not be initialised");
    }
    f->loop = loop;
    f->opt = *opt;
    f->user_agent = strdup(opt->user_agent ? opt->user_agent : "");
    f->ask_coded = header_list("Accept-Encoding: gzip, deflate, br, zstd");
    f->ask_plain = header_list("Accept-Encoding: identity");
    if (!f->user_agent)
        abort();
    /* A pool that never hits is searched at every eviction, so it is no larger than what is in flight. */
    long pool = opt->connections < 16 ? 16 : opt->connections > 1024 ? 1024 : (long)opt->connections;
    curl_multi_setopt(f->multi, CURLMOPT_MAXCONNECTS, pool);
    curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
    curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f);
    curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, want_timer);
    curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f);
    uv_timer_init(loop, &f->curl_timer);
    uv_timer_init(loop, &f->resume_timer);
    f->curl_timer.data = f->resume_timer.data = f;
    f->handles = 2;
    *ret = f;
    return 0;
}

static void timer_closed(uv_handle_t *h)
{
    handle_closed(h->data);
}

void fetch_close(struct fetch *f, void (*done_fn)(void *arg), void *arg)
{
    f->closing = 1;
    f->closed_fn = done_fn;
    f->closed_arg = arg;
    while (f->active)
        transfer_finish(f->active, CURLE_ABORTED_BY_CALLBACK, FETCH_ABORTED);
    while (f->spare) {
        struct transfer *t = f->spare;
        f->spare = t->next;
        transfer_free(t);
    }
    curl_multi_cleanup(f->multi); /* asks for the sockets that are still watched to be let go */
    curl_slist_free_all(f->ask_coded);
    curl_slist_free_all(f->ask_plain);
    free(f->user_agent);
    curl_global_cleanup();
    uv_close((uv_handle_t *)&f->curl_timer, timer_closed);
    uv_close((uv_handle_t *)&f->resume_timer, timer_closed);
}
