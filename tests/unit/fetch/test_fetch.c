/* fetch: against the test server (build/test/server, found beside this program), well-behaved and not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "fetch/fetch.h"

/* ---- the server ---- */

static struct {
    pid_t pid;
    unsigned port;
    char log[64];
} server;

static void server_path(char *out, size_t n)
{
    char exe[2000];
    ssize_t len = readlink("/proc/self/exe", exe, sizeof exe - 1);

    assert_true(len > 0);
    exe[len] = 0;
    for (int up = 0; up < 3; up++) /* test_fetch, fetch, unit */
        *strrchr(exe, '/') = 0;
    snprintf(out, n, "%s/server", exe);
}

static int server_start(void **state)
{
    char path[2100], line[100] = "";
    int out[2];

    signal(SIGPIPE, SIG_IGN);
    server_path(path, sizeof path);
    strcpy(server.log, "/tmp/trommel-test-fetch-XXXXXX");
    close(mkstemp(server.log));
    if (pipe(out) < 0)
        return -1;
    server.pid = fork();
    if (server.pid == 0) {
        dup2(out[1], 1);
        close(out[0]);
        execl(path, "server", "--any", "--log", server.log, (char *)NULL);
        perror(path);
        _exit(127);
    }
    close(out[1]);
    FILE *f = fdopen(out[0], "r");
    int ok = fgets(line, sizeof line, f) && sscanf(line, "listening 127.0.0.1 %u", &server.port) == 1;
    fclose(f);
    return ok ? 0 : -1;
}

