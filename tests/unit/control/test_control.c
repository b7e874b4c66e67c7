/* control: fails when a request is not answered, when others may connect, when a hostile client harms or
 * holds up the rest, or when a socket that is in the way is treated wrongly. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "control/address.h"
#include "control/client.h"
#include "control/control.h"
#include "tests/unit/effort.h"

enum { KEPT_MAX = 32, GUARD_MS = 600000, IDLE_MS = 2000 /* time for a request on a slow machine */ };

struct host {
    char dir[PATH_MAX];
    uv_loop_t loop;
    uv_timer_t guard;
    struct control *control;
    struct control_call *kept[KEPT_MAX]; /* of `later` */
    int n_kept, commands, closed, timed_out;
};

/* What a test's client has heard and not looked at. */
struct peer {
    int fd, eof;
    struct buf in;
};

/* ---- the host ---- */

static void on_command(void *arg, struct control_call *call, const char *cmd, const json_t *request)
{
    struct host *h = arg;

    h->commands++;
    if (!strcmp(cmd, "later")) {
        assert_true(h->n_kept < KEPT_MAX);
        h->kept[h->n_kept++] = call;
    } else if (!strcmp(cmd, "long")) {
        size_t n = (size_t)json_integer_value(json_object_get(request, "bytes"));
        char *text = malloc(n + 1);
        memset(text, 'x', n);
        control_answer(call, json_stringn(text, n));
        free(text);
    } else if (!strcmp(cmd, "fail")) {
        struct err why = { ERR_USAGE, "a wrong \xff byte" };
        control_fail(call, &why, json_pack("{s:i}", "live", 3));
    } else {
        control_answer(call, json_deep_copy(request));
    }
}

static void on_guard(uv_timer_t *t)
{
    ((struct host *)t->data)->timed_out = 1;
}

static int host_listen(struct host *h, uint32_t idle_ms, struct err *err)
{
    struct control_options opt = { .dir = h->dir, .idle_ms = idle_ms, .on_command = on_command, .arg = h };

    return control_open(&h->loop, &opt, &h->control, err);
}

static void host_init(struct host *h)
{
    memset(h, 0, sizeof *h);
    signal(SIGPIPE, SIG_IGN);
    strcpy(h->dir, "/tmp/trommel-control.XXXXXX");
    assert_non_null(mkdtemp(h->dir));
    uv_loop_init(&h->loop);
    uv_timer_init(&h->loop, &h->guard);
    h->guard.data = h;
    uv_timer_start(&h->guard, on_guard, GUARD_MS, 0);
}

static void host_start(struct host *h, uint32_t idle_ms)
{
    struct err err = { 0 };

    host_init(h);
    if (host_listen(h, idle_ms ? idle_ms : GUARD_MS, &err) < 0)
        fail_msg("%s", err.text);
}

static void on_closed(void *arg)
{
    ((struct host *)arg)->closed = 1;
}

/* One turn of the loop, also when nothing happens: the tests' own ends are not its events. */
static void host_turn(struct host *h)
{
    struct pollfd p = { uv_backend_fd(&h->loop), POLLIN, 0 };

    poll(&p, 1, 1);
    uv_run(&h->loop, UV_RUN_NOWAIT);
    assert_false(h->timed_out);
}

static void host_close(struct host *h)
{
    if (!h->control)
        return;
    control_close(h->control, on_closed, h);
    h->control = NULL;
    while (!h->closed)
        host_turn(h);
}

static void host_release(struct host *h)
{
    char path[PATH_MAX + 20];

    host_close(h);
    uv_close((uv_handle_t *)&h->guard, NULL);
    uv_run(&h->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&h->loop), 0);
    snprintf(path, sizeof path, "%s/" CONTROL_SOCKET, h->dir);
    assert_int_equal(access(path, F_OK), -1); /* nothing is left behind */
    assert_int_equal(rmdir(h->dir), 0);
}

/* ---- a client ---- */

