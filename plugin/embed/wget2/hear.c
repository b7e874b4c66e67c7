/* hear: see hear.h.
 *
 * One struct heard a thread, freed by the thread's end.  With HTTP/1.1 a thread of wget2 has one request
 * under way; with HTTP/2 several, told apart by their stream's number: a ring of the last ones is kept.  A
 * line is looked at by its first bytes, so that the others cost a comparison. */
#include "hear.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../common/head.h"

enum { STREAMS = 64, JOBS = 64, HEAD_MOST = 256 * 1024, URL_MOST = 8192, ASKED_MOST = 256 };

struct stream {
    unsigned id;
    char *scheme, *authority, *path;
    struct answer answer;
};
struct heard {
    struct answer answer; /* HTTP/1.1: the one this thread is at */
    char *jobs[JOBS];     /* URLs of the jobs it took last; NULL: robots.txt */
    unsigned n_jobs;      /* the last of them is at n_jobs - 1 modulo JOBS */
    int is_h2;            /* the last thing heard was HTTP/2 */
    api_buffer *fields;   /* HTTP/2: header fields whose stream is not known yet */
    unsigned status;
    struct stream streams[STREAMS]; /* HTTP/2: by half its id, which is odd */
};

static hear_other *other;
static api_log_func log_next;
static pthread_key_t key;

/* ---- what a thread has heard ---- */

static void stream_clear(struct stream *s)
{
    free(s->scheme);
    free(s->authority);
    free(s->path);
    wget_buffer_free(&s->answer.head);
    memset(s, 0, sizeof *s);
}

static void heard_free(void *arg)
{
    struct heard *h = arg;

    for (int i = 0; i < STREAMS; i++)
        stream_clear(&h->streams[i]);
    wget_buffer_free(&h->answer.head);
    wget_buffer_free(&h->fields);
    for (int i = 0; i < JOBS; i++)
        free(h->jobs[i]);
    free(h);
}

static struct heard *heard(void)
{
    struct heard *h = pthread_getspecific(key);

    if (h)
        return h;
    h = calloc(1, sizeof *h);
    if (h && pthread_setspecific(key, h) != 0) {
        free(h);
        h = NULL;
    }
    return h;
}

static void head_add(api_buffer **head, const char *p, size_t n)
{
    if (!*head)
        *head = wget_buffer_alloc(1024);
    if (*head && (*head)->length + n <= HEAD_MOST)
        wget_buffer_memcat(*head, p, n);
}

trommel_str answer_header(const struct answer *a, const char *name)
{
    trommel_str head = { 0 };

    if (a && a->head)
        head = (trommel_str){ a->head->data, a->head->length };
    return head_value(head, name);
}

/* ---- answers without a page ---- */

/* wget2 hands the others to its plugins, or follows them. */
static int is_other(const struct answer *a)
{
    unsigned status = a->status;

    if (status / 100 == 2)
        return status != 200 && status != 206 && !a->is_head;
    return status == 304 || (status >= 400 && status != 416);
}

/* A first 401 is none yet: wget2 asks again, with a password if it has one. */
static int asks_again(const char *url, const struct answer *a)
{
    static const char *const challenge[] = { "WWW-Authenticate", "Proxy-Authenticate" };
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static char *asked[ASKED_MOST];
    static size_t n_asked;
    size_t i;

    if ((a->status != 401 && a->status != 407) || !answer_header(a, challenge[a->status == 407]).n)
        return 0;
    pthread_mutex_lock(&mutex);
    for (i = 0; i < n_asked && strcmp(asked[i], url) != 0; i++)
        ;
    int first = i == n_asked && n_asked < ASKED_MOST && (asked[i] = strdup(url));
    n_asked += (size_t)first;
    pthread_mutex_unlock(&mutex);
    return first;
}

void hear_tell(const char *url, struct answer *a)
{
    if (a->is_told)
        return;
    a->is_told = 1;
    if (!asks_again(url, a))
        other(url, a);
}

/* The thread goes on to its next request. */
static void answer_begin(struct answer *a)
{
    a->status = 0;
    a->is_head = a->is_h2 = a->is_cut = a->is_told = 0;
    a->chunk_bytes = 0;
    clock_gettime(CLOCK_REALTIME_COARSE, &a->since);
    if (a->head)
        wget_buffer_reset(a->head);
}

/* ---- HTTP/1.1 ---- */