static int server_stop(void **state)
{
    int status;

    kill(server.pid, SIGTERM);
    waitpid(server.pid, &status, 0);
    unlink(server.log);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

/* How many lines of the server's log hold both texts? */
static unsigned logged(const char *what, const char *part)
{
    char line[9000];
    unsigned n = 0;
    FILE *f = fopen(server.log, "r");

    while (fgets(line, sizeof line, f))
        n += !strncmp(line, what, strlen(what)) && strstr(line, part);
    fclose(f);
    return n;
}

/* ---- the fetcher ---- */

struct bench {
    uv_loop_t loop;
    struct budget *budget;
    struct fetch *f;
    int closed;
};

struct got { /* a copy of an answer */
    struct bench *b;
    int calls, keep_share;
    enum fetch_error error;
    int status, transient;
    char type[100], coding[100], location[300], retry[20], protocol[20], ip[64], message[400];
    char *headers;
    struct buf body;
    struct budget_share *share;
};

static struct fetch_options defaults(void)
{
    return (struct fetch_options){ .user_agent = "Test/1.0", .allow_private = 1, .connect_ms = 5000,
                                   .total_ms = 20000, .body_bytes = 1 * MIB, .header_bytes = 64 * KIB,
                                   .connections = 100 };
}

static void bench_open(struct bench *b, struct fetch_options opt, uint64_t budget_bytes)
{
    struct err err = { 0 };

    memset(b, 0, sizeof *b);
    assert_int_equal(uv_loop_init(&b->loop), 0);
    opt.budget = b->budget = budget_new(budget_bytes, opt.body_bytes);
    assert_int_equal(fetch_new(&b->loop, &opt, &b->f, &err), 0);
}

static void on_closed(void *arg)
{
    ((struct bench *)arg)->closed++;
}

static void bench_close(struct bench *b)
{
    fetch_close(b->f, on_closed, b);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    assert_int_equal(b->closed, 1);
    assert_int_equal(uv_loop_close(&b->loop), 0);
    assert_int_equal(budget_state(b->budget).used, 0);
    budget_free(b->budget);
}

static void copy(char *out, size_t n, trommel_str s)
{
    snprintf(out, n, "%.*s", (int)s.n, s.n ? s.p : "");
}

static void on_done(void *arg, struct fetch_answer *a)
{
    struct got *g = arg;

    g->calls++;
    g->error = a->error;
    g->status = a->status;
    g->transient = a->transient;
    copy(g->type, sizeof g->type, a->content_type);
    copy(g->coding, sizeof g->coding, a->content_encoding);
    copy(g->location, sizeof g->location, a->location);
    copy(g->retry, sizeof g->retry, a->retry_after);
    snprintf(g->protocol, sizeof g->protocol, "%s", a->protocol);
    snprintf(g->ip, sizeof g->ip, "%s", a->ip);
    snprintf(g->message, sizeof g->message, "%s", a->message);
    free(g->headers);
    g->headers = strndup(a->headers.n ? a->headers.p : "", a->headers.n);
    buf_release(&g->body);
    g->body = *a->body;
    *a->body = (struct buf)BUF_INIT(0);
    if (g->keep_share) {
        g->share = *a->share;
        *a->share = NULL;
    }
}

static void got_release(struct got *g)
{
    free(g->headers);
    buf_release(&g->body);
    budget_end(&g->share);
}

static int start(struct bench *b, struct got *g, const char *url, struct fetch_request more)
{
    more.url = (trommel_str){ url, strlen(url) };
    more.done = on_done;
    more.arg = g;
    g->b = b;
    return fetch_start(b->f, &more);
}

static const char *at(const char *path)
{
    static char url[3000];

    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", server.port, path);
    return url;
}

static void wait_for(struct got *g, int calls)
{
    while (g->calls < calls && uv_run(&g->b->loop, UV_RUN_ONCE))
        ;
    assert_int_equal(g->calls, calls);
}

static void get(struct bench *b, struct got *g, const char *path)
{
    g->calls = 0;
    assert_int_equal(start(b, g, at(path), (struct fetch_request){ 0 }), 0);
    assert_int_equal(g->calls, 0); /* never inside the call */
    wait_for(g, 1);
}

static int body_has(const struct got *g, const char *text)
{
    return memmem(g->body.data, g->body.len, text, strlen(text)) != NULL;
}

/* ---- tests ---- */

static void test_a_page_does_not_come_whole(void **state)
{
    struct bench b;
    struct got g = { 0 };

    bench_open(&b, defaults(), 8 * MIB);
    get(&b, &g, "/t/gen?site=whole&page=0&bytes=300000");
    assert_int_equal(g.error, FETCH_OK);
    assert_int_equal(g.status, 200);
    assert_string_equal(g.type, "text/html; charset=utf-8");
    assert_string_equal(g.protocol, "http/1.1");
    assert_string_equal(g.ip, "127.0.0.1");
    assert_true(g.body.len > 300000);
    assert_true(g.body.cap < g.body.len + 4097); /* what doubling left over is given back */
    assert_memory_equal(g.body.data + g.body.len - 15, "</body></html>\n", 15);
    get(&b, &g, "/t/empty");
    assert_int_equal(g.status, 200);
    assert_int_equal(g.body.len, 0);
    get(&b, &g, "/t/status/404");
    assert_int_equal(g.status, 404);
    assert_int_equal(g.error, FETCH_OK);
    got_release(&g);
    bench_close(&b);
}

static void test_interim_responses_or_trailers_show(void **state)
{
    struct bench b;
    struct got g = { 0 };

    bench_open(&b, defaults(), 8 * MIB);
    get(&b, &g, "/t/interim");
    assert_int_equal(g.status, 200);
    assert_string_equal(g.type, "text/plain");
    assert_string_equal(g.headers, "Content-Type: text/plain\r\nX-Folded: one two\r\n"
                                   "Transfer-Encoding: chunked\r\n");
    assert_int_equal(g.body.len, 2);
    got_release(&g);
    bench_close(&b);
}

static void test_a_redirect_is_followed(void **state)
{
    struct bench b;
    struct got g = { 0 };

    bench_open(&b, defaults(), 8 * MIB);
    get(&b, &g, "/t/redirect?to=/t/empty");
    assert_int_equal(g.status, 302);
    assert_string_equal(g.location, "/t/empty");
    get(&b, &g, "/t/status/503?retry=7");
    assert_int_equal(g.status, 503);
    assert_string_equal(g.retry, "7");
    got_release(&g);
    bench_close(&b);
}

static void test_content_is_decoded_or_not_asked_for(void **state)
{
    struct bench b;
    struct got g = { 0 };

    bench_open(&b, defaults(), 8 * MIB);
    get(&b, &g, "/t/gzbomb?bytes=100000");
    assert_string_equal(g.coding, "gzip");
    assert_memory_equal(g.body.data, "\x1f\x8b", 2);
    get(&b, &g, "/t/echo");
    assert_true(body_has(&g, "Accept-Encoding: gzip, deflate, br, zstd\r\n"));
    assert_true(body_has(&g, "User-Agent: Test/1.0\r\n"));
    assert_false(body_has(&g, "Cookie"));
    assert_int_equal(start(&b, &g, at("/t/echo"), (struct fetch_request){ .identity = 1 }), 0);
    wait_for(&g, 2);
    assert_true(body_has(&g, "Accept-Encoding: identity\r\n"));
    got_release(&g);
    bench_close(&b);
}

static void test_a_body_over_its_cap_is_kept(void **state)
{
    struct bench b;
    struct got g = { 0 };

    bench_open(&b, defaults(), 8 * MIB);
    get(&b, &g, "/t/huge?bytes=1048577");
    assert_int_equal(g.error, FETCH_TOO_LARGE);
    assert_int_equal(g.transient, 0);
    assert_true(g.body.len <= 1 * MIB);
    get(&b, &g, "/t/huge?bytes=1048576");
    assert_int_equal(g.error, FETCH_OK);
    assert_int_equal(g.body.len, 1 * MIB);
    get(&b, &g, "/t/huge?bytes=1048577&cl=1");
    assert_int_equal(g.error, FETCH_TOO_LARGE);
    assert_int_equal(g.body.len, 0); /* not even begun */
    struct fetch_request prefix = { .body_bytes = 1000 };
    assert_int_equal(start(&b, &g, at("/t/huge?bytes=1048577&cl=1"), prefix), 0);
    wait_for(&g, 2);
    assert_int_equal(g.error, FETCH_TOO_LARGE);
    assert_int_equal(g.body.len, 1000); /* what is within a cap of its own is wanted */
    got_release(&g);
    bench_close(&b);
}

static void test_a_flood_of_headers_is_read(void **state)
{
    struct bench b;
    struct got g = { 0 };

    bench_open(&b, defaults(), 8 * MIB);
    get(&b, &g, "/t/headers?bytes=50000");
    assert_int_equal(g.error, FETCH_OK);
    get(&b, &g, "/t/headers?bytes=70000");
    assert_int_equal(g.error, FETCH_HEADERS);
    get(&b, &g, "/t/headers?bytes=70000&line=1");
    assert_int_equal(g.error, FETCH_HEADERS);
    get(&b, &g, "/t/headers?bytes=20000000&line=1");
    assert_int_equal(g.error, FETCH_HEADERS);
    got_release(&g);
    bench_close(&b);
}

static void test_a_cut_or_odd_answer_counts_as_whole(void **state)
{
    struct bench b;
    struct got g = { 0 };

    bench_open(&b, defaults(), 8 * MIB);
    get(&b, &g, "/t/cut");
    assert_int_equal(g.error, FETCH_CUT);
    assert_int_equal(g.transient, 1);
    assert_int_equal(g.body.len, 5000);
    get(&b, &g, "/t/cut?chunked=1");
    assert_int_equal(g.error, FETCH_CUT);
    get(&b, &g, "/t/close");
    assert_int_equal(g.error, FETCH_CUT);
    assert_int_equal(g.status, 0);
    get(&b, &g, "/t/reset");
    assert_true(g.error == FETCH_CONNECT || g.error == FETCH_CUT);
    assert_int_equal(g.transient, 1);
    get(&b, &g, "/t/garbage");
    assert_int_equal(g.error, FETCH_PROTOCOL);
    assert_int_equal(g.transient, 0);
    got_release(&g);
    bench_close(&b);
}

static void test_a_silent_or_slow_server_is_waited_for(void **state)
{
    struct bench b;
    struct got g = { 0 };

    bench_open(&b, defaults(), 8 * MIB);
    struct fetch_request brief = { .total_ms = 100 };
    assert_int_equal(start(&b, &g, at("/t/hang"), brief), 0);
    wait_for(&g, 1);
    assert_int_equal(g.error, FETCH_TIMEOUT);
    assert_int_equal(g.transient, 1);
    assert_string_equal(g.message, "not complete after 100 ms");
    assert_int_equal(start(&b, &g, at("/t/slow?ms=10&bytes=100000"), brief), 0);
    wait_for(&g, 2);
    assert_int_equal(g.error, FETCH_TIMEOUT);
    assert_int_equal(g.status, 200);
    got_release(&g);
    bench_close(&b);
}

static void test_a_closed_port_says_anything_but_connect(void **state)
{
    struct bench b;
    struct got g = { 0 };
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM, 0); /* bound, never listening */
    char url[64];

    assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
    getsockname(fd, (struct sockaddr *)&in, &n);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", ntohs(in.sin_port));
    bench_open(&b, defaults(), 8 * MIB);
    assert_int_equal(start(&b, &g, url, (struct fetch_request){ 0 }), 0);
    wait_for(&g, 1);
    assert_int_equal(g.error, FETCH_CONNECT);
    assert_int_equal(g.transient, 1);
    assert_string_not_equal(g.message, "");
    assert_string_equal(fetch_error_name(g.error), "connect");
    close(fd);
    got_release(&g);
    bench_close(&b);
}