static struct peer peer_open(struct host *h)
{
    struct peer p = { .in = BUF_INIT(64 << 20) };
    struct err err = { 0 };

    if (control_connect(h->dir, &p.fd, &err) < 0)
        fail_msg("%s", err.text);
    return p;
}

static void peer_close(struct peer *p)
{
    close(p->fd);
    buf_release(&p->in);
}

/* Says all of it, as fast as it is taken; stops when the other side hears no more. */
static void say_n(struct host *h, struct peer *p, const void *text, size_t n)
{
    const char *at = text;

    while (n) {
        ssize_t k = send(p->fd, at, n, MSG_NOSIGNAL);
        if (k < 0 && errno == EPIPE)
            return;
        assert_true(k > 0 || errno == EAGAIN);
        at += k > 0 ? k : 0;
        n -= k > 0 ? (size_t)k : 0;
        host_turn(h);
    }
}

static void say(struct host *h, struct peer *p, const char *text)
{
    say_n(h, p, text, strlen(text));
}

static void hear_some(struct peer *p)
{
    unsigned char *at = buf_room(&p->in, 1 << 16);
    ssize_t n = recv(p->fd, at, 1 << 16, MSG_DONTWAIT);

    assert_non_null(at);
    if (n > 0)
        p->in.len += (size_t)n;
    else if (n == 0 || errno != EAGAIN)
        p->eof = 1;
}

/* The next line, or NULL at the end. */
static json_t *hear(struct host *h, struct peer *p)
{
    unsigned char *end;

    while (!(end = p->in.len ? memchr(p->in.data, '\n', p->in.len) : NULL)) {
        if (p->eof)
            return NULL;
        hear_some(p);
        if (!p->eof)
            host_turn(h);
    }
    json_t *o = json_loadb((char *)p->in.data, (size_t)(end - p->in.data), 0, NULL);
    assert_non_null(o);
    buf_consume(&p->in, (size_t)(end - p->in.data) + 1);
    return o;
}

static const char *at(const json_t *o, const char *a, const char *b)
{
    const char *s = json_string_value(json_object_get(json_object_get(o, a), b));

    return s ? s : "";
}

/* The next line is an error of that code, and the connection is closed behind it. */
static void hear_end(struct host *h, struct peer *p, const char *code)
{
    json_t *o = hear(h, p);

    assert_string_equal(at(o, "error", "code"), code);
    assert_true(*at(o, "error", "text"));
    assert_true(json_is_false(json_object_get(o, "ok")));
    json_decref(o);
    assert_null(hear(h, p));
}

/* It is answered what it asked. */
static void hear_echo(struct host *h, struct peer *p, const char *mark)
{
    json_t *o = hear(h, p);

    assert_string_equal(at(o, "result", "mark"), mark);
    assert_true(json_is_true(json_object_get(o, "ok")));
    json_decref(o);
}

static void is_served(struct host *h, struct peer *p)
{
    say(h, p, "{\"cmd\":\"echo\",\"mark\":\"still\"}\n");
    hear_echo(h, p, "still");
}

/* ---- requests ---- */

static void test_requests(void **state)
{
    struct host h;
    static const char two[] =
        "{\"v\":1,\"cmd\":\"echo\",\"mark\":\"a\"}\n\n{\"cmd\":\"echo\",\"mark\":\"b\"}\r\n";

    host_start(&h, 0);
    struct peer p = peer_open(&h);
    for (size_t i = 0; i < sizeof two - 1; i++) /* byte by byte */
        say_n(&h, &p, two + i, 1);
    hear_echo(&h, &p, "a");
    hear_echo(&h, &p, "b");
    say(&h, &p, two);
    hear_echo(&h, &p, "a");
    hear_echo(&h, &p, "b");
    say(&h, &p, "{\"cmd\":\"fail\"}\n");
    json_t *o = hear(&h, &p);
    assert_string_equal(at(o, "error", "code"), "USAGE");
    assert_string_equal(at(o, "error", "text"), "a wrong ? byte");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(o, "error"), "live")), 3);
    json_decref(o);
    is_served(&h, &p);
    peer_close(&p);
    host_release(&h);
}