static void replace(char **to, const char *from)
{
    free(*to);
    *to = strndup(from, strcspn(from, "\r\n"));
}

/* "keep_alive=1\n": the answer is complete. */
static void heard_end(struct heard *h, const char *line)
{
    const char *url = h->jobs[(h->n_jobs - 1) % JOBS];

    if (!h->is_h2 && url && is_other(&h->answer))
        hear_tell(url, &h->answer);
}

static void job_begin(struct heard *h, char *url)
{
    char **job = &h->jobs[h->n_jobs++ % JOBS];

    answer_begin(&h->answer);
    free(*job);
    *job = url;
}

/* "dequeue job http://…\n" */
static void heard_job(struct heard *h, const char *line)
{
    const char *url = line + strlen("dequeue job ");

    job_begin(h, strndup(url, strcspn(url, "\r\n")));
}

/* "host … dequeue robot job\n" */
static void heard_host(struct heard *h, const char *line)
{
    if (strstr(line, " dequeue robot job"))
        job_begin(h, NULL);
}

/* "# sent N bytes:\nHEAD /path HTTP/1.1\r\n…" */
static void heard_request(struct heard *h, const char *line)
{
    const char *request = strchr(line, '\n');

    h->is_h2 = 0;
    answer_begin(&h->answer);
    h->answer.is_head = request && strncmp(request + 1, "HEAD ", 5) == 0;
}

/* "# got header N bytes:\nHTTP/1.1 200 OK\r\nName: value\r\n…Name: value\n\n"; that of a 103 comes before
 * another. */
static void heard_head(struct heard *h, const char *line)
{
    const char *head = strchr(line, '\n'), *fields;
    size_t n = strtoul(line + strlen("# got header "), NULL, 10);

    h->answer.status = 0;
    if (h->answer.head)
        wget_buffer_reset(h->answer.head);
    if (!head || sscanf(++head, "HTTP/%*s %3u", &h->answer.status) != 1)
        return;
    n = strnlen(head, n);
    fields = memchr(head, '\n', n);
    if (!fields++)
        return;
    head_add(&h->answer.head, fields, n - (size_t)(fields - head));
    head_add(&h->answer.head, "\r\n", 2);
}

static void heard_chunk(struct heard *h, const char *line)
{
    unsigned long n = strtoul(line + strlen("chunk size is "), NULL, 10);

    h->answer.is_cut = n != 0;
    h->answer.chunk_bytes += n;
}

/* ---- HTTP/2 ---- */

static struct stream *stream_at(struct heard *h, unsigned id)
{
    struct stream *s = &h->streams[id / 2 % STREAMS];

    if (s->id != id) {
        stream_clear(s);
        s->id = id;
    }
    return s;
}

/* The URL of a stream is that of the job with its host and path: 1.99.1 leaves the port out of :authority. */
static const char *stream_url(struct heard *h, const struct stream *s)
{
    size_t host_n = s->authority ? strcspn(s->authority, ":") : 0, path_n = s->path ? strlen(s->path) : 0;

    for (unsigned i = 1; host_n && path_n && i <= JOBS; i++) {
        const char *url = h->jobs[(h->n_jobs - i) % JOBS], *host = url ? strstr(url, "://") : NULL;
        if (host && strncasecmp(host + 3, s->authority, host_n) == 0 && strlen(url) > path_n &&
            strcmp(url + strlen(url) - path_n, s->path) == 0)
            return url;
    }
    return NULL;
}

static void tell_stream(struct heard *h, struct stream *s)
{
    const char *job = stream_url(h, s);
    char url[URL_MOST];

    if (job)
        hear_tell(job, &s->answer);
    else if (s->scheme && s->authority && s->path &&
             snprintf(url, sizeof url, "%s://%s%s", s->scheme, s->authority, s->path) < (int)sizeof url)
        hear_tell(url, &s->answer);
}

/* A HEADERS frame came: the fields heard before it are those of its stream. */
static void heard_stream_head(struct heard *h, unsigned id)
{
    struct stream *s = stream_at(h, id);
    api_buffer *fields = h->fields;

    if (!h->status) /* trailers */
        return;
    h->fields = s->answer.head;
    s->answer.head = fields;
    s->answer.status = h->status;
    s->answer.is_h2 = 1;
    h->status = 0;
    if (h->fields)
        wget_buffer_reset(h->fields);
    if (is_other(&s->answer))
        tell_stream(h, s);
}