static void test_a_private_address_is_connected_to(void **state)
{
    static const char *const hosts[] = { "127.0.0.1", "127.9.9.9", "localhost", "0.0.0.0" };
    struct bench b;
    struct got g = { 0 };
    struct fetch_options opt = defaults();
    char url[200];
    unsigned before = logged("O", "");

    opt.allow_private = 0;
    bench_open(&b, opt, 8 * MIB);
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        snprintf(url, sizeof url, "http://%s:%u/t/empty", hosts[i], server.port);
        assert_int_equal(start(&b, &g, url, (struct fetch_request){ 0 }), 0);
        wait_for(&g, (int)i + 1);
        assert_int_equal(g.error, FETCH_PRIVATE);
        assert_int_equal(g.transient, 0);
        assert_non_null(strstr(g.message, "--allow-private"));
    }
    assert_int_equal(logged("O", ""), before);
    got_release(&g);
    bench_close(&b);
}

static void test_what_is_no_http_url_starts(void **state)
{
    static const char *const urls[] = { "ftp://127.0.0.1/", "file:///etc/passwd", "http:/", "", "http://a b/",
                                        "http://a/\r\nX: y" };
    struct bench b;
    struct got g = { 0 };
    char url[LIMIT_URL_BYTES + 2] = "http://127.0.0.1/";

    bench_open(&b, defaults(), 8 * MIB);
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
        assert_true(start(&b, &g, urls[i], (struct fetch_request){ 0 }) < 0);
    memset(url + strlen(url), 'a', sizeof url - 1 - strlen(url));
    url[sizeof url - 1] = 0;
    assert_int_equal(start(&b, &g, url, (struct fetch_request){ 0 }), ERR_LIMIT);
    assert_int_equal(fetch_state(b.f).running, 0);
    assert_int_equal(g.calls, 0);
    bench_close(&b);
}