/* What is under way keeps the same connection's next requests waiting, and nobody else. */
static void test_order(void **state)
{
    struct host h;

    host_start(&h, 0);
    struct peer slow = peer_open(&h), other = peer_open(&h);
    say(&h, &slow, "{\"cmd\":\"later\"}\n{\"cmd\":\"echo\",\"mark\":\"next\"}\n");
    is_served(&h, &other);
    while (!h.n_kept)
        host_turn(&h);
    assert_int_equal(h.commands, 2);
    assert_int_equal(control_peer(h.kept[0]).pid, getpid());
    assert_int_equal(control_peer(h.kept[0]).uid, getuid());
    control_progress(h.kept[0], "golden pages: 1 of 2");
    control_progress(h.kept[0], "golden pages: 2 of 2");
    control_answer(h.kept[0], json_pack("{s:s}", "mark", "late"));
    for (int i = 0; i < 2; i++) {
        json_t *o = hear(&h, &slow);
        assert_string_equal(json_string_value(json_object_get(o, "progress")),
                            i ? "golden pages: 2 of 2" : "golden pages: 1 of 2");
        json_decref(o);
    }
    hear_echo(&h, &slow, "late");
    hear_echo(&h, &slow, "next");
    peer_close(&slow);
    peer_close(&other);
    host_release(&h);
}

/* ---- hostile ---- */

static void test_garbage(void **state)
{
    struct host h;
    static const struct {
        const char *text, *code;
        size_t n;
    } bad[] = {
        { "GET / HTTP/1.1\r\n\r\n", "INVALID", 0 },
        { "[1,2]\n", "INVALID", 0 },
        { "\"cmd\"\n", "INVALID", 0 },
        { "{\"v\":1}\n", "INVALID", 0 },
        { "{\"cmd\":7}\n", "INVALID", 0 },
        { "{\"cmd\":\"echo\"\n", "INVALID", 0 },
        { "{\"cmd\":\"echo\",\"cmd\":\"stop\"}\n", "INVALID", 0 },
        { "{\"cmd\":\"echo\"} {}\n", "INVALID", 0 },
        { "{\"cmd\":\"ec\0ho\"}\n", "INVALID", 16 },
        { "{\"cmd\":\"ec\\u0000ho\"}\n", "INVALID", 0 },
        { "\0\0\0\0\n", "INVALID", 5 },
        { "{\"cmd\":\"\xff\xfe\"}\n", "INVALID", 0 },
        { "\xff\xfe\xfd\n", "INVALID", 0 },
        { "{\"v\":2,\"cmd\":\"echo\"}\n", "UNSUPPORTED", 0 },
        { "{\"v\":\"1\",\"cmd\":\"echo\"}\n", "UNSUPPORTED", 0 },
    };

    host_start(&h, 0);
    struct peer good = peer_open(&h);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct peer p = peer_open(&h);
        say_n(&h, &p, bad[i].text, bad[i].n ? bad[i].n : strlen(bad[i].text));
        hear_end(&h, &p, bad[i].code);
        peer_close(&p);
        is_served(&h, &good);
    }
    assert_int_equal(h.commands, sizeof bad / sizeof bad[0]); /* those of the good one only */
    peer_close(&good);
    host_release(&h);
}

