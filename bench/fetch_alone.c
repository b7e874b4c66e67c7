/* fetch_alone: what our fetcher costs a request, as a ratio to bare libcurl multi + libuv on the same requests in the
 * same run.
 *
 *     fetch_alone [-n ROUNDS] [-r REQUESTS] [-c IN_FLIGHT] URL
 *
 * Client CPU only; bodies are thrown away.  The URL is fetched over and over on kept connections from a server on
 * loopback.  One JSON line. */
#include <curl/curl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "bench/bench.h"
#include "fetch/fetch.h"

enum { ROUNDS_MOST = 25 };

struct plan {
    const char *url;
    long left, running, failed;
    uv_loop_t loop;
    /* bare */
    CURLM *multi;
    uv_timer_t timer;
    /* ours */
    struct fetch *fetch;
};

/* ---- bare libcurl + libuv ---- */

struct watch {
    uv_poll_t poll;
    curl_socket_t fd;
    struct plan *plan;
};

static size_t throw_away(char *p, size_t size, size_t n, void *arg)
{
    return size * n;
}

static void bare_add(struct plan *p, CURL *easy)
{
    p->left--;
    p->running++;
    curl_easy_setopt(easy, CURLOPT_URL, p->url);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, throw_away);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_multi_add_handle(p->multi, easy);
}

static void bare_ended(struct plan *p)
{
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(p->multi, &left))) {
        CURL *easy = msg->easy_handle;
        if (msg->msg != CURLMSG_DONE)
            continue;
        p->failed += msg->data.result != CURLE_OK;
        p->running--;
        curl_multi_remove_handle(p->multi, easy);
        if (p->left > 0)
            bare_add(p, easy);
        else
            curl_easy_cleanup(easy);
    }
}

static void bare_act(struct plan *p, curl_socket_t fd, int flags)
{
    int running;

    curl_multi_socket_action(p->multi, fd, flags, &running);
    bare_ended(p);
}

static void bare_poll(uv_poll_t *h, int status, int events)
{
    struct watch *w = h->data;
    int flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);

    bare_act(w->plan, w->fd, status < 0 ? CURL_CSELECT_ERR : flags);
}

static void watch_free(uv_handle_t *h)
{
    free(h->data);
}

static int bare_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct plan *p = arg;
    struct watch *w = socket_arg;

    if (what == CURL_POLL_REMOVE) {
        if (w) {
            uv_poll_stop(&w->poll);
            curl_multi_assign(p->multi, fd, NULL);
            uv_close((uv_handle_t *)&w->poll, watch_free);
        }
        return 0;
    }
    if (!w) {
        w = calloc(1, sizeof *w);
        if (!w)
            abort();
        w->plan = p;
        w->fd = fd;
        uv_poll_init_socket(&p->loop, &w->poll, fd);
        w->poll.data = w;
        curl_multi_assign(p->multi, fd, w);
    }
    uv_poll_start(&w->poll, (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0), bare_poll);
    return 0;
}

static void bare_timeout(uv_timer_t *h)
{
    bare_act(h->data, CURL_SOCKET_TIMEOUT, 0);
}

static int bare_timer(CURLM *multi, long ms, void *arg)
{
    struct plan *p = arg;

    if (ms < 0)
        uv_timer_stop(&p->timer);
    else
        uv_timer_start(&p->timer, bare_timeout, (uint64_t)ms, 0);
    return 0;
}

static void bare_run(struct plan *p, int in_flight)
{
    p->multi = curl_multi_init();
    curl_multi_setopt(p->multi, CURLMOPT_SOCKETFUNCTION, bare_socket);
    curl_multi_setopt(p->multi, CURLMOPT_SOCKETDATA, p);
    curl_multi_setopt(p->multi, CURLMOPT_TIMERFUNCTION, bare_timer);
    curl_multi_setopt(p->multi, CURLMOPT_TIMERDATA, p);
    uv_timer_init(&p->loop, &p->timer);
    p->timer.data = p;
    for (int i = 0; i < in_flight && p->left > 0; i++)
        bare_add(p, curl_easy_init());
    while (p->running > 0 && uv_run(&p->loop, UV_RUN_ONCE))
        ;
}

