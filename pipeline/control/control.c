/* control: see control.h.
 *
 * A client's connection is in one of three moods: it waits for a request (the timer runs), a call is under
 * way (its next requests stay in the buffer), or what was said is still on its way to it (the timer runs,
 * too).  So no client has more than one answer and its progress lines in memory, and none can hold the crawl
 * up. */
#include "control/control.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "control/answer.h"
#include "control/listen.h"

#define FORM (JSON_COMPACT | JSON_REAL_PRECISION(9))
enum {
    READ_BYTES = 16384,
    PROGRESS_BYTES = 65536, /* unread by the client: further lines of progress are left out */
    CLOSE_MS = 500,         /* for the last answers to be taken */
};

struct client {
    struct control *control;
    struct client *prev, *next;
    uv_pipe_t pipe;
    uv_timer_t timer;
    struct buf in;
    struct control_call *call; /* under way; it borrows this client */
    struct control_peer peer;
    unsigned handles, writes; /* open; under way */
    int closing;
    int is_last; /* what is on its way is the last that it gets */
    int is_eof;  /* it will say no more */
};

struct control_call {
    struct client *client; /* NULL: it has gone */
    json_t *request;
    struct control_peer peer;
};

struct control {
    struct control_options opt;
    uv_loop_t *loop;
    struct listening listening;
    uv_pipe_t pipe;
    struct client *clients;
    unsigned n_clients, handles;
    int is_quiet, is_closing;
    void (*done_fn)(void *arg);
    void *done_arg;
};

struct line {
    uv_write_t req;
    struct client *client;
    char *text;
};

static void client_work(struct client *c);
static void on_timer(uv_timer_t *t);

/* ---- ends ---- */

static void control_end(struct control *c)
{
    if (!c->is_closing || c->handles || c->n_clients)
        return;
    void (*done_fn)(void *) = c->done_fn;
    void *arg = c->done_arg;
    free(c);
    if (done_fn)
        done_fn(arg);
}

static void on_client_closed(uv_handle_t *h)
{
    struct client *c = h->data;
    struct control *control = c->control;

    if (--c->handles)
        return;
    buf_release(&c->in);
    free(c);
    control->n_clients--;
    control_end(control);
}

static void client_close(struct client *c)
{
    if (c->closing)
        return;
    c->closing = 1;
    if (c->call)
        c->call->client = NULL;
    c->call = NULL;
    if (c->prev)
        c->prev->next = c->next;
    else
        c->control->clients = c->next;
    if (c->next)
        c->next->prev = c->prev;
    log_trace("control: client %d: closed", (int)c->peer.pid);
    uv_close((uv_handle_t *)&c->pipe, on_client_closed);
    uv_close((uv_handle_t *)&c->timer, on_client_closed);
}

/* ---- saying ---- */

static void on_written(uv_write_t *req, int status)
{
    struct line *line = req->data;
    struct client *c = line->client;

    free(line->text);
    free(line);
    c->writes--;
    if (status < 0)
        client_close(c);
    else
        client_work(c);
}

/* Takes o. */
static void client_say(struct client *c, json_t *o)
{
    struct line *line = calloc(1, sizeof *line);
    size_t n = json_dumpb(o, NULL, 0, FORM);

    if (!line || !(line->text = malloc(n + 1)))
        abort();
    json_dumpb(o, line->text, n, FORM);
    json_decref(o);
    line->text[n] = '\n';
    line->client = c;
    line->req.data = line;
    uv_buf_t buf = uv_buf_init(line->text, (unsigned)(n + 1));
    if (uv_write(&line->req, (uv_stream_t *)&c->pipe, &buf, 1, on_written) < 0) {
        free(line->text);
        free(line);
        client_close(c);
        return;
    }
    c->writes++;
    if (!c->call) /* the last word on something: it has so long to read it */
        uv_timer_start(&c->timer, on_timer, c->control->opt.idle_ms, 0);
}

/* The client gets this and nothing more. */
__attribute__((format(printf, 3, 4))) static void client_dismiss(struct client *c, int code, const char *fmt,
                                                                 ...)
{
    struct err why = { .code = code };
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why.text, sizeof why.text, fmt, ap);
    va_end(ap);
    log_debug("control: client %d: %s", (int)c->peer.pid, why.text);
    c->is_last = 1;
    uv_read_stop((uv_stream_t *)&c->pipe);
    client_say(c, answer_failed(&why, NULL));
}

/* ---- calls ---- */