static void test_too_long(void **state)
{
    struct host h;
    size_t n = 2 << 20;
    char *text = malloc(n);
    static const char head[] = "{\"cmd\":\"echo\",\"mark\":\"m\",\"x\":\"";

    host_start(&h, 0);
    struct peer good = peer_open(&h), p = peer_open(&h);
    memset(text, '[', n);
    say_n(&h, &p, text, n); /* has no end */
    hear_end(&h, &p, "LIMIT");
    peer_close(&p);

    p = peer_open(&h);
    text[500000] = '\n';
    say_n(&h, &p, text, 500001); /* deep */
    hear_end(&h, &p, "INVALID");
    peer_close(&p);

    for (int over = 0; over < 2; over++) { /* the longest, and one byte more */
        size_t len = CONTROL_LINE_BYTES + (size_t)over;
        p = peer_open(&h);
        memset(text, 'x', n);
        memcpy(text, head, sizeof head - 1);
        memcpy(text + len - 2, "\"}\n", 3);
        say_n(&h, &p, text, len + 1);
        if (over)
            hear_end(&h, &p, "LIMIT");
        else
            hear_echo(&h, &p, "m");
        peer_close(&p);
    }
    is_served(&h, &good);
    peer_close(&good);
    free(text);
    host_release(&h);
}

static void test_too_many(void **state)
{
    struct host h;
    struct peer all[CONTROL_CLIENTS];

    host_start(&h, 0);
    for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
        all[i] = peer_open(&h);
        is_served(&h, &all[i]);
    }
    struct peer more = peer_open(&h);
    hear_end(&h, &more, "FULL");
    peer_close(&more);
    for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
        is_served(&h, &all[i]);
    peer_close(&all[0]);
    for (int served = 0; !served; peer_close(&more)) { /* there is room as soon as the host has seen it go */
        more = peer_open(&h);
        say(&h, &more, "{\"cmd\":\"echo\"}\n");
        json_t *o = hear(&h, &more);
        served = json_is_true(json_object_get(o, "ok"));
        json_decref(o);
    }
    for (unsigned i = 1; i < CONTROL_CLIENTS; i++)
        peer_close(&all[i]);
    host_release(&h);
}

/* A connection whose request has come, however short the patience is that it might meet. */
static struct peer peer_heard(struct host *h, const char *request)
{
    for (int before = h->commands;;) {
        struct peer p = peer_open(h);
        say(h, &p, request);
        while (h->commands == before && !p.eof) {
            host_turn(h);
            if (h->commands == before)
                hear_some(&p);
        }
        if (h->commands > before)
            return p;
        peer_close(&p);
    }
}

/* A client that says nothing, or half a request, is not waited for; one that waits for its answer is left
 * alone. */
static void test_half_open(void **state)
{
    struct host h;

    host_start(&h, IDLE_MS);
    struct peer busy = peer_heard(&h, "{\"cmd\":\"later\"}\n"), silent = peer_open(&h), half = peer_open(&h);
    say(&h, &half, "{\"cmd\":");
    hear_end(&h, &silent, "TIMEOUT");
    hear_end(&h, &half, "TIMEOUT");
    assert_false(control_gone(h.kept[0]));
    control_answer(h.kept[0], json_pack("{s:s}", "mark", "late"));
    hear_echo(&h, &busy, "late");
    hear_end(&h, &busy, "TIMEOUT");
    peer_close(&silent);
    peer_close(&half);
    peer_close(&busy);
    host_release(&h);
}

static void test_gone(void **state)
{
    struct host h;

    host_start(&h, 0);
    struct peer good = peer_open(&h), p = peer_open(&h);
    say(&h, &p, "{\"cmd\":\"later\"}\n{\"cmd\":\"later\"}\n");
    while (!h.n_kept)
        host_turn(&h);
    peer_close(&p);
    while (!control_gone(h.kept[0]))
        host_turn(&h);
    control_progress(h.kept[0], "to nobody");
    control_answer(h.kept[0], json_object());
    is_served(&h, &good);
    assert_int_equal(h.n_kept, 1); /* what it had said behind that is not done */

    p = peer_open(&h); /* closes its writing side only: gets all its answers */
    say(&h, &p, "{\"cmd\":\"later\"}\n{\"cmd\":\"echo\",\"mark\":\"z\"}\n{\"cmd\":\"cut");
    shutdown(p.fd, SHUT_WR);
    while (h.n_kept < 2)
        host_turn(&h);
    is_served(&h, &good);
    assert_false(control_gone(h.kept[1]));
    control_answer(h.kept[1], json_pack("{s:s}", "mark", "y"));
    hear_echo(&h, &p, "y");
    hear_echo(&h, &p, "z");
    assert_null(hear(&h, &p));
    peer_close(&p);
    peer_close(&good);
    host_release(&h);
}