static void test_more_start_than_connections_allow(void **state)
{
    struct bench b;
    struct got g = { 0 };
    struct fetch_options opt = defaults();

    opt.connections = 2;
    bench_open(&b, opt, 8 * MIB);
    assert_int_equal(start(&b, &g, at("/t/empty"), (struct fetch_request){ 0 }), 0);
    assert_int_equal(start(&b, &g, at("/t/empty"), (struct fetch_request){ 0 }), 0);
    assert_int_equal(start(&b, &g, at("/t/empty"), (struct fetch_request){ 0 }), ERR_FULL);
    wait_for(&g, 2);
    assert_int_equal(start(&b, &g, at("/t/empty"), (struct fetch_request){ 0 }), 0);
    wait_for(&g, 3);
    got_release(&g);
    bench_close(&b);
}

static void test_a_connection_is_not_used_again(void **state)
{
    struct bench b;
    struct got g = { 0 };
    unsigned before = logged("O", "");

    bench_open(&b, defaults(), 8 * MIB);
    for (int i = 0; i < 5; i++)
        get(&b, &g, "/t/empty");
    assert_int_equal(logged("O", ""), before + 1);
    assert_int_equal(start(&b, &g, at("/t/empty"), (struct fetch_request){ .fresh = 1 }), 0);
    wait_for(&g, 2);
    assert_int_equal(logged("O", ""), before + 1);
    get(&b, &g, "/t/empty");
    assert_int_equal(logged("O", ""), before + 2);
    got_release(&g);
    bench_close(&b);
}