static void call_end(struct control_call *call, json_t *answer)
{
    struct client *c = call->client;

    json_decref(call->request);
    free(call);
    if (!c) {
        json_decref(answer);
        return;
    }
    c->call = NULL;
    if (json_dumpb(answer, NULL, 0, FORM) > CONTROL_ANSWER_BYTES) {
        json_decref(answer);
        answer = answer_failed(&(struct err){ ERR_LIMIT, "the answer is too long to be sent" }, NULL);
    }
    c->is_last |= c->control->is_quiet;
    client_say(c, answer); /* what follows comes from on_written */
}

void control_answer(struct control_call *call, json_t *result)
{
    json_t *o = json_object();

    json_object_set_new(o, "ok", json_true());
    json_object_set_new(o, "result", result);
    call_end(call, o);
}

void control_fail(struct control_call *call, const struct err *why, json_t *detail)
{
    call_end(call, answer_failed(why, detail));
}

void control_progress(struct control_call *call, const char *text)
{
    struct client *c = call->client;

    if (!c || uv_stream_get_write_queue_size((uv_stream_t *)&c->pipe) > PROGRESS_BYTES)
        return;
    json_t *o = json_object();
    json_object_set_new(o, "progress", control_text(text));
    client_say(c, o);
}

int control_gone(const struct control_call *call)
{
    return !call->client;
}

struct control_peer control_peer(const struct control_call *call)
{
    return call->peer;
}

/* ---- hearing ---- */

/* Takes request; NULL: it was no JSON, as `at` says. */
static void request_run(struct client *c, json_t *request, const json_error_t *at)
{
    const char *cmd = json_string_value(json_object_get(request, "cmd"));
    const json_t *v = json_object_get(request, "v");

    if (!json_is_object(request))
        client_dismiss(c, ERR_INVALID, "a request is one JSON object a line (%s)",
                       request ? "this is another value" : at->text);
    else if (!cmd)
        client_dismiss(c, ERR_INVALID, "a request has the key \"cmd\": the command's name");
    else if (v && (!json_is_integer(v) || json_integer_value(v) != CONTROL_VERSION))
        client_dismiss(c, ERR_UNSUPPORTED, "\"v\": this crawl speaks version %d of the protocol",
                       CONTROL_VERSION);
    else {
        struct control_call *call = calloc(1, sizeof *call);
        if (!call)
            abort();
        *call = (struct control_call){ .client = c, .request = request, .peer = c->peer };
        c->call = call;
        uv_timer_stop(&c->timer);
        log_trace("control: client %d: %s", (int)c->peer.pid, cmd);
        c->control->opt.on_command(c->control->opt.arg, call, cmd, request);
        return;
    }
    json_decref(request);
}

static void on_timer(uv_timer_t *t)
{
    struct client *c = t->data;

    if (c->writes || c->is_last) /* it does not read */
        client_close(c);
    else
        client_dismiss(c, ERR_TIMEOUT, "no request came within %u s", c->control->opt.idle_ms / 1000);
}

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *buf)
{
    struct client *c = h->data;
    size_t room = c->in.max - c->in.len;
    unsigned char *p = buf_room(&c->in, room < READ_BYTES ? room : READ_BYTES);

    *buf = uv_buf_init((char *)p, p ? (unsigned)(room < READ_BYTES ? room : READ_BYTES) : 0);
}

/* Closed its writing side, and may still read; or gone? */
static int client_hung_up(const struct client *c)
{
    struct pollfd p = { 0 };

    return uv_fileno((const uv_handle_t *)&c->pipe, &p.fd) < 0 || poll(&p, 1, 0) < 0 || (p.revents & POLLHUP);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct client *c = s->data;

    if (n > 0) {
        c->in.len += (size_t)n;
        if (c->in.len == c->in.max) /* client_work goes on reading when there is room */
            uv_read_stop(s);
    } else if (n == UV_EOF && !client_hung_up(c)) {
        c->is_eof = 1;
        uv_read_stop(s);
    } else if (n < 0) {
        client_close(c);
        return;
    }
    client_work(c);
}

/* Cuts the next line off the buffer and runs it.  0: there is none. */
static int line_next(struct client *c)
{
    const char *p = (const char *)c->in.data, *end = c->in.len ? memchr(p, '\n', c->in.len) : NULL;
    json_error_t at;

    if (!end)
        return 0;
    int is_blank = end == p;
    json_t *request = is_blank ? NULL : json_loadb(p, (size_t)(end - p), JSON_REJECT_DUPLICATES, &at);
    buf_consume(&c->in, (size_t)(end - p) + 1);
    if (!is_blank)
        request_run(c, request, &at);
    return 1;
}