/* One that does not read loses its connection in the end, and nobody waits for it meanwhile. */
static void test_not_reading(void **state)
{
    struct host h;

    host_start(&h, IDLE_MS);
    struct peer p = peer_heard(&h, "{\"cmd\":\"long\",\"bytes\":4000000}\n");
    struct pollfd gone = { p.fd, 0, 0 };
    while (poll(&gone, 1, 0) == 0) /* until POLLHUP: the host has closed it */
        host_turn(&h);
    peer_close(&p);
    host_release(&h);

    host_start(&h, 0);
    p = peer_heard(&h, "{\"cmd\":\"long\",\"bytes\":4000000}\n");
    struct peer good = peer_open(&h);
    is_served(&h, &good);
    peer_close(&good);
    peer_close(&p);
    host_release(&h);
}

/* One that reads slowly makes the host hold no more than a part of its lines. */
static void test_slow_reader(void **state)
{
    struct host h;
    char text[1000];

    host_start(&h, 0);
    struct peer p = peer_heard(&h, "{\"cmd\":\"later\"}\n");
    memset(text, 'p', sizeof text - 1);
    text[sizeof text - 1] = 0;
    for (unsigned i = 0; i < effort(100000); i++)
        control_progress(h.kept[0], text);
    control_answer(h.kept[0], json_pack("{s:s}", "mark", "done"));
    int lines = 0;
    for (json_t *o = NULL; (o = hear(&h, &p)); json_decref(o)) {
        lines++;
        if (json_object_get(o, "ok")) {
            json_decref(o);
            break;
        }
    }
    assert_in_range(lines, 2, 10000); /* what the socket holds, and PROGRESS_BYTES */
    say(&h, &p, "{\"cmd\":\"long\",\"bytes\":9000000}\n");
    json_t *o = hear(&h, &p);
    assert_string_equal(at(o, "error", "code"), "LIMIT");
    json_decref(o);
    say(&h, &p, "{\"cmd\":\"long\",\"bytes\":8000000}\n");
    o = hear(&h, &p);
    assert_int_equal(json_string_length(json_object_get(o, "result")), 8000000);
    json_decref(o);
    is_served(&h, &p);
    peer_close(&p);
    host_release(&h);
}

/* ---- the socket's file ---- */

static mode_t mode_of(const char *dir, const char *name)
{
    char path[PATH_MAX + 100];
    struct stat st;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return lstat(path, &st) < 0 ? 0 : st.st_mode;
}

/* Stands before the C library's, to see each socket in the moment in which it gets its name. */
static mode_t mode_at_birth;
int bind(int fd, __CONST_SOCKADDR_ARG name, socklen_t n)
{
    const struct sockaddr_un *un = (const void *)name.__sockaddr__;
    struct stat st;
    int rc = (int)syscall(SYS_bind, fd, un, n);

    mode_at_birth = lstat(un->sun_path, &st) < 0 ? 0 : st.st_mode;
    return rc;
}

/* Others may not connect, in no moment, whatever the umask. */
static void test_mode(void **state)
{
    static const mode_t masks[] = { 0, 022, 0777 };
    struct host h;

    for (int i = 0; i < 3; i++) {
        mode_t old = umask(masks[i]);
        host_init(&h);
        assert_int_equal(chmod(h.dir, 0700), 0);
        struct err err = { 0 };
        int rc = host_listen(&h, 0, &err);
        umask(old);
        assert_int_equal(rc, 0);
        assert_int_equal(mode_at_birth, S_IFSOCK | (0600 & ~masks[i]));
        assert_int_equal(mode_of(h.dir, CONTROL_SOCKET), S_IFSOCK | 0600);
        host_release(&h); /* and its folder is empty: no other name is left */
    }
}