static void test_the_environment_names_a_proxy(void **state)
{
    struct bench b;
    struct got g = { 0 };

    setenv("http_proxy", "http://127.0.0.1:1/", 1);
    setenv("all_proxy", "http://127.0.0.1:1/", 1);
    bench_open(&b, defaults(), 8 * MIB);
    get(&b, &g, "/t/empty");
    assert_int_equal(g.error, FETCH_OK);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    got_release(&g);
    bench_close(&b);
}

/* ---- the budget ---- */

static void on_late(uv_timer_t *t)
{
    *(int *)t->data = 1;
}

static void test_a_spent_budget_does_not_pause_or_its_pause_times_out(void **state)
{
    struct bench b;
    struct got a = { .keep_share = 1 }, g = { 0 };
    uv_timer_t timer;
    int late = 0;

    bench_open(&b, defaults(), 1 * MIB);
    get(&b, &a, "/t/huge?bytes=1048576"); /* its share is settled and holds all there is */
    assert_int_equal(start(&b, &g, at("/t/empty"), (struct fetch_request){ 0 }), ERR_FULL);
    budget_settle(a.share, 1 * MIB - LIMIT_RESERVE_BYTES);
    struct budget_share *old = budget_start(b.budget, NULL, NULL); /* the oldest: has the reserve to itself */
    budget_settle(a.share, 1 * MIB - 2 * LIMIT_RESERVE_BYTES);
    assert_int_equal(start(&b, &g, at("/t/huge?bytes=700000"), (struct fetch_request){ .total_ms = 200 }), 0);
    while (fetch_state(b.f).paused == 0) /* it may happen in a timer: then there is nothing to wait for */
        uv_run(&b.loop, UV_RUN_NOWAIT);
    uv_timer_init(&b.loop, &timer);
    timer.data = &late;
    uv_timer_start(&timer, on_late, 400, 0);
    while (!late)
        uv_run(&b.loop, UV_RUN_ONCE);
    assert_int_equal(g.calls, 0); /* twice its time is over, but its clock stood still */
    budget_end(&old);
    budget_end(&a.share);
    wait_for(&g, 1);
    assert_int_equal(g.error, FETCH_OK);
    assert_int_equal(g.body.len, 700000);
    uv_close((uv_handle_t *)&timer, NULL);
    got_release(&a);
    got_release(&g);
    bench_close(&b);
}

static void test_large_bodies_together_stand_still_or_burst_the_budget(void **state)
{
    enum { N = 30 };
    struct bench b;
    struct got g[N] = { 0 };
    struct fetch_request none = { 0 };
    unsigned started = 0, done = 0, full = 0;

    bench_open(&b, defaults(), 4 * LIMIT_RESERVE_BYTES);
    while (done < N) {
        int rc = 0;
        while (started < N && (rc = start(&b, &g[started], at("/t/huge?bytes=600000"), none)) == 0)
            started++;
        full += rc == ERR_FULL;
        uv_run(&b.loop, UV_RUN_ONCE);
        done = 0;
        for (int i = 0; i < N; i++)
            done += (unsigned)g[i].calls;
    }
    for (int i = 0; i < N; i++) {
        assert_int_equal(g[i].error, FETCH_OK);
        assert_int_equal(g[i].body.len, 600000);
        got_release(&g[i]);
    }
    assert_true(budget_state(b.budget).peak <= 4 * LIMIT_RESERVE_BYTES + 1 * MIB);
    assert_true(full > 0);
    assert_int_equal(fetch_state(b.f).paused, 0);
    bench_close(&b);
}