/* Does what can be done now: a request that is complete, or waiting for more. */
static void client_work(struct client *c)
{
    while (!c->closing && !c->call && !c->writes && !c->is_last && line_next(c))
        ;
    if (c->closing || c->call || c->writes)
        return;
    if (c->is_last || c->is_eof) {
        client_close(c);
    } else if (c->in.len == c->in.max) {
        client_dismiss(c, ERR_LIMIT, "a request is longer than %u bytes", CONTROL_LINE_BYTES);
    } else {
        if (!uv_is_active((uv_handle_t *)&c->timer))
            uv_timer_start(&c->timer, on_timer, c->control->opt.idle_ms, 0);
        uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
    }
}

/* ---- coming in ---- */

static struct control_peer peer_of(const struct client *c)
{
    struct ucred cred;
    socklen_t n = sizeof cred;
    int fd;

    if (uv_fileno((const uv_handle_t *)&c->pipe, &fd) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0)
        return (struct control_peer){ (uid_t)-1, -1 };
    return (struct control_peer){ cred.uid, cred.pid };
}

static struct client *client_new(struct control *control)
{
    struct client *c = calloc(1, sizeof *c);

    if (!c)
        abort();
    c->control = control;
    buf_init(&c->in, CONTROL_LINE_BYTES + 1);
    uv_pipe_init(control->loop, &c->pipe, 0);
    uv_timer_init(control->loop, &c->timer);
    c->pipe.data = c->timer.data = c;
    c->handles = 2;
    c->next = control->clients;
    if (c->next)
        c->next->prev = c;
    control->clients = c;
    control->n_clients++;
    return c;
}

static void on_connection(uv_stream_t *s, int status)
{
    struct control *control = s->data;

    if (status < 0)
        return;
    struct client *c = client_new(control);
    if (uv_accept(s, (uv_stream_t *)&c->pipe) < 0) {
        client_close(c);
        return;
    }
    c->peer = peer_of(c);
    log_trace("control: client %d of user %d: connected", (int)c->peer.pid, (int)c->peer.uid);
    uv_timer_start(&c->timer, on_timer, control->opt.idle_ms, 0);
    if (c->peer.uid != geteuid() && c->peer.uid != 0)
        client_dismiss(c, ERR_REFUSED, "only user %u, whose crawl it is, and root may control it", geteuid());
    else if (control->n_clients > CONTROL_CLIENTS)
        client_dismiss(c, ERR_FULL, "%u clients are connected, which is the most: come again",
                       CONTROL_CLIENTS);
    else
        client_work(c);
}

int control_open(uv_loop_t *loop, const struct control_options *opt, struct control **ret, struct err *err)
{
    struct control *c = calloc(1, sizeof *c);

    *ret = NULL;
    if (!c)
        return err_set(err, ERR_NOMEM, "out of memory");
    c->opt = *opt;
    c->opt.idle_ms = opt->idle_ms ? opt->idle_ms : CONTROL_IDLE_MS;
    c->loop = loop;
    int rc = listening_open(&c->listening, opt->dir, err);
    if (rc < 0) {
        free(c);
        return rc;
    }
    uv_pipe_init(loop, &c->pipe, 0);
    c->pipe.data = c;
    c->handles = 1;
    rc = uv_pipe_open(&c->pipe, c->listening.fd);
    if (rc == 0) {
        c->listening.fd = -1; /* the pipe's */
        rc = uv_listen((uv_stream_t *)&c->pipe, CONTROL_CLIENTS, on_connection);
    }
    if (rc < 0) {
        err_set(err, ERR_IO, "%s/" CONTROL_SOCKET ": cannot be made: %s", opt->dir, uv_strerror(rc));
        control_close(c, NULL, NULL);
        return ERR_IO;
    }
    *ret = c;
    return 0;
}

static void on_listener_closed(uv_handle_t *h)
{
    struct control *c = h->data;

    c->handles--;
    control_end(c);
}

void control_quiet(struct control *c)
{
    if (c->is_quiet)
        return;
    c->is_quiet = 1;
    listening_close(&c->listening);
    uv_close((uv_handle_t *)&c->pipe, on_listener_closed);
    for (struct client *client = c->clients, *next; client; client = next) {
        next = client->next;
        client->is_last |= !client->call;
        client_work(client);
    }
}

void control_close(struct control *c, void (*done_fn)(void *arg), void *arg)
{
    control_quiet(c);
    c->is_closing = 1;
    c->done_fn = done_fn;
    c->done_arg = arg;
    for (struct client *client = c->clients, *next; client; client = next) {
        next = client->next;
        if (client->call)
            control_fail(client->call, &(struct err){ ERR_CLOSED, "the crawl has ended" }, NULL);
    }
    for (struct client *client = c->clients; client; client = client->next)
        uv_timer_start(&client->timer, on_timer, CLOSE_MS, 0);
    control_end(c);
}