/* A socket as a process that was killed leaves it: nobody behind it. */
static void leave_socket(const char *dir, const char *name)
{
    struct sockaddr_un un;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    control_address(-1, dir, name, &un);
    assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof un), 0);
    close(fd);
}

static void test_in_the_way(void **state)
{
    struct host h, second;
    struct err err = { 0 };
    char path[PATH_MAX + 20];

    host_init(&h);
    leave_socket(h.dir, CONTROL_SOCKET);
    leave_socket(h.dir, CONTROL_SOCKET ".new");
    assert_int_equal(host_listen(&h, 0, &err), 0); /* replaced */
    struct peer p = peer_open(&h);
    is_served(&h, &p);

    host_init(&second); /* a live one is left alone */
    rmdir(second.dir);
    strcpy(second.dir, h.dir);
    assert_int_equal(host_listen(&second, 0, &err), ERR_EXISTS);
    assert_non_null(strstr(err.text, "another crawl"));
    uv_close((uv_handle_t *)&second.guard, NULL);
    uv_run(&second.loop, UV_RUN_DEFAULT);
    uv_loop_close(&second.loop);
    is_served(&h, &p);
    peer_close(&p);
    p = peer_open(&h);
    is_served(&h, &p);
    peer_close(&p);

    snprintf(path, sizeof path, "%s/" CONTROL_SOCKET, h.dir);
    unlink(path);
    leave_socket(h.dir, CONTROL_SOCKET); /* what has come in its place is not ours to remove */
    host_close(&h);
    assert_int_equal(access(path, F_OK), 0);
    unlink(path);
    FILE *f = fopen(path, "w"); /* a user's file is not replaced */
    assert_non_null(f);
    fclose(f);
    assert_int_equal(host_listen(&h, 0, &err), ERR_EXISTS);
    assert_null(h.control);
    assert_non_null(strstr(err.text, "move it away"));
    unlink(path);
    host_release(&h);
}

static void test_deep_folder(void **state)
{
    struct host h, other;

    host_init(&h);
    for (int i = 0; i < 20; i++) {
        snprintf(h.dir + strlen(h.dir), 40, "/a-folder-with-a-long-name-%02d", i);
        assert_int_equal(mkdir(h.dir, 0700), 0);
    }
    struct err err = { 0 };
    if (host_listen(&h, 0, &err) < 0)
        fail_msg("%s", err.text);
    host_start(&other, 0); /* at the same time */
    assert_int_equal(mode_of(h.dir, CONTROL_SOCKET), S_IFSOCK | 0600);
    struct peer p = peer_open(&h), q = peer_open(&other);
    is_served(&h, &p);
    is_served(&other, &q);
    assert_int_equal(h.commands, 1);
    assert_int_equal(other.commands, 1);
    peer_close(&p);
    peer_close(&q);
    host_release(&other);
    host_release(&h);
    for (int i = 0; i < 20; i++) {
        *strrchr(h.dir, '/') = 0;
        assert_int_equal(rmdir(h.dir), 0);
    }
}