/* "[FRAME 5] > :path: /x", "[FRAME 5] < HEADERS" */
static void heard_frame(struct heard *h, const char *line)
{
    unsigned id;
    int at = 0;
    char way;

    h->is_h2 = 1;
    if (sscanf(line, "[FRAME %u] %c %n", &id, &way, &at) < 2 || !at || !id)
        return;
    const char *what = line + at;
    if (way == '<' && strncmp(what, "HEADERS", 7) == 0)
        heard_stream_head(h, id);
    else if (way == '>' && strncmp(what, ":method: ", 9) == 0) {
        struct stream *s = stream_at(h, id);
        stream_clear(s); /* another connection's numbers begin anew */
        s->id = id;
        clock_gettime(CLOCK_REALTIME_COARSE, &s->answer.since);
        s->answer.is_head = strncmp(what + 9, "HEAD", 4) == 0;
    } else if (way == '>' && strncmp(what, ":scheme: ", 9) == 0)
        replace(&stream_at(h, id)->scheme, what + 9);
    else if (way == '>' && strncmp(what, ":authority: ", 12) == 0)
        replace(&stream_at(h, id)->authority, what + 12);
    else if (way == '>' && strncmp(what, ":path: ", 7) == 0)
        replace(&stream_at(h, id)->path, what + 7);
}

/* ":status: 200\n" begins an answer's fields. */
static void heard_status(struct heard *h, const char *line)
{
    if (h->fields)
        wget_buffer_reset(h->fields);
    h->status = (unsigned)strtoul(line + strlen(":status: "), NULL, 10);
}

/* "name: value\n" of an answer, until its frame is named; other lines may come between. */
static void heard_field(struct heard *h, const char *line, size_t n)
{
    if (line[strcspn(line, ": \t\n")] != ':')
        return;
    while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
        n--;
    head_add(&h->fields, line, n);
    head_add(&h->fields, "\r\n", 2);
}

/* ---- the lines ---- */

static const struct {
    const char *begin;
    void (*hear)(struct heard *h, const char *line);
} lines[] = {
    { "dequeue job ", heard_job },   { "host ", heard_host },           { "# sent ", heard_request },
    { "# got header ", heard_head }, { "chunk size is ", heard_chunk }, { "keep_alive=", heard_end },
    { "[FRAME ", heard_frame },      { ":status: ", heard_status },
};

static int begins(const char *line, size_t n, const char *with)
{
    size_t m = strlen(with);

    return n > m && memcmp(line, with, m) == 0;
}

static void on_debug(const char *line, size_t n)
{
    struct heard *h = NULL;
    size_t i, n_lines = sizeof lines / sizeof *lines;

    for (i = 0; i < n_lines && !begins(line, n, lines[i].begin); i++)
        ;
    if (i < n_lines && (h = heard()))
        lines[i].hear(h, line);
    else if (i == n_lines && (h = pthread_getspecific(key)) && h->status)
        heard_field(h, line, n);
    if (log_next)
        log_next(line, n);
}

int hear_start(hear_other *on_other)
{
    api_logger *logger = wget_get_logger(WGET_LOGGER_DEBUG);

    other = on_other;
    if (pthread_key_create(&key, heard_free) != 0)
        return -1;
    log_next = wget_logger_is_active(logger) ? wget_logger_get_func(logger) : NULL;
    wget_logger_set_func(logger, on_debug);
    return 0;
}

/* The newest stream whose request was for this page. */
static struct answer *stream_answer(struct heard *h, const api_iri *iri)
{
    api_buffer *path = wget_buffer_alloc(1024);
    struct stream *found = NULL;

    if (!path)
        return NULL;
    wget_buffer_memcat(path, "/", 1);
    wget_iri_get_escaped_resource(iri, path);
    for (int i = 0; i < STREAMS; i++) {
        struct stream *s = &h->streams[i];
        if (s->answer.status && s->path && s->authority && strcmp(s->path, path->data) == 0 && iri->host &&
            strncasecmp(s->authority, iri->host, strlen(iri->host)) == 0 && (!found || s->id > found->id))
            found = s;
    }
    wget_buffer_free(&path);
    return found ? &found->answer : NULL;
}

struct answer *hear_answer(const api_iri *iri)
{
    struct heard *h = pthread_getspecific(key);

    if (!h)
        return NULL;
    if (h->is_h2)
        return stream_answer(h, iri);
    return h->answer.status ? &h->answer : NULL;
}