/* ---- the end ---- */

static void test_closing_forgets_a_callback(void **state)
{
    struct bench b;
    struct got g[3] = { 0 };
    struct fetch_request none = { 0 };

    bench_open(&b, defaults(), 8 * MIB);
    for (int i = 0; i < 3; i++)
        assert_int_equal(start(&b, &g[i], at(i ? "/t/hang" : "/t/slow?bytes=100000"), none), 0);
    unsigned before = logged("R", "/t/hang");
    while (logged("R", "/t/hang") < before + 2)
        uv_run(&b.loop, UV_RUN_NOWAIT);
    bench_close(&b);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(g[i].calls, 1);
        assert_int_equal(g[i].error, FETCH_ABORTED);
        got_release(&g[i]);
    }
}

static void start_next(void *arg, struct fetch_answer *a);

static struct {
    struct bench b;
    unsigned left, ended, ok;
} many;

static void many_start(void)
{
    static char url[100];

    snprintf(url, sizeof url, "http://127.0.%u.%u:%u/t/empty", many.left % 50, many.left % 7 + 1,
             server.port);
    struct fetch_request req = { .url = { url, strlen(url) }, .done = start_next };
    req.fresh = many.left % 3 == 0;
    many.left--;
    assert_int_equal(fetch_start(many.b.f, &req), 0);
}

static void start_next(void *arg, struct fetch_answer *a)
{
    many.ended++;
    many.ok += a->error == FETCH_OK;
    if (many.left) /* from inside a callback */
        many_start();
}

static size_t many_run(unsigned n)
{
    unsigned want = many.ended + n;

    many.left = n;
    for (int i = 0; i < 64; i++)
        many_start();
    while (many.ended < want)
        uv_run(&many.b.loop, UV_RUN_ONCE);
    return mallinfo2().uordblks + mallinfo2().hblkhd;
}

static void test_memory_grows_with_the_requests(void **state)
{
    const char *text = getenv("TROMMEL_TEST_REQUESTS"); /* 100000 by hand */
    unsigned n = text ? (unsigned)atoi(text) : 4000;

    bench_open(&many.b, defaults(), 64 * MIB);
    size_t first = many_run(n / 2), second = many_run(n);
    assert_int_equal(many.ok, many.ended);
    if (second > first + 256 * KIB)
        fail_msg("%zu bytes in use after %u requests, %zu after %u", first, n / 2, second, n / 2 + n);
    bench_close(&many.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_page_does_not_come_whole),
        cmocka_unit_test(test_interim_responses_or_trailers_show),
        cmocka_unit_test(test_a_redirect_is_followed),
        cmocka_unit_test(test_content_is_decoded_or_not_asked_for),
        cmocka_unit_test(test_a_body_over_its_cap_is_kept),
        cmocka_unit_test(test_a_flood_of_headers_is_read),
        cmocka_unit_test(test_a_cut_or_odd_answer_counts_as_whole),
        cmocka_unit_test(test_a_silent_or_slow_server_is_waited_for),
        cmocka_unit_test(test_a_closed_port_says_anything_but_connect),
        cmocka_unit_test(test_a_private_address_is_connected_to),
        cmocka_unit_test(test_what_is_no_http_url_starts),
        cmocka_unit_test(test_more_start_than_connections_allow),
        cmocka_unit_test(test_a_connection_is_not_used_again),
        cmocka_unit_test(test_the_environment_names_a_proxy),
        cmocka_unit_test(test_a_spent_budget_does_not_pause_or_its_pause_times_out),
        cmocka_unit_test(test_large_bodies_together_stand_still_or_burst_the_budget),
        cmocka_unit_test(test_closing_forgets_a_callback),
        cmocka_unit_test(test_memory_grows_with_the_requests),
    };

    return cmocka_run_group_tests_name("fetch/fetch fails when", tests, server_start, server_stop);
}