/* Another user who gets as far as the socket is not heard. */
static void test_other_user(void **state)
{
    struct host h;
    char path[PATH_MAX + 20];

    if (geteuid() != 0)
        skip();
    host_start(&h, 0);
    snprintf(path, sizeof path, "%s/" CONTROL_SOCKET, h.dir);
    assert_int_equal(chmod(h.dir, 0755), 0);
    pid_t pid = fork();
    if (pid == 0) { /* the mode keeps it out */
        int fd;
        struct err err = { 0 };
        if (setgid(65534) < 0 || setuid(65534) < 0)
            _exit(2);
        _exit(control_connect(h.dir, &fd, &err) == ERR_REFUSED && strstr(err.text, "only the user") ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(chmod(path, 0666), 0);
    pid = fork();
    if (pid == 0) { /* and if it did not */
        json_t *request = json_pack("{s:s}", "cmd", "echo"), *answer = NULL;
        struct control_ask how = { .dir = h.dir, .timeout_ms = GUARD_MS };
        if (setgid(65534) < 0 || setuid(65534) < 0)
            _exit(2);
        _exit(control_ask(&how, request, &answer, NULL) == 0 &&
                      !strcmp(at(answer, "error", "code"), "REFUSED")
                  ? 0
                  : 1);
    }
    while (waitpid(pid, &status, WNOHANG) == 0)
        host_turn(&h);
    assert_int_equal(status, 0);
    assert_int_equal(h.commands, 0);
    host_release(&h);
}

/* ---- the end ---- */

static void test_end(void **state)
{
    struct host h;
    struct err err = { 0 };
    int fd;

    host_start(&h, 0);
    struct peer idle = peer_open(&h), a = peer_open(&h), b = peer_open(&h);
    is_served(&h, &idle);
    say(&h, &a, "{\"cmd\":\"later\"}\n{\"cmd\":\"echo\"}\n");
    say(&h, &b, "{\"cmd\":\"later\"}\n");
    while (h.n_kept < 2)
        host_turn(&h);
    control_quiet(h.control);
    assert_int_equal(control_connect(h.dir, &fd, &err), ERR_ABSENT);
    assert_null(hear(&h, &idle));
    control_answer(h.kept[0], json_pack("{s:s}", "mark", "last"));
    hear_echo(&h, &a, "last");
    assert_null(hear(&h, &a)); /* what it had said behind that is not heard any more */
    host_close(&h);
    hear_end(&h, &b, "CLOSED");
    assert_int_equal(h.commands, 3);
    peer_close(&idle);
    peer_close(&a);
    peer_close(&b);
    host_release(&h);
}

/* ---- asking ---- */

struct asker {
    struct control_ask how;
    json_t *request, *answer;
    struct err err;
    int rc, progress, done;
};

static void on_progress(void *arg, const char *text)
{
    ((struct asker *)arg)->progress++;
}

static void *ask(void *arg)
{
    struct asker *a = arg;

    a->rc = control_ask(&a->how, a->request, &a->answer, &a->err);
    json_decref(a->request);
    __atomic_store_n(&a->done, 1, __ATOMIC_RELEASE);
    return NULL;
}

static void asker_start(struct asker *a, pthread_t *thread, struct host *h, json_t *request,
                        uint64_t timeout_ms)
{
    *a = (struct asker){ .how = { h->dir, timeout_ms, on_progress, a }, .request = request };
    assert_int_equal(pthread_create(thread, NULL, ask, a), 0);
}

static void asker_end(struct asker *a, pthread_t thread, struct host *h)
{
    while (!__atomic_load_n(&a->done, __ATOMIC_ACQUIRE))
        host_turn(h);
    pthread_join(thread, NULL);
}

/* A crawl that hears no more of a long request, and says why: that is read. */
static void test_cut_short(void **state)
{
    static const char refusal[] = "{\"ok\":false,\"error\":{\"code\":\"LIMIT\",\"text\":\"too long\"}}\n";
    struct host h;
    struct asker a;
    pthread_t thread;
    struct sockaddr_un name;
    char *text = calloc(1, 2000001);

    host_init(&h);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    control_address(-1, h.dir, CONTROL_SOCKET, &name);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(fd, 1), 0);
    memset(text, 'q', 2000000);
    asker_start(&a, &thread, &h, json_pack("{s:s,s:s}", "cmd", "echo", "x", text), GUARD_MS);
    int peer = accept(fd, NULL, NULL);
    assert_int_equal(shutdown(peer, SHUT_RD), 0);
    assert_int_equal(write(peer, refusal, sizeof refusal - 1), sizeof refusal - 1);
    close(peer);
    asker_end(&a, thread, &h);
    assert_int_equal(a.rc, 0);
    assert_string_equal(at(a.answer, "error", "text"), "too long");
    json_decref(a.answer);
    free(text);
    close(fd);
    unlink(name.sun_path);
    host_release(&h);
}

static void test_asking(void **state)
{
    struct host h;
    struct asker a;
    pthread_t thread;
    char *text = malloc(900001);

    host_start(&h, 0);
    memset(text, 'q', 900000);
    text[900000] = 0;
    asker_start(&a, &thread, &h, json_pack("{s:s,s:s,s:s}", "cmd", "echo", "mark", "m", "x", text), GUARD_MS);
    asker_end(&a, thread, &h);
    assert_int_equal(a.rc, 0);
    assert_string_equal(at(a.answer, "result", "mark"), "m");
    json_decref(a.answer);

    memset(text, 'q', 900000); /* longer than is heard: the refusal is read all the same */
    json_t *twice = json_pack("{s:s,s:s,s:s}", "cmd", "echo", "x", text, "y", text);
    asker_start(&a, &thread, &h, twice, GUARD_MS);
    asker_end(&a, thread, &h);
    assert_int_equal(a.rc, 0);
    assert_string_equal(at(a.answer, "error", "code"), "LIMIT");
    json_decref(a.answer);
    free(text);

    asker_start(&a, &thread, &h, json_pack("{s:s}", "cmd", "later"), GUARD_MS);
    while (h.n_kept < 1)
        host_turn(&h);
    control_progress(h.kept[0], "half way");
    control_answer(h.kept[0], json_pack("{s:s}", "mark", "n"));
    asker_end(&a, thread, &h);
    assert_int_equal(a.rc, 0);
    assert_int_equal(a.progress, 1);
    assert_string_equal(at(a.answer, "result", "mark"), "n");
    json_decref(a.answer);

    asker_start(&a, &thread, &h, json_pack("{s:s}", "cmd", "later"), 20);
    asker_end(&a, thread, &h);
    assert_int_equal(a.rc, ERR_TIMEOUT);
    assert_non_null(strstr(a.err.text, "--timeout"));
    while (h.n_kept < 2)
        host_turn(&h);
    control_answer(h.kept[1], json_object());

    asker_start(&a, &thread, &h, json_pack("{s:s}", "cmd", "later"), GUARD_MS);
    while (h.n_kept < 3)
        host_turn(&h);
    host_close(&h);
    asker_end(&a, thread, &h);
    assert_int_equal(a.rc, 0);
    assert_string_equal(at(a.answer, "error", "code"), "CLOSED");
    json_decref(a.answer);

    asker_start(&a, &thread, &h, json_pack("{s:s}", "cmd", "echo"), GUARD_MS);
    asker_end(&a, thread, &h);
    assert_int_equal(a.rc, ERR_ABSENT);
    assert_non_null(strstr(a.err.text, "no crawl is running"));
    leave_socket(h.dir, CONTROL_SOCKET);
    asker_start(&a, &thread, &h, json_pack("{s:s}", "cmd", "echo"), GUARD_MS);
    asker_end(&a, thread, &h);
    assert_int_equal(a.rc, ERR_ABSENT);
    assert_non_null(strstr(a.err.text, "killed"));
    char path[PATH_MAX + 20];
    snprintf(path, sizeof path, "%s/" CONTROL_SOCKET, h.dir);
    unlink(path);
    host_release(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),    cmocka_unit_test(test_order),
        cmocka_unit_test(test_garbage),     cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_too_many),    cmocka_unit_test(test_half_open),
        cmocka_unit_test(test_gone),        cmocka_unit_test(test_not_reading),
        cmocka_unit_test(test_slow_reader), cmocka_unit_test(test_mode),
        cmocka_unit_test(test_in_the_way),  cmocka_unit_test(test_deep_folder),
        cmocka_unit_test(test_other_user),  cmocka_unit_test(test_end),
        cmocka_unit_test(test_cut_short),   cmocka_unit_test(test_asking),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