/* ---- ours ---- */

static void ours_done(void *arg, struct fetch_answer *a)
{
    struct plan *p = arg;

    p->running--;
    p->failed += a->error != FETCH_OK;
}

static void ours_feed(struct plan *p, int in_flight)
{
    struct fetch_request req = { .url = { p->url, strlen(p->url) }, .done = ours_done, .arg = p };

    int rc = 0;

    while (p->left > 0 && p->running < in_flight && (rc = fetch_start(p->fetch, &req)) == 0) {
        p->left--;
        p->running++;
    }
    if (rc < 0 && rc != ERR_FULL) { /* the URL is refused: it will be for ever */
        p->failed += p->left;
        p->left = 0;
    }
}

static void ours_run(struct plan *p, int in_flight)
{
    struct err err = { 0 };
    struct budget *budget = budget_new(256 << 20, 8 << 20);
    struct fetch_options opt = { .user_agent = "bench", .allow_private = 1, .connect_ms = 10000, .total_ms = 30000, .slow_bytes = 1,
                                 .slow_ms = 30000, .body_bytes = 8 << 20, .header_bytes = 256 << 10, .connections = 1000,
                                 .budget = budget };

    if (fetch_new(&p->loop, &opt, &p->fetch, &err) < 0) {
        fprintf(stderr, "bench: %s\n", err.text);
        _exit(3);
    }
    do
        ours_feed(p, in_flight);
    while ((p->running > 0 || p->left > 0) && (uv_run(&p->loop, UV_RUN_ONCE), 1));
}

static double round_of(void (*run)(struct plan *, int), const char *url, long requests, int in_flight)
{
    double cpu = 0;
    int fd[2], status;

    if (pipe(fd) < 0)
        exit(3);
    pid_t pid = fork();
    if (pid == 0) {
        struct plan p = { .url = url, .left = requests };
        uv_loop_init(&p.loop);
        double before = bench_cpu(RUSAGE_SELF);
        run(&p, in_flight);
        cpu = bench_cpu(RUSAGE_SELF) - before;
        p.failed += p.left + p.running;
        if (p.failed)
            fprintf(stderr, "bench: %ld of %ld requests failed; is a server at %s?\n", p.failed, requests, url);
        _exit(p.failed || write(fd[1], &cpu, sizeof cpu) != sizeof cpu);
    }
    close(fd[1]);
    if (read(fd[0], &cpu, sizeof cpu) != sizeof cpu || waitpid(pid, &status, 0) < 0 || status)
        exit(3);
    close(fd[0]);
    return cpu / (double)requests * 1e6;
}

int main(int argc, char **argv)
{
    int rounds = 5, in_flight = 64, c;
    long requests = 10000;
    double bare[ROUNDS_MOST], ours[ROUNDS_MOST], ratio[ROUNDS_MOST];

    while ((c = getopt(argc, argv, "n:r:c:")) != -1) {
        if (c == 'n')
            rounds = atoi(optarg);
        else if (c == 'r')
            requests = atol(optarg);
        else if (c == 'c')
            in_flight = atoi(optarg);
        else
            return 2;
    }
    if (optind != argc - 1 || rounds < 1 || rounds > ROUNDS_MOST || requests < 1 || in_flight < 1) {
        fprintf(stderr, "usage: fetch_alone [-n ROUNDS (1 to %d)] [-r REQUESTS] [-c IN_FLIGHT] URL\n", ROUNDS_MOST);
        return 2;
    }
    for (int i = 0; i < rounds; i++) {
        bare[i] = round_of(bare_run, argv[optind], requests, in_flight);
        ours[i] = round_of(ours_run, argv[optind], requests, in_flight);
        ratio[i] = ours[i] / bare[i];
    }
    printf("{\"leg\":\"fetch\",\"requests\":%ld,\"in_flight\":%d,\"rounds\":%d,\"bare_us\":%.2f,\"us\":%.2f,\"ratio\":%.3f}\n",
           requests, in_flight, rounds, bench_median(bare, rounds), bench_median(ours, rounds), bench_median(ratio, rounds));
    return 0;
}
